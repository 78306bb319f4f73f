"""Which part of a JSON answer is which field, and the answer without the fields that are refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ombud.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

__all__ = ["Shape"]

_STEP = re.compile(r"[^.\[\]]+(\[\])*\Z")
_ITEM = "[]"


@dataclass(slots=True)
class _Node:
    """One place in an answer."""

    name: str | None = None
    """the field that this place and all below it belong to"""
    free: bool = False
    """whether it goes out whatever is decided"""
    person: bool = False
    """whether one person's part begins here"""
    below: dict[str, _Node] = field(default_factory=dict)


class Shape:
    """Says of every place in a JSON answer to which field it belongs; what is not named never goes out.

    A place is names with dots, and `[]` for each element of a list:
    `email`, `address.city`, `posts[].text`. With `each`, the answer holds
    several people: `each` is the place of one, `data[]`, and `person` the
    name in it that holds their id; the other places begin there.
    """

    def __init__(
        self,
        fields: Mapping[str, str],
        *,
        free: Collection[str] = (),
        each: str | None = None,
        person: str = "id",
        around: Collection[str] = (),
    ) -> None:
        """Take places and their fields, the `free` places of a person's part, and those `around` the people.

        Raises `InputError` for a place that is none, or that lies within another.
        """
        if not fields:
            raise InputError("A shape names no field.", hint='Write {"email": "email"}, place and field.')
        self.each = each
        self.person = person
        self.fields = tuple(dict.fromkeys(fields.values()))
        self._top = _Node()
        part = self._top
        if each is not None:
            part = self._node(self._top, each)
            part.person = True
            _end(part, each)
        elif around:
            raise InputError("`around` needs `each`.", hint="Without `each` all places are of one person: use `free`.")
        for place, name in fields.items():
            node = self._node(part, place)
            _end(node, place)
            node.name = name
        for top, places in ((part, free), (self._top, around)):
            for place in places:
                node = self._node(top, place)
                _end(node, place)
                node.free = True
        self._part = part

    @staticmethod
    def _node(top: _Node, place: str) -> _Node:
        """Return the node of a place, made if it is new."""
        node = top
        for step in _steps(place):
            if node.name is not None or node.free:
                raise InputError(f"The place `{place}` lies within another.", hint="Name one of the two.")
            node = node.below.setdefault(step, _Node())
        return node

    def people(self, answer: object) -> list[str]:
        """Return the ids of the people in an answer, in order; those without a string id are left out."""
        return [found for part in _parts(answer, self._top) if (found := self._id(part)) is not None]

    def strip(self, answer: object, allowed: Callable[[str | None], Collection[str]]) -> Any:  # noqa: ANN401 - JSON
        """Return the answer with only what is free or allowed.

        `allowed` gives the fields that go out, of the person with this id, or
        of the one person that the answer is about (None). A person's part
        without an id loses all its fields.
        """
        if self.each is None:
            return _stripped(answer, self._top, frozenset(allowed(None)), None)

        def part(value: object) -> Any:  # noqa: ANN401 - JSON
            name = self._id(value)
            return _stripped(value, self._part, frozenset(allowed(name)) if name is not None else frozenset(), None)

        return _stripped(answer, self._top, frozenset(), part)

    def _id(self, part: object) -> str | None:
        found = part.get(self.person) if isinstance(part, dict) else None
        if isinstance(found, int) and not isinstance(found, bool):
            return str(found)
        return found if isinstance(found, str) else None


def _steps(place: str) -> Iterator[str]:
    for name in place.split("."):
        if not _STEP.match(name) and not (set(name) <= {"[", "]"} and name and name == _ITEM * (len(name) // 2)):
            raise InputError(f"`{place}` is no place in an answer.", hint="Write names with dots, as in posts[].text.")
        bare = name.rstrip("[]")
        if bare:
            yield bare
        for _ in range((len(name) - len(bare)) // 2):
            yield _ITEM


def _end(node: _Node, place: str) -> None:
    """Refuse a place that is named twice, or that others lie within."""
    if node.below or node.name is not None or node.free:
        raise InputError(f"The place `{place}` is named twice, or others lie within it.", hint="Name one of them.")


def _parts(value: object, node: _Node) -> Iterable[object]:
    """Yield each person's part."""
    if node.person:
        yield value
        return
    for step, below in node.below.items():
        if step == _ITEM:
            for element in value if isinstance(value, list) else ():
                yield from _parts(element, below)
        elif isinstance(value, dict) and step in value:
            yield from _parts(value[step], below)


_GONE = object()


def _stripped(value: object, node: _Node, allowed: frozenset[str], part: Callable[[object], object] | None) -> object:
    found = _kept(value, node, allowed, part)
    if found is _GONE:
        return [] if isinstance(value, list) else {} if isinstance(value, dict) else None
    return found


def _kept(value: object, node: _Node, allowed: frozenset[str], part: Callable[[object], object] | None) -> object:
    """Return what of `value` goes out, or `_GONE`."""
    if part is not None and node.person:
        return part(value)
    if node.name is not None:
        return value if node.name in allowed else _GONE
    if node.free:
        return value
    if isinstance(value, dict):
        pairs = (
            (name, _kept(inner, node.below[name], allowed, part))
            for name, inner in value.items()
            if name in node.below and name != _ITEM
        )
        found = {name: inner for name, inner in pairs if inner is not _GONE}
        return found if found or node.below.keys() - {_ITEM} else _GONE
    if isinstance(value, list) and _ITEM in node.below:
        below = node.below[_ITEM]
        return [inner for element in value if (inner := _kept(element, below, allowed, part)) is not _GONE]
    return _GONE
