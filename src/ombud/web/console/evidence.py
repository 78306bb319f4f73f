"""What a network's finding rests on: the posts behind a line of evidence, and its tables as CSV and JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import Path, Request
from msgspec import Meta
from starlette.responses import Response

from ombud.model.errors import NotFoundError
from ombud.model.findings import CoAct, NetworkDetail
from ombud.web.access import STAFF
from ombud.web.console.case import Number, detail_of, load
from ombud.web.console.purposes import look
from ombud.web.downloads import csv_response
from ombud.web.pages import Pages
from ombud.web.posts import Post, posts_by_id
from ombud.web.visit import VisitParameter

__all__ = ["EvidencePage", "GraphData", "pages"]

pages = Pages()
CSV = "text/csv; charset=utf-8"
MOST_POSTS = 200


class EvidencePage(msgspec.Struct, frozen=True):
    """One thing that members shared, with the posts themselves."""

    number: Annotated[int, Meta(description="The case's number.")]
    title: Annotated[str, Meta(description="The case's finding.")]
    place: Annotated[int, Meta(description="Which line of the evidence, from 1.")]
    places: Annotated[int, Meta(description="How many lines there are.")]
    act: Annotated[CoAct, Meta(description="The line of evidence.")]
    posts: Annotated[list[Post], Meta(description="The posts, earliest first.")]
    shown: Annotated[int, Meta(description="How many posts are shown.")]
    missing: Annotated[int, Meta(description="Rows that are no longer in the lake, erased on request perhaps.")]


class GraphData(msgspec.Struct, frozen=True):
    """The graph in columns: members and pairs, at most 2,000 members and 8,000 pairs."""

    names: Annotated[list[str], Meta(description="Members' names.")]
    x: Annotated[list[float], Meta(description="Places, 0 to 1.")]
    y: Annotated[list[float], Meta(description="Places, 0 to 1.")]
    co_acts: Annotated[list[int], Meta(description="Co-acts by member.")]
    source: Annotated[list[int], Meta(description="Pairs: index of one member.")]
    target: Annotated[list[int], Meta(description="Pairs: index of the other.")]
    weight: Annotated[list[int], Meta(description="Pairs: co-acts by all traces.")]
    at: Annotated[datetime, Meta(description="The finding's moment.")]


def _detail(request: Request, visit: VisitParameter, number: int, what: str) -> tuple[str, NetworkDetail, datetime]:
    case, finding, _ = load(visit, number)
    look(request, visit, number, what)
    detail = detail_of(finding)
    if detail is None or finding is None:
        raise NotFoundError(f"Case {number} is not about a network.")
    return case.title, detail, finding.found_at


@pages.page(
    "/console/cases/{number}/evidence/{place}", shows=EvidencePage, template="console/evidence.html", access=STAFF
)
def evidence_page(
    request: Request, visit: VisitParameter, number: Number, place: Annotated[int, Path(ge=1, le=100_000)]
) -> EvidencePage:
    """Show the posts behind one line of evidence."""
    title, detail, _ = _detail(request, visit, number, f"posts of evidence {place}")
    if place > len(detail.evidence):
        raise NotFoundError(f"Case {number} has {len(detail.evidence)} lines of evidence.")
    act = detail.evidence[place - 1]
    wanted = [row.id for row in act.rows if row.table == "posts"][:MOST_POSTS]
    posts = posts_by_id(visit.house.lake, wanted, act.first, act.last)
    return EvidencePage(
        number=number,
        title=title,
        place=place,
        places=len(detail.evidence),
        act=act,
        posts=posts,
        shown=len(posts),
        missing=len(wanted) - len(posts),
    )


@pages.data("/console/cases/{number}/graph.json", access=STAFF, media_type="application/json")
def graph(request: Request, visit: VisitParameter, number: Number) -> Response:
    """Send the graph's members and pairs in columns, for drawing."""
    _, detail, at = _detail(request, visit, number, "the graph")
    pairs: dict[tuple[int, int], int] = {}
    for edge in detail.edges:
        key = (min(edge.a, edge.b), max(edge.a, edge.b))
        pairs[key] = pairs.get(key, 0) + edge.co_acts
    members = detail.members[:2_000]
    kept = sorted(((ab, weight) for ab, weight in pairs.items() if ab[1] < len(members)), key=lambda item: -item[1])[
        :8_000
    ]
    data = GraphData(
        names=[m.account for m in members],
        x=[m.x for m in members],
        y=[m.y for m in members],
        co_acts=[m.co_acts for m in members],
        source=[ab[0] for ab, _ in kept],
        target=[ab[1] for ab, _ in kept],
        weight=[weight for _, weight in kept],
        at=at,
    )
    return Response(msgspec.json.encode(data), media_type="application/json")


@pages.data("/console/cases/{number}/timeline.csv", access=STAFF, media_type=CSV)
def timeline_csv(request: Request, visit: VisitParameter, number: Number) -> Response:
    """Send the time line as CSV: one line a bin and trace."""
    _, detail, _ = _detail(request, visit, number, "the time line as CSV")
    rows = [(item.start.isoformat(), trace, n) for item in detail.timeline for trace, n in sorted(item.co_acts.items())]
    return csv_response(f"case-{number}-timeline", (detail.timeline_unit, "trace", "co_acts"), rows)


@pages.data("/console/cases/{number}/members.csv", access=STAFF, media_type=CSV)
def members_csv(request: Request, visit: VisitParameter, number: Number) -> Response:
    """Send the members as CSV."""
    _, detail, _ = _detail(request, visit, number, "the members as CSV")
    rows = [(m.account, m.platform or "", m.acts, m.co_acts, m.partners) for m in detail.members]
    return csv_response(f"case-{number}-members", ("account", "platform", "acts", "co_acts", "partners"), rows)


@pages.data("/console/cases/{number}/pairs.csv", access=STAFF, media_type=CSV)
def pairs_csv(request: Request, visit: VisitParameter, number: Number) -> Response:
    """Send the significant pairs as CSV."""
    _, detail, _ = _detail(request, visit, number, "the pairs as CSV")
    name = [m.account for m in detail.members]
    rows = [(name[e.a], name[e.b], e.trace, e.scale, e.co_acts, e.expected, e.q) for e in detail.edges]
    header = ("account", "other", "trace", "scale_seconds", "co_acts", "expected", "q")
    return csv_response(f"case-{number}-pairs", header, rows)


@pages.data("/console/cases/{number}/evidence.csv", access=STAFF, media_type=CSV)
def evidence_csv(request: Request, visit: VisitParameter, number: Number) -> Response:
    """Send the lines of evidence as CSV, with the ids of their rows."""
    _, detail, _ = _detail(request, visit, number, "the evidence as CSV")
    rows = [
        (e.trace, e.object, len(e.accounts), e.times, e.outsiders, e.expected, e.first.isoformat(),
         e.last.isoformat(), e.median_gap, " ".join(f"{r.table}/{r.id}" for r in e.rows))
        for e in detail.evidence
    ]  # fmt: skip
    header = (
        "trace",
        "object",
        "accounts",
        "times",
        "outsiders",
        "expected_close_pairs",
        "first",
        "last",
        "median_gap",
        "rows",
    )
    return csv_response(f"case-{number}-evidence", header, rows)
