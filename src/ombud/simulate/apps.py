"""The apps of a simulated platform and who makes them, as arrays by app."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ombud.simulate.kinds import CATEGORIES, KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ombud.simulate.friendships import Ints, Small
    from ombud.simulate.vocabulary import Masks, Vocabulary

__all__ = ["FACES", "NAMES", "Apps", "simulate_apps"]

FACES = 20
"""Apps of a developer with many faces."""
NAMES = 4
"""Names under which one walk goes on."""

_OLDEST = 1_500
_LARGEST = 0.05
_KIND_NAMES = tuple(KINDS)


@dataclass(frozen=True, slots=True)
class Apps:
    """Every app; all arrays but the last are by app."""

    kind: NDArray[np.int8]
    """index into `KINDS`: the truth, which nothing but evaluation may read"""
    developer: Small
    category: NDArray[np.int8]
    purpose: NDArray[np.int8]
    """the purpose that it declares"""
    second_purpose: NDArray[np.int8]
    """the one that it names when it reads all its people again; sloppy ones never declared it"""
    registered: Small
    """the day, counted from the first day of the simulation; mostly before it"""
    size: Ints
    """about how many people will ever have it"""
    own: Masks
    """fields that it reads of its people"""
    of_friends: Masks
    """fields that it reads of their friends"""
    host: Small
    """the host that it calls from; some of the apps of one developer share one"""
    developers: int
    """how many developers there are"""

    def __len__(self) -> int:
        return len(self.kind)

    def of_kind(self, *names: str) -> Ints:
        """Return the apps of these kinds."""
        return np.flatnonzero(_of_kind(self.kind, *names))

    def trait(self, name: str) -> NDArray[np.generic]:
        """Return by app what its kind says of `name`, such as `friends` or `misuse`."""
        return np.array([getattr(kind, name) for kind in KINDS.values()])[self.kind]


def simulate_apps(
    count: int,
    people: int,
    days: int,
    vocabulary: Vocabulary,
    rng: np.random.Generator,
    *,
    more: Mapping[str, int] | None = None,
) -> Apps:
    """Return `count` apps (at least 40) for that many people; most were there before the first of `days`.

    `more` says how many there are at least of some kinds, such as those that have no share of their own.
    """
    kind = _kinds(count, more or {}, rng)
    faces = np.flatnonzero(_of_kind(kind, "faces"))
    category = rng.choice(len(CATEGORIES), count, p=[c.share for c in CATEGORIES]).astype(np.int8)
    category[_of_kind(kind, "walker", "harvester")] = _category("quizzes")
    category[faces] = _category("games")
    category[_of_kind(kind, "hidden")] = _category("games")
    category[_of_kind(kind, "reminder")] = _category("calendars")
    developer = rng.integers(0, max(count * 2 // 3, 1), count, dtype=np.int32)
    developers = int(developer.max()) + 1
    developer[faces] = developers + np.arange(len(faces)) // FACES
    developers += -(-len(faces) // FACES)
    registered = rng.integers(-_OLDEST, max(days * 3 // 4, 1), count, dtype=np.int32)
    new = np.array([k.misuse or k.launch for k in KINDS.values()])[kind]
    registered[new] = rng.integers(-120, max(days // 4, 1), int(new.sum()), dtype=np.int32)
    own, of_friends = _fields(kind, category, vocabulary)
    host = np.where(rng.random(count) < 1 / 4, developer, developers + np.arange(count)).astype(np.int32)
    renamed = np.flatnonzero(_of_kind(kind, "renamed"))
    host[renamed] = developers + count + np.arange(len(renamed)) // NAMES
    purpose = np.array([vocabulary.purposes.index(c.purpose) for c in CATEGORIES], dtype=np.int8)[category]
    second = np.where(_of_kind(kind, "sloppy"), np.int8(vocabulary.purposes.index("analytics")), purpose)
    size = _sizes(kind, people, rng)
    return Apps(kind, developer, category, purpose, second, registered, size, own, of_friends, host, developers)


def _of_kind(kind: NDArray[np.int8], *names: str) -> NDArray[np.bool_]:
    return np.isin(kind, [_KIND_NAMES.index(name) for name in names])


def _category(name: str) -> int:
    return next(at for at, category in enumerate(CATEGORIES) if category.name == name)


def _kinds(count: int, more: Mapping[str, int], rng: np.random.Generator) -> NDArray[np.int8]:
    """Return the kind of each app, in random order: each kind's share, but at least its least, whole sets of faces."""
    wanted = {name: max(round(kind.share * count), kind.at_least) for name, kind in KINDS.items()}
    wanted |= {name: max(wanted[name], least) for name, least in more.items()}
    wanted["faces"] = -(-wanted["faces"] // FACES) * FACES
    wanted["renamed"] = -(-wanted["renamed"] // NAMES) * NAMES
    wanted["honest"] = count - sum(n for name, n in wanted.items() if name != "honest")
    if wanted["honest"] < 1:
        raise ValueError(f"{count} apps are too few for one of each kind")
    return rng.permutation(np.repeat(np.arange(len(KINDS), dtype=np.int8), list(wanted.values())))


def _sizes(kind: NDArray[np.int8], people: int, rng: np.random.Generator) -> Ints:
    median = np.array([k.size[0] for k in KINDS.values()])[kind]
    spread = np.array([k.size[1] for k in KINDS.values()])[kind]
    most = np.where(np.array([k.launch for k in KINDS.values()])[kind], 0.3, _LARGEST)
    share = np.minimum(median * np.exp(spread * rng.standard_normal(len(kind))), most)
    sizes: Ints = np.maximum(np.round(people * share), 3).astype(np.int64)
    return sizes


def _fields(kind: NDArray[np.int8], category: NDArray[np.int8], vocabulary: Vocabulary) -> tuple[Masks, Masks]:
    """Return what each app reads of its people and of their friends."""
    needed = np.array([vocabulary.mask(c.fields) for c in CATEGORIES], dtype=np.uint64)[category]
    faces = np.uint64(vocabulary.mask(("name", "picture")))
    all_own = np.uint64(vocabulary.mask({f for fields in vocabulary.scopes.values() for f in fields}))
    all_friends = np.uint64(vocabulary.mask({f for fields in vocabulary.friend_scopes.values() for f in fields}))
    greedy = np.array([k.everything for k in KINDS.values()])[kind]
    sees = np.array([k.friends > 0 for k in KINDS.values()])[kind]
    own = np.where(greedy, all_own, needed)
    of_friends = np.where(greedy, all_friends, np.where(sees, faces, np.uint64(0)))
    of_friends[_of_kind(kind, "reminder")] = vocabulary.mask(("name", "birthday"))
    of_friends[_of_kind(kind, "hidden")] = vocabulary.mask(("name", "picture", "likes", "location"))
    return own, of_friends
