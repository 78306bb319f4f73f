"""The entities that the rules know: users, records, groups, with their attributes and parents."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ombud.gate.rules.values import record
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Known", "Uid", "uids_in"]


class Uid(NamedTuple):
    """The name of an entity."""

    type: str
    id: str

    def as_json(self) -> dict[str, str]:
        """Return it as Cedar's JSON writes it."""
        return {"type": self.type, "id": self.id}


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    uid: dict[str, str]
    attrs: dict[str, Any] = {}
    parents: list[dict[str, str]] = []
    tags: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class _Entity:
    attributes: dict[str, Any]
    parents: tuple[Uid, ...]
    near: tuple[Uid, ...]
    """Parents, and what the attributes name."""


@dataclass(slots=True)
class Known:
    """All entities, and slices of them: what one question can reach, so that its cost does not grow with all."""

    entities: dict[Uid, _Entity] = field(default_factory=dict)
    by_type: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, text: bytes) -> Known:
        """Read Cedar's JSON form of entities. Raises `InputError` with the place."""
        try:
            written = msgspec.json.decode(text, type=list[_Written])
            known = cls()
            for one in written:
                known._add(one)
        except (msgspec.DecodeError, KeyError, UnicodeDecodeError) as error:
            raise InputError(
                f"The entities of the rules cannot be read: {error}.",
                hint='It is a JSON list of {"uid": {"type", "id"}, "attrs": {}, "parents": []}.',
            ) from error
        for ids in known.by_type.values():
            ids.sort()
        return known

    def _add(self, one: _Written) -> None:
        uid = Uid(one.uid["type"], one.uid["id"])
        if uid in self.entities:
            raise InputError(f"The entity {uid.type}::{uid.id} stands twice.", hint="Keep one of them.")
        parents = tuple(Uid(parent["type"], parent["id"]) for parent in one.parents)
        self.entities[uid] = _Entity(one.attrs, parents, (*parents, *uids_in(one.attrs)))
        self.by_type.setdefault(uid.type, []).append(uid.id)

    def ids(self, kind: str) -> list[str]:
        """Return the ids of one type, sorted."""
        return self.by_type.get(kind, [])

    def slice(self, roots: Iterable[Uid], given: Mapping[Uid, Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return what can be reached from `roots`, in Cedar's JSON form.

        `given` are attributes that came with the question: they stand over
        those that are kept here, name by name. Raises `RuleInputError`.
        """
        found: dict[Uid, dict[str, Any]] = {}
        waiting = [*roots, *given]
        while waiting:
            uid = waiting.pop()
            if uid in found:
                continue
            entity = self.entities.get(uid, _NOTHING)
            attributes = {**entity.attributes, **record(given[uid])} if uid in given else entity.attributes
            parents = [parent.as_json() for parent in entity.parents]
            found[uid] = {"uid": uid.as_json(), "attrs": attributes, "parents": parents}
            waiting.extend(entity.near)
        return list(found.values())


_NOTHING = _Entity({}, (), ())


def uids_in(value: object) -> Iterator[Uid]:
    """Yield the entities that a JSON value of Cedar names: every object with just a string `type` and `id`."""
    if isinstance(value, dict):
        if value.keys() == {"type", "id"} and isinstance(value["type"], str) and isinstance(value["id"], str):
            yield Uid(value["type"], value["id"])
        for part in value.values():
            yield from uids_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from uids_in(part)
