"""What joins apps to each other: one developer, hosts, keys, names that are hard to tell apart.

A link is a fact and no reproach: it says where to look next. What very many apps
share (a cloud's host, a library's key, a name made by a template) links nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec
from rapidfuzz import fuzz, process

from ombud.audit.ranking.described import Described, describe
from ombud.audit.ranking.measured import keys_by_app
from ombud.audit.ranking.together import MOST, things_of
from ombud.lake.engines.duckdb import DuckEngine
from ombud.lake.engines.sql import queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ombud.lake import Lake

__all__ = ["Link", "LinkKind", "links_among", "related"]

LinkKind = Literal["developer", "host", "key", "text", "payment"]
_ALIKE = 92.0
"""How alike two names must be, of 100 (rapidfuzz's ratio), to be hard to tell apart."""
_TEMPLATE = 10
"""Names alike from which on they tell nothing: they come from a template."""
_WORDS: dict[str, str] = {
    "developer": "Both are by the developer {}.",
    "host": "Both use the host {}.",
    "key": "Both ask with the key {}.",
}


class Link(msgspec.Struct, frozen=True):
    """One thing that two apps have in common."""

    other: str
    """the other app, as imported"""
    kind: LinkKind
    """payment data is in no table yet, so nothing is linked by it"""
    evidence: str
    """what they share, as it stands in the lake"""
    sentence: str


def related(lake: Lake, app: int) -> list[Link]:
    """Return what joins the app (its number) to others: by kind, then by the other app's id."""
    with lake.duck(["reads", "apps"]) as duck:
        described = describe(lake, duck)
        keys = keys_by_app(DuckEngine(duck, queries("ombud.audit.ranking")))
    return links_among(described, keys, app)


def links_among(described: Mapping[int, Described], keys: Iterable[tuple[int, str]], app: int) -> list[Link]:
    """Return the links of one app among apps that are described, with the keys that each used."""
    if app not in described:
        return []
    out: list[Link] = []
    for (kind, evidence), apps in sorted(things_of(described, keys).items()):
        if app in apps:
            others = sorted(described[other].app for other in apps - {app})
            out += [Link(other, kind, evidence, _WORDS[kind].format(evidence)) for other in others[:MOST]]
    return [*out, *_by_name(described, app)]


def _by_name(described: Mapping[int, Described], app: int) -> list[Link]:
    """Return links to apps that are or were called nearly the same."""
    mine = described[app]
    names = {_folded(name) for name in (mine.name, *mine.names) if name}
    others = [
        (other.app, name)
        for number, other in sorted(described.items())
        if number != app
        for name in (other.name, *other.names)
        if name
    ]
    found: dict[str, str] = {}
    for name in sorted(names):
        alike = process.extract(
            name, [_folded(text) for _, text in others], scorer=fuzz.ratio, score_cutoff=_ALIKE, limit=_TEMPLATE + 1
        )
        if len(alike) <= _TEMPLATE:
            found |= {others[at][0]: others[at][1] for _, _, at in alike}
    return [
        Link(other, "text", name, f"Its name is hard to tell from {name}.") for other, name in sorted(found.items())
    ]


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
