"""Decide general questions by Cedar policies: whatever is not a read of a person's data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cedarpy
import msgspec

from ombud.gate.rules.entities import Known, Uid, uids_in
from ombud.gate.rules.values import record
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EMPTY", "Question", "Rules", "Ruling"]

_ACTION = "Action"
_TYPE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(::[A-Za-z_][A-Za-z0-9_]*)*\Z")
_NO_ATTRIBUTES: dict[str, Any] = {}


class Question(msgspec.Struct, frozen=True):
    """May `subject` do `action` to `resource`? Each dict holds attributes as JSON."""

    subject: Uid
    action: str
    resource: Uid
    subject_attributes: dict[str, Any] = {}
    action_attributes: dict[str, Any] = {}
    resource_attributes: dict[str, Any] = {}
    context: dict[str, Any] = {}


class Ruling(msgspec.Struct, frozen=True):
    """Whether it is permitted, and by which policies (their `@id`, else their place)."""

    permitted: bool
    policies: tuple[str, ...] = ()
    failed: bool = False
    """Whether a policy could not be worked out; then nothing is permitted."""


@dataclass(frozen=True, slots=True)
class Rules:
    """Cedar policies and the entities they speak of.

    A question's action is `Action::"name"`. Its context holds two records:
    `context.action`, the action's properties, and `context.request`, what the
    caller sent as context.
    """

    policies: cedarpy.PolicySet
    known: Known
    actions: tuple[str, ...]
    named: tuple[Uid, ...]
    """Entities that the policies' text names."""

    @classmethod
    def of(cls, policies: str, entities: bytes = b"[]") -> Rules:
        """Parse policies and entities. Raises `InputError` with the place."""
        try:
            parsed = cedarpy.PolicySet.from_str(policies)
            tree = msgspec.json.decode(cedarpy.policies_to_json_str(policies))
        except ValueError as error:
            raise InputError(f"The Cedar rules cannot be read: {error}", hint="Mend that line.") from error
        if tree.get("templates"):
            raise InputError("The Cedar rules hold a template.", hint="Write policies without slots.")
        known = Known.read(entities)
        named = tuple(dict.fromkeys(uids_in(tree)))
        actions = {uid.id for uid in named if uid.type == _ACTION} | set(known.ids(_ACTION))
        return cls(parsed, known, tuple(sorted(actions)), named)

    def decide(self, question: Question) -> Ruling:
        """Decide one question. Raises `RuleInputError` for attributes that Cedar cannot hold."""
        if not (_TYPE.match(question.subject.type) and _TYPE.match(question.resource.type)):
            return Ruling(permitted=False)  # no policy can speak of such a type
        action = Uid(_ACTION, question.action)
        given: dict[Uid, Mapping[str, Any]] = {question.subject: question.subject_attributes}
        given[question.resource] = {**given.get(question.resource, _NO_ATTRIBUTES), **question.resource_attributes}
        context = {"action": record(question.action_attributes), "request": record(question.context)}
        result = cedarpy.is_authorized(
            {
                "principal": question.subject.as_json(),
                "action": action.as_json(),
                "resource": question.resource.as_json(),
                "context": context,
            },
            self.policies,
            self.known.slice((action, *self.named), given),
        )
        said = result.diagnostics
        # Cedar passes over a policy that fails; were it a `forbid`, that would open the door
        failed = bool(said.errors) or result.decision is cedarpy.Decision.NoDecision
        names = tuple(said.id_annotations_by_reason.get(reason) or reason for reason in said.reasons)
        return Ruling(permitted=result.allowed and not failed, policies=names, failed=failed)


EMPTY = Rules.of("")
"""No rules: nothing is permitted."""
