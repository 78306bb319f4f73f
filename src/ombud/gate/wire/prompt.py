"""Questions that can be answered at once: one read, well written, from a known caller, without a token to look into.

Whatever is out of the ordinary, good or bad, is not taken here: it goes the
long way, which knows all questions and all errors. So this never refuses a
request, and what it takes the long way would have taken with the same answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec
from msgspec import UNSET, UnsetType

from ombud.gate.request import ReadRequest
from ombud.gate.wire.messages import Properties
from ombud.gate.wire.reads import APP, PERSON, READ, Around, Asked, By, Reads
from ombud.gate.wire.strict import is_clear, is_plain

if TYPE_CHECKING:
    import asyncio

    from ombud.gate.request import Decision

__all__ = ["PromptReads", "read_of"]


@runtime_checkable
class PromptReads(Reads, Protocol):
    """Reads that can be put on record without a task that waits."""

    def keep_one(self, request: ReadRequest, decision: Decision) -> asyncio.Future[None] | None:
        """Put one read on record; a future that ends when it may be answered, or none when it may be at once."""


class _Says(By, frozen=True):
    """What the platform says of the app; a token takes the long way."""

    token: msgspec.Raw | UnsetType = UNSET


class _App(msgspec.Struct, frozen=True):
    type: str
    id: str
    properties: _Says = _Says()


class _Action(msgspec.Struct, frozen=True):
    name: str
    properties: Properties | UnsetType = UNSET


class _Person(msgspec.Struct, frozen=True):
    type: str
    id: str
    properties: Asked


class _Question(msgspec.Struct, frozen=True):
    subject: _App
    action: _Action
    resource: _Person
    context: Around = Around()


_QUESTION = msgspec.json.Decoder(_Question)


def read_of(body: bytes) -> tuple[ReadRequest, bool] | None:
    """Return the read that a body asks for, and whether a part of it would do; None when it must go the long way."""
    if not is_clear(body):
        return None
    try:
        asked = _QUESTION.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    app, person = asked.subject, asked.resource
    said, wants, around = app.properties, person.properties, asked.context
    if (
        asked.action.name != READ
        or person.type != PERSON
        or app.type != APP
        or said.token is not UNSET
        or wants.scoped
        or not (
            is_plain(app.id) and is_plain(person.id) and is_plain(wants.purpose) and all(map(is_plain, wants.fields))
        )
    ):
        return None
    for other in (wants.through, around.region, said.key, said.acts_for):
        if other is not None and not is_plain(other):
            return None
    fields = wants.fields if len(wants.fields) == 1 else tuple(dict.fromkeys(wants.fields))
    request = ReadRequest(
        app=app.id,
        person=person.id,
        fields=fields,
        purpose=wants.purpose,
        through=wants.through,
        region=around.region,
        key=said.key,
        acts_for=said.acts_for,
    )
    return request, wants.partial
