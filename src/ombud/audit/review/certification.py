"""The purpose of each field, stated again every year: what is due, asking, certifying, and what lapses.

It is about fields that a reviewed permission opens, under the policy in force. A permission whose purpose lapsed is
listed; a person withdraws it, with a reason, after the developer was asked. Nothing happens by itself.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Literal

import msgspec

from ombud.audit.review import funnel, questionnaire
from ombud.audit.review.hands import DECIDERS, MOVERS, person
from ombud.audit.review.questions import fill, load_questions
from ombud.audit.review.rules import ReviewRules, load_rules
from ombud.model import clock
from ombud.model.errors import NotFoundError, RefusedError
from ombud.records import apps, certifications, questionnaires, review_progress, reviews
from ombud.records.questionnaires import Questionnaire

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ombud.audit.review.questionnaire import Sent
    from ombud.gate.policy import Policy
    from ombud.records.certifications import Certification

__all__ = ["Due", "State", "ask", "certify", "certify_answers", "due", "withdraw_lapsed"]

State = Literal["current", "due", "overdue", "lapsed"]
NOT_NEEDED = "not needed"
"""What a developer writes for a field it can do without."""


class Due(msgspec.Struct, frozen=True):
    """One field of one reviewed permission of one app, and how long its purpose still counts."""

    app: str
    name: str
    scope: str
    field: str
    purpose: str | None
    """as it was stated last; null when it was approved without"""
    stated_at: datetime
    """when it was stated, or the permission approved"""
    expires_at: datetime
    state: State
    """current; due: soon to be stated again; overdue: it no longer counts; lapsed: the grace is over too"""


def due(
    tx: Connection, policy: Policy, *, app: str | None = None, rules: ReviewRules | None = None, every: bool = False
) -> list[Due]:
    """Return what has to be stated again, what is longest overdue first; with `every` what is current too."""
    rules = rules or load_rules()
    stated = certifications.latest(tx, app)
    names = {one.app: one.name for one in apps.every(tx)}
    found = []
    for review in reviews.in_force(tx):
        scope = policy.scopes.get(review.scope)
        if scope is None or (app is not None and review.app != app):
            continue
        for field in sorted({*scope.opens, *scope.opens_of_friends}):
            last = stated.get((review.app, review.scope, field))
            if last is not None and last.certified_at < review.approved_at:
                last = None  # approved anew since, with a reason of its own
            found.append(_due(names.get(review.app, review.app), review, field, last, rules))
    shown = found if every else [one for one in found if one.state != "current"]
    return sorted(shown, key=lambda one: (one.expires_at, one.app, one.scope, one.field))


def ask(tx: Connection, app: str, by: str, policy: Policy, *, platform: str, rules: ReviewRules | None = None) -> Sent:
    """Ask an app's developer to state the purposes that are due. `NotFoundError` when none is."""
    rules = rules or load_rules()
    author = person(tx, by, MOVERS)
    open_ = due(tx, policy, app=app, rules=rules)
    if not open_:
        raise NotFoundError(f"No purpose of `{app}` is due.", hint="`ombud audit due` lists what is.")
    progress = review_progress.get(tx, app)
    lists = {"certified": [{"scope": one.scope, "field": one.field} for one in open_]}
    until = min(one.expires_at for one in open_)
    lost = f"The purposes of {len(open_)} fields that {progress.name} may read"
    item = Questionnaire(
        id=questionnaires.new_id(),
        app=app,
        round=progress.round,
        kind="certification",
        told=[f"{lost} {'have not counted since' if until <= clock.now() else 'count until'} {until:%Y-%m-%d}."],
        questions=fill(load_questions().certification, {"platform": platform, "app": progress.name}, lists),
        consequence=rules.certification.says,
        policy=rules.hash,
        asked_by=author,
        asked_at=clock.now(),
        due_at=clock.now() + timedelta(days=rules.questions.answer_days),
    )
    return questionnaire.send(tx, item, rules)


def certify(
    tx: Connection, app: str, scope: str, field: str, *, purpose: str, by: str, policy: Policy,
    rules: ReviewRules | None = None,
) -> Certification:  # fmt: skip
    """Write down a purpose that a developer stated in another way, such as by letter."""
    rules = rules or load_rules()
    author = person(tx, by, MOVERS)
    wanted = {(one.scope, one.field) for one in due(tx, policy, app=app, rules=rules, every=True)}
    if (scope, field) not in wanted:
        raise NotFoundError(
            f"The app `{app}` has no approval of `{scope}` in force that opens `{field}`.",
            hint=f"`ombud audit due {app} --all` lists what it has to state.",
        )
    return _keep(tx, app, scope, field, purpose=purpose, by=author, rules=rules)


def certify_answers(
    tx: Connection, item: Questionnaire, texts: dict[str, str], *, rules: ReviewRules | None = None
) -> list[Certification]:
    """Take the purposes in a developer's answers. One that is `not needed` stops counting at once."""
    rules = rules or load_rules()
    known = certifications.latest(tx, item.app)
    made = []
    for question in item.questions:
        scope, field = question.code.split(":", 2)[1:]
        purpose = texts[question.code].strip()
        last = known.get((item.app, scope, field))
        if last is None or last.purpose != purpose or last.questionnaire_id != item.id:
            made.append(_keep(tx, item.app, scope, field, purpose=purpose, by="developer", rules=rules, asked=item.id))
    return made


def withdraw_lapsed(
    tx: Connection, app: str, scope: str, *, by: str, reason: str, policy: Policy, rules: ReviewRules | None = None
) -> int:
    """Withdraw the approval of a scope of which a purpose lapsed; return how many approvals ended.

    Raises `RefusedError` while none lapsed, or when the developer was not asked and given time since it was stated.
    """
    rules = rules or load_rules()
    author = person(tx, by, DECIDERS)
    lapsed = [one for one in due(tx, policy, app=app, rules=rules) if one.scope == scope and one.state == "lapsed"]
    if not lapsed:
        raise RefusedError(
            f"No purpose of `{scope}` of `{app}` has lapsed.",
            hint=f"It lapses {rules.certification.grace_days} days after it no longer counts.",
        )
    asked = questionnaires.of_app(tx, app, kind="certification")
    heard = [one for one in asked if one.state in {"answered", "silent"} and one.due_at <= clock.now()]
    if not any(one.asked_at > min(item.stated_at for item in lapsed) for one in heard):
        raise RefusedError(
            f"The developer of `{app}` was not asked for it and given time.",
            hint=f"`ombud audit due {app} --ask` asks; their answer, or the deadline, comes first.",
        )
    ended = reviews.withdraw(tx, app, scope, author, reason)
    fields = ", ".join(one.field for one in lapsed)
    line = review_progress.add_line(tx, app, "lapsed", author, f"{scope}, for want of a purpose for {fields}: {reason}")
    funnel.publish(tx, line, rules)
    return ended


def _keep(
    tx: Connection, app: str, scope: str, field: str, *, purpose: str, by: str, rules: ReviewRules,
    asked: str | None = None,
) -> Certification:  # fmt: skip
    dropped = purpose.strip().casefold().rstrip(".") == NOT_NEEDED
    until = clock.now() + timedelta(days=0 if dropped else rules.certification.valid_days)
    made = certifications.add(tx, app, scope, field, purpose=purpose, by=by, expires_at=until, questionnaire_id=asked)
    if review_progress.find(tx, app) is not None:
        counts = "is not needed, by the developer's word" if dropped else f"counts until {until:%Y-%m-%d}"
        text = f"The purpose of {field}, opened by {scope}, {counts}."
        funnel.publish(tx, review_progress.add_line(tx, app, "certified", by, text), rules)
    return made


def _due(name: str, review: reviews.Review, field: str, last: Certification | None, rules: ReviewRules) -> Due:
    terms, now = rules.certification, clock.now()
    stated = last.certified_at if last else review.approved_at
    expires = last.expires_at if last else review.approved_at + timedelta(days=terms.valid_days)
    state: State = "lapsed"
    if now < expires - timedelta(days=terms.ask_days_before):
        state = "current"
    elif now < expires:
        state = "due"
    elif now < expires + timedelta(days=terms.grace_days):
        state = "overdue"
    return Due(review.app, name, review.scope, field, last.purpose if last else None, stated, expires, state)
