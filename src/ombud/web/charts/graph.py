"""A network's graph, drawn from the places that the detector computed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ombud.model.findings import NetworkDetail

__all__ = ["Dot", "Drawing", "Line", "draw"]

MOST_LINES = 3_000
MOST_LABELS = 8
_MARGIN = 26.0


@dataclass(frozen=True, slots=True)
class Dot:
    """One member; `label` is set for the few that are named in the drawing."""

    index: int
    x: float
    y: float
    radius: float
    label: str | None
    anchor: str


@dataclass(frozen=True, slots=True)
class Line:
    """A significant pair; `strong` marks the tenth with the most co-acts."""

    x1: float
    y1: float
    x2: float
    y2: float
    strong: bool


@dataclass(frozen=True, slots=True)
class Drawing:
    """Shapes in a box of `width` by `height`, weakest lines first."""

    width: float
    height: float
    dots: list[Dot]
    lines: list[Line]
    lines_total: int


def draw(detail: NetworkDetail, width: float, height: float) -> Drawing:
    """Fit the graph into a box: dot area by co-acts, the strongest lines on top."""
    members = detail.members
    xs, ys = [m.x for m in members] or [0.0], [m.y for m in members] or [0.0]
    left, low = min(xs), min(ys)
    wide, tall = (max(xs) - left) or 1.0, (max(ys) - low) or 1.0
    most = max((m.co_acts for m in members), default=1) or 1
    scale = 11.0 if len(members) <= 60 else 7.0 if len(members) <= 300 else 4.5  # noqa: PLR2004 - by eye

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            round(_MARGIN + (x - left) / wide * (width - 2 * _MARGIN), 1),
            round(_MARGIN + (y - low) / tall * (height - 2 * _MARGIN), 1),
        )

    places = [place(m.x, m.y) for m in members]
    pairs: dict[tuple[int, int], int] = {}
    for edge in detail.edges:
        key = (min(edge.a, edge.b), max(edge.a, edge.b))
        pairs[key] = pairs.get(key, 0) + edge.co_acts
    ranked = sorted(pairs.items(), key=lambda item: -item[1])[:MOST_LINES]
    strong = max(1, len(ranked) // 10)
    lines = [Line(*places[a], *places[b], strong=rank < strong) for rank, ((a, b), _) in enumerate(ranked)][::-1]
    named = {i for i, _ in sorted(enumerate(members), key=lambda item: -item[1].co_acts)[:MOST_LABELS]}
    dots = [
        Dot(
            i,
            x,
            y,
            round(max(2.5, scale * math.sqrt(m.co_acts / most)), 1),
            m.account if i in named else None,
            "end" if x > width * 0.72 else "start",
        )
        for i, (m, (x, y)) in enumerate(zip(members, places, strict=True))
    ]
    return Drawing(width, height, dots, lines, len(pairs))
