"""Erasing a person: no byte of the name is left in our own files, everybody else's rows stay."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ombud.lake.erase import Erased
from ombud.model.errors import NotFoundError
from ombud.records import outbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ombud.lake import Lake

    Make = Callable[[str, list[dict[str, Any]]], pa.Table]

WHO = "person-to-forget"
NOON = datetime(2016, 11, 8, 12, tzinfo=UTC)


@pytest.fixture
def filled(lake: Lake, rows: Make) -> Lake:
    """Return a lake in which two people stand in every table that can name one."""
    people = (WHO, "other")
    read = {"app": "a", "happened_at": NOON, "fields": ["likes"], "decision": "allowed"}
    tables: dict[str, list[dict[str, Any]]] = {
        "accounts": [{"account": p, "name": f"Name of {p}"} for p in people],
        "posts": [{"post": f"post of {p}", "account": p, "happened_at": NOON, "text": f"by {p}"} for p in people],
        "ties": [{"account": "other", "other": p, "tie": "friend", "happened_at": NOON} for p in (WHO, "third")],
        "logins": [{"account": p, "happened_at": NOON, "device": "d"} for p in people],
        "grants": [{"app": "a", "person": p, "scope": "s", "happened_at": NOON} for p in people],
        "reads": [
            {"read": "1", "person": WHO, **read},
            {"read": "2", "person": "other", "through": WHO, **read},
            {"read": "3", "person": "other", **read},
        ],
        "flags": [
            {"flag": "1", "account": WHO, "subject_kind": "account", "subject": "other", "happened_at": NOON},
            {"flag": "2", "account": "other", "subject_kind": "post", "subject": f"post of {WHO}", "happened_at": NOON},
            {"flag": "3", "account": "other", "subject_kind": "ad", "subject": "1", "happened_at": NOON},
        ],
        "labels": [{"subject_kind": "account", "subject": p, "label": "x", "source": "y"} for p in people],
    }
    with lake.writing() as batch:
        for table, items in tables.items():
            batch.write(table, rows(table, items), "import_1")
    return lake


def test_the_person_goes_and_the_rest_stays(filled: Lake) -> None:
    report = filled.erase(WHO)
    assert {e.table: (e.removed, e.rewritten) for e in report.tables} == {
        "accounts": (1, 0),
        "posts": (1, 0),
        "ties": (1, 0),
        "logins": (1, 0),
        "grants": (1, 0),
        "reads": (1, 1),
        "flags": (2, 0),
        "labels": (1, 0),
    }
    assert filled.read("accounts", ["account"], names=True).to_pylist() == [{"account": "other"}]
    reads = filled.read("reads", ["read", "person", "through"], names=True).sort_by("read").to_pylist()
    assert [(r["read"], r["person"], r["through"]) for r in reads] == [("2", "other", None), ("3", "other", None)]
    assert filled.read("flags", ["flag"]).to_pylist() == [{"flag": "3"}]
    assert filled.check() == []


def test_no_file_and_no_record_holds_the_name(filled: Lake) -> None:
    filled.compact()
    filled.erase(WHO)
    for path in filled.folder.rglob("*.parquet"):
        assert WHO not in str(pq.read_table(path).to_pylist()), path
    with filled.records.read() as tx:
        entries = outbox.pending(tx, 100)
    assert WHO not in str([e.payload for e in entries])
    (erased,) = [e for e in entries if e.type == "erase"]
    assert erased.payload["tables"]["reads"] == {}, "how many reads there were is hidden, as in their batches"
    assert erased.payload["tables"]["posts"]["removed"] > 0


def test_the_number_stays_without_its_name(filled: Lake) -> None:
    (number,) = filled.ids("account", [WHO])
    assert number is not None
    filled.erase(WHO)
    assert filled.ids("account", [WHO]) == [None]
    assert filled.names("account", [number]) == ["erased"]


def test_a_person_who_comes_back_is_somebody_new(filled: Lake, rows: Make) -> None:
    (before,) = filled.ids("account", [WHO])
    filled.erase(WHO)
    with filled.writing() as batch:
        batch.write("accounts", rows("accounts", [{"account": WHO}]), "import_2")
    (after,) = filled.ids("account", [WHO])
    assert after is not None
    assert after != before
    assert filled.check() == []


def test_nobody_of_that_name_is_an_error_without_the_name(filled: Lake) -> None:
    with pytest.raises(NotFoundError) as error:
        filled.erase("a stranger")
    assert "stranger" not in str(error.value)


def test_attached_files_are_not_ours_to_change(filled: Lake, tmp_path: Path) -> None:
    table = pa.table({"post": ["theirs"], "account": [WHO], "happened_at": [NOON]})
    pq.write_table(table, tmp_path / "theirs.parquet")
    filled.attach("posts", [tmp_path / "theirs.parquet"])
    report = filled.erase(WHO)
    assert Erased("posts", 1, 0) in report.tables
    assert "1 rows of attached files of `posts`" in report.remains[0]
    assert pq.read_table(tmp_path / "theirs.parquet").num_rows == 1
    assert filled.read("posts", where="post = 'theirs'").num_rows == 0
    assert filled.read("posts", where="account IS NULL").num_rows == 0


def test_rejected_rows_are_said_to_remain(filled: Lake) -> None:
    (filled.workspace.rejects_dir / "x.ndjson").write_text("{}")
    assert any("rejects/" in sentence for sentence in filled.erase(WHO).remains)
