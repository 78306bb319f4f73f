"""`ombud cases` and `ombud explain`: what was found, and where its numbers come from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ombud.model.findings import Figure, Finding, Reason, SourceFile
from ombud.model.workspace import Workspace
from ombud.records import cases, figures, findings, lake_files, open_records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection

    from tests.unit.cli.conftest import Done, Planted

    Ombud = Callable[..., Done]


def opened(tx: Connection, id_: str, title: str, reason: str) -> None:
    """Save a finding made by hand and open its case."""
    finding = Finding(
        id=id_,
        says="coordinated",
        subject_kind="network",
        subject=f"network of {id_}",
        title=title,
        score=1.0,
        q=None,
        calibration="made up",
        reasons=[Reason(reason)],
        explanations=[],
        rows=[],
        query="SELECT 1",
        tool="test",
        tool_version="1",
        settings={},
        found_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    findings.save(tx, finding)
    cases.open_for(tx, finding.id, "network", title)


def test_the_list_names_each_case(ombud: Ombud, planted: Planted) -> None:
    document = ombud("cases", "list", "--json", "--workspace", planted.root).document
    assert document["total"] == 1
    (case,) = document["cases"]
    assert (case["number"], case["kind"], case["state"]) == (1, "network", "open")
    done = ombud("cases", "list", "--workspace", planted.root)
    assert done.out.splitlines()[0].strip() == "1 case"
    assert case["title"] in done.out


@pytest.mark.parametrize(("state", "total"), [("open", 1), ("waiting", 0), ("decided", 0), ("closed", 0)])
def test_the_list_can_be_narrowed_to_a_state(ombud: Ombud, planted: Planted, state: str, total: int) -> None:
    words = ("cases", "list", "--state", state, "--workspace", planted.root)
    document = ombud(*words, "--json").document
    assert (document["total"], len(document["cases"])) == (total, total)
    assert ombud(*words).out.startswith("1 case" if total else f"No case is {state}.")


def test_a_state_that_does_not_exist_is_an_error_not_an_empty_list(ombud: Ombud, planted: Planted) -> None:
    done = ombud("cases", "list", "--state", "opened", "--json", "--workspace", planted.root)
    assert done.code == 2
    assert "`opened`" in done.document["error"]["message"]
    assert "open, waiting, decided, closed" in done.document["error"]["hint"]


def test_an_empty_list_says_what_opens_a_case(ombud: Ombud, bare: Path) -> None:
    done = ombud("cases", "list", "--workspace", bare)
    assert done.out == "No case yet. `ombud detect networks` opens one for each network it finds.\n"


def test_limit_cuts_the_list_and_not_the_total(ombud: Ombud, root: Path) -> None:
    with open_records(Workspace.open(root)) as records, records.begin() as tx:
        for n in range(3):
            opened(tx, f"finding_{n}", f"Title {n}", "A reason.")
    document = ombud("cases", "list", "--limit", "2", "--json", "--workspace", root).document
    assert (len(document["cases"]), document["total"]) == (2, 3)
    assert ombud("cases", "list", "--limit", "0", "--workspace", root).code == 2


def test_one_case_comes_with_findings_and_history(ombud: Ombud, planted: Planted) -> None:
    document = ombud("cases", "show", "1", "--json", "--workspace", planted.root).document
    assert set(document) == {"case", "findings", "history"}
    (finding,) = document["findings"]
    assert document["case"]["finding_ids"] == [finding["id"]]
    assert {m["account"] for m in finding["detail"]["members"]} == set(planted.detected["networks"][0]["accounts"])
    assert document["history"]


def test_people_read_reasons_with_figures_and_what_speaks_against(ombud: Ombud, planted: Planted) -> None:
    finding = ombud("cases", "show", "1", "--json", "--workspace", planted.root).document["findings"][0]
    shown = ombud("cases", "show", "1", "--workspace", planted.root).out
    assert shown.startswith("Case 1 · network · open\n")
    assert "coordinated · q at most " in shown
    for reason in finding["reasons"]:
        assert reason["sentence"] in shown
        if reason["figure"]:
            assert f"({reason['figure']})" in shown
    assert "What speaks against it" in shown
    folded = " ".join(shown.split())
    assert all(" ".join(one["sentence"].split()[:6]) in folded for one in finding["explanations"])


def test_every_figure_of_a_case_can_be_explained(ombud: Ombud, planted: Planted) -> None:
    finding = ombud("cases", "show", "1", "--json", "--workspace", planted.root).document["findings"][0]
    ids = [reason["figure"] for reason in finding["reasons"] if reason["figure"]]
    shown = [ombud("explain", figure, "--json", "--workspace", planted.root).document for figure in ids]
    files = {file["path"]: file["sha256"] for figure in shown for file in figure["inputs"]}
    with open_records(Workspace.open(planted.root)) as records, records.read() as tx:
        known = {file.path: file.sha256 for file in lake_files.visible(tx, "posts")}
    assert files
    assert files.items() <= known.items()


def test_brackets_in_names_are_shown_as_they_are(ombud: Ombud, root: Path) -> None:
    with open_records(Workspace.open(root)) as records, records.begin() as tx:
        opened(tx, "finding_b", "They shared [/b] and [red]", "All link to [link=x]y[/link].")
        figures.save(
            tx,
            Figure(
                "figure_b",
                "spend on [/b]",
                "1.50",
                "[EUR]",
                "SELECT sum(spend) WHERE page = [$p]",
                {"spaces": ["https://a.example/[/red]"]},
                [SourceFile("lake/[a].parquet", "00")],
            ),
        )
    shown = ombud("cases", "show", "1", "--workspace", root)
    assert (shown.code, shown.err) == (0, "")
    assert "They shared [/b] and [red]" in shown.out
    assert "All link to [link=x]y[/link]." in shown.out
    assert "\ncoordinated\n" in shown.out
    shown = ombud("explain", "figure_b", "--workspace", root)
    assert (shown.code, shown.err) == (0, "")
    for part in ("spend on [/b]: 1.50 [EUR]", "page = [$p]", "https://a.example/[/red]", "lake/[a].parquet"):
        assert part in shown.out
    assert "Not on the ledger yet." in shown.out


def test_explain_gives_value_query_and_inputs(ombud: Ombud, planted: Planted) -> None:
    finding = ombud("cases", "show", "1", "--json", "--workspace", planted.root).document["findings"][0]
    figure = next(reason["figure"] for reason in finding["reasons"] if reason["figure"])
    document = ombud("explain", figure, "--json", "--workspace", planted.root).document
    assert {"id", "value", "query", "inputs", "ledger"} <= set(document)
    assert document["id"] == figure
    shown = ombud("explain", figure, "--workspace", planted.root).out
    assert str(document["value"]) in shown
    assert document["query"] in shown
    for name in document["parameters"]:
        assert f"  {name} = " in shown


def test_a_number_is_computed_again_by_its_query(ombud: Ombud, planted: Planted) -> None:
    with open_records(Workspace.open(planted.root)) as records, records.begin() as tx:
        sql = "SELECT count(*) FROM posts WHERE platform = $p"
        files = lake_files.visible(tx, "posts")
        inputs = [SourceFile(file.path, file.sha256) for file in files]
        some = {"p": "no such platform"}
        figures.save(tx, Figure("figure_right", "posts", 0, "posts", sql, some, inputs))
        figures.save(tx, Figure("figure_wrong", "posts", 7, "posts", sql, some, inputs))
        figures.save(tx, Figure("figure_sum", "money", "0.10", "EUR", "SELECT 0.1::DECIMAL(9, 2)", {}, inputs))
        figures.save(tx, Figure("figure_run", "q", 0.01, "", "ombud detect networks --json", {}, inputs))
    right = ombud("explain", "figure_right", "--again", "--json", "--workspace", planted.root)
    assert (right.code, right.document) == (0, {"id": "figure_right", "value": 0, "again": 0, "same": True})
    assert ombud("explain", "figure_sum", "--again", "--workspace", planted.root).out.endswith("again: the same.\n")
    wrong = ombud("explain", "figure_wrong", "--again", "--workspace", planted.root)
    assert (wrong.code, wrong.out) == (1, "posts: 0 posts, computed again: it was 7 when it was computed first.\n")
    run = ombud("explain", "figure_run", "--again", "--json", "--workspace", planted.root)
    assert run.code == 2
    assert "ombud detect networks --json" in run.document["error"]["hint"]


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (("cases", "show", "99"), "no case 99", "ombud cases list"),
        (("cases", "show", "one"), "number", "--help"),
        (("explain", "figure_none"), "no figure `figure_none`", "id beside a number"),
        (("explain",), "Missing argument", "ombud explain --help"),
    ],
)
def test_what_does_not_exist_is_said_so(
    ombud: Ombud, bare: Path, words: tuple[str, ...], message: str, hint: str
) -> None:
    done = ombud(*words, "--json", "--workspace", bare)
    assert done.code == 2
    assert message in done.document["error"]["message"]
    assert hint in done.document["error"]["hint"]
