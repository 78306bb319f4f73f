"""Sessions of the platform's people: short, in a cookie that only this installation can read, and endable at once."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from ombud.model import clock
from ombud.records import spent_tokens

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ombud.web.security.seal import Seal

__all__ = ["CODE_SECONDS", "Person", "begin", "code_for", "end", "read", "spend_code", "spend_once"]

_SESSION, _CODE = "person session", "person code"
CODE_SECONDS = 60
"""How long a one-time link may be opened."""


class Person(msgspec.Struct, frozen=True):
    """One of the platform's people, come with a token of the platform."""

    id: str
    """as the platform writes it"""
    until: datetime
    session: str
    """the session's random name"""


def begin(seal: Seal, person: str, minutes: int) -> str:
    """Return the value of a cookie that lets `person` in for so many minutes."""
    until = clock.now() + timedelta(minutes=minutes)
    return seal.lock(_SESSION, msgspec.json.encode(Person(person, until, secrets.token_urlsafe(16))))


def read(tx: Connection, seal: Seal, cookie: str) -> Person | None:
    """Return who the cookie lets in: nobody when it is forged, has run out or was ended."""
    found = _opened(seal, _SESSION, cookie)
    if found is None or spent_tokens.is_spent(tx, _hash(found.session)):
        return None
    return found


def end(tx: Connection, person: Person) -> None:
    """End a session before its time, in every browser that holds its cookie."""
    spent_tokens.sweep(tx)
    spent_tokens.spend(tx, _hash(person.session), person.until)


def code_for(seal: Seal, person: str) -> tuple[str, datetime]:
    """Return the code of a one-time link for `person`, and until when it counts."""
    until = clock.now() + timedelta(seconds=CODE_SECONDS)
    return seal.lock(_CODE, msgspec.json.encode(Person(person, until, secrets.token_urlsafe(16)))), until


def spend_code(tx: Connection, seal: Seal, code: str) -> str | None:
    """Return who a one-time code is for, once; None when it is forged, has run out or was used."""
    found = _opened(seal, _CODE, code)
    if found is None or not spent_tokens.spend(tx, _hash(found.session), found.until):
        return None
    return found.id


def spend_once(tx: Connection, token: str, until: datetime) -> bool:
    """Note that a token of the platform was used; False when it was used before."""
    spent_tokens.sweep(tx)
    return spent_tokens.spend(tx, _hash(token), until.astimezone(UTC))


def _opened(seal: Seal, use: str, text: str) -> Person | None:
    plain = seal.unlock(use, text)
    if plain is None:
        return None
    found = msgspec.json.decode(plain, type=Person)
    return found if found.until > clock.now() else None


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
