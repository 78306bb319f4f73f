from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ombud.model.clock import frozen, now, second


def test_now_is_in_utc_and_moves() -> None:
    first = now()
    assert first.utcoffset() == timedelta(0)
    assert now() >= first


def test_frozen_time_stands_still_and_is_given_back() -> None:
    moment = datetime(2016, 11, 8, 20, tzinfo=timezone(timedelta(hours=-5)))
    with frozen(moment):
        assert now() == moment
        assert now().tzinfo is UTC
        with frozen(moment + timedelta(days=1)):
            assert now() == moment + timedelta(days=1)
        assert now() == moment
    assert now() > moment


def test_frozen_time_is_given_back_after_an_error() -> None:
    moment = datetime(2016, 11, 8, tzinfo=UTC)
    with pytest.raises(KeyError), frozen(moment):
        raise KeyError
    assert now() > moment


@pytest.mark.parametrize("moment", [
    datetime(2016, 11, 8, 20, 0, 0, 999_999, tzinfo=timezone(timedelta(hours=-5))),
    datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC),
])  # fmt: skip
def test_the_second_is_that_of_now(moment: datetime) -> None:
    assert abs(second() - now().timestamp()) < 5
    with frozen(moment):
        assert second() == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
