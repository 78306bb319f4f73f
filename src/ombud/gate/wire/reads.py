"""Reads of a person's data in AuthZEN's words: what is asked for, and how the decision is told."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

import msgspec
from msgspec import UNSET, Meta

from ombud.gate.identity import UnknownScopedIdError
from ombud.gate.reasons import SENTENCES
from ombud.gate.request import Decision, ReadRequest, Refusal
from ombud.gate.wire.faults import WireError
from ombud.gate.wire.messages import Answer
from ombud.gate.wire.strict import check_id, explain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ombud.gate.identity import Identities
    from ombud.gate.wire.messages import Action, Entity, Evaluation

__all__ = [
    "APP",
    "FIELDS",
    "PERSON",
    "READ",
    "Around",
    "Asked",
    "By",
    "Reads",
    "is_read",
    "own_names",
    "request_of",
    "told",
    "whole",
]

_T = TypeVar("_T")

APP, PERSON, READ = "app", "person", "read"
EMAIL = "email"
"""The field in whose place an app gets a relay address."""
_SCOPED = re.compile(r"[a-z2-7]{52}")
FIELDS = 64
"""Fields of one request, at most."""


class Reads(Protocol):
    """Decides reads of people's data, and puts them on record."""

    def judge(self, request: ReadRequest, *, partial: bool) -> Decision:
        """Decide one read, and count what goes out; unless `partial`, all of it goes out or nothing."""

    def would(self, request: ReadRequest) -> Decision:
        """Say what the decision would be, counting nothing: for searches."""

    async def keep(self, decided: Sequence[tuple[ReadRequest, Decision]]) -> None:
        """Return when the reads are on record as the gate was told to keep them; raise an `OmbudError` if not."""

    def apps(self) -> Sequence[str]:
        """Return the registered apps, sorted."""


class Asked(msgspec.Struct, frozen=True):
    """The properties of the resource in a read."""

    fields: Annotated[tuple[str, ...], Meta(min_length=1, max_length=FIELDS)]
    purpose: str
    through: str | None = None
    partial: bool = False
    scoped: bool = False


class Around(msgspec.Struct, frozen=True):
    """What a read's context may say; a time is not believed, the gate has its own clock."""

    region: str | None = None


class By(msgspec.Struct, frozen=True):
    """What the platform may say of the app's token."""

    key: str | None = None
    acts_for: str | None = None


def is_read(action: Action, resource: Entity) -> bool:
    """Say whether this is a read of a person's data, which the policy decides and no other rule."""
    return action.name == READ and resource.type == PERSON


def request_of(asked: Evaluation, identities: Identities | None = None) -> tuple[ReadRequest, bool]:
    """Return the read that is asked for, and whether a part of it would do. Raises `WireError` (400).

    With `scoped` people are named as the app knows them; a name that the app
    was never given stands for nobody, who is refused like any stranger.
    """
    properties = _taken(asked.resource.properties, Asked, "resource.properties")
    around = _taken(asked.context, Around, "context")
    by = _taken(asked.subject.properties, By, "subject.properties")
    for field in properties.fields:
        check_id(field, "A field")
    request = ReadRequest(
        app=check_id(asked.subject.id, "The subject's id"),
        person=check_id(asked.resource.id, "The resource's id"),
        fields=tuple(dict.fromkeys(properties.fields)),
        purpose=check_id(properties.purpose, "The purpose"),
        through=_optional(properties.through, "`through`"),
        region=_optional(around.region, "The region"),
        key=_optional(by.key, "The key"),
        acts_for=_optional(by.acts_for, "`acts_for`"),
    )
    if properties.scoped:
        request = _known(request, identities)
    return request, properties.partial


def _known(request: ReadRequest, identities: Identities | None) -> ReadRequest:
    """Return the request with the platform's ids in place of the app's."""
    if identities is None:
        raise WireError("This gate gives apps no ids of their own: leave `scoped` out.")

    def named(scoped: str) -> str:
        with suppress(UnknownScopedIdError):
            return identities.person(request.app, scoped)
        if not _SCOPED.fullmatch(scoped):  # it could be the platform's own id of somebody
            raise WireError("With `scoped`, people are named by the ids that `context.person` told.")
        return scoped

    through = request.through and named(request.through)
    return msgspec.structs.replace(request, person=named(request.person), through=through)


def own_names(request: ReadRequest, decision: Decision, identities: Identities, domain: str | None) -> dict[str, str]:
    """Return the person's id in this app, and the relay address in place of theirs, where something goes out."""
    if decision.outcome == "refused":
        return {}
    names = {"person": identities.scoped_id(request.app, request.person)}
    if domain is not None and EMAIL in decision.allowed:
        names["relay"] = identities.relay(request.app, request.person, domain)
    return names


def whole(decision: Decision) -> Decision:
    """Turn a reduced decision into a refused one, for a caller that did not say that a part would do."""
    if decision.outcome != "reduced":
        return decision
    rest = tuple(Refusal(field, "all-or-nothing") for field in decision.allowed)
    return msgspec.structs.replace(decision, outcome="refused", allowed=(), refused=(*decision.refused, *rest))


def told(decision: Decision, names: dict[str, str] | None = None) -> Answer:
    """Return the answer to a read: what may go out, of each refused field why, and the `names` of the person there."""
    context: dict[str, Any] = {
        "outcome": decision.outcome,
        "allowed": decision.allowed,
        "refused": [
            {"field": refusal.field, "reason": refusal.reason, "says": SENTENCES.get(refusal.reason, "")}
            for refusal in decision.refused
        ],
        "id": decision.id,
        "policy": decision.policy,
        "path": decision.path,
        **(names or {}),
    }
    if decision.refused:
        reasons = list(dict.fromkeys(refusal.reason for refusal in decision.refused))
        context["reason_admin"] = {"403": ", ".join(f"{one.field}: {one.reason}" for one in decision.refused)}
        context["reason_user"] = {"403": " ".join(SENTENCES.get(reason, reason) for reason in reasons)}
    return Answer(decision=decision.outcome != "refused", context=context)


def _optional(value: str | None, what: str) -> str | None:
    return None if value is None else check_id(value, what)


def _taken(properties: object, shape: type[_T], where: str) -> _T:
    try:
        return msgspec.convert({} if properties is UNSET else properties, shape)
    except msgspec.ValidationError as error:
        raise WireError(f"In `{where}`: {explain(error)}.") from None
