from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ombud.model.clock import frozen, now


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
