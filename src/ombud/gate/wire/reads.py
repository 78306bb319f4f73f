"""Reads of a person's data in AuthZEN's words: what is asked for, and how the decision is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

import msgspec
from msgspec import UNSET, Meta

from ombud.gate.reasons import SENTENCES
from ombud.gate.request import Decision, ReadRequest, Refusal
from ombud.gate.wire.faults import WireError
from ombud.gate.wire.messages import Answer
from ombud.gate.wire.strict import check_id, explain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ombud.gate.wire.messages import Action, Entity, Evaluation

__all__ = ["APP", "FIELDS", "PERSON", "READ", "Reads", "is_read", "request_of", "told", "whole"]

_T = TypeVar("_T")

APP, PERSON, READ = "app", "person", "read"
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


class _Asked(msgspec.Struct, frozen=True):
    """The properties of the resource in a read."""

    fields: Annotated[tuple[str, ...], Meta(min_length=1, max_length=FIELDS)]
    purpose: str
    through: str | None = None
    partial: bool = False


class _Around(msgspec.Struct, frozen=True):
    """What a read's context may say; a time is not believed, the gate has its own clock."""

    region: str | None = None


class _By(msgspec.Struct, frozen=True):
    """What the platform may say of the app's token."""

    key: str | None = None
    acts_for: str | None = None


def is_read(action: Action, resource: Entity) -> bool:
    """Say whether this is a read of a person's data, which the policy decides and no other rule."""
    return action.name == READ and resource.type == PERSON


def request_of(asked: Evaluation) -> tuple[ReadRequest, bool]:
    """Return the read that is asked for, and whether a part of it would do. Raises `WireError` (400)."""
    properties = _taken(asked.resource.properties, _Asked, "resource.properties")
    around = _taken(asked.context, _Around, "context")
    by = _taken(asked.subject.properties, _By, "subject.properties")
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
    return request, properties.partial


def whole(decision: Decision) -> Decision:
    """Turn a reduced decision into a refused one, for a caller that did not say that a part would do."""
    if decision.outcome != "reduced":
        return decision
    rest = tuple(Refusal(field, "all-or-nothing") for field in decision.allowed)
    return msgspec.structs.replace(decision, outcome="refused", allowed=(), refused=(*decision.refused, *rest))


def told(decision: Decision) -> Answer:
    """Return the answer to a read: what may go out, and of each refused field why."""
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
