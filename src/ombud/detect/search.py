"""The whole test: from shares to networks that neither common interest nor common hours explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ombud.detect import groups
from ombud.detect.affinity import Pairs, shared_pairs
from ombud.detect.crowds import REFERENCE, SCALES, Crowds, crowds
from ombud.detect.fdr import harmonic, yekutieli
from ombud.detect.shares import Incidence, incidence
from ombud.detect.timing import timing

__all__ = ["Found", "Links", "Search", "Shares", "search"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

LINK_SHARE = 0.1
"""The part of the false discovery rate that goes to the links; the rest goes to the timing, which has less to see."""
_SEED = 1


@dataclass(frozen=True, slots=True)
class Shares:
    """Who shared what and when, for one trace: dense accounts and objects, seconds."""

    account: Ints
    object: Ints
    time: Ints


@dataclass(frozen=True, slots=True)
class Links:
    """The significant pairs of one trace."""

    pairs: Pairs
    q: Floats


@dataclass(frozen=True, slots=True)
class Found:
    """One network: its accounts, where the evidence is strongest, and its bounds."""

    members: Ints
    trace: str
    scale: int
    episodes: float
    close: float
    expected: float
    q_link: float
    q_time: float

    @property
    def q(self) -> float:
        """Return the bound: it is false if its links or its timing are, so both are added."""
        return min(1.0, self.q_link + self.q_time)


@dataclass(frozen=True, slots=True)
class Search:
    """What was found, and all that the pages about it are made of."""

    networks: list[Found]
    incidences: dict[str, Incidence]
    links: dict[str, Links]
    crowds: dict[str, Crowds]
    ordinary: NDArray[np.bool_]
    """by account: linked to nobody"""
    tested: int
    """groups whose timing was tested"""
    fdr: float


def search(shares: dict[str, Shares], accounts: int, *, fdr: float, budget: int = 40_000_000) -> Search:
    """Find the networks among `accounts` accounts at the false discovery rate `fdr`.

    A tenth of the rate goes to the links (pairs that share the same things too
    often: all pairs, all traces), the rest to the timing (all groups, traces
    and scales). Nothing else is set: no least number of shares, no window.
    """
    level = fdr * (1 - LINK_SHARE)
    cut = {t: incidence(s.account, s.object, s.time, budget=budget) for t, s in shares.items()}
    links = _links(cut, shares, accounts, fdr * LINK_SHARE)
    a = np.concatenate([k.pairs.a for k in links.values()] or [np.empty(0, dtype=np.int64)])
    b = np.concatenate([k.pairs.b for k in links.values()] or [np.empty(0, dtype=np.int64)])
    q = np.concatenate([k.q for k in links.values()] or [np.empty(0)])
    if len(a) == 0:
        return Search([], cut, links, {}, np.ones(accounts, dtype=bool), 0, fdr)
    a, b, q = _strongest(a, b, q, accounts)
    partitions = groups.levels(a, b, -np.log10(np.maximum(q, 1e-300)) + 1.0, accounts)
    ordinary = np.ones(accounts, dtype=bool)
    ordinary[np.concatenate([a, b])] = False
    profiles = {t: _crowd(inc, partitions[-1], ordinary) for t, inc in cut.items()}
    candidates = _candidates(cut, partitions, ordinary, profiles, level)
    networks = _accepted(candidates, accounts, level)
    networks = _pruned(networks, cut, (a, b, q), ordinary=ordinary, profiles=profiles, level=level)
    return Search(networks, cut, links, profiles, ordinary, len(candidates), fdr)


def _links(cut: dict[str, Incidence], shares: dict[str, Shares], accounts: int, level: float) -> dict[str, Links]:
    """Test all pairs in all traces together and keep the significant ones."""
    tests = 0
    for share in shares.values():
        active = len(np.unique(share.account))
        tests += active * (active - 1) // 2
    price = max(tests, 1) * harmonic(max(tests, 1))
    possible = {t: inc.pairs for t, inc in cut.items()}
    tested = {}
    for trace, inc in cut.items():
        others = sum(n for t, n in possible.items() if t != trace)
        tested[trace] = shared_pairs(inc, accounts, lambda n, others=others: level * (n + others) / price)  # type: ignore[misc]
    q = yekutieli(np.concatenate([k.p for k in tested.values()] or [np.empty(0)]), tests) if tests else np.empty(0)
    out, at = {}, 0
    for trace, pairs in tested.items():
        own = q[at : at + len(pairs.p)]
        at += len(pairs.p)
        keep = own <= level
        out[trace] = Links(
            Pairs(pairs.a[keep], pairs.b[keep], pairs.shared[keep], pairs.expected[keep], pairs.p[keep]), own[keep]
        )
    return out


def _strongest(a: Ints, b: Ints, q: Floats, accounts: int) -> tuple[Ints, Ints, Floats]:
    """Return each pair once, with the smallest q of its traces."""
    key = a * accounts + b
    order = np.lexsort((q, key))
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    keep = order[first]
    return a[keep], b[keep], q[keep]


def _crowd(inc: Incidence, group: Ints, ordinary: NDArray[np.bool_]) -> Crowds:
    """Learn the trace's profile; where most shares are of linked accounts there is no crowd to learn from."""
    if len(inc.account) == 0 or ordinary[inc.account].mean() <= 0.5:  # noqa: PLR2004 - a crowd is the majority
        return REFERENCE
    return crowds(inc, group, np.random.default_rng(_SEED))


@dataclass(frozen=True, slots=True)
class _Candidate:
    depth: int
    members: Ints
    trace: str
    scale: int
    episodes: float
    close: float
    expected: float
    p: float


def _candidates(
    cut: dict[str, Incidence],
    partitions: list[Ints],
    ordinary: NDArray[np.bool_],
    profiles: dict[str, Crowds],
    level: float,
) -> list[_Candidate]:
    """Return each group of each level with its best p over traces and scales, paid for by Bonferroni.

    A group that shares too little for any timing to be significant is not a
    test (Tarone 1990): that is known from who shares what, before any time is
    looked at. A group that two levels agree on is one test.
    """
    out = []
    seen: set[bytes] = set()
    price = len(cut) * len(SCALES)
    for depth, group in enumerate(partitions):
        results = {t: timing(inc, group, ordinary, profiles[t], by_member=False) for t, inc in cut.items()}
        order = np.argsort(group, kind="stable")
        bounds = np.searchsorted(group[order], np.arange(int(group.max(initial=-1)) + 2))
        for g in range(len(bounds) - 1):
            members = order[bounds[g] : bounds[g + 1]]
            least = min(float(r.least[g]) for r in results.values())
            if least * price > level or members.tobytes() in seen:
                continue
            seen.add(members.tobytes())
            p, trace, s = min((float(r.p[g, s]), t, s) for t, r in results.items() for s in range(len(SCALES)))
            r = results[trace]
            out.append(
                _Candidate(
                    depth,
                    members,
                    trace,
                    s,
                    float(r.episodes[g]),
                    float(r.close[g, s]),
                    float(r.expected[g, s]),
                    min(1.0, p * price),
                )
            )
    return out


def _accepted(candidates: list[_Candidate], accounts: int, level: float) -> list[Found]:
    """Return the significant groups, communities before their parts and components last, none overlapping."""
    q = yekutieli(np.array([c.p for c in candidates]), len(candidates))
    taken = np.zeros(accounts, dtype=bool)
    out = []
    for candidate, bound in zip(candidates, q.tolist(), strict=True):
        members = candidate.members
        if bound > level or taken[members].any():
            continue
        taken[members] = True
        out.append(
            Found(
                members,
                candidate.trace,
                int(SCALES[candidate.scale]),
                candidate.episodes,
                candidate.close,
                candidate.expected,
                0.0,
                bound,
            )
        )
    return out


def _pruned(
    networks: list[Found],
    cut: dict[str, Incidence],
    links: tuple[Ints, Ints, Floats],
    *,
    ordinary: NDArray[np.bool_],
    profiles: dict[str, Crowds],
    level: float,
) -> list[Found]:
    """Leave out members who are not in time with the rest of their network."""
    group = np.full(len(ordinary), -1, dtype=np.int64)
    for n, network in enumerate(networks):
        group[network.members] = n
    p = np.ones(len(group))
    for trace, inc in cut.items():
        if not any(network.trace == trace for network in networks):
            continue
        result = timing(inc, group, ordinary, profiles[trace], by_member=True)
        for n, network in enumerate(networks):
            if network.trace == trace:
                own = group == n
                p[own] = result.p[own, int(np.flatnonzero(network.scale == SCALES)[0])]
    inside = np.flatnonzero(group >= 0)
    keep = np.zeros(len(group), dtype=bool)
    keep[inside] = yekutieli(p[inside], len(inside)) <= level
    a, b, q = links
    out = []
    for n, network in enumerate(networks):
        stays = keep & (group == n)
        held = stays[a] & stays[b]
        if not held.any():
            continue
        part = groups.components(a[held], b[held], len(group))
        for number in range(int(part.max()) + 1):
            members = np.flatnonzero(part == number)
            out.append(
                Found(
                    members,
                    network.trace,
                    network.scale,
                    network.episodes,
                    network.close,
                    network.expected,
                    groups.weakest_link(a, b, q, members),
                    network.q_time,
                )
            )
    return out
