"""Audits and frozen sets in the records, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ombud.model.errors import NotFoundError
from ombud.records import app_audits, frozen_sets
from ombud.records.app_audits import AppAudit
from ombud.records.frozen_sets import FrozenSet

if TYPE_CHECKING:
    from ombud.records import Records

NOW = datetime(2018, 4, 4, 12, tzinfo=UTC)


def _set(name: str, app: str, days: int) -> FrozenSet:
    return FrozenSet(
        id=name, app=app, reason="A test.", author="Some reviewer", frozen_at=NOW + timedelta(days=days), since=NOW,
        until=NOW, people=87_000_000_000, direct=1, via=2, root="ab" * 32, padded=1 << 37, pad_seed="cd" * 32, outbox=7,
    )  # fmt: skip


def test_sets_come_back_newest_first(records: Records) -> None:
    first, second, other = _set("frozen_a", "quiz", 0), _set("frozen_b", "quiz", 1), _set("frozen_c", "chat", 2)
    with records.begin() as tx:
        for one in (first, second, other):
            frozen_sets.add(tx, one)
    with records.read() as tx:
        assert frozen_sets.of_app(tx, "quiz") == [second, first]
        assert frozen_sets.every(tx) == [other, second, first]
        assert frozen_sets.get(tx, "frozen_a") == first
        with pytest.raises(NotFoundError, match="no frozen set `frozen_x`"):
            frozen_sets.get(tx, "frozen_x")


def test_an_audit_is_kept_once(records: Records) -> None:
    one = AppAudit("audit_a", "quiz", NOW, NOW, NOW, {"reads": 1.0, "people": None, "says": ["ünï", {"a": 2**53}]})
    later = AppAudit("audit_b", "quiz", NOW + timedelta(days=1), NOW, NOW, {})
    with records.begin() as tx:
        for item in (one, later, one):
            app_audits.save(tx, item)
    with records.read() as tx:
        assert app_audits.of_app(tx, "quiz") == [later, one]
        assert app_audits.latest(tx, "quiz") == later
        assert app_audits.latest(tx, "chat") is None
