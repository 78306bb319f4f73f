"""The numbers that apps are compared by: one a signal, each in proportion to the app's own size."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ombud.audit.ranking.asked import Asked
    from ombud.audit.ranking.shapes import Shape

__all__ = ["SHARED", "asked_values", "shape_values"]

SHARED = ("absent", "coverage", "circles", "strangers", "runs", "via_friends", "per_user", "burst")
"""Signals that are also taken of several apps together."""
_STEADY, _FEW = 20, 3
"""Requests, and circles of friends, that are added to an app's own before a share is taken: a few tell nothing."""


def shape_values(shape: Shape, *, consents: bool) -> dict[str, float | None]:
    """Return the numbers of the reads by signal; null where what it takes was never imported."""
    users = max(shape.installers, 1)
    return {
        "absent": shape.absent / users,
        "coverage": shape.pairs / shape.friends if shape.friends else (None if shape.pairs else 0.0),
        "circles": shape.whole / (shape.circles + _FEW),
        "strangers": shape.strangers / users if consents else None,
        "runs": shape.near / (shape.steps + _STEADY),
        "via_friends": shape.via / users,
        "per_user": shape.people / max(shape.active, 1),
        "after_end": shape.ended / max(shape.people, 1) if consents else None,
        "burst": shape.peak / users,
    }


def asked_values(asked: Asked | None) -> dict[str, float | None]:
    """Return the numbers of what it was given by signal; null where it stated or declared no purpose."""
    if asked is None:
        return {"off_purpose": None, "sensitivity": 0.0, "beyond_category": 0.0}
    return {
        "off_purpose": asked.off / asked.stated if asked.stated and asked.declared else None,
        "sensitivity": asked.points / max(asked.reads, 1),
        "beyond_category": float(asked.beyond_points),
    }
