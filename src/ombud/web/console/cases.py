"""The list of cases: filtered, searched and sorted by its address."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from fastapi import Query
from msgspec import Meta

from ombud.records import cases, findings
from ombud.web.access import STAFF
from ombud.web.console.outlines import Outline, outlines
from ombud.web.pages import Pages
from ombud.web.paging import Option, Paging, paging
from ombud.web.visit import VisitParameter

__all__ = ["STATES", "CaseLine", "CaseList", "case_lines", "options", "pages"]

pages = Pages()
SIZE = 25
STATES = {
    "open": "Open",
    "waiting": "Waiting for a decision",
    "decided": "Decided",
    "closed": "Closed",
}
KINDS = {"network": "Network", "account": "Account", "app": "App", "page": "Page", "ad": "Ad", "tip": "Tip"}
SORTS = {
    "strongest": "Strongest finding first",
    "newest": "Newest first",
    "updated": "Last changed first",
    "oldest": "Oldest first",
}


class CaseLine(msgspec.Struct, frozen=True):
    """One case in a list."""

    number: Annotated[int, Meta(description="The case's number.")]
    kind: Annotated[str, Meta(description="network, app, ... or tip.")]
    state: Annotated[str, Meta(description="open, waiting, decided or closed.")]
    state_words: Annotated[str, Meta(description="The state as people read it.")]
    title: Annotated[str, Meta(description="The finding in one sentence.")]
    opened_at: Annotated[datetime, Meta(description="When it was opened.")]
    updated_at: Annotated[datetime, Meta(description="When it last changed.")]
    q: Annotated[float | None, Meta(description="Bound on the share of false findings; null if uncalibrated.")]
    score: Annotated[float | None, Meta(description="Score of its finding, comparable within one tool.")]
    outline: Annotated[Outline | None, Meta(description="The network in a few words; null when it is about none.")]


class CaseList(msgspec.Struct, frozen=True):
    """Cases that fit the filters."""

    query: Annotated[str, Meta(description="Words searched for in titles, or a case's number.")]
    state: Annotated[str, Meta(description="The state chosen; empty for any.")]
    kind: Annotated[str, Meta(description="The kind chosen; empty for any.")]
    sort: Annotated[str, Meta(description="strongest, newest, updated or oldest.")]
    states: Annotated[list[Option], Meta(description="States to choose from.")]
    kinds: Annotated[list[Option], Meta(description="Kinds to choose from.")]
    sorts: Annotated[list[Option], Meta(description="Orders to choose from.")]
    rows: Annotated[list[CaseLine], Meta(description="The cases on this page.")]
    paging: Annotated[Paging, Meta(description="Where in the list this is.")]
    any_at_all: Annotated[bool, Meta(description="Whether there is any case, whatever the filters.")]


def options(choices: dict[str, str], anything: str | None = None) -> list[Option]:
    """Return choices of a filter, first the one that leaves it open."""
    first = [Option("", anything)] if anything else []
    return first + [Option(value, label) for value, label in choices.items()]


def case_lines(visit: VisitParameter, found: list[cases.Case]) -> list[CaseLine]:
    """Return list lines for cases, with q, score and outline of their first finding."""
    wanted = {item.finding_ids[0] for item in found if item.finding_ids}
    with visit.house.records.read() as tx:
        strength = findings.strengths(tx, wanted)
        outline = outlines(tx, wanted)
    return [
        CaseLine(
            number=item.number,
            kind=item.kind,
            state=item.state,
            state_words=STATES[item.state],
            title=item.title,
            opened_at=item.opened_at,
            updated_at=item.updated_at,
            q=strength.get(first, (None, None))[1],
            score=strength.get(first, (None, None))[0],
            outline=outline.get(first),
        )
        for item in found
        for first in [item.finding_ids[0] if item.finding_ids else ""]
    ]


@pages.page("/console/cases", shows=CaseList, template="console/cases.html", access=STAFF)
def case_list(
    visit: VisitParameter,
    q: Annotated[str, Query(max_length=200)] = "",
    state: Literal["", "open", "waiting", "decided", "closed"] = "",
    kind: Literal["", "network", "account", "app", "page", "ad", "tip"] = "",
    sort: Literal["strongest", "newest", "updated", "oldest"] = "strongest",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> CaseList:
    """List the cases that fit."""
    with visit.house.records.read() as tx:
        chosen = {"state": state or None, "kind": kind or None, "query": q or None}
        total = cases.count(tx, **chosen)
        found = cases.listing(tx, **chosen, sort=sort, limit=SIZE, offset=(page - 1) * SIZE)
        any_at_all = bool(total) or cases.count(tx) > 0
    address = {"q": q, "state": state, "kind": kind, "sort": sort if sort != "strongest" else None}
    return CaseList(
        query=q,
        state=state,
        kind=kind,
        sort=sort,
        states=options(STATES, "Any state"),
        kinds=options(KINDS, "Any kind"),
        sorts=options(SORTS),
        rows=case_lines(visit, found),
        paging=paging("/console/cases", address, page, total, SIZE),
        any_at_all=any_at_all,
    )
