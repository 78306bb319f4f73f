"""The funnel's numbers as figures, kept with each move, so that every page of them can be followed to its query."""

from __future__ import annotations

from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING

from ombud.model.findings import Figure
from ombud.model.ids import derived_id
from ombud.records import figures, review_progress

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["SUBJECT", "figure_ids", "keep_figures", "lasted"]

SUBJECT = "review"
"""What these figures are about: everybody may see them."""
_COMMAND = "ombud audit funnel --json"
NAMES: tuple[str, ...] = (
    *(f"apps {stage} now" for stage in review_progress.STAGES),
    *(f"apps ever {stage}" for stage in review_progress.STAGES),
    "reviews ended",
    "median days of a review",
)


def keep_figures(tx: Connection) -> None:
    """Save the funnel's counts as they are now, each under the id that it always has."""
    now, ever = review_progress.by_stage(tx), review_progress.reached(tx)
    ended, days = lasted(tx)
    values: dict[str, tuple[float | int | None, str, str]] = {
        **{f"apps {stage} now": (now[stage], "apps", _NOW) for stage in now},
        **{f"apps ever {stage}": (ever[stage], "apps", _EVER) for stage in ever},
        "reviews ended": (ended, "apps", _ENDED),
        "median days of a review": (days, "days", _ENDED),
    }
    ids = figure_ids()
    figures.save_all(
        tx,
        [
            Figure(ids[name], name, value, unit, _COMMAND, {"records": query}, subject=SUBJECT)
            for name, (value, unit, query) in values.items()
        ],
    )


def lasted(tx: Connection) -> tuple[int, float | None]:
    """Return how many reviews are over, and the median of the days they took, null before the first."""
    days = [(last - first) / timedelta(days=1) for first, last in review_progress.spans(tx)]
    return len(days), round(median(days), 1) if days else None


def figure_ids() -> dict[str, str]:
    """Return the id of each of the funnel's figures, by name."""
    return {name: derived_id("figure", SUBJECT, name) for name in NAMES}


_NOW = "SELECT stage, count(*) FROM review_progress GROUP BY stage"
_EVER = (
    "SELECT stage_to, count(DISTINCT app) FROM review_line WHERE stage_to IS NOT NULL GROUP BY stage_to"
    " (`looked at`: every app with a line past `all`)"
)
_ENDED = "SELECT entered_at, ended_at FROM review_progress WHERE ended_at IS NOT NULL"
