"""How far the review of each app is: its stage, owner and deadline, and a history that is only added to."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from sqlalchemy import Select, and_, func, insert, or_, select, update

from ombud.model import clock
from ombud.model.errors import InputError, NotFoundError
from ombud.model.ids import canonical_json
from ombud.records.review_tables import review_line, review_progress
from ombud.records.upsert import insert_new

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

__all__ = [
    "ENDED", "STAGES", "Line", "Progress", "Stage", "add_line", "by_owner", "by_stage", "change", "commitment",
    "count", "enter", "find", "get", "history", "listing", "overdue", "reached", "spans",
]  # fmt: skip

Stage = Literal["all", "looked at", "questioned", "audited", "cleared", "acted on"]
STAGES: tuple[Stage, ...] = ("all", "looked at", "questioned", "audited", "cleared", "acted on")
ENDED: tuple[Stage, ...] = ("cleared", "acted on")
"""The stages in which the review of an app is over."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the review of one app is."""

    app: str
    """the app's id as the platform writes it"""
    name: str
    stage: Stage = "all"
    round: int = 1
    """counts the reviews of this app: a cleared one that is opened again begins another"""
    owner: str | None = None
    """the member of staff who has it"""
    deadline: datetime | None = None
    reason: str = ""
    """why it stands where it does"""
    outcome: str | None = None
    """limited, suspended or banned, once acted on"""
    status_before: str | None = None
    """its status at the gate before it was acted on"""
    rank: int | None = None
    """its place in the order of review; null when it was never ranked"""
    score: float | None = None
    signals: list[str] = []
    """why it has that rank, in sentences"""
    entered_at: datetime
    moved_at: datetime
    ended_at: datetime | None = None


class Line(msgspec.Struct, frozen=True):
    """One line of the history of an app's review."""

    id: int
    app: str
    round: int
    happened_at: datetime
    kind: str
    """entered, moved, reopened, taken, deadline, asked, answered, corrected, withdrawn, certified, lapsed, learned"""
    stage_from: str | None
    stage_to: str | None
    author: str
    """a member of staff, `developer`, or `Ombud`"""
    second: str | None
    """who agreed, where two people are needed"""
    text: str
    salt: str


def enter(tx: Connection, items: Sequence[Progress], author: str) -> int:
    """Take apps into the review; those that are in it get the new rank, score, signals and name. Return how many new.

    Apps that have a rank and are not among `items` keep it: say all that were ranked in one call.
    """
    now, t = clock.now(), review_progress
    if any(not item.app.strip() or not item.name.strip() for item in items):
        raise InputError("An app in the review needs an id and a name.", hint="Give them as the platform does.")
    known = {row.app for row in tx.execute(select(t.c.app))}
    new = {item.app: item for item in items if item.app not in known}
    rows = [msgspec.structs.asdict(item) | {"folded": item.name.casefold()} for item in new.values()]
    insert_new(tx, t, [row | {"entered_at": now, "moved_at": now, "stage": "all", "round": 1} for row in rows])
    for item in items:
        values: dict[str, Any] = {"name": item.name, "folded": item.name.casefold()}
        if item.rank is not None:
            values |= {"rank": item.rank, "score": item.score, "signals": item.signals}
        if item.app not in new:
            tx.execute(update(t).where(t.c.app == item.app).values(**values))
    said = {"kind": "entered", "author": author, "text": "Taken into the review.", "stage_to": "all", "round": 1}
    lines = [said | {"app": app, "happened_at": now, "salt": secrets.token_hex(16)} for app in new]
    if lines:
        tx.execute(insert(review_line), lines)
    return len(new)


def get(tx: Connection, app: str) -> Progress:
    """Return how far an app's review is; `NotFoundError` when it is not in the review."""
    found = find(tx, app)
    if found is None:
        raise NotFoundError(
            f"The app `{app}` is not in the review.", hint="`ombud audit enrol` takes every app that is known into it."
        )
    return found


def find(tx: Connection, app: str) -> Progress | None:
    """Return how far an app's review is, None when it is not in the review."""
    row = tx.execute(select(review_progress).where(review_progress.c.app == app)).mappings().first()
    return None if row is None else _from(dict(row))


def change(tx: Connection, app: str, **values: Any) -> Progress:  # noqa: ANN401 - any field of a progress
    """Change fields of an app's progress; whoever calls adds the line that says why."""
    get(tx, app)
    tx.execute(update(review_progress).where(review_progress.c.app == app).values(**values))
    return get(tx, app)


def add_line(
    tx: Connection,
    app: str,
    kind: str,
    author: str,
    text: str,
    *,
    stage_from: str | None = None,
    stage_to: str | None = None,
    second: str | None = None,
) -> Line:
    """Add a line to the history; it is never changed afterwards."""
    if not author.strip() or not text.strip():
        raise InputError("A line of the review needs who and why.", hint="Say both.")
    row = {
        "app": app,
        "round": get(tx, app).round,
        "happened_at": clock.now(),
        "kind": kind,
        "stage_from": stage_from,
        "stage_to": stage_to,
        "author": author.strip(),
        "second": second,
        "text": text.strip(),
        "salt": secrets.token_hex(16),
    }
    return Line(*tx.execute(insert(review_line).values(row).returning(*review_line.c)).one())


def commitment(line: Line) -> str:
    """Return the salted hash of a line, in hexadecimal: what the ledger has of it.

    SHA-256 of a zero byte, the salt and the line's canonical JSON, so that nothing of it can be guessed.
    """
    body = msgspec.to_builtins(line)
    salt = bytes.fromhex(body.pop("salt"))
    return hashlib.sha256(b"\x00" + salt + canonical_json(body).encode()).hexdigest()


def history(tx: Connection, app: str) -> list[Line]:
    """Return what happened in the review of an app, oldest first."""
    query = select(review_line).where(review_line.c.app == app).order_by(review_line.c.id)
    return [Line(*row) for row in tx.execute(query)]


def listing(
    tx: Connection,
    *,
    stage: str | None = None,
    owner: str | None = None,
    late: bool = False,
    query: str | None = None,
    limit: int | None = 50,
    offset: int = 0,
) -> list[Progress]:
    """Return apps in the order of review: by rank, those without one last, by id.

    `query` matches a part of the name, or the id; `owner` a name, or `-` for nobody; `late` those past a deadline.
    """
    t = review_progress
    chosen = _chosen(select(t), stage, owner, query, late=late).order_by(t.c.rank.is_(None), t.c.rank, t.c.app)
    rows = tx.execute(chosen.limit(limit).offset(offset)).mappings()
    return [_from(dict(row)) for row in rows]


def count(
    tx: Connection,
    *,
    stage: str | None = None,
    owner: str | None = None,
    late: bool = False,
    query: str | None = None,
) -> int:
    """Return how many apps `listing` has in all."""
    chosen = _chosen(select(func.count()).select_from(review_progress), stage, owner, query, late=late)
    return int(tx.execute(chosen).scalar_one())


def by_stage(tx: Connection) -> dict[str, int]:
    """Return how many apps are at each stage, none left out."""
    t = review_progress
    found = {
        str(row.stage): int(row.n) for row in tx.execute(select(t.c.stage, func.count().label("n")).group_by(t.c.stage))
    }
    return {stage: found.get(stage, 0) for stage in STAGES}


def by_owner(tx: Connection) -> dict[str, int]:
    """Return how many apps each owner has whose review is not over; nobody's are under an empty name."""
    t = review_progress
    owner = func.coalesce(t.c.owner, "")
    query = select(owner, func.count()).where(t.c.ended_at.is_(None)).group_by(owner).order_by(owner)
    return {str(name): int(number) for name, number in tx.execute(query)}


def reached(tx: Connection) -> dict[str, int]:
    """Return how many apps ever were at each stage or were taken past it, in any round."""
    t = review_line
    query = select(t.c.stage_to, func.count(t.c.app.distinct())).where(t.c.stage_to.is_not(None)).group_by(t.c.stage_to)
    found: dict[str, int] = {str(stage): int(number) for stage, number in tx.execute(query)}
    past = select(func.count(t.c.app.distinct())).where(t.c.stage_to.is_not(None), t.c.stage_to != "all")
    found["looked at"] = int(tx.execute(past).scalar_one())  # whatever came after, it was looked at
    return {stage: found.get(stage, 0) for stage in STAGES}


def overdue(tx: Connection) -> list[Progress]:
    """Return the apps past their deadline, longest first."""
    t = review_progress
    query = select(t).where(_late()).order_by(t.c.deadline, t.c.app)
    return [_from(dict(row)) for row in tx.execute(query).mappings()]


def spans(tx: Connection) -> list[tuple[datetime, datetime]]:
    """Return from when to when each review lasted that is over."""
    t = review_progress
    query = select(t.c.entered_at, t.c.ended_at).where(t.c.ended_at.is_not(None))
    return [(row.entered_at, row.ended_at) for row in tx.execute(query)]


def _late() -> Any:  # noqa: ANN401 - a condition
    t = review_progress
    return and_(t.c.deadline.is_not(None), t.c.deadline <= clock.now(), t.c.ended_at.is_(None))


def _chosen(query: Select[Any], stage: str | None, owner: str | None, words: str | None, *, late: bool) -> Select[Any]:
    t = review_progress
    if stage is not None:
        query = query.where(t.c.stage == stage)
    if owner is not None:
        query = query.where(t.c.owner.is_(None) if owner == "-" else t.c.owner == owner)
    if late:
        query = query.where(_late())
    words = (words or "").strip()
    if not words:
        return query
    return query.where(or_(t.c.folded.contains(words.casefold(), autoescape=True), t.c.app == words))


def _from(row: dict[str, Any]) -> Progress:
    row.pop("folded")
    return Progress(**row)
