"""Asking developers, and hearing them: a link known to them alone, their answers, and whom they passed data on to."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

from ombud.audit.review import funnel
from ombud.audit.review.facts import AppFacts, sentences
from ombud.audit.review.hands import MOVERS, person
from ombud.audit.review.questions import fill, load_questions
from ombud.audit.review.rules import ReviewRules, load_rules
from ombud.model import clock
from ombud.model.errors import InputError, RefusedError
from ombud.model.ids import canonical_json, sha256_hex
from ombud.records import known_transfers, questionnaires, review_progress
from ombud.records.known_transfers import KnownTransfer
from ombud.records.questionnaires import Question, Questionnaire
from ombud.records.review_progress import ENDED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

__all__ = ["HolderSaid", "Sent", "ask", "link", "receipt_of", "receive", "renew", "said_holders", "withdraw"]

LONGEST = 5_000
"""Characters of one answer."""
MOST_HOLDERS = 50


class Sent(msgspec.Struct, frozen=True):
    """Questions that were sent, with the token of their link: the only time that anybody but the developer has it."""

    questionnaire: Questionnaire
    token: str


class HolderSaid(msgspec.Struct, frozen=True):
    """Somebody the developer says got data."""

    name: str
    fields: str = ""
    happened: str = ""
    still_held: Literal["yes", "no", "unknown"] = "unknown"


def link(public_url: str | None, token: str) -> str:
    """Return the address to send to the developer."""
    return f"{(public_url or '').rstrip('/')}/developer/answer/{token}"


def ask(
    tx: Connection,
    app: str,
    by: str,
    facts: AppFacts,
    *,
    platform: str,
    rules: ReviewRules | None = None,
    due_at: datetime | None = None,
    more: Sequence[str] = (),
) -> Sent:
    """Ask an app's developer about it, with questions of one's own in `more`; the app is `questioned` then.

    Raises `RefusedError` when its review is over or has not begun, or when earlier questions still wait.
    """
    rules = rules or load_rules()
    author = person(tx, by, MOVERS)
    before = review_progress.get(tx, app)
    if before.stage == "all" or before.stage in ENDED:
        raise RefusedError(
            f"The app `{app}` is `{before.stage}`: its developer cannot be asked now.",
            hint="Look at it first." if before.stage == "all" else "Reopen its review with a reason.",
        )
    amplification = facts.amplification
    values = {
        "platform": platform,
        "app": before.name,
        "people": f"{facts.people:,}" if facts.people else None,
        "people_via": f"{facts.people_via:,}" if facts.people_via else None,
        "amplification": f"{amplification:,.0f}" if amplification else None,
    }
    own = [Question(f"own:{number}", text.strip()) for number, text in enumerate(more, start=1) if text.strip()]
    asked = fill(load_questions().review, values, {"fields": [{"field": name} for name in facts.fields]})
    last = next((place for place, one in enumerate(asked) if not one.required), len(asked))
    item = Questionnaire(
        id=questionnaires.new_id(),
        app=app,
        round=before.round,
        kind="review",
        told=[*sentences(before.name, facts), *before.signals],
        questions=[*asked[:last], *own, *asked[last:]],
        consequence=rules.silence.says,
        leads_to=rules.silence.consequence,
        policy=rules.hash,
        asked_by=author,
        asked_at=clock.now(),
        due_at=due_at or clock.now() + timedelta(days=rules.questions.answer_days),
    )
    sent = send(tx, item, rules)
    if before.stage != "questioned":
        funnel.move(tx, app, "questioned", author, "The developer was asked.", rules=rules)
    return sent


def send(tx: Connection, item: Questionnaire, rules: ReviewRules) -> Sent:
    """Keep questions and say so in the app's history and to the ledger."""
    waits = [one for one in questionnaires.of_app(tx, item.app, kind=item.kind) if one.state == "open"]
    if waits:
        raise RefusedError(
            f"The developer of `{item.app}` has questions open until {waits[0].due_at:%Y-%m-%d}.",
            hint="Send a new link to them, or withdraw them first.",
        )
    kept, token = questionnaires.send(tx, item)
    number = "1 question" if len(item.questions) == 1 else f"{len(item.questions)} questions"
    text = f"{number} ({item.kind}, {kept.id}), to be answered by {item.due_at:%Y-%m-%d}."
    funnel.publish(tx, review_progress.add_line(tx, item.app, "asked", item.asked_by, text), rules)
    return Sent(kept, token)


def renew(tx: Connection, questionnaire_id: str, by: str) -> Sent:
    """Make another link for questions that wait; the one before counts no longer."""
    author = person(tx, by, MOVERS)
    token = questionnaires.renew(tx, questionnaire_id)
    item = questionnaires.get(tx, questionnaire_id)
    review_progress.add_line(
        tx, item.app, "asked", author, f"Another link for {item.id}; the one before counts no longer."
    )
    return Sent(item, token)


def withdraw(tx: Connection, questionnaire_id: str, by: str, reason: str) -> Questionnaire:
    """Take questions back; the developer's silence then leads to nothing."""
    author = person(tx, by, MOVERS)
    item = questionnaires.withdraw(tx, questionnaire_id)
    line = review_progress.add_line(tx, item.app, "withdrawn", author, f"{item.id}: {reason}")
    funnel.publish(tx, line, load_rules())
    return item


def receive(
    tx: Connection,
    item: Questionnaire,
    texts: Mapping[str, str],
    holders: Sequence[HolderSaid],
    version: int,
    *,
    rules: ReviewRules | None = None,
) -> Questionnaire:
    """Keep what a developer answered, or corrected; the same answers again change nothing.

    `version` is the one that the developer saw. Raises `InputError` for an answer that is missing or too long,
    `RefusedError` when other answers came meanwhile, or after too many corrections.
    """
    rules = rules or load_rules()
    said = {question.code: texts.get(question.code, "").strip() for question in item.questions}
    _check(item, said, holders)
    named = [
        HolderSaid(one.name.strip(), one.fields.strip(), one.happened.strip(), one.still_held)
        for one in holders
        if one.name.strip()
    ]
    if item.version and said == _present(tx, item) and named == said_holders(tx, item):
        return item
    if item.version > rules.questions.corrections:
        raise RefusedError(
            f"These answers were corrected {rules.questions.corrections} times.", hint="Write to whoever sent the link."
        )
    kept = questionnaires.keep(tx, item.id, said, version)
    known_transfers.withdraw_answered(tx, item.id)
    for holder in named:
        known_transfers.add(tx, _transfer(item, holder))
    digest = sha256_hex(canonical_json([said, [msgspec.to_builtins(one) for one in named]]).encode())
    kind = "answered" if kept.version == 1 else "corrected"
    text = f"{item.id}, version {kept.version}: {len(named)} holders named, answers with SHA-256 {digest}."
    funnel.publish(tx, review_progress.add_line(tx, item.app, kind, "developer", text), rules)
    return kept


def receipt_of(tx: Connection, item: Questionnaire) -> str | None:
    """Return the receipt for the newest answers: the commitment that the ledger has of them; null before any."""
    kinds = {"answered", "corrected"}
    lines = [line for line in review_progress.history(tx, item.app) if line.kind in kinds and item.id in line.text]
    return review_progress.commitment(lines[-1]) if lines else None


def said_holders(tx: Connection, item: Questionnaire) -> list[HolderSaid]:
    """Return whom the newest answers name."""
    return [
        HolderSaid(
            one.holder,
            one.fields,
            one.happened or "",
            msgspec.convert(one.still_held or "unknown", Literal["yes", "no", "unknown"]),
        )
        for one in known_transfers.of_app(tx, item.app)
        if one.questionnaire_id == item.id
    ]


def _present(tx: Connection, item: Questionnaire) -> dict[str, str]:
    given = questionnaires.answers(tx, item.id)
    return {answer.code: answer.text for answer in given if answer.version == item.version}


def _transfer(item: Questionnaire, holder: HolderSaid) -> KnownTransfer:
    return KnownTransfer(
        app=item.app,
        holder=holder.name,
        fields=holder.fields,
        happened=holder.happened or None,
        still_held=holder.still_held,
        known_by="answer",
        source=f"the developer's answer to {item.id}",
        author="developer",
        learned_at=clock.now(),
        questionnaire_id=item.id,
    )


def _check(item: Questionnaire, said: Mapping[str, str], holders: Sequence[HolderSaid]) -> None:
    missing = [number for number, one in enumerate(item.questions, 1) if one.required and not said[one.code]]
    if missing:
        numbers = ", ".join(map(str, missing))
        raise InputError(
            f"Not answered yet: {numbers}.", hint="Nothing was sent. If you cannot answer one, say so and why."
        )
    if any(len(text) > LONGEST for text in said.values()):
        raise InputError(f"An answer is longer than {LONGEST:,} characters.", hint="Shorten it.")
    if len(holders) > MOST_HOLDERS:
        raise InputError(f"More than {MOST_HOLDERS} holders do not fit.", hint="Name the others in an answer.")
    for one in holders:
        if not one.name.strip() and (one.fields.strip() or one.happened.strip()):
            raise InputError("Somebody in the table has no name.", hint="Say who it is, or clear the line.")
        if any(len(text) > 500 for text in (one.name, one.fields, one.happened)):  # noqa: PLR2004 - as the page says
            raise InputError("An entry of the table is longer than 500 characters.", hint="Shorten it.")
