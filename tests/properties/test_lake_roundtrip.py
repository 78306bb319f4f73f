"""Whatever fits a table's schema comes back as it went in, once, in whatever order it came."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ombud.lake import Lake, open_lake
from ombud.model import schema
from ombud.model.workspace import Workspace
from ombud.records import migrate, open_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypothesis.strategies import SearchStrategy

MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)) | st.datetimes(  # noqa: DTZ001
    datetime(2016, 1, 1),  # noqa: DTZ001 - hypothesis wants naive bounds
    datetime(2016, 1, 3),  # noqa: DTZ001
    timezones=st.just(UTC),
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
WHOLES = st.integers(-(2**63), 2**63 - 1)
VALUES: dict[pa.DataType, SearchStrategy[Any]] = {
    schema.TEXT: TEXTS,
    schema.MOMENT: MOMENTS,
    schema.WHOLE: WHOLES,
    schema.TEXTS: st.lists(TEXTS, max_size=3),
    schema.MONEY: st.decimals(Decimal("-1e15"), Decimal("1e15"), places=2),
}


def rows_of(table: schema.Table) -> SearchStrategy[list[dict[str, Any]]]:
    """Return rows of a table's door; few different ids, so that keys repeat."""
    columns = {
        c.name: (st.sampled_from(["a", "b", "", "é\n", "NULL", "0"]) if c.kind else VALUES[c.type])
        | (st.nothing() if c.required else st.none())
        for c in table.columns
        if c.name != "import_id"
    }
    return st.lists(st.fixed_dictionaries(columns), max_size=8)


@contextmanager
def new_lake() -> Iterator[Lake]:
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.create(Path(folder) / "w")
        migrate(workspace.records_url)
        with open_records(workspace) as records:
            yield open_lake(workspace, records)


def door(table: schema.Table, rows: list[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=pa.schema([pa.field(f.name, f.type) for f in table.door]))


def key_of(table: schema.Table, row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in table.key)


def back(lake: Lake, table: schema.Table) -> list[dict[str, Any]]:
    return lake.read(table.name, table.door.names, names=True).to_pylist()


@pytest.mark.parametrize("name", sorted(schema.TABLES))
def test_rows_come_back_once(name: str) -> None:
    table = schema.TABLES[name]
    with new_lake() as lake:
        kept: dict[tuple[Any, ...], dict[str, Any]] = {}

        @settings(max_examples=4)
        @given(rows_of(table))
        def check(rows: list[dict[str, Any]]) -> None:
            offered: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
            for row in rows:
                offered.setdefault(key_of(table, row), []).append(row)
            with lake.writing() as batch:
                counts = batch.write(name, door(table, rows), "import_1")
            there = {key_of(table, row): row for row in back(lake, table)}
            assert counts.read == len(rows)
            assert counts.accepted == len(offered.keys() - kept.keys())
            assert there.keys() == kept.keys() | offered.keys()
            assert all(there[key] == row for key, row in kept.items())
            assert all(there[key] in offered[key] for key in offered.keys() - kept.keys())
            kept.update(there)
            with lake.writing() as batch:
                assert batch.write(name, door(table, rows), "import_2").accepted == 0

        check()
        lake.compact(name)
        assert {key_of(table, row): row for row in back(lake, table)} == kept
        assert lake.check() == []


@settings(max_examples=6)
@given(rows_of(schema.TABLES["logins"]), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows: list[dict[str, Any]], random: Any) -> None:  # noqa: ANN401 - hypothesis's
    table = schema.TABLES["logins"]
    shuffled = list(rows)
    random.shuffle(shuffled)
    found = []
    for order in (rows, shuffled):
        with new_lake() as lake:
            with lake.writing() as batch:
                batch.write("logins", door(table, order), "import_1")
            found.append(sorted(back(lake, table), key=repr))
    assert found[0] == found[1]
