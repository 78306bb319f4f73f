"""Who may do what in the review: one person for most moves, two different ones for bulk and irreversible ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.model.errors import AccessError, UsageError
from ombud.records import users

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection

__all__ = ["DECIDERS", "MOVERS", "other_person", "person"]

MOVERS = frozenset({"admin", "analyst", "reviewer"})
"""Roles that move apps through the review."""
DECIDERS = frozenset({"admin", "reviewer"})
"""Roles that end a review, or agree to what needs two."""


def person(tx: Connection, name: str, roles: Collection[str]) -> str:
    """Return the name of somebody who may do it, as staff know it.

    Where no staff are on record (a library, a workspace without a console) names are believed as they are given.
    Raises `AccessError` for a name that is no member of staff, is shut out, or has another role.
    """
    said = name.strip()
    if not said:
        raise UsageError("Say who does it.", hint="Give a name with --by.")
    staff = users.listing(tx)
    if not staff:
        return said
    found = next((user for user in staff if user.name.casefold() == said.casefold()), None)
    if found is None or found.disabled_at is not None:
        raise AccessError(f"`{said}` is no member of staff here.", hint="Give the name they sign in with.")
    if found.role not in roles:
        raise AccessError(
            f"The role of {found.name}, {found.role}, may not do this.", hint=f"It takes {' or '.join(sorted(roles))}."
        )
    return found.name


def other_person(tx: Connection, second: str | None, first: str) -> str:
    """Return the name of the second person. Raises `AccessError` when it is the first, or may not decide."""
    if not second or not second.strip():
        raise AccessError("This needs a second person.", hint="Propose it; somebody else agrees or does not.")
    name = person(tx, second, DECIDERS)
    if name.casefold() == first.casefold():
        raise AccessError("The second person is the first.", hint="Somebody else has to agree.")
    return name
