"""Erasing reaches every place where a person stands, and no other person's rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ombud.model import schema
from ombud.model.errors import NotFoundError
from ombud.records import lake_files, outbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from ombud.lake import Lake

NOON = datetime(2016, 11, 7, 12, tzinfo=UTC)
HER, HIM = "her-4711", "him-4712"

ROWS: dict[str, list[dict[str, Any]]] = {
    "accounts": [{"account": HER, "name": "H"}, {"account": HIM, "name": HER}],
    "posts": [
        {"post": "hers", "account": HER, "happened_at": NOON},
        {"post": "his", "account": HIM, "happened_at": NOON, "text": "hello"},
    ],
    "ties": [
        {"account": HER, "other": HIM, "tie": "follow", "happened_at": NOON},
        {"account": HIM, "other": HER, "tie": "follow", "happened_at": NOON},
        {"account": HIM, "other": None, "space": "club", "tie": "member", "happened_at": NOON},
    ],
    "logins": [{"account": HER, "happened_at": NOON}, {"account": HIM, "happened_at": NOON}],
    "flags": [
        {"flag": "1", "account": HER, "subject_kind": "post", "subject": "his", "happened_at": NOON},
        {"flag": "2", "account": None, "subject_kind": "account", "subject": HER, "happened_at": NOON},
        {"flag": "3", "account": HIM, "subject_kind": "post", "subject": "hers", "happened_at": NOON},
        {"flag": "4", "account": HIM, "subject_kind": "post", "subject": "his", "happened_at": NOON},
        {"flag": "5", "account": HIM, "subject_kind": "space", "subject": HER, "happened_at": NOON},
        {"flag": "6", "account": HIM, "subject_kind": "account", "subject": "hers", "happened_at": NOON},
    ],
    "grants": [
        {"app": "quiz", "person": HER, "scope": "friends", "happened_at": NOON},
        {"app": "quiz", "person": HIM, "scope": "friends", "happened_at": NOON},
    ],
    "reads": [
        {"read": "1", "person": HER, "through": HIM},
        {"read": "2", "person": HIM, "through": HER},
        {"read": "3", "person": HIM, "through": None},
        {"read": "4", "person": HER, "through": HER},
    ],
    "labels": [
        {"subject_kind": "account", "subject": HER, "label": "x", "source": "s"},
        {"subject_kind": "post", "subject": "hers", "label": "x", "source": "s"},
        {"subject_kind": "account", "subject": HIM, "label": "x", "source": "s"},
        {"subject_kind": "ad", "subject": "hers", "label": "x", "source": "s"},
    ],
}
for read in ROWS["reads"]:
    read |= {"app": "quiz", "happened_at": NOON, "fields": ["name"], "decision": "allowed"}


@pytest.fixture
def full(lake: Lake, rows: Callable[[str, list[dict[str, Any]]], pa.Table]) -> Lake:
    """Return a lake in which she stands wherever a person can."""
    with lake.writing() as batch:
        for table, items in ROWS.items():
            batch.write(table, rows(table, items), "import_1")
    return lake


def test_every_table_that_can_name_a_person_is_covered() -> None:
    naming = {t.name for t in schema.TABLES.values() if any(c.kind == "account" for c in t.columns)}
    naming -= {"frozen"}  # a row of it belongs to a set and its salts: tests/unit/audit/test_freeze.py erases there
    assert naming | {"flags", "labels"} == set(ROWS)


def test_what_goes_and_what_stays(full: Lake) -> None:
    report = full.erase(HER)
    assert {e.table: (e.removed, e.rewritten) for e in report.tables} == {
        "accounts": (1, 0),
        "posts": (1, 0),
        "ties": (2, 0),
        "logins": (1, 0),
        "flags": (3, 0),
        "grants": (1, 0),
        "reads": (2, 1),
        "labels": (2, 0),
    }
    assert full.read("posts", ["post", "text"]).to_pylist() == [{"post": "his", "text": "hello"}]
    assert full.read("flags", ["flag"]).sort_by("flag")["flag"].to_pylist() == ["4", "5", "6"]
    reads = full.read("reads", ["read", "person", "through"], names=True).sort_by("read").to_pylist()
    assert reads == [{"read": "2", "person": HIM, "through": None}, {"read": "3", "person": HIM, "through": None}]
    left = full.read("labels", ["subject_kind", "subject"]).sort_by("subject_kind").to_pylist()
    assert left == [{"subject_kind": "account", "subject": HIM}, {"subject_kind": "ad", "subject": "hers"}]
    assert full.read("ties", ["space"], names=True).to_pylist() == [{"space": "club"}]
    assert full.check() == []


def test_the_ledger_gets_no_name_and_not_how_many_reads(full: Lake) -> None:
    full.erase(HER)
    with full.records.read() as tx:
        entry = next(e for e in outbox.pending(tx, 100) if e.type == "erase")
    assert entry.payload["tables"]["reads"] == {}
    with full.records.read() as tx:
        told = [f for e in outbox.pending(tx, 100) if e.type == "import" for f in e.payload["files"]]
    assert {f["table"] for f in told if "rows" not in f} == {"reads"}
    assert HER not in str(entry.payload)


def test_what_compaction_kept_for_readers_goes_at_once(full: Lake) -> None:
    full.compact()
    full.erase(HER)
    with full.records.read() as tx:
        counted = {file.path for file in lake_files.every(tx)}
    there = {p.relative_to(full.folder).as_posix() for p in full.folder.rglob("*.parquet")}
    assert there == counted


def test_files_without_her_are_not_touched(full: Lake, rows: Callable[..., pa.Table]) -> None:
    later = NOON + timedelta(days=3)
    with full.writing() as batch:
        batch.write("posts", rows("posts", [{"post": "n", "account": HIM, "happened_at": later}]), "import_2")
    (untouched,) = (f for f in full.files("posts") if f.day == "2016-11-10")
    spaces = full.ids("space", ["club"])
    full.erase(HER)
    assert untouched in full.files("posts")
    assert full.ids("space", ["club"]) == spaces


def test_the_import_of_a_row_stays_known(full: Lake) -> None:
    full.erase(HER)
    assert {f.import_id for f in full.files("posts")} == {"import_1"}
    assert set(full.read("reads", ["import_id"])["import_id"].to_pylist()) == {"import_1"}


def test_erasing_twice_is_an_error_that_names_nobody(full: Lake) -> None:
    full.erase(HER)
    with pytest.raises(NotFoundError, match="The lake knows no account of this id") as raised:
        full.erase(HER)
    assert HER not in str(raised.value)
    assert full.erase(HIM).tables  # another one can still be erased
    assert full.check() == []


def test_a_person_who_is_only_a_name_in_the_dictionary(lake: Lake) -> None:
    with lake.writing() as batch:
        batch.write("posts", pa.table({"post": ["1"], "account": ["a"], "happened_at": [NOON]}), "import_1")
    lake.erase("a")
    with lake.writing() as batch:
        batch.write("posts", pa.table({"post": ["1"], "account": ["a"], "happened_at": [NOON]}), "import_2")
    assert lake.ids("account", ["a"]) == [1]
    assert lake.names("account", [0]) == ["erased"]
    assert lake.read("posts", ["account"])["account"].to_pylist() == [1]


@pytest.mark.parametrize("person", ["O'Neil", '"; DROP TABLE x', "%", "her\u2028", "0"])
def test_any_name_can_be_erased_and_only_that(lake: Lake, person: str) -> None:
    posts: dict[str, list[Any]] = {"post": ["1", "2"], "account": [person, person + "x"], "happened_at": [NOON] * 2}
    with lake.writing() as batch:
        batch.write("posts", pa.table(posts), "import_1")
    lake.erase(person)
    assert lake.read("posts", ["account"], names=True).to_pylist() == [{"account": person + "x"}]
    for path in lake.folder.rglob("*.parquet"):
        columns = pq.read_table(path).to_pydict()
        assert person not in columns.get("name", []) + columns.get("account", [])


def test_an_erasure_that_fails_changes_nothing(full: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {name: full.read(name).num_rows for name in ROWS}

    def fail(*_: object) -> None:
        raise RuntimeError("the machine stopped")

    monkeypatch.setattr(outbox, "append", fail)
    with pytest.raises(RuntimeError):
        full.erase(HER)
    monkeypatch.undo()
    assert {name: full.read(name).num_rows for name in ROWS} == before
    assert full.ids("account", [HER]) != [None]
    assert full.check() == []  # what was put in place is noted, so it is no orphan
    with full.writing():
        pass  # and the next writer removes it
    with full.records.read() as tx:
        counted = {file.path for file in lake_files.every(tx)}
    assert {p.relative_to(full.folder).as_posix() for p in full.folder.rglob("*.parquet")} == counted
    assert not any((full.folder / "_staging").iterdir())
