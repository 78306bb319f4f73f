"""The messages of the AuthZEN Authorization API 1.0: what may be asked, and what is answered.

Fields that the protocol does not know are ignored, as it asks; a known field
of a wrong type is refused. Every struct says in its fields' descriptions
what a caller reads in the OpenAPI document.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

__all__ = [
    "Action",
    "ActionResult",
    "ActionSearch",
    "ActionsFound",
    "Answer",
    "Answers",
    "Batch",
    "EntitiesFound",
    "Entity",
    "EntityResult",
    "Evaluation",
    "Item",
    "Kind",
    "Options",
    "Page",
    "PageAnswer",
    "Properties",
    "ResourceSearch",
    "Semantic",
    "SubjectSearch",
]

Properties = dict[str, Any]
Semantic = Literal["execute_all", "deny_on_first_deny", "permit_on_first_permit"]


class Entity(msgspec.Struct, frozen=True):
    """A subject or a resource."""

    type: Annotated[str, Meta(description="What kind of thing it is, such as `app`, `person` or `user`.")]
    id: Annotated[str, Meta(description="Its id within its type; compared sign by sign, never folded.")]
    properties: Annotated[Properties | UnsetType, Meta(description="Attributes that the rules may look at.")] = UNSET


class Kind(msgspec.Struct, frozen=True):
    """What is searched for: a type; an id is ignored."""

    type: Annotated[str, Meta(description="The type of what is searched for.")]
    properties: Annotated[Properties | UnsetType, Meta(description="Attributes that the rules may look at.")] = UNSET


class Action(msgspec.Struct, frozen=True):
    """What is to be done."""

    name: Annotated[str, Meta(description="Its name; `read` of a `person` is a read of personal data.")]
    properties: Annotated[Properties | UnsetType, Meta(description="Parameters of the action.")] = UNSET


class Evaluation(msgspec.Struct, frozen=True):
    """One question: whether this subject may do this to this resource."""

    subject: Annotated[Entity, Meta(description="Who wants to act.")]
    action: Annotated[Action, Meta(description="What it wants to do.")]
    resource: Annotated[Entity, Meta(description="To what.")]
    context: Annotated[Properties | UnsetType, Meta(description="The circumstances.")] = UNSET


class Item(msgspec.Struct, frozen=True):
    """One question of a batch; what it leaves out comes whole from the top level."""

    subject: Annotated[Entity | UnsetType, Meta(description="Who wants to act.")] = UNSET
    action: Annotated[Action | UnsetType, Meta(description="What it wants to do.")] = UNSET
    resource: Annotated[Entity | UnsetType, Meta(description="To what.")] = UNSET
    context: Annotated[Properties | UnsetType, Meta(description="The circumstances.")] = UNSET


class Options(msgspec.Struct, frozen=True):
    """How a batch is worked through."""

    evaluations_semantic: Annotated[
        Semantic, Meta(description="All of them, up to the first no, or up to the first yes.")
    ] = "execute_all"


class Batch(Item, frozen=True):
    """Several questions; each item is read on its own, so that one bad item does not spoil the others."""

    evaluations: Annotated[list[msgspec.Raw], Meta(description="The questions, at most 1,000.")] = []
    options: Annotated[Options, Meta(description="How they are worked through.")] = Options()


class Page(msgspec.Struct, frozen=True):
    """Which part of a search's results is wanted."""

    token: Annotated[str | UnsetType, Meta(description="`next_token` of the page before.")] = UNSET
    limit: Annotated[Annotated[int, Meta(ge=0)] | UnsetType, Meta(description="Results in this answer, at most.")] = (
        UNSET
    )
    properties: Annotated[Properties | UnsetType, Meta(description="Ignored.")] = UNSET


class SubjectSearch(msgspec.Struct, frozen=True):
    """Ask who may do this to this resource."""

    subject: Annotated[Kind, Meta(description="The kind of subject that is searched for.")]
    action: Annotated[Action, Meta(description="What is to be done.")]
    resource: Annotated[Entity, Meta(description="To what.")]
    context: Annotated[Properties | UnsetType, Meta(description="The circumstances.")] = UNSET
    page: Annotated[Page | UnsetType, Meta(description="Which part of the results.")] = UNSET


class ResourceSearch(msgspec.Struct, frozen=True):
    """Ask to what this subject may do this."""

    subject: Annotated[Entity, Meta(description="Who wants to act.")]
    action: Annotated[Action, Meta(description="What it wants to do.")]
    resource: Annotated[Kind, Meta(description="The kind of resource that is searched for.")]
    context: Annotated[Properties | UnsetType, Meta(description="The circumstances.")] = UNSET
    page: Annotated[Page | UnsetType, Meta(description="Which part of the results.")] = UNSET


class ActionSearch(msgspec.Struct, frozen=True):
    """Ask what this subject may do to this resource."""

    subject: Annotated[Entity, Meta(description="Who wants to act.")]
    resource: Annotated[Entity, Meta(description="To what.")]
    context: Annotated[Properties | UnsetType, Meta(description="The circumstances.")] = UNSET
    page: Annotated[Page | UnsetType, Meta(description="Which part of the results.")] = UNSET


class Answer(msgspec.Struct, frozen=True):
    """The decision on one question."""

    decision: Annotated[bool, Meta(description="Whether it may go forward.")]
    context: Annotated[
        Properties | UnsetType,
        Meta(description="For a read of a person: allowed fields, refused ones with reasons, decision id, policy."),
    ] = UNSET


class Answers(msgspec.Struct, frozen=True):
    """The decisions on a batch, in the order of the questions."""

    evaluations: Annotated[list[Answer], Meta(description="As many as were worked through.")]


class PageAnswer(msgspec.Struct, frozen=True):
    """Where the next page is."""

    next_token: Annotated[str, Meta(description="Empty when there is no more.")]
    count: Annotated[int, Meta(description="Results in this answer.")]


class EntityResult(msgspec.Struct, frozen=True):
    """A subject or a resource that was found."""

    type: Annotated[str, Meta(description="Its type.")]
    id: Annotated[str, Meta(description="Its id.")]


class ActionResult(msgspec.Struct, frozen=True):
    """An action that was found."""

    name: Annotated[str, Meta(description="Its name.")]


class EntitiesFound(msgspec.Struct, frozen=True):
    """The subjects or resources that were found."""

    page: Annotated[PageAnswer, Meta(description="Which part this is.")]
    results: Annotated[list[EntityResult], Meta(description="What was found, sorted by id.")]
    context: Annotated[Properties | UnsetType, Meta(description="Why nothing is listed, where that is so.")] = UNSET


class ActionsFound(msgspec.Struct, frozen=True):
    """The actions that were found."""

    page: Annotated[PageAnswer, Meta(description="Which part this is.")]
    results: Annotated[list[ActionResult], Meta(description="What was found, sorted by name.")]
    context: Annotated[Properties | UnsetType, Meta(description="Why nothing is listed, where that is so.")] = UNSET
