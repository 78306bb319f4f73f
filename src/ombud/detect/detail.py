"""Everything that a network's page shows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ombud.detect.layout import layout
from ombud.model.findings import CoAct, Edge, Member, NetworkDetail, RowRef, TimelineBin, TraceSummary

if TYPE_CHECKING:
    from ombud.detect.acts import Acts
    from ombud.detect.search import Found, Search
    from ombud.detect.traces import Posts

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


def detail(
    found: Found,
    acts: list[Acts],
    posts: Posts,
    search: Search,
    names: dict[int, str],
    platforms: dict[int, str | None],
) -> NetworkDetail:
    """Return the page of one network. `names` and `platforms` are by dense account."""
    times = np.concatenate([_times(a, search)[a.close].reshape(-1) for a in acts])
    first, last = moment(times.min()), moment(times.max())
    members, edges = _graph(found, acts, posts, search, names, platforms)
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
        traces=[_summary(a, search) for a in acts],
        timeline=_timeline(acts, search, unit),
        timeline_unit=unit,
        evidence=_evidence(found, acts, posts, search, names),
        first=first,
        last=last,
        co_acts=int(sum(a.close.sum() for a in acts)),
        expected=round(float(sum(a.chance * len(a.i) for a in acts)), 2),
        median_gap=float(np.median(gaps)),
        members_total=len(members),
        edges_total=len(edges),
    )


def evidence_rows(acts: list[Acts], posts: Posts, search: Search, most: int) -> list[RowRef]:
    """Return the posts that are one half of a co-act, the members' earliest first, at most `most`."""
    found = np.unique(np.concatenate([_posts(a, posts, search)[a.close].reshape(-1) for a in acts]))
    ids = posts.ids.take(found[:most]).to_pylist()
    return [RowRef("posts", str(post)) for post in ids]


def _times(acts: Acts, search: Search) -> Ints:
    time = search.incidences[acts.trace].time
    return np.stack([time[acts.i], time[acts.j]], axis=1)


def _posts(acts: Acts, posts: Posts, search: Search) -> Ints:
    """Return the two posts of each act, as indices into `posts`."""
    inc, trace = search.incidences[acts.trace], posts.traces[acts.trace]
    return np.stack([trace.post[inc.row[acts.i]], trace.post[inc.row[acts.j]]], axis=1)


def _graph(
    found: Found,
    acts: list[Acts],
    posts: Posts,
    search: Search,
    names: dict[int, str],
    platforms: dict[int, str | None],
) -> tuple[list[Member], list[Edge]]:
    """Return members, those with most partners first, and edges, the strongest first."""
    inside = np.zeros(len(posts.accounts), dtype=bool)
    inside[found.members] = True
    raw: list[tuple[int, int, str, int, int, float, float]] = []
    for a in acts:
        inc, links = search.incidences[a.trace], search.links[a.trace]
        held = np.flatnonzero(inside[links.pairs.a] & inside[links.pairs.b])
        width = len(posts.accounts)
        x, y = inc.account[a.i], inc.account[a.j]
        key, where = np.unique(np.minimum(x, y) * width + np.maximum(x, y), return_inverse=True)
        close, shared = np.bincount(where, a.close), np.bincount(where)
        spot = {int(k): n for n, k in enumerate(key.tolist())}
        for n in held.tolist():
            p, q = int(links.pairs.a[n]), int(links.pairs.b[n])
            at = spot.get(p * width + q)
            if at is not None:
                expected = round(a.chance * float(shared[at]), 3)
                raw.append((p, q, a.trace, a.scale, int(close[at]), expected, float(links.q[n])))
    partners: dict[int, set[int]] = {int(m): set() for m in found.members}
    for p, q, *_ in raw:
        partners[p].add(q)
        partners[q].add(p)
    halves = np.unique(np.concatenate([_posts(a, posts, search)[a.close].reshape(-1) for a in acts]))
    co_acts = np.bincount(posts.account[halves], minlength=len(posts.accounts))
    posted = np.bincount(posts.account, minlength=len(posts.accounts))
    order = sorted(partners, key=lambda m: (-len(partners[m]), -int(co_acts[m]), names[m]))
    rank = {m: n for n, m in enumerate(order)}
    members = [
        Member(names[m], int(posted[m]), int(co_acts[m]), len(partners[m]), platforms.get(m)) for m in order
    ]
    raw.sort(key=lambda e: (e[6], -e[4], rank[e[0]], rank[e[1]], e[2]))
    return members, [Edge(rank[p], rank[q], t, s, c, e, b) for p, q, t, s, c, e, b in raw]


def _summary(a: Acts, search: Search) -> TraceSummary:
    inc = search.incidences[a.trace]
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


def _timeline(acts: list[Acts], search: Search, unit: Literal["hour", "day"]) -> list[TimelineBin]:
    """Return co-acts by hour or day, at the later of their two posts; empty bins between are kept."""
    width = 3_600 if unit == "hour" else 86_400
    counts: dict[int, dict[str, int]] = {}
    for a in acts:
        bins, many = np.unique(_times(a, search)[a.close, 1] // width, return_counts=True)
        for at, n in zip(bins.tolist(), many.tolist(), strict=True):
            counts.setdefault(at, {})[a.trace] = n
    return [TimelineBin(moment(at * width), counts.get(at, {})) for at in range(min(counts), max(counts) + 1)]


def _evidence(
    found: Found, acts: list[Acts], posts: Posts, search: Search, names: dict[int, str]
) -> list[CoAct]:
    """Return the objects with most co-acts, over all traces."""
    inside = np.zeros(len(posts.accounts), dtype=bool)
    inside[found.members] = True
    ranked: list[tuple[int, str, int, Acts]] = []
    for a in acts:
        of = search.incidences[a.trace].object[search.incidences[a.trace].episode[a.i]]
        objects, where = np.unique(of, return_inverse=True)
        close = np.bincount(where, a.close).astype(int)
        best = np.argsort(-close, kind="stable")[:MOST_EVIDENCE]
        ranked += [(-int(close[n]), a.trace, int(objects[n]), a) for n in best.tolist() if close[n]]
    ranked.sort(key=lambda r: r[:3])
    return [_line(a, o, inside, posts, search, names) for _, _, o, a in ranked[:MOST_EVIDENCE]]


def _line(
    a: Acts, object_: int, inside: NDArray[np.bool_], posts: Posts, search: Search, names: dict[int, str]
) -> CoAct:
    trace = posts.traces[a.trace]
    every = trace.post[trace.object == object_]
    own = every[inside[posts.account[every]]]
    own = own[np.argsort(posts.time[own], kind="stable")]
    inc = search.incidences[a.trace]
    mine = inc.object[inc.episode[a.i]] == object_
    label = trace.labels[object_].as_py()
    accounts = dict.fromkeys(names[int(m)] for m in posts.account[own])
    return CoAct(
        a.trace,
        str(label),
        list(accounts),
        len(own),
        len(every) - len(own),
        round(a.chance * int(mine.sum()), 3),
        moment(posts.time[own[0]]),
        moment(posts.time[own[-1]]),
        float(np.median(a.gap[mine & a.close])),
        [RowRef("posts", str(post)) for post in posts.ids.take(own[:MOST_ROWS]).to_pylist()],
    )
