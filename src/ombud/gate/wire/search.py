"""AuthZEN's three searches: who may, on what, and what may be done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from ombud.gate.rules.entities import Uid
from ombud.gate.wire.faults import WireError
from ombud.gate.wire.messages import (
    Action,
    ActionResult,
    ActionsFound,
    EntitiesFound,
    Entity,
    EntityResult,
    Evaluation,
    PageAnswer,
)
from ombud.gate.wire.paging import open_window
from ombud.gate.wire.point import question_of
from ombud.gate.wire.reads import APP, PERSON, READ, is_read, request_of, whole
from ombud.gate.wire.strict import check_id

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ombud.gate.wire.messages import ActionSearch, Kind, ResourceSearch, SubjectSearch
    from ombud.gate.wire.paging import Window
    from ombud.gate.wire.point import DecisionPoint

__all__ = ["SCAN", "search_actions", "search_resources", "search_subjects"]

SCAN = 5_000
"""Candidates that one request looks at, at most; the page then ends early and its token goes on."""
_BREATH = 20
"""Candidates between two looks at other connections."""
_ANY = "any"
"""Stands for what is searched for while its place in the question must be filled."""

_NOT_LISTED = "People are not listed: ask about one person at a time."


async def search_subjects(point: DecisionPoint, search: SubjectSearch) -> EntitiesFound:
    """Find the subjects of a type that are permitted; for a read of a person, the apps. Raises `WireError`."""
    window = open_window(search, "subject")
    kind, resource = search.subject.type, search.resource
    subject = _stand_in(search.subject)
    if is_read(search.action, resource):
        if kind != APP:
            return EntitiesFound(PageAnswer("", 0), [])
        read = Evaluation(subject, search.action, resource, search.context)
        request_of(read)  # a wrong question is refused also when no app is registered
        found, page = await _scan(point.reads.apps(), window, lambda name: _would(point, _by(read, name)))
    else:
        question = question_of(subject, search.action, resource, search.context)
        found, page = await _scan(
            point.rules.known.ids(kind),
            window,
            lambda name: point.ruling(msgspec.structs.replace(question, subject=Uid(kind, name))).permitted,
        )
    return EntitiesFound(page, [EntityResult(kind, name) for name in found])


async def search_resources(point: DecisionPoint, search: ResourceSearch) -> EntitiesFound:
    """Find the resources of a type to which the subject is permitted; people are never listed. Raises `WireError`."""
    window = open_window(search, "resource")
    kind = search.resource.type
    resource = _stand_in(search.resource)
    question = question_of(search.subject, search.action, resource, search.context)
    if is_read(search.action, resource):
        return EntitiesFound(PageAnswer("", 0), [], {"reason_admin": {"403": _NOT_LISTED}})
    found, page = await _scan(
        point.rules.known.ids(kind),
        window,
        lambda name: point.ruling(msgspec.structs.replace(question, resource=Uid(kind, name))).permitted,
    )
    return EntitiesFound(page, [EntityResult(kind, name) for name in found])


async def search_actions(point: DecisionPoint, search: ActionSearch) -> ActionsFound:
    """Find the actions that the subject may take on the resource. Raises `WireError`."""
    window = open_window(search, "action")
    question = question_of(search.subject, Action(_ANY), search.resource, search.context)
    read = Evaluation(search.subject, Action(READ), search.resource, search.context)
    on_person = search.resource.type == PERSON

    def permitted(name: str) -> bool:
        if on_person and name == READ:
            return search.subject.type == APP and _says_what(search.resource) and _would(point, read)
        return point.ruling(msgspec.structs.replace(question, action=name)).permitted

    names = sorted({*point.rules.actions, READ}) if on_person else point.rules.actions
    found, page = await _scan(names, window, permitted)
    return ActionsFound(page, [ActionResult(name) for name in found])


def _stand_in(kind: Kind) -> Entity:
    return Entity(check_id(kind.type, "The type that is searched for"), _ANY, kind.properties)


def _by(read: Evaluation, app: str) -> Evaluation:
    return msgspec.structs.replace(read, subject=msgspec.structs.replace(read.subject, id=app))


def _says_what(resource: Entity) -> bool:
    return isinstance(resource.properties, dict) and "fields" in resource.properties


def _would(point: DecisionPoint, read: Evaluation) -> bool:
    request, partial = request_of(read)
    decision = point.reads.would(request)
    return (decision if partial else whole(decision)).outcome != "refused"


async def _scan(
    candidates: Sequence[str], window: Window, permitted: Callable[[str], bool]
) -> tuple[list[str], PageAnswer]:
    """Return what is permitted among the candidates of the window, and where the next page begins."""
    found: list[str] = []
    end = min(len(candidates), window.position + SCAN)
    position = window.position
    if position > len(candidates):
        raise WireError("The page token is not one of ours.")
    while position < end and len(found) < window.limit:
        if position % _BREATH == 0:
            await asyncio.sleep(0)
        if permitted(candidates[position]):
            found.append(candidates[position])
        position += 1
    more = position < len(candidates)
    return found, PageAnswer(window.token_at(position) if more else "", len(found))
