"""Cases: findings about one matter, and what people noted about it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from sqlalchemy import RowMapping, Select, func, insert, or_, select, update

from ombud.model import clock
from ombud.model.errors import InputError, NotFoundError
from ombud.model.ids import random_id
from ombud.records import dictionaries
from ombud.records.tables import case_event, case_file, case_finding, finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

__all__ = [
    "SORTS", "STATES", "Case", "CaseEvent", "add_note", "by_number", "count", "get", "history", "listing", "of_finding",
    "open_for", "set_state",
]  # fmt: skip

State = Literal["open", "waiting", "decided", "closed"]
Sort = Literal["newest", "oldest", "updated", "strongest"]
STATES: tuple[State, ...] = ("open", "waiting", "decided", "closed")
"""A case is open, waits for a decision, is decided, or is closed."""
SORTS: tuple[Sort, ...] = ("newest", "oldest", "updated", "strongest")


class Case(msgspec.Struct, frozen=True):
    """One matter that people look into."""

    id: str
    number: int
    """counts from 1 within the workspace, without gaps"""
    kind: str
    """network, app, ... or tip"""
    title: str
    state: State
    opened_at: datetime
    finding_ids: list[str]
    updated_at: datetime


class CaseEvent(msgspec.Struct, frozen=True):
    """One line of a case's history."""

    id: int
    case_id: str
    happened_at: datetime
    kind: str
    """opened, note or state"""
    author: str | None
    """the name of a member of staff; null for Ombud itself"""
    text: str


def open_for(tx: Connection, finding_id: str, kind: str, title: str) -> Case:
    """Return the case of the finding, opened now if it has none: one finding, one case."""
    found = of_finding(tx, finding_id)
    if found is not None:
        return found
    if tx.execute(select(finding.c.id).where(finding.c.id == finding_id)).first() is None:
        raise NotFoundError(f"There is no finding `{finding_id}`.")
    dictionaries.reserve(tx, "case", 0, start=1)  # whoever else opens a case waits here until we are done
    found = of_finding(tx, finding_id)
    if found is not None:
        return found
    now = clock.now()
    case_id, number = random_id("case"), dictionaries.reserve(tx, "case", 1)
    values = {"id": case_id, "number": number, "kind": kind, "title": title, "folded": title.casefold()}
    tx.execute(insert(case_file).values(**values, state="open", opened_at=now, updated_at=now))
    tx.execute(insert(case_finding).values(case_id=case_id, finding_id=finding_id, added_at=now))
    _note(tx, case_id, "opened", None, title)
    return get(tx, case_id)


def get(tx: Connection, case_id: str) -> Case:
    """Return the case `case_id`; `NotFoundError` when there is none."""
    return _one(tx, select(case_file).where(case_file.c.id == case_id), f"There is no case `{case_id}`.")


def by_number(tx: Connection, number: int) -> Case:
    """Return the case with this number; `NotFoundError` when there is none."""
    return _one(tx, select(case_file).where(case_file.c.number == number), f"There is no case {number}.")


def of_finding(tx: Connection, finding_id: str) -> Case | None:
    """Return the case that holds the finding, if one does."""
    query = select(case_file).join(case_finding).where(case_finding.c.finding_id == finding_id)
    return next(iter(_cases(tx, tx.execute(query).mappings().all())), None)


def listing(
    tx: Connection,
    *,
    state: str | None = None,
    kind: str | None = None,
    query: str | None = None,
    sort: str = "newest",
    limit: int = 50,
    offset: int = 0,
) -> list[Case]:
    """Return cases; `query` matches a part of the title, or the number.

    `sort` is newest, oldest, updated (last changed first) or strongest (by the best score of its findings).
    """
    chosen = _chosen(select(case_file), state, kind, query)
    if sort == "strongest":
        scores = select(func.max(finding.c.score)).select_from(finding.join(case_finding))
        best = scores.where(case_finding.c.case_id == case_file.c.id)
        strength = best.correlate(case_file).scalar_subquery()
        chosen = chosen.order_by(func.coalesce(strength, -1e308).desc(), case_file.c.number)
    elif sort == "updated":
        chosen = chosen.order_by(case_file.c.updated_at.desc(), case_file.c.number.desc())
    elif sort in {"newest", "oldest"}:
        chosen = chosen.order_by(case_file.c.number.desc() if sort == "newest" else case_file.c.number)
    else:
        raise InputError(f"Cases cannot be sorted by `{sort}`.", hint=f"Sort by {', '.join(SORTS)}.")
    return _cases(tx, tx.execute(chosen.limit(limit).offset(offset)).mappings().all())


def count(tx: Connection, *, state: str | None = None, kind: str | None = None, query: str | None = None) -> int:
    """Return how many cases `listing` has in all."""
    return int(tx.execute(_chosen(select(func.count()).select_from(case_file), state, kind, query)).scalar_one())


def add_note(tx: Connection, case_id: str, author: str | None, text: str) -> CaseEvent:
    """Add a note to the case's history; it cannot be changed afterwards."""
    if not text.strip():
        raise InputError("The note is empty.", hint="Write what should be remembered.")
    get(tx, case_id)
    return _note(tx, case_id, "note", author, text.strip())


def set_state(tx: Connection, case_id: str, state: str, author: str | None) -> Case:
    """Put the case into another state, with a line in its history."""
    if state not in STATES:
        raise InputError(f"A case cannot be `{state}`.", hint=f"It is {', '.join(STATES)}.")
    before = get(tx, case_id)
    if before.state == state:
        return before
    tx.execute(update(case_file).where(case_file.c.id == case_id).values(state=state))
    _note(tx, case_id, "state", author, f"{before.state} to {state}")
    return get(tx, case_id)


def history(tx: Connection, case_id: str) -> list[CaseEvent]:
    """Return what happened to the case, oldest first."""
    query = select(case_event).where(case_event.c.case_id == case_id).order_by(case_event.c.id)
    return [CaseEvent(*row) for row in tx.execute(query)]


def _note(tx: Connection, case_id: str, kind: str, author: str | None, text: str) -> CaseEvent:
    now = clock.now()
    tx.execute(update(case_file).where(case_file.c.id == case_id).values(updated_at=now))
    values = {"case_id": case_id, "happened_at": now, "kind": kind, "author": author, "text": text}
    return CaseEvent(*tx.execute(insert(case_event).values(values).returning(*case_event.c)).one())


def _one(tx: Connection, query: Select[Any], missing: str) -> Case:
    found = _cases(tx, tx.execute(query).mappings().all())
    if not found:
        raise NotFoundError(missing, hint="`ombud cases list` lists them.")
    return found[0]


def _cases(tx: Connection, rows: Sequence[RowMapping]) -> list[Case]:
    of: dict[str, list[str]] = {row["id"]: [] for row in rows}
    for case_id, finding_id in _links(tx, of):
        of[case_id].append(finding_id)
    return [
        Case(finding_ids=of[row["id"]], **{k: row[k] for k in Case.__struct_fields__ if k != "finding_ids"})
        for row in rows
    ]


def _links(tx: Connection, case_ids: Iterable[str]) -> Iterable[tuple[str, str]]:
    t = case_finding
    query = select(t.c.case_id, t.c.finding_id).where(t.c.case_id.in_(list(case_ids)))
    return [(case_id, finding_id) for case_id, finding_id in tx.execute(query.order_by(t.c.added_at, t.c.finding_id))]


def _chosen(query: Select[Any], state: str | None, kind: str | None, words: str | None) -> Select[Any]:
    t = case_file
    if state is not None:
        query = query.where(t.c.state == state)
    if kind is not None:
        query = query.where(t.c.kind == kind)
    words = (words or "").strip()
    if not words:
        return query
    match = t.c.folded.contains(words.casefold(), autoescape=True)
    number = words.removeprefix("#")
    if number.isascii() and number.isdigit() and len(number) < 19:  # noqa: PLR2004 - what 64 bits hold
        return query.where(or_(match, t.c.number == int(number)))
    return query.where(match)
