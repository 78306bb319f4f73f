"""`ombud import --sealed`, `ombud audit sealed`, `holes` and `scopes`: what people and scripts are told of old logs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Done

    Ombud = Callable[..., Done]


START = datetime(2014, 3, 1, tzinfo=UTC)


def lines(count: int, *, without: tuple[int, ...] = ()) -> str:
    """Return reads of so many days, twenty a day, some days left out."""
    return "".join(
        json.dumps(
            {
                "read": f"r{day}-{n}",
                "app": "quiz",
                "person": f"p{n}",
                "happened_at": (START + timedelta(days=day, hours=n)).isoformat(),
                "fields": [["GET /me/messages"], ["likes"]][n % 2],
                "decision": "allowed",
            }
        )
        + "\n"
        for day in range(count)
        if day not in without
        for n in range(20)
    )


@pytest.fixture
def log(here: Path, ombud: Ombud) -> Path:
    """Return an old log with a hole of two days, in a folder with a workspace."""
    ombud("init", "w")
    path = here / "old.ndjson"
    path.write_text(lines(56, without=(28, 29)))
    return path


def bring(ombud: Ombud, log: Path, *words: str) -> Any:  # noqa: ANN401 - a document
    return ombud("import", "table", log, "--table", "reads", *words, "--json", "--workspace", "w").document


def test_an_import_that_is_sealed_says_so(ombud: Ombud, log: Path) -> None:
    assert bring(ombud, log)["files"][0]["sealed_at"] is None
    assert bring(ombud, log, "--sealed")["files"][0]["sealed_at"]
    told = ombud("import", "table", log, "--table", "reads", "--sealed", "--workspace", "w").out
    assert "Sealed old.ndjson as found on 20" in told


def test_sealed_files_and_what_they_limit(ombud: Ombud, log: Path) -> None:
    assert ombud("audit", "sealed", "--workspace", "w").out.startswith("No file was sealed.")
    bring(ombud, log, "--sealed")
    document = ombud("audit", "sealed", "--json", "--workspace", "w").document
    (one,) = document["files"]
    assert (one["source"], one["ledger"], one["tables"]) == ("old.ndjson", 0, {"reads": 1_080})
    assert document["limits"][0].startswith("All 1,080 rows of `reads` come from one file that was sealed on 20")
    assert "old.ndjson" in ombud("audit", "sealed", "--workspace", "w").out


def test_holes_have_figures_that_can_be_explained(ombud: Ombud, log: Path) -> None:
    bring(ombud, log)
    document = ombud("audit", "holes", "--json", "--workspace", "w").document
    (hole,) = document["holes"]
    assert (hole["kind"], hole["value"], document["unit"]) == ("quiet", 0, "day")
    again = ombud("explain", hole["figure"], "--again", "--json", "--workspace", "w").document
    assert again["same"]
    told = ombud("audit", "holes", "--workspace", "w").out
    assert "2 days with no line" in told
    assert "is in no count" in told
    assert hole["figure"] in told


def test_a_log_without_holes(ombud: Ombud, log: Path) -> None:
    log.write_text(lines(30))
    bring(ombud, log)
    assert "No hole was found, which proves nothing." in ombud("audit", "holes", "--workspace", "w").out


def test_attached_and_sealed(ombud: Ombud, log: Path) -> None:
    bring(ombud, log)
    ombud("lake", "read", "reads", "--output", "reads.parquet", "--workspace", "w")
    ombud("init", "other")
    ombud("lake", "attach", "reads", "reads.parquet", "--sealed", "--workspace", "other")
    (one,) = ombud("audit", "sealed", "--json", "--workspace", "other").document["files"]
    assert (one["attached"], one["source"]) == (True, "reads.parquet")


def test_scopes_beside_calls(ombud: Ombud, here: Path) -> None:
    (here / "calls.txt").write_text("GET /v1.0/me/messages\n\nGET /me/contacts\n")
    words = ("audit", "scopes", "Mail.Read", "Contacts.Read", "Files.ReadWrite.All", "--calls", "calls.txt")
    document = ombud(*words, "--json").document
    assert document["beyond"] == ["Files.ReadWrite.All (Delegated)"]
    assert "None of its 2 different calls needed Files.ReadWrite.All (Delegated)." in ombud(*words).out
    more = ombud("audit", "scopes", "Mail.Send", "--application", "--json").document
    assert more["granted"][0]["sensitivity"] == 4


def test_scopes_of_an_app_of_the_lake(ombud: Ombud, log: Path, here: Path) -> None:
    bring(ombud, log)
    rows = [
        {"app": "quiz", "person": "p1", "scope": scope, "happened_at": "2014-03-01T00:00:00Z"}
        for scope in ("Mail.Read", "Mail.Send")
    ]
    (here / "grants.ndjson").write_text("\n".join(json.dumps(row) for row in rows))
    ombud("import", "table", "grants.ndjson", "--table", "grants", "--workspace", "w")
    document = ombud("audit", "scopes", "--app", "quiz", "--json", "--workspace", "w").document
    assert document["needed"] == ["Mail.Read (Delegated)"]
    assert document["beyond"] == ["Mail.Send (Delegated)"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "No permission is named."),
        (("Mail.Read", "--calls", "none.txt"), "Cannot read none.txt"),
        (("Mail.Read", "--calls", "odd.txt"), "Line 2 of odd.txt is no call."),
        (("--app", "nobody", "--workspace", "w"), "The lake has no app `nobody`."),
    ],
)
def test_what_is_wrong_with_scopes_is_said(ombud: Ombud, here: Path, words: tuple[str, ...], says: str) -> None:
    ombud("init", "w")
    (here / "odd.txt").write_text("GET /me\nlikes\n")
    done = ombud("audit", "scopes", *words, "--json")
    assert done.code == 2
    assert done.document["error"]["message"].startswith(says)
