"""One case: the finding, how sure it is, what speaks against it, who and what it rests on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Form, Path, Request
from msgspec import Meta
from starlette.responses import RedirectResponse, Response

from ombud.model.findings import Explanation, Figure, Finding, NetworkDetail, Reason
from ombud.records import cases, findings
from ombud.web.access import EDITORS, STAFF
from ombud.web.console.cases import STATES
from ombud.web.console.purposes import CHOICES, PURPOSES, Purpose, look, purpose_for, remember
from ombud.web.pages import Pages
from ombud.web.posts import first_words
from ombud.web.visit import VisitParameter

__all__ = ["CasePage", "Number", "detail_of", "pages"]

pages = Pages()
HEAVIEST = 12
"""Lines of evidence that the page shows at once, each with the words of a post."""
Number = Annotated[int, Path(ge=1, le=2**31)]


class EventLine(msgspec.Struct, frozen=True):
    """One line of the case's history."""

    at: Annotated[datetime, Meta(description="When it happened.")]
    kind: Annotated[str, Meta(description="opened, note or state.")]
    author: Annotated[str | None, Meta(description="Who did it; null for Ombud itself.")]
    text: Annotated[str, Meta(description="The note, or what changed.")]


class FindingView(msgspec.Struct, frozen=True):
    """A finding without its detail; until a purpose is given, without what can name a person too."""

    id: Annotated[str, Meta(description="The finding's id.")]
    says: Annotated[str, Meta(description="coordinated or anomalous: what a tool may say.")]
    q: Annotated[float | None, Meta(description="Bound on the share of false findings; null if uncalibrated.")]
    score: Annotated[float, Meta(description="Score, comparable within one tool.")]
    calibration: Annotated[str, Meta(description="How the probability was calibrated.")]
    reasons: Annotated[list[Reason], Meta(description="What speaks for it.")]
    explanations: Annotated[
        list[Explanation], Meta(description="Innocent explanations; empty until a purpose is given.")
    ]
    query: Annotated[str, Meta(description="The query or command that computes it.")]
    tool: Annotated[str, Meta(description="The tool that says so.")]
    tool_version: Annotated[str, Meta(description="Its version.")]
    settings: Annotated[dict[str, Any], Meta(description="Its settings.")]
    found_at: Annotated[datetime, Meta(description="When it was found.")]
    figures: Annotated[
        list[Figure], Meta(description="Its numbers, each with query and inputs; empty until a purpose is given.")
    ]
    rows: Annotated[int, Meta(description="Rows of the lake that it rests on.")]


class CasePage(msgspec.Struct, frozen=True):
    """Everything about one case."""

    number: Annotated[int, Meta(description="The case's number.")]
    kind: Annotated[str, Meta(description="network, app, ... or tip.")]
    state: Annotated[str, Meta(description="open, waiting, decided or closed.")]
    state_words: Annotated[str, Meta(description="The state as people read it.")]
    title: Annotated[str, Meta(description="The finding in one sentence.")]
    opened_at: Annotated[datetime, Meta(description="When it was opened.")]
    finding: Annotated[FindingView | None, Meta(description="What a tool says; null for a tip.")]
    detail: Annotated[
        NetworkDetail | None, Meta(description="The network; null until a purpose is given, or when it is none.")
    ]
    samples: Annotated[
        list[str | None],
        Meta(description="What the first post of each of the heaviest lines of evidence says; null where it is gone."),
    ]
    purpose: Annotated[str | None, Meta(description="Why this page is being looked at; null if not yet said.")]
    purpose_words: Annotated[str | None, Meta(description="The purpose as people read it.")]
    purposes: Annotated[list[Purpose], Meta(description="Purposes to choose from.")]
    history: Annotated[list[EventLine], Meta(description="Notes and changes, oldest first; empty without a purpose.")]
    may_write: Annotated[bool, Meta(description="Whether this role may add notes.")]
    figure_ids: Annotated[dict[str, str], Meta(description="Figure ids by the figure's name.")]


def detail_of(finding: Finding | None) -> NetworkDetail | None:
    """Return the network in a finding, if it has one."""
    if finding is None or finding.subject_kind != "network" or not finding.detail:
        return None
    return msgspec.convert(finding.detail, NetworkDetail)


def load(visit: VisitParameter, number: int) -> tuple[cases.Case, Finding | None, list[cases.CaseEvent]]:
    """Return a case with its first finding and history; `NotFoundError` when there is none."""
    with visit.house.records.read() as tx:
        case = cases.by_number(tx, number)
        finding = findings.get(tx, case.finding_ids[0]) if case.finding_ids else None
        return case, finding, cases.history(tx, case.id)


def _view(finding: Finding, purpose: str | None) -> FindingView:
    """Return the finding; a figure's parameters list accounts, an explanation quotes their names."""
    same = {f: getattr(finding, f) for f in FindingView.__struct_fields__ if f != "rows"}
    view = FindingView(**same, rows=len(finding.rows))
    return view if purpose else msgspec.structs.replace(view, explanations=[], figures=[])


@pages.page("/console/cases/{number}", shows=CasePage, template="console/case.html", access=STAFF)
def case_page(request: Request, visit: VisitParameter, number: Number) -> CasePage:
    """Show a case; its people only to those who say why."""
    case, finding, events = load(visit, number)
    purpose = purpose_for(request, visit, number)
    if purpose is not None:
        look(request, visit, number, "the case's page")
    detail = detail_of(finding) if purpose else None
    return CasePage(
        number=case.number,
        kind=case.kind,
        state=case.state,
        state_words=STATES[case.state],
        title=case.title,
        opened_at=case.opened_at,
        finding=_view(finding, purpose) if finding else None,
        detail=detail,
        samples=first_words(visit.house.lake, detail.evidence[:HEAVIEST]) if detail else [],
        purpose=purpose,
        purpose_words=PURPOSES[purpose] if purpose else None,
        purposes=CHOICES,
        history=[EventLine(e.happened_at, e.kind, e.author, e.text) for e in events] if purpose else [],
        may_write=visit.staff().role in EDITORS,
        figure_ids={f.name: f.id for f in finding.figures} if finding else {},
    )


@pages.form("/console/cases/{number}/purpose", access=STAFF)
def give_purpose(
    request: Request,
    visit: VisitParameter,
    number: Number,
    purpose: Annotated[Literal["case", "second", "request", "quality", "audit"], Form()],
) -> Response:
    """Keep why this case is looked at, and show it."""
    load(visit, number)
    response = RedirectResponse(f"/console/cases/{number}", 303)
    remember(request, response, visit, number, purpose)
    return response


@pages.form("/console/cases/{number}/notes", access=EDITORS)
def add_note(
    request: Request, visit: VisitParameter, number: Number, text: Annotated[str, Form(min_length=1, max_length=20_000)]
) -> Response:
    """Add a note to the case's history."""
    look(request, visit, number, "the case's notes")
    with visit.house.records.begin() as tx:
        cases.add_note(tx, cases.by_number(tx, number).id, visit.staff().name, text)
    return RedirectResponse(f"/console/cases/{number}#history", 303)
