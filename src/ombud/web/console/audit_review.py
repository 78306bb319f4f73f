"""The review of every app for staff: the funnel, what waits for a second person, and all apps in order."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from fastapi import Form, Path, Query
from msgspec import Meta
from starlette.responses import RedirectResponse, Response

from ombud.audit.review import proposals
from ombud.audit.review.funnel import funnel
from ombud.audit.review.rules import rules_of
from ombud.records import questionnaires, review_progress, review_proposals
from ombud.records.review_proposals import Proposal
from ombud.web.access import EDITORS, STAFF
from ombud.web.console.cases import options
from ombud.web.pages import Pages
from ombud.web.paging import Option, Paging, paging
from ombud.web.review_words import OUTCOMES, STAGE_WORDS, FunnelView, ReviewLine, funnel_view, review_line
from ombud.web.visit import VisitParameter

__all__ = ["ReviewList", "pages"]

pages = Pages()
SIZE = 50
Reason = Annotated[str, Form(min_length=1, max_length=5_000)]


class ProposalLine(msgspec.Struct, frozen=True):
    """One move that waits for a second person."""

    id: Annotated[str, Meta(description="The proposal's id.")]
    words: Annotated[str, Meta(description="What is proposed, as a sentence.")]
    reason: Annotated[str, Meta(description="Why.")]
    by: Annotated[str, Meta(description="Who proposes it.")]
    at: Annotated[datetime, Meta(description="When.")]
    apps: Annotated[list[str], Meta(description="The apps' ids.")]
    mine: Annotated[bool, Meta(description="Whether it is one's own: somebody else has to agree.")]


class ReviewList(msgspec.Struct, frozen=True):
    """All apps in the order of review, as far as they fit the filters."""

    funnel: Annotated[FunnelView, Meta(description="How many apps came how far.")]
    overdue: Annotated[int, Meta(description="Apps past their deadline.")]
    answered: Annotated[list[ReviewLine], Meta(description="Apps whose developers answered: they wait to be read.")]
    silent: Annotated[list[ReviewLine], Meta(description="Apps whose developers let the deadline pass.")]
    proposals: Annotated[list[ProposalLine], Meta(description="Moves that wait for a second person.")]
    together: Annotated[int, Meta(description="Apps of low rank that may be looked at together.")]
    query: Annotated[str, Meta(description="Part of a name, or an id.")]
    stage: Annotated[str, Meta(description="The stage chosen; empty for any.")]
    owner: Annotated[str, Meta(description="me, nobody, or empty for anybody.")]
    late: Annotated[str, Meta(description="yes for those past their deadline, else empty.")]
    stages: Annotated[list[Option], Meta(description="Stages to choose from.")]
    owners: Annotated[list[Option], Meta(description="Owners to choose from.")]
    lates: Annotated[list[Option], Meta(description="Deadlines to choose from.")]
    rows: Annotated[list[ReviewLine], Meta(description="The apps on this page.")]
    paging: Annotated[Paging, Meta(description="Where in the list this is.")]
    any_at_all: Annotated[bool, Meta(description="Whether any app is in the review.")]
    may_move: Annotated[bool, Meta(description="Whether this role moves apps.")]
    may_decide: Annotated[bool, Meta(description="Whether this role agrees to what takes two.")]


def proposal_line(item: Proposal, names: dict[str, str], viewer: str) -> ProposalLine:
    """Return a proposal as a line."""
    what = names.get(item.apps[0], item.apps[0]) if len(item.apps) == 1 else f"{len(item.apps):,} apps of low rank"
    if item.stage == "acted on":
        words = f"Proposed for {what}: {OUTCOMES[item.outcome or 'limited'].lower()}"
    elif item.stage == proposals.REOPEN:
        words = f"Undo what was done about {what}"
    else:
        words = f"{STAGE_WORDS[item.stage]}: {what}"
    return ProposalLine(
        item.id, words, item.reason, item.proposed_by, item.proposed_at, item.apps,
        item.proposed_by.casefold() == viewer.casefold(),
    )  # fmt: skip


@pages.page("/console/review", shows=ReviewList, template="console/review.html", access=STAFF)
def review_list(
    visit: VisitParameter,
    q: Annotated[str, Query(max_length=200)] = "",
    stage: Literal["", "all", "looked at", "questioned", "audited", "cleared", "acted on"] = "",
    owner: Literal["", "me", "nobody"] = "",
    late: Literal["", "yes"] = "",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
) -> ReviewList:
    """Show how far the review of all apps is, and list the apps in its order."""
    viewer = visit.staff()
    whose = {"me": viewer.name, "nobody": "-"}.get(owner)
    chosen = {"stage": stage or None, "owner": whose, "query": q or None}
    with visit.house.records.read() as tx:
        found = funnel(tx)
        total = review_progress.count(tx, **chosen, late=bool(late))
        rows = review_progress.listing(tx, **chosen, late=bool(late), limit=SIZE, offset=(page - 1) * SIZE)
        waiting = review_proposals.waiting(tx)
        questioned = review_progress.listing(tx, stage="questioned", limit=None)
        asked = sorted(questionnaires.listing(tx, kind="review"), key=lambda one: one.asked_at)
        states = {one.app: one.state for one in asked if one.state != "withdrawn"}  # the newest of each app
        together = proposals.low_ones(tx, rules_of(visit.house.workspace))
        alone = [review_progress.find(tx, item.apps[0]) for item in waiting if len(item.apps) == 1]
        names = {item.app: item.name for item in alone if item is not None}
    state = {"q": q, "stage": stage, "owner": owner, "late": late}
    return ReviewList(
        funnel=funnel_view(found),
        overdue=found.overdue,
        answered=[review_line(item) for item in questioned if states.get(item.app) == "answered"],
        silent=[review_line(item) for item in questioned if states.get(item.app) == "silent"],
        proposals=[proposal_line(item, names, viewer.name) for item in waiting],
        together=together,
        query=q,
        stage=stage,
        owner=owner,
        late=late,
        stages=options(STAGE_WORDS, "Any stage"),
        owners=options({"me": "Mine", "nobody": "Nobody's"}, "Anybody's"),
        lates=options({"yes": "Past the deadline"}, "Any deadline"),
        rows=[review_line(item) for item in rows],
        paging=paging("/console/review", state, page, total, SIZE),
        any_at_all=found.reached["all"] > 0,
        may_move=viewer.role in EDITORS,
        may_decide=viewer.role in {"admin", "reviewer"},
    )


@pages.form("/console/review-together", access=EDITORS)
def look_together(visit: VisitParameter, most: Annotated[int, Form(ge=1, le=10_000)], reason: Reason) -> Response:
    """Propose that the apps of lowest rank were looked at together."""
    rules = rules_of(visit.house.workspace)
    with visit.house.records.begin() as tx:
        lowest = proposals.lowest(tx, most, rules=rules)
        proposals.propose_look(tx, lowest, visit.staff().name, reason, rules=rules)
    return RedirectResponse("/console/review#waits", 303)


@pages.form("/console/review-proposals/{proposal}", access=EDITORS)
def answer_proposal(
    visit: VisitParameter,
    proposal: Annotated[str, Path(max_length=60)],
    answer: Annotated[Literal["agree", "refuse"], Form()],
    reason: Annotated[str, Form(max_length=5_000)] = "",
) -> Response:
    """Agree to what somebody else proposed, or refuse it; one's own can be taken back."""
    name = visit.staff().name
    with visit.house.records.begin() as tx:
        if answer == "agree":
            proposals.agree(tx, proposal, name, rules=rules_of(visit.house.workspace))
        else:
            proposals.refuse(tx, proposal, name, reason)
    return RedirectResponse("/console/review#waits", 303)
