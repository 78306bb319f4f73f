"""Staff: names, roles, passwords (argon2id), sign-ins. Secrets are kept as hashes only."""

from __future__ import annotations

import hmac
import secrets
import unicodedata
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Literal, get_args

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, insert, select, update

from ombud.model import clock
from ombud.model.errors import AccessError, InputError, NotFoundError, UsageError
from ombud.model.ids import random_id, sha256_hex
from ombud.records.tables import meta, staff, staff_session
from ombud.records.upsert import insert_new, put

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping

__all__ = [
    "ROLES", "Role", "Session", "User", "claim", "close_session", "close_sessions", "create", "disable", "enable",
    "first_run_token", "get", "has_admin", "listing", "open_session", "session", "set_password", "verify",
]  # fmt: skip

Role = Literal["admin", "analyst", "reviewer", "auditor"]
ROLES: tuple[Role, ...] = get_args(Role)
SHORTEST, LONGEST = 12, 1024
"""Characters that a password may have."""
_HASHER = PasswordHasher()  # argon2id by the second recommendation of RFC 9106: 64 MiB, 3 passes, 4 lanes
_FIRST_RUN = "first_run_sha256"


class User(msgspec.Struct, frozen=True):
    """A member of staff."""

    id: str
    name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None = None


class Session(msgspec.Struct, frozen=True):
    """A sign-in; its token is known to the browser alone."""

    user_id: str
    opened_at: datetime
    expires_at: datetime
    token_sha256: str


def create(tx: Connection, name: str, password: str, role: str) -> User:
    """Add a member of staff. `UsageError` when the name is taken, `InputError` for a poor password or unknown role."""
    shown = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(shown) <= 200 or not shown.isprintable():  # noqa: PLR2004 - as the message says
        raise InputError("A name has 1 to 200 characters.")
    if role not in ROLES:
        raise InputError(f"There is no role `{role}`.", hint=f"Roles are {', '.join(ROLES)}.")
    user_id = random_id("user")
    row = {"id": user_id, "name": shown, "folded": _fold(name), "role": role, "created_at": clock.now()}
    if not insert_new(tx, staff, [row | {"password_hash": _hash(password)}]):
        raise UsageError(f"The name `{shown}` is taken.", hint="Choose another one.")
    return get(tx, user_id)


def get(tx: Connection, user_id: str) -> User:
    """Return the member of staff `user_id`; `NotFoundError` when there is none."""
    row = tx.execute(select(staff).where(staff.c.id == user_id)).mappings().first()
    if row is None:
        raise NotFoundError(f"There is no member of staff `{user_id}`.")
    return _from(row)


def listing(tx: Connection) -> list[User]:
    """Return all staff by name."""
    return [_from(row) for row in tx.execute(select(staff).order_by(staff.c.folded)).mappings()]


def verify(tx: Connection, name: str, password: str) -> User | None:
    """Return the member of staff with this name and password, else `None`.

    An unknown name costs the same time as a wrong password. A hash made with
    older parameters is renewed when `tx` may write.
    """
    row = tx.execute(select(staff).where(staff.c.folded == _fold(name))).mappings().first()
    stored = row["password_hash"] if row is not None else _nobody()
    try:
        right = _HASHER.verify(stored, password[:LONGEST]) and len(password) <= LONGEST
    except (VerificationError, InvalidHashError):
        right = False
    if row is None or not right or row["disabled_at"] is not None:
        return None
    if _HASHER.check_needs_rehash(stored) and tx.get_execution_options().get("ombud_writes"):
        tx.execute(update(staff).where(staff.c.id == row["id"]).values(password_hash=_hash(password)))
    return _from(row)


def set_password(tx: Connection, user_id: str, password: str) -> None:
    """Change a password and end every sign-in that was made with the old one."""
    get(tx, user_id)
    tx.execute(update(staff).where(staff.c.id == user_id).values(password_hash=_hash(password)))
    close_sessions(tx, user_id)


def disable(tx: Connection, user_id: str) -> None:
    """Shut a member of staff out at once. `InputError` for the last admin."""
    user = get(tx, user_id)
    if user.role == "admin" and user.disabled_at is None and _admins(tx) == 1:
        raise InputError("This is the last admin.", hint="Make another admin first.")
    tx.execute(update(staff).where(staff.c.id == user_id).values(disabled_at=clock.now()))
    close_sessions(tx, user_id)


def enable(tx: Connection, user_id: str) -> None:
    """Let a member of staff in again who was shut out; they sign in anew, with their password."""
    get(tx, user_id)
    tx.execute(update(staff).where(staff.c.id == user_id).values(disabled_at=None))


def open_session(tx: Connection, user_id: str, hours: float) -> str:
    """Sign a member of staff in for `hours`; return the token for the browser's cookie (256 random bits)."""
    token, now = secrets.token_urlsafe(32), clock.now()
    tx.execute(delete(staff_session).where(staff_session.c.expires_at <= now))
    row = {"token_sha256": _token_hash(token), "staff_id": user_id, "opened_at": now}
    tx.execute(insert(staff_session).values(**row, expires_at=now + timedelta(hours=hours)))
    return token


def session(tx: Connection, token: str) -> tuple[User, Session] | None:
    """Return who is signed in by `token`, unless it is unknown, ended or its owner is shut out."""
    t = staff_session
    query = select(t, staff).join(staff).where(t.c.token_sha256 == _token_hash(token), t.c.expires_at > clock.now())
    row = tx.execute(query.where(staff.c.disabled_at.is_(None))).mappings().first()
    if row is None:
        return None
    return _from(row), Session(row["staff_id"], row["opened_at"], row["expires_at"], row["token_sha256"])


def close_session(tx: Connection, token: str) -> None:
    """End the sign-in of this token, if there is one."""
    tx.execute(delete(staff_session).where(staff_session.c.token_sha256 == _token_hash(token)))


def close_sessions(tx: Connection, user_id: str) -> None:
    """End every sign-in of a member of staff."""
    tx.execute(delete(staff_session).where(staff_session.c.staff_id == user_id))


def has_admin(tx: Connection) -> bool:
    """Return whether an admin has ever been made; from then on there is no first run."""
    return tx.execute(select(staff.c.id).where(staff.c.role == "admin").limit(1)).first() is not None


def first_run_token(tx: Connection) -> str | None:
    """Return a new token with which the first admin can be made, to be printed once; `None` when there is an admin.

    Only its SHA-256 is kept. Each call ends the token before it.
    """
    if has_admin(tx):
        return None
    token = secrets.token_urlsafe(24)
    put(tx, meta, [{"key": _FIRST_RUN, "value": _token_hash(token), "updated_at": clock.now()}])
    return token


def claim(tx: Connection, token: str, name: str, password: str) -> User:
    """Make the first admin with the first-run token; `AccessError` when it is wrong or there is an admin."""
    row = tx.execute(select(meta.c.value).where(meta.c.key == _FIRST_RUN).with_for_update()).scalar()
    if has_admin(tx) or row is None or not hmac.compare_digest(str(row), _token_hash(token)):
        raise AccessError(
            "This first-run token is wrong or spent.", hint="`ombud serve` prints a new one while there is no admin."
        )
    user = create(tx, name, password, "admin")
    tx.execute(delete(meta).where(meta.c.key == _FIRST_RUN))
    return user


def _admins(tx: Connection) -> int:
    """Count the admins; nobody else can disable one of them until this transaction ends."""
    query = select(staff.c.id).where(staff.c.role == "admin", staff.c.disabled_at.is_(None))
    return len(tx.execute(query.with_for_update()).all())


def _hash(password: str) -> str:
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputError(f"A password has {SHORTEST} to {LONGEST} characters.", hint="A sentence is a good one.")
    return _HASHER.hash(password)


@cache
def _nobody() -> str:
    """Return the hash that an unknown name is checked against."""
    return _HASHER.hash(secrets.token_urlsafe(32))


def _token_hash(token: str) -> str:
    return sha256_hex(token.encode(errors="replace"))


def _fold(name: str) -> str:
    return unicodedata.normalize("NFKC", name.strip()).casefold()


def _from(row: RowMapping) -> User:
    return User(row["id"], row["name"], row["role"], row["created_at"], row["disabled_at"])
