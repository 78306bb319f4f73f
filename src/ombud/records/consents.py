"""Consents: what a person allows an app to read, as it is now and as it came to be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec
from sqlalchemy import delete, func, insert, or_, select, update

from ombud.model import clock
from ombud.records import changes
from ombud.records.gate_tables import consent, consent_event
from ombud.records.upsert import put

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from sqlalchemy import Connection

__all__ = [
    "FORGOTTEN_AFTER", "Commitment", "Consent", "ConsentEvent", "Told", "Use", "change", "count", "events", "forget",
    "get", "of_app", "of_person", "pairs", "since", "state", "sweep", "told", "use",
]  # fmt: skip

Kind = Literal["granted", "changed", "revoked"]
FORGOTTEN_AFTER = timedelta(seconds=60)
"""How long the row of an erased person stays, revoked and without scopes, so that every gate hears of it."""


class Consent(msgspec.Struct, frozen=True):
    """What one person allows one app."""

    app: str
    person: str
    scopes: list[str]
    """sorted; empty once revoked"""
    granted_at: datetime
    last_used_at: datetime | None
    """when the person last used the app, to the day"""
    expires_at: datetime | None
    revoked_at: datetime | None
    change: int
    """grows with every change of any consent"""

    @property
    def live(self) -> bool:
        """Return whether it is neither revoked nor run out; the policy may still hold it for unused."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > clock.now())


class ConsentEvent(msgspec.Struct, frozen=True):
    """One change of a consent, and what proves it on the ledger."""

    id: int
    app: str
    person: str
    happened_at: datetime
    kind: Kind
    scopes: list[str]
    """after the change"""
    author: str
    """`person`, or who else did it"""
    salt: str
    pad_seed: str
    outbox: int
    """the row of the outbox by which its root went to the ledger"""


class Commitment(msgspec.Struct, frozen=True):
    """What was committed to: salt and seed in hexadecimal, and the number of the row in the outbox."""

    salt: str
    pad_seed: str
    outbox: int


class Use(msgspec.Struct, frozen=True):
    """A person used an app."""

    app: str
    person: str
    at: datetime


_COLUMNS = [consent.c[name] for name in Consent.__struct_fields__]


def change(tx: Connection, item: Consent, kind: Kind, author: str, made: Commitment) -> Consent:
    """Put the consent in the place of what was there, with a line in its history; return it with its new number."""
    item = msgspec.structs.replace(item, change=changes.next_change(tx, changes.CONSENT))
    put(tx, consent, [msgspec.structs.asdict(item) | {"forget_at": None}])
    row: dict[str, Any] = {"app": item.app, "person": item.person, "happened_at": clock.now(), "kind": kind}
    row |= {"scopes": item.scopes, "author": author, **msgspec.structs.asdict(made)}
    tx.execute(insert(consent_event).values(row))
    return item


def use(tx: Connection, uses: Sequence[Use]) -> int:
    """Note that people used apps, each pair at most once a day (UTC); return how many were noted."""
    noted = 0
    for one in uses:
        day = one.at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        earlier = or_(consent.c.last_used_at.is_(None), consent.c.last_used_at < day)
        mine = (consent.c.app == one.app, consent.c.person == one.person, consent.c.revoked_at.is_(None), earlier)
        if tx.execute(select(consent.c.app).where(*mine)).first() is not None:
            number = changes.next_change(tx, changes.CONSENT)
            noted += tx.execute(update(consent).where(*mine).values(last_used_at=one.at, change=number)).rowcount
    return noted


def get(tx: Connection, app: str, person: str) -> Consent | None:
    """Return the consent of a person for an app, a revoked one too; `None` when there never was one."""
    row = tx.execute(select(*_COLUMNS).where(consent.c.app == app, consent.c.person == person)).first()
    return None if row is None else Consent(*row)


def of_person(tx: Connection, person: str) -> list[Consent]:
    """Return every consent of a person, by app."""
    query = select(*_COLUMNS).where(consent.c.person == person, consent.c.forget_at.is_(None)).order_by(consent.c.app)
    return [Consent(*row) for row in tx.execute(query)]


def of_app(tx: Connection, app: str, *, limit: int = 100, offset: int = 0) -> list[Consent]:
    """Return the consents that an app has or had, by person."""
    query = select(*_COLUMNS).where(consent.c.app == app, consent.c.forget_at.is_(None)).order_by(consent.c.person)
    return [Consent(*row) for row in tx.execute(query.limit(limit).offset(offset))]


class Told(NamedTuple):
    """What a person allowed an app from one moment on."""

    app: str
    person: str
    at: datetime
    scopes: list[str]


def told(tx: Connection, app: str | None = None) -> Iterator[Told]:
    """Yield every change of the consents for an app (all if unset), by app and person, oldest first."""
    t = consent_event.c
    query = select(t.app, t.person, t.happened_at, t.scopes).order_by(t.app, t.person, t.id)
    for row in tx.execute(query if app is None else query.where(t.app == app)):
        yield Told(*row)


def state(tx: Connection) -> tuple[int, int]:
    """Return the last change of any consent and how many there are: the same two numbers, the same consents."""
    latest, number = tx.execute(select(func.max(consent.c.change), func.count()).select_from(consent)).one()
    return int(latest or 0), int(number)


def pairs(tx: Connection) -> Iterator[tuple[str, str]]:
    """Yield app and person of every consent that is or was."""
    query = select(consent.c.app, consent.c.person).where(consent.c.forget_at.is_(None))
    for row in tx.execute(query):
        yield row.app, row.person


def count(tx: Connection, app: str, *, live: bool = True) -> int:
    """Return how many people consent to an app now, or ever did."""
    query = select(func.count()).select_from(consent).where(consent.c.app == app)
    if live:
        still = or_(consent.c.expires_at.is_(None), consent.c.expires_at > clock.now())
        query = query.where(consent.c.revoked_at.is_(None), still)
    return int(tx.execute(query).scalar_one())


def since(tx: Connection, number: int, limit: int = 10_000) -> list[Consent]:
    """Return the consents that changed after the change `number`, in the order of their changes."""
    query = select(*_COLUMNS).where(consent.c.change > number).order_by(consent.c.change)
    return [Consent(*row) for row in tx.execute(query.limit(limit))]


def events(tx: Connection, person: str, app: str | None = None) -> list[ConsentEvent]:
    """Return how a person's consents came to be, oldest first."""
    query = select(*(consent_event.c[name] for name in ConsentEvent.__struct_fields__))
    query = query.where(consent_event.c.person == person)
    if app is not None:
        query = query.where(consent_event.c.app == app)
    return [ConsentEvent(*row) for row in tx.execute(query.order_by(consent_event.c.id))]


def forget(tx: Connection, person: str) -> int:
    """Erase a person's consents and their history; return how many rows it concerns.

    The rows stay for a minute, revoked and empty, so that every gate hears of it; `sweep` then removes them.
    """
    now = clock.now()
    gone = tx.execute(delete(consent_event).where(consent_event.c.person == person)).rowcount
    for item in of_person(tx, person):
        number = changes.next_change(tx, changes.CONSENT)
        empty = {"scopes": [], "revoked_at": item.revoked_at or now, "forget_at": now, "change": number}
        mine = (consent.c.app == item.app, consent.c.person == person)
        gone += tx.execute(update(consent).where(*mine).values(empty)).rowcount
    return gone


def sweep(tx: Connection) -> int:
    """Remove the rows of people who were erased more than a minute ago; return how many."""
    return tx.execute(delete(consent).where(consent.c.forget_at <= clock.now() - FORGOTTEN_AFTER)).rowcount
