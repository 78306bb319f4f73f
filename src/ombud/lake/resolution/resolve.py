"""Resolve spaces: gather the rows by address, find candidates by sorted keys, merge with care."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import combinations, pairwise
from typing import TYPE_CHECKING

import msgspec
from rapidfuzz.fuzz import ratio

from ombud.lake.resolution.address import Address, parse_address
from ombud.lake.resolution.glyphs import skeleton
from ombud.lake.resolution.outcome import Doubtful, Entity, Merged, Resolution, SpaceRow
from ombud.lake.resolution.readings import best_reading, shown
from ombud.lake.resolution.weigh import HOUSE_2018, Calibration, Link, numbers_agree, weigh
from ombud.model.ids import derived_id

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

__all__ = ["resolve_spaces"]

_ALL_PAIRS = 30
"""Places with one skeleton are compared all with all up to this number, beyond it with their neighbours."""
_WINDOW = 4
_NEAR = 85.0
_NAMED = {"page", "group", "site"}
"""Kinds whose name can be compared; events and posts go by number alone."""


@dataclass(slots=True)
class _Place:
    """All rows with one address, however its host and path were written."""

    address: Address
    rows: list[SpaceRow] = field(default_factory=list)

    @property
    def ocr(self) -> bool:
        return any(row.ocr for row in self.rows)


def _places(rows: Iterable[SpaceRow]) -> tuple[list[_Place], list[str]]:
    found: dict[str, _Place] = {}
    nothing = []
    for row in sorted({r.space: r for r in sorted(rows, key=repr)}.values(), key=lambda r: r.space):
        address = parse_address(row.url or row.space)
        if address.platform == "none":
            nothing.append(row.space)
        else:
            found.setdefault(address.key, _Place(address)).rows.append(row)
    return [found[key] for key in sorted(found)], nothing


def _chained(groups: Iterable[Sequence[int]]) -> Iterator[tuple[int, int]]:
    for group in groups:
        yield from pairwise(group) if len(group) > _ALL_PAIRS else combinations(group, 2)


def _candidates(places: list[_Place]) -> Iterator[tuple[int, int]]:
    """Yield pairs worth a look, each once: n log n, never all pairs."""
    numbers: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    names: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for i, place in enumerate(places):
        address = place.address
        if address.number:
            numbers[address.platform, address.kind, address.number].append(i)
        if address.name and address.kind in _NAMED:
            names[address.platform, address.kind, skeleton(address.name)].append(i)
    seen: set[tuple[int, int]] = set()
    yield from _new(_chained([*numbers.values(), *names.values()]), seen)
    keys = list(names)
    for ordered in (sorted(keys), sorted(keys, key=lambda k: (k[0], k[1], k[2][::-1]))):
        for at, key in enumerate(ordered):
            for other in ordered[at + 1 : at + 1 + _WINDOW]:
                if key[:2] == other[:2] and ratio(key[2], other[2], score_cutoff=_NEAR):
                    yield from _new(((min(i, j), max(i, j)) for i in names[key][:3] for j in names[other][:3]), seen)


def _new(pairs: Iterable[tuple[int, int]], seen: set[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for pair in pairs:
        if pair not in seen:
            seen.add(pair)
            yield pair


class _Clusters:
    """Union of places that refuses to join contradictory numbers."""

    def __init__(self, places: list[_Place]) -> None:
        self._parent = list(range(len(places)))
        self._numbers = [{(p.address.number, p.ocr)} if p.address.number else set() for p in places]

    def root(self, i: int) -> int:
        while self._parent[i] != i:
            self._parent[i] = self._parent[self._parent[i]]
            i = self._parent[i]
        return i

    def join(self, link: Link) -> bool:
        """Join the two ends; false when numbers on the two sides contradict each other."""
        a, b = sorted((self.root(link.a), self.root(link.b)))
        if a == b:
            return True
        if not all(numbers_agree(x, y, ocr=p or q) for x, p in self._numbers[a] for y, q in self._numbers[b]):
            return False
        self._parent[b] = a
        self._numbers[a] |= self._numbers[b]
        return True


def _entity(members: list[_Place], split: str | None = None) -> Entity:
    """Describe the places of one cluster; `split` marks a space that a person set apart."""
    first = members[0].address
    titled = [(p.address.name, _weight(p)) for p in members if p.address.number and not p.address.unique_name]
    short = [(p.address.name, _weight(p)) for p in members if p.address.unique_name]
    name = best_reading(titled) or best_reading(short)
    numbers: dict[str, int] = defaultdict(int)
    for p in members:
        if p.address.number:
            numbers[p.address.number] += _weight(p)
    number = min(numbers, key=lambda n: (not n.isdigit(), -numbers[n], n)) if numbers else None
    given = best_reading(
        [(r.name, r.weight) for p in members for r in p.rows if r.name and r.name not in {r.url, r.space}]
    )
    best = [p for p in members if p.address.name == name] or members
    urls = sorted(((r.weight, r.url or r.space) for p in best for r in p.rows), key=lambda u: (-u[0], u[1]))
    key = number or min(skeleton(p.address.name) or p.address.key for p in members)
    return Entity(
        id=derived_id("page", first.platform, first.kind, key, *([split] if split else [])),
        name=_named(given or shown(name, title=bool(titled)), first, number),
        kind=first.kind,
        platform=first.platform,
        url=urls[0][1],
        number=number,
        spaces=tuple(sorted(r.space for p in members for r in p.rows)),
    )


def _named(name: str, address: Address, number: str | None) -> str:
    if address.kind in _NAMED and name:
        return name
    what = "address" if address.kind == "unknown" else address.kind
    return f"{address.platform.capitalize()} {what} {number or ''}".strip()


def _weight(place: _Place) -> int:
    return sum(max(row.weight, 1) for row in place.rows)


def _merges(entity: Entity, members: dict[int, _Place], links: dict[int, Link]) -> Iterator[Merged]:
    """Give each space of an entity its reason: the strongest link of its place to another."""
    for i, place in members.items():
        link = links.get(i)
        for row in place.rows:
            if (row.url or row.space) == entity.url:
                yield Merged(row.space, entity.id, "This reading of the address gives the page its name.", 1.0)
            elif link and all((r.url or r.space) != entity.url for r in place.rows):
                yield Merged(row.space, entity.id, link.reason, link.probability)
            else:
                reason = "The same address, but for how its host, dashes, case or ending were read."
                yield Merged(row.space, entity.id, reason, 0.999)


def _set_apart(
    members: list[int], places: list[_Place], out: list[str], home: dict[int, str]
) -> tuple[dict[int, _Place], list[Entity]]:
    """Take the spaces `out` from their places; return what is left of these, and an entity for each space taken.

    A place with nothing left has its `home` with the last space taken from it.
    """
    left = {i: places[i] for i in members}
    alone = []
    for space in out:
        i, row = next((i, r) for i in members for r in places[i].rows if r.space == space)
        alone.append(_entity([_Place(parse_address(row.url or row.space), [row])], split=space))
        left[i] = _Place(left[i].address, [r for r in left[i].rows if r.space != space])
        if not left[i].rows:
            home[i] = alone[-1].id
    return {i: place for i, place in left.items() if place.rows}, alone


def resolve_spaces(
    rows: Iterable[SpaceRow],
    *,
    apart: Collection[tuple[str, str]] = (),
    calibration: Calibration = HOUSE_2018,
) -> Resolution:
    """Group `rows` into entities, with a reason for each merge; doubtful pairs stay apart.

    The outcome does not depend on the order of rows. Two places are joined only
    when they carry one number (or numbers that OCR confused by a digit, under
    one name), or one name that the platform gives once, read in ways that OCR
    confuses; and never when any of their numbers contradict. `apart` lists
    (space, entity id) that a person has undone.
    """
    places, nothing = _places(rows)
    links = []
    for a, b in _candidates(places):
        one, other = places[a], places[b]
        link = weigh(a, b, one.address, other.address, calibration, ocr=one.ocr or other.ocr)
        if link:
            links.append(link)
    links.sort(key=lambda link: (-link.probability, link.a, link.b))
    clusters = _Clusters(places)
    refused: list[Link] = []
    strongest: dict[int, Link] = {}
    for link in links:
        if not (link.merge and clusters.join(link)):
            refused.append(link)
            continue
        strongest.setdefault(link.a, link)
        strongest.setdefault(link.b, link)
    groups: dict[int, list[int]] = defaultdict(list)
    for i in range(len(places)):
        groups[clusters.root(i)].append(i)
    entities: list[Entity] = []
    merges: list[Merged] = []
    taken: set[str] = set()
    home: dict[int, str] = {}
    undone = set(apart)
    for members in groups.values():
        entity = _entity([places[i] for i in members])
        if entity.id in taken:  # two that were left apart, alike in all but their exact address
            key = min(places[i].address.key for i in members)
            entity = msgspec.structs.replace(entity, id=derived_id("page", "address", key))
        taken.add(entity.id)
        out = [s for s in entity.spaces if (s, entity.id) in undone] if len(entity.spaces) > 1 else []
        home |= dict.fromkeys(members, entity.id)
        left, alone = _set_apart(members, places, out, home)
        entities += alone
        merges += [Merged(one.spaces[0], one.id, "A person set this address apart.", 1.0) for one in alone]
        if left:
            if out:  # what was set apart names the page no more
                entity = msgspec.structs.replace(_entity(list(left.values())), id=entity.id)
            entities.append(entity)
            merges += _merges(entity, left, strongest)
    return Resolution(
        entities=tuple(sorted(entities, key=lambda e: e.id)),
        merges=tuple(sorted(merges, key=lambda m: m.space)),
        doubtful=_doubtful(refused, home),
        unresolved=tuple(sorted(nothing)),
        calibration=calibration.sentence,
    )


def _doubtful(refused: list[Link], home: dict[int, str]) -> tuple[Doubtful, ...]:
    found: dict[tuple[str, str], Doubtful] = {}
    for link in refused:
        one, other = sorted((home[link.a], home[link.b]))
        if one != other and (one, other) not in found:
            reason = link.reason if not link.merge else f"{link.reason} But other readings of the two contradict it."
            found[one, other] = Doubtful(one, other, reason, link.probability)
    return tuple(found[key] for key in sorted(found))
