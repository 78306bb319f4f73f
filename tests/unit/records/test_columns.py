"""Values come back as they went in, the same on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from ombud.model import clock
from ombud.model.errors import InputError
from ombud.records.tables import meta
from ombud.records.upsert import insert_new, put

if TYPE_CHECKING:
    from ombud.records import Records

MOMENT = datetime(2016, 11, 8, 12, 0, 0, 1, tzinfo=UTC)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(value=anything)
def test_json_comes_back(records: Records, value: Any) -> None:  # noqa: ANN401 - any JSON value
    with records.begin() as tx:
        put(tx, meta, [{"key": "k", "value": value, "updated_at": MOMENT}])
        found = tx.execute(select(meta.c.value)).scalar_one()
    assert found == value
    assert type(found) is type(value)


@given(
    moment=st.datetimes(
        timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-8))]),
        min_value=datetime(2, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
        max_value=datetime(9998, 1, 1),  # noqa: DTZ001 - likewise
    )
)
def test_moments_come_back_in_utc(records: Records, moment: datetime) -> None:
    with records.begin() as tx:
        put(tx, meta, [{"key": "k", "value": 1, "updated_at": moment}])
        found = tx.execute(select(meta.c.updated_at)).scalar_one()
    assert found == moment
    assert found.tzinfo is UTC


def test_moments_sort_as_moments(records: Records) -> None:
    with records.begin() as tx:
        for n, hours in enumerate([5, -8, 0]):
            moment = datetime(2020, 1, 1, 12, tzinfo=timezone(timedelta(hours=hours)))
            insert_new(tx, meta, [{"key": str(n), "value": None, "updated_at": moment}])
        assert list(tx.execute(select(meta.c.key).order_by(meta.c.updated_at)).scalars()) == ["0", "2", "1"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"key": "a\0b", "updated_at": MOMENT}, "NUL"),
        ({"key": "a\ud800", "updated_at": MOMENT}, "not valid Unicode"),
        ({"key": "a", "updated_at": datetime(2020, 1, 1)}, "no time zone"),  # noqa: DTZ001 - the mistake itself
    ],
)
def test_what_neither_database_takes(records: Records, row: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words) as caught, records.begin() as tx:
        insert_new(tx, meta, [row])
    assert caught.value.hint


@pytest.mark.parametrize("value", [float("nan"), float("inf"), [float("-inf")]])
def test_json_has_no_nan(records: Records, value: object) -> None:
    with pytest.raises(InputError, match="not finite"), records.begin() as tx:
        insert_new(tx, meta, [{"key": "k", "value": value, "updated_at": MOMENT}])


def test_none_is_the_databases_null(records: Records) -> None:
    with records.begin() as tx:
        insert_new(tx, meta, [{"key": "k", "value": None, "updated_at": clock.now()}])
        assert tx.execute(text("SELECT count(*) FROM meta WHERE value IS NULL")).scalar() == 1


def test_insert_new_leaves_what_is_there(records: Records) -> None:
    with records.begin() as tx:
        rows = [{"key": "k", "value": n, "updated_at": MOMENT} for n in range(3)]
        assert insert_new(tx, meta, rows) == 1
        assert tx.execute(select(meta.c.value)).scalar_one() == 0


def test_put_replaces_unless_told_to_keep(records: Records) -> None:
    with records.begin() as tx:
        put(tx, meta, [{"key": "k", "value": n, "updated_at": MOMENT} for n in (1, 2)])
        assert tx.execute(select(meta.c.value)).scalar_one() == 2
        put(tx, meta, [{"key": "k", "value": 3, "updated_at": MOMENT}], keep=meta.c.key == "k")
        assert tx.execute(select(meta.c.value)).scalar_one() == 2
