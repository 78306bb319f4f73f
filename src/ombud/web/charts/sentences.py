"""What a figure shows, in one sentence: the heading over it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ombud.web import words

if TYPE_CHECKING:
    from datetime import datetime

    from ombud.model.findings import Edge, Member, NetworkDetail

__all__ = [
    "edges_ranked",
    "graph_sentence",
    "linked_pairs",
    "members_ranked",
    "span",
    "timeline_sentence",
    "trace_codes",
]


def span(ends: tuple[datetime, datetime]) -> str:
    """Write a period: from 1 June to 3 November 2016."""
    return words.interval(*ends)


def trace_codes(detail: NetworkDetail) -> list[str]:
    """Return the traces of the time line, the most frequent first."""
    totals: Counter[str] = Counter()
    for item in detail.timeline:
        totals.update(item.co_acts)
    return [trace for trace, _ in sorted(totals.items(), key=lambda pair: (-pair[1], pair[0]))]


def timeline_sentence(detail: NetworkDetail) -> str:
    """Say when the network was busiest, or that its acts are spread evenly."""
    sums = sorted(((sum(item.co_acts.values()), item.start) for item in detail.timeline), reverse=True)
    total = sum(value for value, _ in sums)
    if not total:
        return "When they acted together"
    when = words.day if detail.timeline_unit == "day" else words.minute
    top = sums[: max(1, len(sums) // 10)]
    share = sum(value for value, _ in top) / total
    if len(sums) == 1:
        return f"All of it happened on {when(sums[0][1])}"
    if share >= 0.5:  # noqa: PLR2004 - "half" in the sentence
        busiest = words.plural(len(top), detail.timeline_unit)
        return f"Half of their joint acts or more fall on {busiest}, most on {when(top[0][1])}"
    return f"They acted together on {words.plural(len(sums), detail.timeline_unit)}, most on {when(sums[0][1])}"


def graph_sentence(detail: NetworkDetail) -> str:
    """Say how closely the members are tied."""
    members = detail.members_total
    if members < 2:  # noqa: PLR2004 - one account is no network
        return "Who they are"
    most = max((m.partners for m in detail.members), default=0)
    middle = sorted(m.partners for m in detail.members)[len(detail.members) // 2] if detail.members else 0
    if min((m.partners for m in detail.members), default=0) == members - 1:
        everybody = "each linked with the other" if members == 2 else "each linked with all the others"  # noqa: PLR2004
        return f"{words.plural(members, 'account')}, {everybody}"
    if middle == members - 1:
        return f"{words.plural(members, 'account')}: at least half of them are linked with all the others"
    if middle == most:
        return f"{words.plural(members, 'account')}: at least half of them are linked with {words.count(most)} others"
    return (
        f"{words.plural(members, 'account')}: half of them are linked with {words.count(middle)} or more others,"
        f" one with {words.count(most)}"
    )


def linked_pairs(detail: NetworkDetail) -> str:
    """Count the pairs of members whose joint acts are significant by any trace, of all that there could be."""
    ends = sum(m.partners for m in detail.members)
    of = detail.members_total * (detail.members_total - 1) // 2
    if len(detail.members) < detail.members_total:
        return f"{words.count(ends // 2)} or more of {words.count(of)}"
    return f"{words.count(ends // 2)} of {words.count(of)}"


def members_ranked(detail: NetworkDetail) -> list[tuple[int, Member]]:
    """Return members with their index, those with the most joint acts first."""
    return sorted(enumerate(detail.members), key=lambda item: (-item[1].co_acts, item[1].account))


def edges_ranked(detail: NetworkDetail) -> list[Edge]:
    """Return pairs, the strongest first: smallest q, then most joint acts."""
    return sorted(detail.edges, key=lambda e: (e.q, -e.co_acts))
