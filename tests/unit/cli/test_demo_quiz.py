"""The demo's quiz app: what the lake says of it is what the graph and the two rules make it."""

from __future__ import annotations

import itertools
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import ombud.cli.demo_quiz as quiz
from ombud.cli.demo_ledger import check_ledger
from ombud.cli.shell import Shell
from ombud.cli.workspace import prepare
from ombud.gate.policy import load_policy
from ombud.lake import Lake, open_lake
from ombud.lake.imports import import_files
from ombud.ledger import verify
from ombud.ledger.writer import open_ledger
from ombud.records import consents, figures, open_records, outbox, policies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ombud.cli.demo_steps import DemoFigure


@pytest.fixture(scope="module")
def friends(examples: Path) -> dict[str, set[str]]:
    """Return the real graph, as plain sets."""
    ties = pq.read_table(examples / "facebook-friendships" / "friendships.parquet").to_pylist()
    found: dict[str, set[str]] = {}
    for tie in ties:
        found.setdefault(tie["account"], set()).add(tie["other"])
        found.setdefault(tie["other"], set()).add(tie["account"])
    return found


@pytest.fixture(scope="module")
def lake(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """Return a lake in which the app was replayed once."""
    workspace = prepare(tmp_path_factory.mktemp("quiz") / "workspace")
    with open_records(workspace) as records:
        made = open_lake(workspace, records)
        import_files(made, "table", [examples / "facebook-friendships" / "friendships.parquet"], table="ties")
        quiz.replay_quiz(Shell(quiet=True), made)
        yield made


@pytest.fixture(scope="module")
def installers(friends: dict[str, set[str]]) -> set[str]:
    """Return who installs the app."""
    names = sorted(friends, key=lambda name: int(name[4:]))
    chosen = np.random.default_rng(2014).choice(len(names), round(len(names) * 0.01), replace=False)
    return {names[person] for person in chosen.tolist()}


def values(shown: list[DemoFigure]) -> dict[str, Any]:
    return {figure.name: figure.value for figure in shown}


def reads(lake: Lake, name: str) -> list[dict[str, Any]]:
    """Return the reads under one policy, with names."""
    columns = ("person", "through", "fields", "decision", "reason", "batch")
    with lake.duck(["reads"]) as duck:
        found = duck.execute(
            "SELECT p.name, t.name, r.fields, r.decision, r.reason, r.batch FROM reads r "
            "JOIN account_ids p ON p.id = r.person LEFT JOIN account_ids t ON t.id = r.through WHERE r.policy = ?",
            [load_policy(name).hash],
        ).fetchall()
    return [dict(zip(columns, row, strict=True)) for row in found]


def test_before_2015_everybody_around_an_installer_is_read(
    lake: Lake, friends: dict[str, set[str]], installers: set[str]
) -> None:
    rows = reads(lake, "before-2015")
    assert {row["person"] for row in rows} == installers.union(*(friends[person] for person in installers))
    assert {(row["through"], row["person"]) for row in rows if row["through"]} == {
        (person, friend) for person in installers for friend in friends[person]
    }
    assert {row["decision"] for row in rows} == {"allowed"}
    assert {tuple(row["fields"]) for row in rows if row["through"]} == {quiz.OF_FRIENDS}
    assert {tuple(row["fields"]) for row in rows if not row["through"]} == {quiz.OWN}


def test_locked_down_only_installers_are_read_and_little_of_them(
    lake: Lake, friends: dict[str, set[str]], installers: set[str]
) -> None:
    rows = reads(lake, "locked-down")
    assert len(rows) == len(reads(lake, "before-2015"))
    given = [row for row in rows if row["decision"] != "refused"]
    assert {row["person"] for row in given} == installers
    assert {tuple(row["fields"]) for row in given if not row["through"]} == {("name", "picture", "friends")}
    both = {(a, b) for a, b in itertools.permutations(sorted(installers), 2) if b in friends[a]}
    assert {(row["through"], row["person"]) for row in given if row["through"]} == both
    strangers = [row for row in rows if row["through"] and row["person"] not in installers]
    assert {row["reason"] for row in strangers} == {"friend-not-in-app"}


def test_the_figures_are_those_of_the_graph(lake: Lake, friends: dict[str, set[str]], installers: set[str]) -> None:
    shown = values(quiz.replay_quiz(Shell(quiet=True), lake))
    reached = installers.union(*(friends[person] for person in installers))
    looks = sum(len(friends[person]) for person in installers)
    both = sum(1 for a in installers for b in friends[a] if b in installers)
    asked = len(installers) * len(quiz.OWN) + looks * len(quiz.OF_FRIENDS)
    assert shown["before 2015: installers"] == shown["2018: installers"] == len(installers) == 40
    assert shown["before 2015: people reached"] == len(reached)
    assert shown["before 2015: fields given"] == asked
    assert shown["before 2015: fields refused"] == 0
    assert shown["2018: people reached"] == len(installers)
    assert shown["2018: fields given"] == len(installers) * 3 + both * 2
    assert shown["2018: fields refused"] == asked - shown["2018: fields given"]
    codes = {name: value for name, value in shown.items() if name.startswith("2018: ") and "-" in name}
    assert codes["2018: friend-not-in-app"] == (looks - both) * len(quiz.OF_FRIENDS)
    assert sum(codes.values()) == shown["2018: fields refused"]


def test_each_figure_is_kept_with_its_query_and_can_be_computed_again(lake: Lake) -> None:
    shown = quiz.replay_quiz(Shell(quiet=True), lake)
    with lake.records.read() as tx:
        kept = {one.figure: figures.get(tx, one.figure or "") for one in shown}
    assert len(kept) == len(shown)
    for one in shown:
        figure = kept[one.figure]
        assert (figure.name, figure.value, figure.unit) == (one.name, one.value, one.unit)
        assert figure.inputs
        assert {source.sha256 for source in figure.inputs} <= {file.sha256 for file in lake.files("reads")}
        with lake.duck(["reads"]) as duck:
            rows = duck.execute(figure.query, [figure.parameters["app"], figure.parameters["policy"]]).fetchall()
        if figure.name.endswith("fields given"):
            assert sum(row[3] * len(row[2]) for row in rows if row[0] != "refused") == figure.value


def test_again_nothing_is_read_twice(lake: Lake) -> None:
    counts = [len(reads(lake, name)) for name in quiz.POLICIES]
    with lake.records.read() as tx:
        before = len(policies.history(tx)), consents.count(tx, quiz.APP)
    quiz.replay_quiz(Shell(quiet=True), lake)
    assert [len(reads(lake, name)) for name in quiz.POLICIES] == counts
    with lake.records.read() as tx:
        assert (len(policies.history(tx)), consents.count(tx, quiz.APP)) == before == (2, 40)


def test_a_replay_that_ended_before_its_reads_were_in_the_lake_is_not_done_again(
    examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = prepare(tmp_path / "w")
    with open_records(workspace) as records:
        lake = open_lake(workspace, records)
        import_files(lake, "table", [examples / "facebook-friendships" / "friendships.parquet"], table="ties")
        monkeypatch.setattr(quiz, "flush", lambda _: [])
        quiz.replay_quiz(Shell(quiet=True), lake)
        assert reads(lake, "before-2015") == []
        monkeypatch.undo()
        monkeypatch.setattr(quiz, "_replay", lambda *_: pytest.fail("replayed again"))
        shown = values(quiz.replay_quiz(Shell(quiet=True), lake))
    assert shown["before 2015: installers"] == 40


def test_the_reads_of_each_policy_are_one_batch_of_the_ledger(lake: Lake) -> None:
    for name in quiz.POLICIES:
        (batch,) = {row["batch"] for row in reads(lake, name)}
        with lake.duck(["batches"]) as duck:
            rows = duck.execute("SELECT rows, ledger_index, policy FROM batches WHERE batch = ?", [batch]).fetchall()
        ((count, index, policy),) = rows
        assert count == len(reads(lake, name))
        assert policy == load_policy(name).hash
        assert index is not None


def test_the_last_policy_is_in_force(lake: Lake) -> None:
    with lake.records.read() as tx:
        current = policies.current(tx)
    assert current is not None
    assert current.name == "locked-down"


def test_the_ledger_is_verified_by_a_program_that_has_nothing_of_ombud(lake: Lake) -> None:
    shell = Shell(quiet=True)
    shown = values(check_ledger(shell, lake))
    assert shown["verify.py"] == "ok"
    assert shown["entries on the ledger"] > 80
    assert shell.exit_code == 0
    folder = str(lake.workspace.ledger_dir)
    without = f"import runpy, sys; sys.modules['ombud'] = None; sys.argv = ['verify.py', {folder!r}]; "
    command = [sys.executable, "-I", "-c", without + f"runpy.run_path({verify.__file__!r}, run_name='__main__')"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_rows_that_another_process_keeps_from_the_ledger_are_said(
    lake: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    with lake.records.begin() as tx:
        outbox.append(tx, "app", {"app": "another"})
    with open_ledger(lake.workspace):
        shown = values(check_ledger(Shell(), lake))
    assert shown["verify.py"] == "ok"
    assert "1 rows wait: " in capsys.readouterr().out
    assert values(check_ledger(Shell(quiet=True), lake))["entries on the ledger"] == shown["entries on the ledger"] + 1


def test_a_ledger_that_was_tampered_with_is_said(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = max((lake.workspace.ledger_dir / "tile" / "entries" / "000.p").iterdir(), key=lambda path: int(path.name))
    whole = bundle.read_bytes()
    bundle.chmod(0o600)
    bundle.write_bytes(whole[:-3] + b"\x00\x00\x00")
    try:
        shell = Shell()
        shown = values(check_ledger(shell, lake))
    finally:
        bundle.write_bytes(whole)
    assert shown["verify.py"] == "WRONG"
    assert shell.exit_code == 1
    assert "WRONG" in capsys.readouterr().out
