"""The ranking of all apps, with the reasons of each.

An app's *points* are the weighted decades by which its signals are rarer than
half of the apps like it, none counting more than the cap. They say how odd it
is, not how much harm it can do; so its score is its points times the decades of
people it read who were not using it (its own, or its group's where it did its
even share). A score is no probability: what it is worth is measured on simulated
platforms (`benchmarks/audit_ranking.py`) and published beside it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from ombud.audit.exposure.counts import Count, exposures
from ombud.audit.logs.sealed import limits
from ombud.audit.people import walking
from ombud.audit.ranking.measured import Measured, measure
from ombud.audit.ranking.signals import Signal, decades, signals_of
from ombud.audit.ranking.weights import Weights, load_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ombud.audit.people.sets import PeopleSets
    from ombud.lake import Lake
    from ombud.records import Records

    Progress = Callable[[int, int | None, str], None]

__all__ = ["REASONS", "Ranked", "Ranking", "Scored", "counts_for", "rank_apps", "ranking_of", "score_apps"]

REASONS = 5
"""Reasons that are given at most."""
_WORTH = 0.3
"""Points from which on a signal is a reason."""
_UNUSUAL = 0.1
"""The share of apps like it that may have as much, for it to be one: among four apps nothing is unusual."""


class Ranked(msgspec.Struct, frozen=True, kw_only=True):
    """One app of `ombud audit apps --json`."""

    rank: int
    app: str
    """as imported"""
    name: str | None
    people_direct: int
    """people read by their own grant, as the record proves"""
    people_exposed: Count
    """everybody whose data went out, as proved and as possible"""
    score: float
    reasons: list[str]
    """its strongest signals, each with its number and what apps like it have"""
    status: str
    developer: str | None = None
    category: str | None = None
    former_names: list[str] = []
    people_via: int = 0
    """people read through somebody else's grant"""
    installers: int = 0
    """people who ever allowed it anything"""
    together_with: list[str] = []
    """apps of the same developer, host or key, which it was also looked at together with"""


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run: the apps that are shown, and all that it depends on besides the rows."""

    apps: list[Ranked]
    ranked: int
    """how many apps there are in all"""
    level: float
    """score from which on an app is reported"""
    above: int
    """apps at or above it"""
    weights: str
    """hash of the weights"""
    said: list[str]
    """what a reader must know beside the ranks, in sentences"""


@dataclass(frozen=True, slots=True)
class Scored:
    """One app with its points, before anything is shown of it."""

    app: int
    """its number"""
    score: float
    points: float
    beyond: int
    """people read who were not using it, by itself or together"""
    signals: list[Signal]
    """those that count most first"""


def rank_apps(
    lake: Lake,
    records: Records,
    sets: PeopleSets,
    *,
    weights: Weights | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> list[Ranked]:
    """Return all apps (or the first `limit`), the one to look at first at the top."""
    return ranking_of(lake, records, sets, weights=weights, limit=limit, progress=progress)[0].apps


def ranking_of(
    lake: Lake,
    records: Records,
    sets: PeopleSets,
    *,
    weights: Weights | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> tuple[Ranking, Measured, list[Scored]]:
    """Return the ranking with all that it was made of, the scores in the order of the ranks."""
    say = progress or (lambda _done, _total, _what: None)
    chosen = weights or load_weights()
    measured = measure(lake, progress)
    say(0, None, "comparing apps")
    scored = score_apps(measured, chosen)
    shown = scored[:limit]
    csr = walking.build(lake) if shown and lake.files("ties") else None
    apps = []
    reached = exposures(lake, sets, [one.app for one in shown], csr=csr)
    for rank, (one, found) in enumerate(zip(shown, reached, strict=True), 1):
        say(rank, len(shown), "counting people")
        apps.append(_ranked(rank, one, measured, chosen, found.people))
    ranking = Ranking(
        apps=apps,
        ranked=len(scored),
        level=chosen.level,
        above=sum(one.score >= chosen.level for one in scored),
        weights=chosen.hash,
        said=[*_said(measured), *limits(lake, records, ("reads", "grants"))],
    )
    return ranking, measured, scored


def score_apps(measured: Measured, weights: Weights) -> list[Scored]:
    """Return the score of every app, the highest first; ties in the order of their ids."""
    group_of = measured.group_of
    found = [
        _scored(app, signals, _beyond(app, measured, group_of.get(app)), weights)
        for app, signals in signals_of(measured).items()
    ]
    return sorted(found, key=lambda one: (-one.score, measured.described[one.app].app))


def counts_for(signal: Signal, weights: Weights) -> float:
    """Return the points of a signal."""
    return weights.weights.get(signal.code, 0.0) * min(decades(signal.p_value, signal.part), weights.cap)


def _scored(app: int, signals: Sequence[Signal], beyond: int, weights: Weights) -> Scored:
    points = sum(counts_for(signal, weights) for signal in signals)
    score = points * max(1.0, math.log10(max(beyond, 1))) if points > 0 else points
    ordered = sorted(signals, key=lambda signal: (-counts_for(signal, weights), signal.code))
    return Scored(app, round(score, 6), points, beyond, ordered)


def _beyond(app: int, measured: Measured, group: int | None) -> int:
    """Return how many people were read who were not using it: by itself, or by its group as far as it did that."""
    shape = measured.shapes[app]
    own = shape.people - shape.active
    if group is None:
        return own
    whole, apps = measured.together[group], len(measured.groups[group].apps)
    every = whole.people - whole.active
    return max(own, round(every * min(1.0, own * apps / every))) if every > 0 else own


def _ranked(rank: int, one: Scored, measured: Measured, weights: Weights, people: Count) -> Ranked:
    item, shape = measured.described[one.app], measured.shapes[one.app]
    group = measured.group_of.get(one.app)
    others = set() if group is None else {*measured.groups[group].apps} - {one.app}
    strong = [
        signal
        for signal in one.signals
        if counts_for(signal, weights) >= _WORTH and (signal.p_value or 0.0) <= _UNUSUAL
    ]
    return Ranked(
        rank=rank,
        app=item.app,
        name=item.name,
        people_direct=shape.direct,
        people_exposed=people,
        score=round(one.score, 2),
        reasons=[signal.sentence for signal in strong[:REASONS]],
        status=item.status,
        developer=item.developer,
        category=item.category,
        former_names=list(item.names),
        people_via=shape.via,
        installers=shape.installers,
        together_with=sorted(measured.described[other].app for other in others),
    )


def _said(measured: Measured) -> list[str]:
    """Return what the ranking could not see; nothing when there was nothing to see."""
    if not measured.described:
        return []
    said = []
    if not measured.consents:
        said.append(
            "No consent is on record: reads of strangers and after consent could not be told, nor how many use an app:"
            " apps that read many people stand high for that alone."
        )
    if not measured.ties:
        said.append("No friendship is on record, so how much of a circle of friends was read could not be told.")
    if measured.unknown:
        named = ", ".join(sorted(measured.unknown)[:5])
        many = len(measured.unknown)
        fields = "1 field" if many == 1 else f"{many:,} fields"
        said.append(f"No policy's catalogue knows {fields} that were read ({named}): taken as personal.")
    return said
