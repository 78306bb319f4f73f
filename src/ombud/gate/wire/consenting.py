"""What people allow apps, told to the gate over HTTP by the platform's own sign-in."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Literal, Protocol

import msgspec
from msgspec import Meta

from ombud.gate.wire.faults import WireError
from ombud.gate.wire.strict import check_id
from ombud.model.errors import BusyError, InputError, NotFoundError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ombud.gate.wire.point import DecisionPoint
    from ombud.records.consents import Consent

__all__ = ["CONSENTS_PATH", "ConsentChange", "ConsentState", "Consents", "change_consent"]

CONSENTS_PATH = "/consents"
_MOST = 64


class Consents(Protocol):
    """Keeps what people allow apps; this gate's next decision knows."""

    def grant(self, app: str, person: str, scopes: Iterable[str]) -> Consent:
        """Give an app scopes, in the place of those it had."""

    def untick(self, app: str, person: str, *scopes: str) -> Consent:
        """Take scopes back: all of them, or none when one cannot be."""

    def revoke(self, app: str, person: str) -> Consent:
        """Take everything back."""

    def used(self, app: str, person: str) -> None:
        """Take note that the person used the app."""


class ConsentChange(msgspec.Struct, frozen=True):
    """What a person did about an app."""

    app: Annotated[str, Meta(description="The app.")]
    person: Annotated[str, Meta(description="The person.")]
    did: Annotated[
        Literal["grant", "untick", "revoke", "use"],
        Meta(description="grant: gave the scopes; untick: took them back; revoke: took back all; use: used the app."),
    ]
    scopes: Annotated[tuple[str, ...], Meta(max_length=_MOST, description="For grant and untick.")] = ()


class ConsentState(msgspec.Struct, frozen=True):
    """What the app has now."""

    scopes: Annotated[list[str], Meta(description="What is allowed; after a use, empty.")]
    revoked: Annotated[bool, Meta(description="Whether all was taken back.")]


async def change_consent(point: DecisionPoint, change: ConsentChange) -> ConsentState:
    """Change a consent, and return what the app has now. Raises `WireError`, which repeats nothing of the request."""
    consents = point.consents
    if consents is None:
        raise WireError("This gate keeps no consents.", status=404)
    check_id(change.app, "The app")
    check_id(change.person, "The person")
    for scope in change.scopes:
        check_id(scope, "A scope")
    if (change.did in {"grant", "untick"}) != bool(change.scopes):
        raise WireError("`$.scopes` goes with grant and untick, and with nothing else.")
    try:
        return await asyncio.to_thread(_changed, consents, change)
    except BusyError:
        raise
    except NotFoundError:
        raise WireError("There is no such app, or no such consent.", status=404) from None
    except InputError:
        raise WireError("The policy knows no such scope.") from None
    except RefusedError:
        raise WireError("The policy, or the app's standing, does not allow this.", status=403) from None


def _changed(consents: Consents, change: ConsentChange) -> ConsentState:
    if change.did == "use":
        consents.used(change.app, change.person)
        return ConsentState([], revoked=False)
    if change.did == "grant":
        found = consents.grant(change.app, change.person, change.scopes)
    elif change.did == "revoke":
        found = consents.revoke(change.app, change.person)
    else:
        found = consents.untick(change.app, change.person, *change.scopes)
    return ConsentState(found.scopes, revoked=found.revoked_at is not None)
