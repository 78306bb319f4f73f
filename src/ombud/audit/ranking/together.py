"""Which apps belong together: those of one developer, of one host, or of one key.

A misuse that is split over many apps shows when they are looked at as one. A
host or a key that very many apps share tells nothing, and joins nobody.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ombud.audit.ranking.described import Described

__all__ = ["MOST", "Together", "Tying", "joined", "things_of"]

Tying = Literal["developer", "host", "key"]
MOST = 50
"""Apps that share a host or a key from which on it joins nobody: a cloud's, a library's."""


class Together(msgspec.Struct, frozen=True):
    """Apps that are looked at as one."""

    apps: tuple[int, ...]
    """their numbers, in order"""
    things: tuple[tuple[Tying, str], ...]
    """what joins them: kind and name, each shared by at least two of them"""

    @property
    def sentence(self) -> str:
        """Say what they share, the developer first."""
        words = {"developer": "one developer", "host": "one host", "key": "one key"}
        kinds = list(dict.fromkeys(kind for kind, _ in self.things))
        return " and ".join(words[kind] for kind in ("developer", "host", "key") if kind in kinds)


def things_of(
    described: Mapping[int, Described], keys: Iterable[tuple[int, str]]
) -> dict[tuple[Tying, str], frozenset[int]]:
    """Return by developer, host and key the apps that have it: two or more, of a host or a key at most `MOST`."""
    found: dict[tuple[Tying, str], set[int]] = defaultdict(set)
    for app, item in described.items():
        if item.developer:
            found["developer", item.developer].add(app)
        for host in item.hosts:
            found["host", host.casefold()].add(app)
    for app, key in keys:
        found["key", key].add(app)
    return {
        thing: frozenset(apps)
        for thing, apps in found.items()
        if len(apps) > 1 and (thing[0] == "developer" or len(apps) <= MOST)
    }


def joined(things: Mapping[tuple[Tying, str], frozenset[int]]) -> list[Together]:
    """Return the groups of apps that are joined by what they share, over however many steps; in order."""
    parent: dict[int, int] = {}

    def root(app: int) -> int:
        while parent.setdefault(app, app) != app:
            parent[app] = parent[parent[app]]
            app = parent[app]
        return app

    for apps in things.values():
        first, *others = sorted(apps)
        for other in others:
            parent[root(other)] = root(first)
    members: dict[int, set[int]] = defaultdict(set)
    for app in list(parent):
        members[root(app)].add(app)
    shared: dict[int, list[tuple[Tying, str]]] = defaultdict(list)
    for thing, apps in things.items():
        shared[root(min(apps))].append(thing)
    return sorted(
        (Together(tuple(sorted(apps)), tuple(sorted(shared[at]))) for at, apps in members.items()),
        key=lambda group: group.apps,
    )
