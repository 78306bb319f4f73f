"""One app's review for staff: where it stands, what was asked and answered, who has its data, and the moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from urllib.parse import quote

import msgspec
from fastapi import Form, Path
from msgspec import Meta
from starlette.responses import RedirectResponse, Response

from ombud.audit.people.sets import open_sets
from ombud.audit.review import certification, funnel, hearing, holders, proposals, questionnaire
from ombud.audit.review.certification import Due
from ombud.audit.review.facts import facts_of
from ombud.audit.review.rules import rules_of
from ombud.model.errors import InputError
from ombud.records import questionnaires, review_progress, review_proposals
from ombud.records.questionnaires import Questionnaire
from ombud.web.access import DECIDERS, EDITORS, STAFF
from ombud.web.console.audit_review import ProposalLine, Reason, proposal_line
from ombud.web.pages import HTML, Pages
from ombud.web.policy_words import deciding_policy
from ombud.web.public.apps import AppId
from ombud.web.rendering import render
from ombud.web.review_words import STAGE_WORDS, ReviewLine, review_line
from ombud.web.visit import VisitParameter

__all__ = ["ReviewPage", "pages"]

pages = Pages()


class AnswerLine(msgspec.Struct, frozen=True):
    """One question and what the developer said."""

    question: Annotated[str, Meta(description="The question.")]
    answer: Annotated[str | None, Meta(description="The newest answer; null for none.")]


class AskedLine(msgspec.Struct, frozen=True):
    """Questions that were sent once."""

    id: Annotated[str, Meta(description="Their id.")]
    kind: Annotated[str, Meta(description="review or certification.")]
    state: Annotated[str, Meta(description="open, answered, silent or withdrawn.")]
    by: Annotated[str, Meta(description="Who asked.")]
    at: Annotated[datetime, Meta(description="When.")]
    due_at: Annotated[datetime, Meta(description="Until when an answer is taken.")]
    versions: Annotated[int, Meta(description="How many times it was answered.")]
    answered_at: Annotated[datetime | None, Meta(description="When the first answer came.")]
    told: Annotated[list[str], Meta(description="What the developer was told was found.")]
    answers: Annotated[list[AnswerLine], Meta(description="Questions and answers, in order.")]


class HolderLine(msgspec.Struct, frozen=True):
    """Somebody who has, or had, the app's data."""

    name: Annotated[str, Meta(description="Who.")]
    giver: Annotated[str | None, Meta(description="Who passed it on; null for the app itself.")]
    fields: Annotated[list[str], Meta(description="Which fields.")]
    happened: Annotated[str | None, Meta(description="When, in the words of the source.")]
    still_held: Annotated[str | None, Meta(description="yes, no or unknown, where the source says.")]
    known: Annotated[list[str], Meta(description="How we know, in words.")]


class EventLine(msgspec.Struct, frozen=True):
    """One line of the review's history."""

    at: Annotated[datetime, Meta(description="When.")]
    kind: Annotated[str, Meta(description="moved, reopened, taken, asked, answered, ...")]
    words: Annotated[str | None, Meta(description="From which stage to which; null where none changed.")]
    author: Annotated[str, Meta(description="Who did it.")]
    second: Annotated[str | None, Meta(description="Who agreed, where it took two.")]
    text: Annotated[str, Meta(description="Why, or what happened.")]


class Sibling(msgspec.Struct, frozen=True):
    """Another app of the developer."""

    app: Annotated[str, Meta(description="Its id.")]
    name: Annotated[str, Meta(description="Its name.")]
    stage_words: Annotated[str, Meta(description="How far its review is.")]
    in_review: Annotated[bool, Meta(description="Whether it is in the review.")]


class DueLine(msgspec.Struct, frozen=True):
    """A purpose that has to be stated again."""

    scope: Annotated[str, Meta(description="The permission.")]
    field: Annotated[str, Meta(description="The field that it opens.")]
    purpose: Annotated[str | None, Meta(description="As it was stated last.")]
    until: Annotated[datetime, Meta(description="Until when it counts, or counted.")]
    state: Annotated[str, Meta(description="current, due, overdue or lapsed.")]


class ReviewPage(msgspec.Struct, frozen=True):
    """One app's review."""

    line: Annotated[ReviewLine, Meta(description="The app and where it stands.")]
    round: Annotated[int, Meta(description="Which review of it this is, from 1.")]
    reason: Annotated[str, Meta(description="Why it stands there.")]
    signals: Annotated[list[str], Meta(description="Why it has its rank, in sentences.")]
    moves: Annotated[list[str], Meta(description="Stages it can be moved to by one person.")]
    may_ask: Annotated[bool, Meta(description="Whether its developer can be asked now.")]
    may_act: Annotated[bool, Meta(description="Whether acting on it can be proposed: its developer was heard.")]
    over: Annotated[bool, Meta(description="Whether its review is over.")]
    undo: Annotated[bool, Meta(description="Whether opening it again undoes something, which takes two.")]
    proposals: Annotated[list[ProposalLine], Meta(description="Moves that wait for a second person.")]
    asked: Annotated[list[AskedLine], Meta(description="What its developer was asked, newest first.")]
    developer: Annotated[str | None, Meta(description="Who makes it; null when nobody knows.")]
    country: Annotated[str | None, Meta(description="The developer's country, as two letters.")]
    siblings: Annotated[list[Sibling], Meta(description="Other apps of its developer.")]
    holders: Annotated[list[HolderLine], Meta(description="Whom its data was passed on to.")]
    unknown: Annotated[list[str], Meta(description="What is not known of that, in sentences.")]
    due: Annotated[list[DueLine], Meta(description="Purposes of its reviewed permissions, the first to run out first.")]
    history: Annotated[list[EventLine], Meta(description="What happened in its review, newest first.")]
    answer_days: Annotated[int, Meta(description="Days that a developer has.")]
    may_move: Annotated[bool, Meta(description="Whether this role moves apps.")]
    may_decide: Annotated[bool, Meta(description="Whether this role ends reviews.")]


class LinkPage(msgspec.Struct, frozen=True):
    """A link to send to a developer: shown this once."""

    app: Annotated[str, Meta(description="The app's id.")]
    name: Annotated[str, Meta(description="The app's name.")]
    link: Annotated[str, Meta(description="The address to send.")]
    public: Annotated[bool, Meta(description="Whether the settings say under which address the public comes here.")]
    questions: Annotated[int, Meta(description="How many questions it asks.")]
    due_at: Annotated[datetime, Meta(description="Until when it counts.")]


def _asked(item: Questionnaire, given: list[questionnaires.Answer]) -> AskedLine:
    newest = questionnaires.present(given)
    return AskedLine(
        id=item.id,
        kind=item.kind,
        state=item.state,
        by=item.asked_by,
        at=item.asked_at,
        due_at=item.due_at,
        versions=item.version,
        answered_at=item.answered_at,
        told=item.told,
        answers=[AnswerLine(one.text, newest.get(one.code)) for one in item.questions],
    )


def _holder(one: holders.Holder) -> HolderLine:
    known = [f"{how.known_by}: {how.source}" + (f", {how.at:%Y-%m-%d}" if how.at else "") for how in one.known]
    return HolderLine(one.name, one.from_, one.fields, one.happened, one.still_held, known)


def _event(line: review_progress.Line) -> EventLine:
    words = None
    if line.stage_to is not None and line.stage_from is not None:
        words = f"{STAGE_WORDS[line.stage_from]} → {STAGE_WORDS[line.stage_to]}"
    return EventLine(line.happened_at, line.kind, words, line.author, line.second, line.text)


def _due(one: Due) -> DueLine:
    return DueLine(one.scope, one.field, one.purpose, one.expires_at, one.state)


@pages.page("/console/review/{app}", shows=ReviewPage, template="console/review_app.html", access=STAFF)
def review_page(visit: VisitParameter, app: AppId) -> ReviewPage:
    """Show one app's review: where it stands, what was asked and answered, who has its data."""
    viewer, house = visit.staff(), visit.house
    rules = rules_of(house.workspace)
    with house.records.read() as tx:
        item = review_progress.get(tx, app)
        asked = [(one, questionnaires.answers(tx, one.id)) for one in questionnaires.of_app(tx, app)]
        waits = review_proposals.of_app(tx, app)
        lines = review_progress.history(tx, app)
        heard = hearing.heard(tx, item)
        due = certification.due(tx, deciding_policy(tx), app=app, rules=rules, every=True)
    picture = holders.picture(house.lake, house.records, app)
    decides = viewer.role in {"admin", "reviewer"}
    possible = [one for one in funnel.MOVES[item.stage] if one not in {"questioned", "acted on"}]
    maker = picture.developer
    return ReviewPage(
        line=review_line(item),
        round=item.round,
        reason=item.reason,
        signals=item.signals,
        moves=[one for one in possible if one != "cleared" or (decides and heard != "open")],
        may_ask=item.stage in {"looked at", "questioned", "audited"} and heard != "open",
        may_act="acted on" in funnel.MOVES[item.stage] and heard in {"answered", "silent"},
        over=item.ended_at is not None,
        undo=item.stage == "acted on",
        proposals=[proposal_line(one, {app: item.name}, viewer.name) for one in waits],
        asked=[_asked(one, given) for one, given in asked],
        developer=(maker.name or maker.developer) if maker else None,
        country=maker.country if maker else None,
        siblings=[
            Sibling(one.app, one.name, STAGE_WORDS[one.stage] if one.stage else "Not in the review", bool(one.stage))
            for one in (maker.apps if maker else [])
            if one.app != app
        ],
        holders=[_holder(one) for one in picture.holders],
        unknown=picture.unknown,
        due=[_due(one) for one in due],
        history=[_event(line) for line in reversed(lines)],
        answer_days=rules.questions.answer_days,
        may_move=viewer.role in EDITORS,
        may_decide=decides,
    )


def _back(app: str, part: str = "") -> Response:
    return RedirectResponse(f"/console/review/{quote(app, safe='')}{part}", 303)


@pages.form("/console/review/{app}/take", access=EDITORS)
def take(visit: VisitParameter, app: AppId, owner: Annotated[Literal["me", "nobody"], Form()]) -> Response:
    """Take an app for oneself, or give it back."""
    name = visit.staff().name
    with visit.house.records.begin() as tx:
        funnel.take(tx, app, name if owner == "me" else None, name)
    return _back(app)


@pages.form("/console/review/{app}/deadline", access=EDITORS)
def deadline(
    visit: VisitParameter, app: AppId, reason: Reason, day: Annotated[str, Form(pattern=r"^\d{4}-\d{2}-\d{2}$")]
) -> Response:
    """Set until when the present stage should be over."""
    try:
        until = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC) + timedelta(days=1)
    except (ValueError, OverflowError):
        raise InputError(f"There is no day {day}.", hint="Give one such as 2027-01-31.") from None
    with visit.house.records.begin() as tx:
        funnel.set_deadline(tx, app, until, visit.staff().name, reason)
    return _back(app)


@pages.form("/console/review/{app}/move", access=EDITORS)
def move(
    visit: VisitParameter,
    app: AppId,
    reason: Reason,
    stage: Annotated[Literal["looked at", "audited", "cleared"], Form()],
) -> Response:
    """Move an app on, with a reason."""
    with visit.house.records.begin() as tx:
        funnel.move(tx, app, stage, visit.staff().name, reason, rules=rules_of(visit.house.workspace))
    return _back(app)


@pages.form("/console/review/{app}/act", access=DECIDERS)
def act(
    visit: VisitParameter,
    app: AppId,
    reason: Reason,
    outcome: Annotated[Literal["limited", "suspended", "banned"], Form()],
) -> Response:
    """Propose to act on an app; nothing happens until somebody else agrees."""
    with visit.house.records.begin() as tx:
        proposals.propose_act(tx, app, outcome, visit.staff().name, reason)
    return _back(app, "#waits")


@pages.form("/console/review/{app}/reopen", access=DECIDERS)
def reopen(visit: VisitParameter, app: AppId, reason: Reason) -> Response:
    """Open a review again; where that undoes something, somebody else has to agree."""
    name = visit.staff().name
    with visit.house.records.begin() as tx:
        if review_progress.get(tx, app).stage == "acted on":
            proposals.propose_undo(tx, app, name, reason)
        else:
            funnel.reopen(tx, app, name, reason, rules=rules_of(visit.house.workspace))
    return _back(app)


@pages.form("/console/review/{app}/ask", access=EDITORS)
def ask(
    visit: VisitParameter,
    app: AppId,
    kind: Annotated[Literal["review", "certification"], Form()] = "review",
    more: Annotated[str, Form(max_length=10_000)] = "",
) -> Response:
    """Ask an app's developer, and show the link to send, this once."""
    house, name = visit.house, visit.staff().name
    rules = rules_of(house.workspace)
    facts = facts_of(house.lake, open_sets(house.workspace, house.lake), app) if kind == "review" else None
    with house.records.begin() as tx:
        if facts is None:
            sent = certification.ask(tx, app, name, deciding_policy(tx), platform=house.name, rules=rules)
        else:
            own = more.splitlines()
            sent = questionnaire.ask(tx, app, name, facts, platform=house.name, rules=rules, more=own)
    return _link(visit, sent)


@pages.form("/console/review-questions/{questions}/{word}", access=EDITORS)
def asked_again(
    visit: VisitParameter,
    questions: Annotated[str, Path(max_length=60)],
    word: Annotated[Literal["link", "withdraw"], Path()],
    reason: Annotated[str, Form(max_length=5_000)] = "",
) -> Response:
    """Make another link for questions that wait, or take them back with a reason."""
    name = visit.staff().name
    with visit.house.records.begin() as tx:
        if word == "withdraw":
            return _back(questionnaire.withdraw(tx, questions, name, reason or "Asked by mistake.").app)
        sent = questionnaire.renew(tx, questions, name)
    return _link(visit, sent)


def _link(visit: VisitParameter, sent: questionnaire.Sent) -> Response:
    """Answer with the page that shows a link: it is kept nowhere, so no redirect can come between."""
    item, base = sent.questionnaire, visit.house.workspace.settings.public_url
    with visit.house.records.read() as tx:
        name = review_progress.get(tx, item.app).name
    address = questionnaire.link(base, sent.token)
    page = LinkPage(item.app, name, address, base is not None, len(item.questions), item.due_at)
    body = render("console/review_link.html", visit, page=page, twin=None)
    return Response(body, media_type=HTML, headers={"cache-control": "no-store"})
