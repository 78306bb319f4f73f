"""Every row of every table goes through text and back, to either database."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Boolean, Double, insert, select

from ombud.model.errors import InputError, RefusedError
from ombud.records import Records, outbox
from ombud.records.columns import Json, Moment, Words
from ombud.records.database import open_url
from ombud.records.dump import TABLES, dump, load, refuse_unless_empty
from ombud.records.tables import metadata

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Column, Connection

    from tests.postgres import Server

NOON = datetime(2016, 11, 8, 12, 0, 0, 1, tzinfo=UTC)
ROWS = 3


def value(column: Column[Any], n: int) -> Any:  # noqa: ANN401 - of the column's type
    """Return a telling value for row `n`, the same for the key and what points at it."""
    if column.table.name == "decision" and column.name in {"id", "reverses"}:
        earlier = n if column.name == "id" else n - 1  # it reverses the row before it in time, after it by id
        return None if earlier < 0 else str(ROWS - 1 - earlier)
    if (column.foreign_keys or column.primary_key) and not isinstance(column.type, Moment):
        return str(n) if isinstance(column.type, Words) else n + 1
    if column.nullable and n == 0:
        return None
    return plain(column, n)


def plain(column: Column[Any], n: int) -> Any:  # noqa: ANN401 - of the column's type
    values: dict[type, Any] = {
        Moment: NOON + timedelta(days=n),
        Json: {"n": [n, 1.0, None, "\0é\u2028"], "big": 2**70},
        Boolean: bool(n % 2),
        Double: 0.1 + n,
        Words: f"{column.name} {n} é\n\u2028",
    }
    return values.get(type(column.type), n)


def fill(tx: Connection) -> None:
    for table in metadata.sorted_tables:
        for n in range(ROWS):
            row = {column.name: value(column, n) for column in table.columns}
            if table.name == "ledger_outbox":
                row["payload"] = {"first": n}
            tx.execute(insert(table).values(row))


def rows(tx: Connection) -> dict[str, list[Any]]:
    return {t.name: list(tx.execute(select(t).order_by(*t.primary_key)).all()) for t in metadata.sorted_tables}


@pytest.fixture
def filled(records: Records) -> Records:
    """Return records with rows in every table."""
    with records.begin() as tx:
        fill(tx)
    return records


def test_there_and_back(filled: Records, new_url: Callable[[], str]) -> None:
    with filled.read() as tx:
        before = rows(tx)
        text = {name: list(dump(tx, name)) for name in TABLES}
    assert {name for name, lines in text.items() if not lines} == {"staff_session"}
    assert all(line.isascii() and line.count(b"\n") == 1 for lines in text.values() for line in lines)
    with open_url(new_url()) as other:
        with other.begin() as tx:
            counts = {name: load(tx, name, text[name]) for name in TABLES}
        with other.read() as tx:
            assert rows(tx) == before | {"staff_session": []}
    assert set(counts.values()) == {0, ROWS}


def test_between_the_databases(filled: Records, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    server: Server = request.getfixturevalue("postgres")
    name = server.create(request.getfixturevalue("template"))
    file = shutil.copyfile(request.getfixturevalue("migrated"), tmp_path / "other.sqlite")
    url = server.url(name) if filled.is_sqlite else f"sqlite:///{file}"
    with filled.read() as tx:
        before = rows(tx)
        text = {table: list(dump(tx, table)) for table in TABLES}
    with open_url(url) as other, other.begin() as tx:
        for table in TABLES:
            load(tx, table, text[table])
        assert rows(tx) == before | {"staff_session": []}
    server.drop(name)


def test_numbers_go_on_after_the_last(filled: Records, new_url: Callable[[], str]) -> None:
    with filled.read() as tx:
        lines = list(dump(tx, "ledger_outbox"))
    with open_url(new_url()) as other, other.begin() as tx:
        load(tx, "ledger_outbox", lines)
        assert outbox.append(tx, "test", {}) == ROWS + 1


def test_many_rows_go_in_batches(records: Records, new_url: Callable[[], str]) -> None:
    with records.begin() as tx:
        for n in range(2_003):
            outbox.append(tx, "test", {"n": n})
        lines = list(dump(tx, "ledger_outbox"))
    with open_url(new_url()) as other, other.begin() as tx:
        assert load(tx, "ledger_outbox", iter(lines)) == 2_003
        assert [entry.payload["n"] for entry in outbox.pending(tx, 5_000)] == list(range(2_003))


@pytest.mark.parametrize("line", [b"{", b"[]", b"{}", b'{"created_at": "noon", "published_at": null}', b"\xff"])
def test_a_row_that_cannot_be_read(records: Records, line: bytes) -> None:
    with pytest.raises(InputError, match="table `ledger_outbox`"), records.begin() as tx:
        load(tx, "ledger_outbox", [line])


def test_only_into_an_empty_database(records: Records) -> None:
    with records.begin() as tx:
        refuse_unless_empty(tx, "The database")
        outbox.append(tx, "test", {})
        with pytest.raises(RefusedError, match="The database is not empty"):
            refuse_unless_empty(tx, "The database")


def test_the_lines_are_plain(filled: Records) -> None:
    with filled.read() as tx:
        first = json.loads(next(iter(dump(tx, "figure"))))
    assert first["saved_at"] == "2016-11-08T12:00:00.000001+00:00"
    assert first["parameters"] == {"n": [0, 1.0, None, "\0é\u2028"], "big": 2**70}
