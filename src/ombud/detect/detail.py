"""Everything that a network's page shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from ombud.detect.layout import layout
from ombud.model.findings import CoAct, Edge, Member, NetworkDetail, RowRef, TimelineBin, TraceSummary

if TYPE_CHECKING:
    from ombud.detect.acts import Acts, Context

__all__ = ["MOST_EDGES", "MOST_EVIDENCE", "MOST_MEMBERS", "MOST_ROWS", "detail", "evidence_rows", "moment"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MOST_MEMBERS = 2_000
MOST_EDGES = 4_000
MOST_EVIDENCE = 60
MOST_ROWS = 40
"""rows shown of one object"""
_HOURLY = timedelta(days=4)


def moment(seconds: float) -> datetime:
    """Return the moment so many seconds after 1970."""
    return datetime.fromtimestamp(float(seconds), UTC)


def detail(context: Context) -> NetworkDetail:
    """Return the page of one network."""
    acts = context.acts
    times = context.posts.time[context.all_halves()]
    first, last = moment(times.min()), moment(times.max())
    members, edges = _graph(context)
    shown = members[:MOST_MEMBERS]
    drawn = [e for e in edges if e.a < len(shown) and e.b < len(shown)][:MOST_EDGES]
    places = layout(
        len(shown),
        np.array([e.a for e in drawn], dtype=np.int64),
        np.array([e.b for e in drawn], dtype=np.int64),
        np.array([max(e.co_acts, 1) for e in drawn], dtype=float),
    )
    gaps = np.concatenate([a.gap[a.close] for a in acts])
    unit: Literal["hour", "day"] = "hour" if last - first <= _HOURLY else "day"
    return NetworkDetail(
        members=[
            Member(m.account, m.acts, m.co_acts, m.partners, m.platform, float(x), float(y))
            for m, (x, y) in zip(shown, places.tolist(), strict=True)
        ],
        edges=drawn,
        traces=[_summary(context, a) for a in acts],
        timeline=_timeline(context, unit),
        timeline_unit=unit,
        evidence=_evidence(context),
        first=first,
        last=last,
        co_acts=int(sum(a.close.sum() for a in acts)),
        expected=round(float(sum(a.chance * len(a.i) for a in acts)), 2),
        median_gap=float(np.median(gaps)),
        members_total=len(members),
        edges_total=len(edges),
    )


def evidence_rows(context: Context, most: int) -> list[RowRef]:
    """Return the posts that are one half of a co-act, the earliest first, at most `most`."""
    ids = context.posts.ids.take(context.all_halves()[:most]).to_pylist()
    return [RowRef("posts", str(post)) for post in ids]


def _pairs(context: Context) -> list[tuple[int, int, Edge]]:
    """Return the significant pairs of members as dense accounts, with an edge whose ends are still to be named."""
    inside, search, width = context.inside, context.search, len(context.posts.accounts)
    out = []
    for a in context.acts:
        inc, links = search.incidences[a.trace], search.links[a.trace]
        x, y = inc.account[a.i], inc.account[a.j]
        key, where = np.unique(np.minimum(x, y) * width + np.maximum(x, y), return_inverse=True)
        close, shared = np.bincount(where, a.close), np.bincount(where)
        for n in np.flatnonzero(inside[links.pairs.a] & inside[links.pairs.b]).tolist():
            p, q = int(links.pairs.a[n]), int(links.pairs.b[n])
            at = int(np.searchsorted(key, p * width + q))
            if at < len(key) and key[at] == p * width + q:
                expected = round(a.chance * float(shared[at]), 3)
                out.append((p, q, Edge(0, 0, a.trace, a.scale, int(close[at]), expected, float(links.q[n]))))
    return out


def _graph(context: Context) -> tuple[list[Member], list[Edge]]:
    """Return members, those with most partners first, and edges, the strongest first."""
    posts, names = context.posts, context.names
    pairs = _pairs(context)
    partners: dict[int, set[int]] = {int(m): set() for m in context.network.members}
    for p, q, _ in pairs:
        partners[p].add(q)
        partners[q].add(p)
    co_acts = np.bincount(posts.account[context.all_halves()], minlength=len(posts.accounts))
    posted = np.bincount(posts.account, minlength=len(posts.accounts))
    order = sorted(partners, key=lambda m: (-len(partners[m]), -int(co_acts[m]), names[m]))
    rank = {m: n for n, m in enumerate(order)}
    members = [
        Member(names[m], int(posted[m]), int(co_acts[m]), len(partners[m]), context.platforms.get(m)) for m in order
    ]
    edges = [replace(e, a=rank[p], b=rank[q]) for p, q, e in pairs]
    return members, sorted(edges, key=lambda e: (e.q, -e.co_acts, e.a, e.b, e.trace))


def _summary(context: Context, a: Acts) -> TraceSummary:
    inc = context.search.incidences[a.trace]
    close = a.close
    x, y = inc.account[a.i[close]], inc.account[a.j[close]]
    pairs = np.unique(np.stack([np.minimum(x, y), np.maximum(x, y)]), axis=1).shape[1]
    objects = np.unique(inc.object[inc.episode[a.i[close]]])
    return TraceSummary(
        a.trace,
        a.scale,
        int(close.sum()),
        round(a.chance * len(a.i), 2),
        len(objects),
        pairs,
        float(np.median(a.gap[close])),
    )


def _timeline(context: Context, unit: Literal["hour", "day"]) -> list[TimelineBin]:
    """Return co-acts by hour or day, at the later of their two posts; empty bins between are kept."""
    width = 3_600 if unit == "hour" else 86_400
    counts: dict[int, dict[str, int]] = {}
    for a in context.acts:
        bins, many = np.unique(context.posts.time[context.halves(a)[:, 1]] // width, return_counts=True)
        for at, n in zip(bins.tolist(), many.tolist(), strict=True):
            counts.setdefault(at, {})[a.trace] = n
    return [TimelineBin(moment(at * width), counts.get(at, {})) for at in range(min(counts), max(counts) + 1)]


def _evidence(context: Context) -> list[CoAct]:
    """Return the objects with most co-acts, over all traces."""
    ranked: list[tuple[int, str, int, Acts]] = []
    for a in context.acts:
        inc = context.search.incidences[a.trace]
        objects, close = np.unique(inc.object[inc.episode[a.i[a.close]]], return_counts=True)
        best = np.lexsort((objects, -close))[:MOST_EVIDENCE]
        ranked += [(-int(close[n]), a.trace, int(objects[n]), a) for n in best.tolist()]
    ranked.sort(key=lambda r: r[:3])
    inside = context.inside
    return [_line(context, inside, a, o) for _, _, o, a in ranked[:MOST_EVIDENCE]]


def _line(context: Context, inside: NDArray[np.bool_], a: Acts, object_: int) -> CoAct:
    posts, trace = context.posts, context.posts.traces[a.trace]
    every = trace.post[trace.object == object_]
    own = np.sort(every[inside[posts.account[every]]])  # posts are in order of time
    inc = context.search.incidences[a.trace]
    mine = inc.object[inc.episode[a.i]] == object_
    accounts = dict.fromkeys(context.names[int(m)] for m in posts.account[own])
    return CoAct(
        a.trace,
        str(trace.labels[object_].as_py()),
        list(accounts),
        len(own),
        len(every) - len(own),
        round(a.chance * int(mine.sum()), 3),
        moment(posts.time[own[0]]),
        moment(posts.time[own[-1]]),
        float(np.median(a.gap[mine & a.close])),
        [RowRef("posts", str(post)) for post in posts.ids.take(own[:MOST_ROWS]).to_pylist()],
    )
