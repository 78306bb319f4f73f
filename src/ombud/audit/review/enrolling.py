"""Which apps there are to review, in which order: every registered one and every one that the lake's logs name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.audit.people.sets import open_sets
from ombud.audit.ranking.order import rank_apps
from ombud.model import clock
from ombud.records import apps
from ombud.records.review_progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from ombud.audit.ranking.order import Ranked
    from ombud.lake import Lake

__all__ = ["known_apps"]

SIGNALS = 5
"""Reasons of a rank that are kept with an app, the heaviest first."""


def known_apps(lake: Lake, *, progress: Callable[[int, int | None, str], None] | None = None) -> list[Progress]:
    """Return every app that is known, as it enters the review: ranked where the record has reads of any app."""
    ranked: list[Ranked] = []
    if lake.files("reads") or lake.files("grants"):
        sets = open_sets(lake.workspace, lake)
        ranked = rank_apps(lake, lake.records, sets, progress=progress)
    found = {one.app: _progress(one.app, one.name or one.app, one) for one in ranked}
    with lake.records.read() as tx:
        for one in apps.every(tx):
            found.setdefault(one.app, _progress(one.app, one.name, None))
    for row in lake.read("apps", ["app", "name"], names=True).to_pylist() if lake.files("apps") else []:
        found.setdefault(row["app"], _progress(row["app"], row["name"] or row["app"], None))
    return list(found.values())


def _progress(app: str, name: str, ranked: Ranked | None) -> Progress:
    now = clock.now()
    return Progress(
        app=app,
        name=name,
        rank=ranked.rank if ranked else None,
        score=ranked.score if ranked else None,
        signals=ranked.reasons[:SIGNALS] if ranked else [],
        entered_at=now,
        moved_at=now,
    )
