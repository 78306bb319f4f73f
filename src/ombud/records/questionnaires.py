"""What developers were asked, by links known to them alone, and what they answered: added, never changed."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import msgspec
from sqlalchemy import and_, insert, select, update

from ombud.model import clock
from ombud.model.errors import InputError, NotFoundError, RefusedError
from ombud.model.ids import random_id, sha256_hex
from ombud.records.review_tables import developer_answer, questionnaire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

__all__ = [
    "Answer", "Question", "Questionnaire", "answers", "by_link", "get", "keep", "listing", "new_id", "of_app",
    "present", "renew", "send", "withdraw",
]  # fmt: skip

State = Literal["open", "answered", "silent", "withdrawn"]


class Question(msgspec.Struct, frozen=True):
    """One question as it was asked: filled with what was found about the app."""

    code: str
    text: str
    hint: str = ""
    required: bool = True


class Questionnaire(msgspec.Struct, frozen=True, kw_only=True):
    """One set of questions to one app's developer."""

    id: str
    app: str
    round: int
    """of the app's review"""
    kind: str
    """review or certification"""
    told: list[str]
    """what was found, in the sentences that the developer read"""
    questions: list[Question]
    consequence: str
    """what silence leads to, as the developer was told"""
    leads_to: str | None = None
    """the most that it can lead to alone: limited, suspended or banned; null where it is no outcome of a review"""
    policy: str
    """SHA-256 of the review's policy in force when it was sent"""
    asked_by: str
    asked_at: datetime
    due_at: datetime
    answered_at: datetime | None = None
    """when the first answer came"""
    version: int = 0
    """how many times it was answered: 1, and one for each correction"""
    withdrawn_at: datetime | None = None

    @property
    def state(self) -> State:
        """Say what became of it: silence is what is left once the deadline has passed."""
        if self.withdrawn_at is not None:
            return "withdrawn"
        if self.answered_at is not None:
            return "answered"
        return "silent" if self.due_at <= clock.now() else "open"

    @property
    def takes_answers(self) -> bool:
        """Say whether the developer may still answer, or correct what was answered."""
        return self.withdrawn_at is None and clock.now() < self.due_at


class Answer(msgspec.Struct, frozen=True):
    """What the developer said to one question, in one version."""

    version: int
    code: str
    text: str
    answered_at: datetime


def send(tx: Connection, item: Questionnaire) -> tuple[Questionnaire, str]:
    """Keep a questionnaire; return it with the token of its link (256 random bits), of which only a hash is kept."""
    if not item.questions:
        raise InputError("A questionnaire needs a question.", hint="`audit/review/questions.toml` has them.")
    if item.due_at <= clock.now():
        raise InputError("The deadline has passed already.", hint="Give the developer time.")
    token = secrets.token_urlsafe(32)
    row = msgspec.to_builtins(item, builtin_types=(datetime,)) | {"token_sha256": _hash(token)}
    tx.execute(insert(questionnaire).values(row))
    return get(tx, item.id), token


def new_id() -> str:
    """Return an id for another questionnaire."""
    return random_id("questions")


def renew(tx: Connection, questionnaire_id: str) -> str:
    """Make another link for a questionnaire and return its token; the link before counts no longer."""
    item = get(tx, questionnaire_id)
    if not item.takes_answers:
        raise RefusedError(f"The questionnaire `{item.id}` takes no answers any more.", hint="Ask again.")
    token = secrets.token_urlsafe(32)
    change = update(questionnaire).where(questionnaire.c.id == item.id)
    tx.execute(change.values(token_sha256=_hash(token)))
    return token


def by_link(tx: Connection, token: str) -> Questionnaire | None:
    """Return the questionnaire of a link, unless it is unknown, was replaced or withdrawn, or its deadline passed.

    Looked up by the token's hash, which says nothing of it, and compared in constant time.
    """
    digest = _hash(token)
    row = tx.execute(select(questionnaire).where(questionnaire.c.token_sha256 == digest)).mappings().first()
    if row is None or not hmac.compare_digest(str(row["token_sha256"]), digest):
        return None
    item = _from(dict(row))
    return item if item.takes_answers else None


def get(tx: Connection, questionnaire_id: str) -> Questionnaire:
    """Return a questionnaire; `NotFoundError` when there is none."""
    row = tx.execute(select(questionnaire).where(questionnaire.c.id == questionnaire_id)).mappings().first()
    if row is None:
        raise NotFoundError(
            f"There is no questionnaire `{questionnaire_id}`.", hint="`ombud audit answers` lists them."
        )
    return _from(dict(row))


def of_app(tx: Connection, app: str, *, kind: str | None = None, round_: int | None = None) -> list[Questionnaire]:
    """Return what an app's developer was asked, newest first."""
    t = questionnaire
    query = select(t).where(t.c.app == app)
    if kind is not None:
        query = query.where(t.c.kind == kind)
    if round_ is not None:
        query = query.where(t.c.round == round_)
    rows = tx.execute(query.order_by(t.c.asked_at.desc(), t.c.id)).mappings()
    return [_from(dict(row)) for row in rows]


def listing(tx: Connection, *, kind: str | None = None, silent: bool = False) -> list[Questionnaire]:
    """Return every questionnaire, earliest deadline first; with `silent` those that nobody answered in time."""
    t = questionnaire
    query = select(t).order_by(t.c.due_at, t.c.id)
    if kind is not None:
        query = query.where(t.c.kind == kind)
    if silent:
        query = query.where(and_(t.c.answered_at.is_(None), t.c.withdrawn_at.is_(None), t.c.due_at <= clock.now()))
    return [_from(dict(row)) for row in tx.execute(query).mappings()]


def keep(tx: Connection, questionnaire_id: str, texts: Mapping[str, str], version: int) -> Questionnaire:
    """Keep answers by question code as the next version after `version`, which must be the present one.

    Raises `RefusedError` when it is not (somebody sent other answers meanwhile), or when it takes none any more.
    """
    now, t = clock.now(), questionnaire
    item = get(tx, questionnaire_id)
    if not item.takes_answers:
        raise RefusedError("The deadline has passed, or the questions were withdrawn.", hint="Ask for another link.")
    first = item.answered_at or now
    change = update(t).where(t.c.id == item.id, t.c.version == version)
    if tx.execute(change.values(version=version + 1, answered_at=first)).rowcount != 1:
        raise RefusedError(
            "Other answers were sent by this link meanwhile; yours were not kept.",
            hint="Load the page again, look at them, and send yours anew.",
        )
    rows = [{"questionnaire_id": item.id, "version": version + 1, "code": c, "text": s} for c, s in texts.items()]
    tx.execute(insert(developer_answer), [row | {"answered_at": now} for row in rows])
    return get(tx, item.id)


def answers(tx: Connection, questionnaire_id: str) -> list[Answer]:
    """Return every answer that was ever given, oldest version first, in the order of the questions."""
    t = developer_answer
    query = select(t.c.version, t.c.code, t.c.text, t.c.answered_at).where(t.c.questionnaire_id == questionnaire_id)
    return [Answer(*row) for row in tx.execute(query.order_by(t.c.version, t.c.id))]


def withdraw(tx: Connection, questionnaire_id: str) -> Questionnaire:
    """Take questions back: their link counts no longer, and silence has no consequence."""
    item = get(tx, questionnaire_id)
    if item.state != "open":
        raise RefusedError(f"The questionnaire `{item.id}` is {item.state}.", hint="Only an open one is taken back.")
    change = update(questionnaire).where(questionnaire.c.id == item.id)
    tx.execute(change.values(withdrawn_at=clock.now()))
    return get(tx, item.id)


def present(given: Sequence[Answer]) -> dict[str, str]:
    """Return the newest answer to each question that was not taken back by an empty one."""
    newest = max((answer.version for answer in given), default=0)
    return {answer.code: answer.text for answer in given if answer.version == newest and answer.text}


def _hash(token: str) -> str:
    return sha256_hex(token.encode("utf-8", "surrogateescape"))


def _from(row: dict[str, object]) -> Questionnaire:
    return msgspec.convert({name: row[name] for name in Questionnaire.__struct_fields__}, Questionnaire)
