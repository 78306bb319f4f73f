"""Exact sets of people by app, from what the lake says went out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pyroaring import BitMap

if TYPE_CHECKING:
    from collections.abc import Callable

    from ombud.lake import Lake
    from ombud.model.workspace import Workspace

__all__ = ["PeopleSets", "catch_up", "open_sets"]


_READS = """
SELECT app, person, coalesce(through <> person, false) AS via FROM reads
WHERE decision IN ('allowed', 'reduced') GROUP BY ALL
"""
_GRANTS = "SELECT DISTINCT app, person FROM grants"


@dataclass(slots=True)
class PeopleSets:
    """Whose data went out to each app; numbers are those of the dictionaries `app` and `account`."""

    lake: Lake
    _direct: dict[int, BitMap] = field(default_factory=dict)
    _via: dict[int, BitMap] = field(default_factory=dict)
    _installers: dict[int, BitMap] = field(default_factory=dict)

    def apps(self) -> list[int]:
        """Return the apps that read anybody or that anybody granted anything, in order."""
        return sorted(self._direct.keys() | self._via.keys() | self._installers.keys())

    def direct(self, app: int) -> BitMap:
        """Return the people whose own grant was used for their data."""
        return BitMap(self._direct.get(app, BitMap()))

    def via(self, app: int) -> BitMap:
        """Return the people whose data went out through a friend's grant."""
        return BitMap(self._via.get(app, BitMap()))

    def people(self, app: int) -> BitMap:
        """Return everybody whose data went out."""
        return self.direct(app) | self.via(app)

    def installers(self, app: int) -> BitMap:
        """Return the people who ever granted it anything: the lake's `grants` and the records' consents."""
        return BitMap(self._installers.get(app, BitMap()))

    def readers(self, person: int) -> list[int]:
        """Return which apps read this person, in order."""
        return [app for app in self.apps() if person in self._direct.get(app, ()) or person in self._via.get(app, ())]

    def refresh(self, progress: Callable[[int, int | None, str], None] | None = None) -> int:
        """Take in what the lake has got since; return how many of its files were new."""
        del progress
        before = sum(map(len, (self._direct, self._via, self._installers)))
        with self.lake.duck(["reads", "grants"]) as duck:
            for app, person, via in duck.execute(_READS).fetchall():
                (self._via if via else self._direct).setdefault(app, BitMap()).add(person)
            for app, person in duck.execute(_GRANTS).fetchall():
                self._installers.setdefault(app, BitMap()).add(person)
        return sum(map(len, (self._direct, self._via, self._installers))) - before


def open_sets(workspace: Workspace, lake: Lake) -> PeopleSets:
    """Open the sets of a workspace, brought up to the lake's files of this moment."""
    del workspace
    sets = PeopleSets(lake)
    sets.refresh()
    return sets


def catch_up(workspace: Workspace, lake: Lake) -> int:
    """Bring the kept sets up to the lake; return how many of its files were taken in."""
    return open_sets(workspace, lake).refresh()
