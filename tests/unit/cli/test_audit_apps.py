"""`ombud audit apps`: the document, findings and cases once, figures that open."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ombud.audit.ranking.weights import load_weights
from ombud.lake import open_lake
from ombud.model.schema import table
from ombud.model.workspace import Workspace
from ombud.records import cases, findings, open_records
from ombud.simulate import case_2018

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Ombud = Callable[..., Any]

DESIGNED = {"rank", "app", "name", "people_direct", "people_exposed", "score", "reasons", "status"}
LOW = "ombud-weights = 1\ncap = 2.0\nlevel = 12.0\n[weights]\nabsent = 1.5\nvia_friends = 1.0\nper_user = 1.0\n"


@pytest.fixture
def reviewed(root: Path) -> Path:
    """Return a workspace with a small platform in it."""
    case = case_2018(3, people=1_500, apps=120, days=20, installers=15)
    workspace = Workspace.open(root)
    with open_records(workspace) as records, open_lake(workspace, records).writing() as batch:
        for name, rows in case.tables.items():
            if name != "labels":
                batch.write(name, rows, "import_test", new=True)
    return root


def _findings(root: Path) -> tuple[list[Any], int]:
    with open_records(Workspace.open(root)) as records, records.read() as tx:
        rows = findings.listing(tx, says="anomalous", subject_kind="app", limit=1_000)
        return [findings.get(tx, row.id) for row in rows], cases.count(tx, kind="app")


def test_an_empty_workspace_has_no_apps(ombud: Ombud, root: Path) -> None:
    done = ombud("audit", "apps", "--workspace", str(root), "--json")
    assert (done.code, done.document["apps"], done.document["ranked"]) == (0, [], 0)
    assert "no apps to rank" in ombud("audit", "apps", "--workspace", str(root)).out


def test_apps_are_ranked_and_reported_once(ombud: Ombud, reviewed: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights.toml"
    weights.write_text(LOW, encoding="utf-8")
    words = ("audit", "apps", "--workspace", str(reviewed), "--weights", str(weights), "--limit", "4", "--json")
    dry = ombud(*words, "--dry-run").document
    assert dry["reported"] is None
    assert _findings(reviewed) == ([], 0)
    first = ombud(*words).document
    assert {name: first[name] for name in ("apps", "ranked", "above", "weights")} == {
        name: dry[name] for name in ("apps", "ranked", "above", "weights")
    }
    assert len(first["apps"]) == 4
    assert all(one.keys() >= DESIGNED for one in first["apps"])
    assert all(one["people_exposed"].keys() >= {"proved", "possible"} for one in first["apps"])
    assert first["weights"] == load_weights(weights).hash
    above = first["above"]
    assert above > 0
    assert first["reported"] == {"findings": above, "cases": above, "known": 0}
    again = ombud(*words).document
    assert again["reported"] == {"findings": 0, "cases": 0, "known": above}
    kept, opened = _findings(reviewed)
    assert len(kept) == opened == above
    _each_number_opens(ombud, reviewed, kept)
    _a_decided_case_is_opened_anew_by_new_rows_alone(ombud, reviewed, words, kept[0])
    shown = ombud("audit", "apps", "--workspace", str(reviewed), "--weights", str(weights)).out
    assert f"{above} above the level of 12" in shown
    assert f"0 cases opened, {above} there before" in shown


def _a_decided_case_is_opened_anew_by_new_rows_alone(
    ombud: Ombud,
    root: Path,
    words: tuple[str, ...],
    finding: Any,  # noqa: ANN401 - a finding
) -> None:
    workspace = Workspace.open(root)
    with open_records(workspace) as records:
        with records.begin() as tx:
            case = cases.of_finding(tx, finding.id)
            assert case is not None
            cases.set_state(tx, case.id, "closed", "eva")
        assert ombud(*words).document["reported"]["findings"] == 0
        row = {"read": "one-more", "app": finding.subject, "person": "person-1", "decision": "allowed", "fields": []}
        row |= {"happened_at": datetime(2014, 3, 1, tzinfo=UTC)}
        with open_lake(workspace, records).writing() as batch:
            batch.write("reads", pa.Table.from_pylist([row], schema=_door(row)), "import_more")
    more = ombud(*words).document["reported"]
    assert (more["findings"], more["cases"]) == (1, 1)


def _door(row: dict[str, Any]) -> pa.Schema:
    return pa.schema([field for field in table("reads").door if field.name in row])


def _each_number_opens(ombud: Ombud, root: Path, kept: list[Any]) -> None:
    for finding in kept:
        assert finding.says == "anomalous"
        assert "no probability" in finding.calibration
        assert finding.settings["level"] == 12.0
    strongest = kept[0]
    with_query = [figure for figure in strongest.figures if figure.query.startswith("SELECT")]
    assert {reason.figure for reason in strongest.reasons} <= {figure.id for figure in strongest.figures}
    told = ombud("explain", with_query[0].id, "--workspace", str(root), "--json").document
    assert told["inputs"]
    assert told["value"] == with_query[0].value
    counted = ombud("explain", with_query[0].id, "--again", "--workspace", str(root), "--json")
    assert (counted.code, counted.document["same"]) == (0, True)


def test_wrong_weights_and_limits_are_sentences(ombud: Ombud, bare: Path, tmp_path: Path) -> None:
    missing = ombud("audit", "apps", "--workspace", str(bare), "--weights", str(tmp_path / "none.toml"))
    assert missing.code == 2
    assert "weights" in missing.err
    assert ombud("audit", "apps", "--workspace", str(bare), "--limit", "0").code == 2


def test_figures_say_at_once_where_their_files_are_on_the_ledger(ombud: Ombud, root: Path, tmp_path: Path) -> None:
    """Auditing again does not take it from them."""
    row = {"read": "r1", "app": "quiz", "person": "p1", "happened_at": datetime(2014, 1, 1, tzinfo=UTC)}
    log = tmp_path / "reads.parquet"
    pq.write_table(pa.Table.from_pylist([row | {"fields": ["name"], "decision": "allowed"}]), log)
    place = ("--workspace", str(root))
    assert ombud("import", "table", "--table", "reads", str(log), *place).code == 0
    for _ in range(2):
        figure = ombud("audit", "app", "quiz", *place, "--json").document["reads"]["figure"]
        assert ombud("explain", figure, *place, "--json").document["ledger"] == [0]
        assert "On the ledger at 0." in ombud("explain", figure, *place).out
