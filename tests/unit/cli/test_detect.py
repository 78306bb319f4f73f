"""`ombud detect networks` and `ombud evaluate networks` on simulated shares with one planted network."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Done, Planted

    Ombud = Callable[..., Done]


@pytest.fixture
def truth(planted: Planted, tmp_path: Path) -> Path:
    """Return a truth file: the planted accounts, and five of the crowd."""
    file = tmp_path / "truth.csv"
    others = [f"user{n}" for n in range(len(planted.world.group)) if planted.world.group[n] < 0][:5]
    lines = [f"{account},g" for account in planted.members] + [f"{account}," for account in others]
    file.write_text("\n".join(["account,group", *lines]) + "\n")
    return file


def test_the_planted_network_is_found_and_nobody_else(planted: Planted) -> None:
    (network,) = planted.detected["networks"]
    assert {"id", "accounts", "q", "traces", "first", "last"} <= set(network)
    assert set(network["accounts"]) <= set(planted.members)
    assert len(network["accounts"]) >= 20
    assert network["q"] < 0.01
    assert set(network["traces"]) == {"repost"}
    assert datetime.fromisoformat(network["first"]) < datetime.fromisoformat(network["last"])
    assert planted.detected["settings"]["fdr"] == 0.01
    assert set(planted.detected) == {"networks", "settings", "version"}


def test_people_read_how_many_posts_were_looked_at_and_what_was_found(ombud: Ombud, planted: Planted) -> None:
    done = ombud("detect", "networks", "--no-record", "--workspace", planted.root)
    assert (done.code, done.err) == (0, "")
    assert f"20,000 posts of {len(set(planted.world.account.tolist())):,} accounts" in done.out
    assert "\n1 network\n" in done.out
    assert "by repost" in done.out
    assert "ombud cases list" not in done.out


def test_the_same_run_again_opens_no_second_case(ombud: Ombud, planted: Planted) -> None:
    done = ombud("detect", "networks", "--workspace", planted.root)
    assert "Each has a case" in done.out
    assert ombud("cases", "list", "--json", "--workspace", planted.root).document["total"] == 1


def test_without_record_nothing_is_kept(ombud: Ombud, planted: Planted, root: Path) -> None:
    mapping = planted.file.with_name("mapping.toml")
    ombud("import", "table", planted.file, "--mapping", mapping, "--workspace", root)
    found = ombud("detect", "networks", "--no-record", "--json", "--workspace", root).document["networks"]
    assert [n["accounts"] for n in found] == [n["accounts"] for n in planted.detected["networks"]]
    assert ombud("cases", "list", "--json", "--workspace", root).document == {"cases": [], "total": 0}


def test_options_reach_the_detector(ombud: Ombud, planted: Planted) -> None:
    words = ("--since", "2016-09-05", "--until", "2016-09-06T12:00:00+02:00", "--trace", "link", "--fdr", "0.2")
    done = ombud("detect", "networks", *words, "--no-record", "--json", "--workspace", planted.root)
    settings = done.document["settings"]
    assert done.document["networks"] == []
    assert datetime.fromisoformat(settings["since"]) == datetime.fromisoformat("2016-09-05T00:00:00Z")
    assert datetime.fromisoformat(settings["until"]) == datetime.fromisoformat("2016-09-06T10:00:00Z")
    assert (settings["traces"], settings["fdr"]) == (["link"], 0.2)


def test_nothing_found_is_one_line_not_an_empty_table(ombud: Ombud, bare: Path) -> None:
    done = ombud("detect", "networks", "--no-record", "--workspace", bare)
    assert (done.code, done.out.splitlines()) == (
        0,
        [
            "0 posts of 0 accounts; 0 groups put to the test",
            "There are no posts to look at: `ombud import` brings them in.",
        ],
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--since", "2016-13-01"), "`2016-13-01` is no date"),
        (("--until", "soon"), "`soon` is no date"),
        (("--since", "2017-01-01", "--until", "2016-01-01"), "ends (2016-01-01) before it begins"),
        (("--trace", "smell"), "no trace `smell`"),
        (("--fdr", "2"), "--fdr"),
        (("--fdr", "0"), "--fdr"),
        (("--fdr", "nan"), "--fdr"),
    ],
)
def test_wrong_options_are_said_so(ombud: Ombud, bare: Path, words: tuple[str, ...], said: str) -> None:
    done = ombud("detect", "networks", *words, "--json", "--workspace", bare)
    assert done.code == 2
    assert said in done.document["error"]["message"]
    assert done.document["error"]["hint"]


def test_recorded_findings_are_held_against_the_truth(ombud: Ombud, planted: Planted, truth: Path) -> None:
    document = ombud("evaluate", "networks", "--truth", truth, "--json", "--workspace", planted.root).document
    found = len(planted.detected["networks"][0]["accounts"])
    assert {"precision", "recall", "f1", "n"} <= set(document)
    assert document["precision"]["value"] == 1.0
    assert document["recall"]["value"] == pytest.approx(found / len(planted.members))
    assert document["n"] == 30
    for rate in ("precision", "recall", "f1"):
        assert document[rate]["low"] <= document[rate]["value"] <= document[rate]["high"]


def test_the_document_of_detect_is_what_evaluate_takes(
    ombud: Ombud, planted: Planted, truth: Path, tmp_path: Path
) -> None:
    file = tmp_path / "found.json"
    file.write_text(ombud("detect", "networks", "--no-record", "--json", "--workspace", planted.root).out)
    words = ("evaluate", "networks", "--truth", truth, "--json", "--workspace", planted.root)
    assert ombud(*words, "--networks", file).document == ombud(*words).document


def test_your_own_script_is_judged_without_a_workspace(ombud: Ombud, truth: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"networks": [{"accounts": ["nobody labelled", "nor this one"]}]}))
    done = ombud("evaluate", "networks", "--truth", truth, "--networks", file, "--workspace", tmp_path / "none")
    assert done.code == 0
    assert "nothing to divide by" in done.out
    assert "2 accounts in networks have no label and count for nothing." in done.out


def test_people_read_rates_with_their_intervals(ombud: Ombud, planted: Planted, truth: Path) -> None:
    done = ombud("evaluate", "networks", "--truth", truth, "--workspace", planted.root)
    lines = {line.split()[0]: line for line in done.out.splitlines()[1:]}
    assert done.out.startswith("30 labelled accounts, ")
    assert lines["precision"].split()[1] == "1.000"
    assert " to " in lines["recall"]
    assert " to " in lines["F1"]


def test_a_sheet_to_label_is_blind_and_comes_back_as_truth(ombud: Ombud, planted: Planted, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    words = ("evaluate", "networks", "--workspace", planted.root)
    done = ombud(*words, "--sheet", sheet, "--size", "12", "--json")
    with sheet.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert done.document == {"sheet": str(sheet), "accounts": 12}
    assert len({row["account"] for row in rows}) == 12
    assert not any(row["label"] for row in rows)
    assert not any(word in column for column in rows[0] for word in ("network", "found", "group"))
    with sheet.open("w", newline="") as file:
        out = csv.DictWriter(file, list(rows[0]))
        out.writeheader()
        out.writerows({**row, "label": int(row["account"] in planted.members)} for row in rows)
    assert ombud(*words, "--truth", sheet, "--json").document["precision"]["value"] == 1.0
    assert "waits for labels" in ombud(*words, "--sheet", tmp_path / "two.csv").out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "either --truth or --sheet"),
        (("--truth", "t.csv", "--sheet", "s.csv"), "either --truth or --sheet"),
        (("--truth", "missing.csv"), "missing.csv"),
        (("--sheet", "no/such/folder/sheet.csv"), "Cannot write no/such/folder/sheet.csv"),
        (("--sheet", "s.csv", "--size", "1"), "--size"),
        (("--truth", "t.csv", "--networks", "missing.json"), "missing.json"),
    ],
)
def test_evaluation_names_what_is_wrong(
    ombud: Ombud, planted: Planted, here: Path, words: tuple[str, ...], said: str
) -> None:
    done: Any = ombud("evaluate", "networks", *words, "--json", "--workspace", planted.root)
    assert done.code == 2
    assert said in done.document["error"]["message"]
    assert not (here / "s.csv").exists()


def test_one_post_is_said_in_the_singular_and_clears_nobody(ombud: Ombud, root: Path, tmp_path: Path) -> None:
    file = tmp_path / "posts.csv"
    file.write_text("post,account,happened_at,text\np1,a,2024-03-01T00:00:00Z,hello\n")
    ombud("import", "table", file, "--table", "posts", "--workspace", root)
    done = ombud("detect", "networks", "--no-record", "--workspace", root)
    said = " ".join(done.out.split())
    assert said.startswith("1 post of 1 account; 0 groups put to the test No network: nothing goes beyond")
    assert said.endswith("That clears nobody.")
