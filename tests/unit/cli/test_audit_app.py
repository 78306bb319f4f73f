"""`ombud audit app`, `freeze` and `frozen` from the shell."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from tests.pdf_text import text_of
from tests.unit.audit.one_app import QUIZ, make_lake, walk, write_reads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Done

    Run = Callable[..., Done]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake = make_lake(tmp_path_factory.mktemp("audit") / "w")
    write_reads(lake, walk(2, 6))
    lake.records.close()
    return lake.workspace.root


@pytest.fixture
def run(root: Path, ombud: Run) -> Run:
    return lambda *words: ombud("--workspace", str(root), *words)


def test_an_audit_as_document_and_pdf_and_its_numbers_explained(run: Run, tmp_path: Path) -> None:
    pdf = tmp_path / "quiz.pdf"
    done = run("--json", "audit", "app", QUIZ, "--pdf", str(pdf), "--by", "Some auditor")
    assert done.code == 0, done.err
    document = done.document
    assert document["reach"]["people"]["proved"]["value"] == 12
    assert document["app"]["app"] == QUIZ
    assert document["pdf"] == str(pdf)
    assert stat.S_IMODE(pdf.stat().st_mode) == 0o600
    assert "by Some auditor" in " ".join(text_of(pdf.read_bytes()).split())
    assert list(tmp_path.iterdir()) == [pdf]
    figure = document["reach"]["via"]["proved"]["figure"]
    explained = run("--json", "explain", figure).document
    assert (explained["value"], explained["query"].startswith("WITH mine AS")) == (10, True)
    assert explained["inputs"]
    again = run("--json", "explain", figure, "--again").document
    assert (again["again"], again["same"]) == (10, True)


def test_an_audit_for_people(run: Run) -> None:
    done = run("audit", "app", QUIZ)
    assert done.code == 0, done.err
    assert "quiz read about 12 people, by the consent of 2; 10 of them through a friend." in done.out
    assert "Under locked-down" in done.out
    assert "figures; `ombud explain ID` shows where each comes from." in done.out


def test_a_time_is_taken_as_given(run: Run) -> None:
    document = run(
        "--json", "audit", "app", QUIZ, "--since", "2014-03-02", "--until", "2014-03-03T00:00+00:00"
    ).document
    assert (document["since"], document["reach"]["people"]["proved"]["value"]) == ("2014-03-02T00:00:00Z", 7)


def test_what_is_wrong_is_said(run: Run, tmp_path: Path) -> None:
    assert run("audit", "app", "nobody").code == 2
    done = run("audit", "app", QUIZ, "--since", "yesterday")
    assert (done.code, "`yesterday` is no date" in done.err) == (2, True)
    done = run("audit", "app", QUIZ, "--pdf", str(tmp_path / "nowhere" / "a.pdf"))
    assert (done.code, "Cannot write" in done.err) == (2, True)


def test_the_affected_are_frozen_once_listed_and_verified(run: Run) -> None:
    first = run("--json", "audit", "freeze", QUIZ, "--reason", "They are to be told.")
    assert first.code == 0, first.err
    kept = first.document
    assert (kept["new"], kept["people"], kept["direct"], kept["via"]) == (True, 12, 2, 10)
    assert isinstance(kept["ledger"], int)
    assert "pad_seed" not in kept
    again = run("audit", "freeze", QUIZ, "--reason", "Another.")
    assert "The very same people are frozen already" in again.out
    assert kept["id"] in again.out
    (listed,) = run("--json", "audit", "frozen", "list").document["frozen"]
    assert (listed["id"], listed["ledger"]) == (kept["id"], kept["ledger"])
    assert run("--json", "audit", "frozen", "list", "--app", "other").document == {"frozen": []}
    assert "They are to be told." in run("audit", "frozen", "list").out
    done = run("audit", "frozen", "verify", kept["id"])
    assert (done.code, "Rows and salts lead to the root" in done.out) == (0, True)
    assert run("--json", "audit", "frozen", "verify", kept["id"]).document["ok"]


def test_a_set_that_was_changed_is_told_by_the_exit_code(run: Run, root: Path) -> None:
    from ombud.model.workspace import Workspace  # noqa: PLC0415 - used here alone
    from ombud.records import open_records  # noqa: PLC0415 - likewise

    kept = run("--json", "audit", "freeze", QUIZ, "--reason", "Again.").document
    with open_records(Workspace.open(root)) as records, records.begin() as tx:
        tx.exec_driver_sql("UPDATE frozen_set SET root = ?", ("00" * 32,))
    done = run("audit", "frozen", "verify", kept["id"])
    assert done.code == 1
    assert "do not lead to the root" in done.out
