"""Moments of a command line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ombud.cli.moments import moment_of
from ombud.model.errors import UsageError


def test_a_moment_without_a_zone_is_in_utc() -> None:
    assert moment_of("2018-04-04") == datetime(2018, 4, 4, tzinfo=UTC)
    assert moment_of("2018-04-04T12:00:00Z") == datetime(2018, 4, 4, 12, tzinfo=UTC)
    assert moment_of(None) is None


def test_another_zone_is_kept() -> None:
    moment = moment_of("2018-04-04T12:00:00+02:00")
    assert moment is not None
    assert moment.utcoffset() == timedelta(hours=2)


@pytest.mark.parametrize("text", ["", "soon", "2016-13-01", "4.4.2018", "2018-04-04T25:00"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="is no date") as refused:
        moment_of(text)
    assert "2018-04-04" in (refused.value.hint or "")
