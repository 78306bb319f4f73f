from __future__ import annotations

import pyarrow as pa
import pytest

from ombud.model.errors import NotFoundError
from ombud.model.schema import KINDS, TABLES, Table, table

NAMED = {
    *("accounts", "spaces", "ties", "posts", "logins", "flags"),
    *("apps", "developers", "holders", "transfers", "grants", "reads"),
    *("batches", "erased_rows", "frozen"),
    *("ads", "ad_versions", "deliveries", "labels"),
}

every_table = pytest.mark.parametrize("one", TABLES.values(), ids=list(TABLES))


def test_the_lake_has_the_tables_of_the_design() -> None:
    assert set(TABLES) == NAMED


@every_table
def test_every_column_is_documented_in_a_sentence(one: Table) -> None:
    assert one.doc.endswith(".")
    for column in one.columns:
        assert len(column.doc) > 5, column.name
        assert (one.stored.field(column.name).metadata or {})[b"doc"].decode() == column.doc


@every_table
def test_the_time_column_is_utc_microseconds(one: Table) -> None:
    assert one["happened_at"].type == pa.timestamp("us", tz="UTC") if "happened_at" in one.names else not one.by_day


@every_table
def test_a_key_column_exists_and_dictionaries_hold_whole_numbers(one: Table) -> None:
    assert set(one.key) <= set(one.names)
    for column in one.columns:
        if column.kind:
            assert column.kind in KINDS
            assert column.type == pa.int64()
            assert one.door.field(column.name).type == pa.string()


@every_table
def test_imports_hand_in_all_but_the_import_id(one: Table) -> None:
    assert one.door.names == [name for name in one.names if name != "import_id"]
    assert one.names[-2:] == ("quality", "import_id")


def test_an_unknown_table_is_named_and_the_known_ones_are_listed() -> None:
    assert table("posts").name == "posts"
    with pytest.raises(NotFoundError, match="`postz`") as caught:
        table("postz")
    assert "posts" in (caught.value.hint or "")
    with pytest.raises(KeyError):
        table("posts")["nothing"]
