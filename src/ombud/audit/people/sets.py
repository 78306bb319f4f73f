"""Exact sets of people by app, kept beside the lake and up to it.

They are derived: the folder can be removed at any time, and is made again from
the lake. A read counts when something went out (`allowed` or `reduced`), and it
counts once however often it stands in a log. Ids are the dictionary's numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from pyroaring import BitMap

from ombud.audit.people import keeping
from ombud.audit.people.consented import Consented
from ombud.audit.people.gathering import DIRECT, GIVER, GRANTED, VIA, app_of, key_of, kind_of
from ombud.audit.people.manifest import read_manifest, wanted
from ombud.audit.people.segments import Segment
from ombud.lake.faults import disk_faults
from ombud.model.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ombud.audit.people.manifest import Manifest
    from ombud.lake import Lake
    from ombud.model.workspace import Workspace

    Progress = Callable[[int, int | None, str], None]

__all__ = ["PeopleSets", "Sizes", "catch_up", "open_sets"]

_TRIES = 20


class Sizes(NamedTuple):
    """How many people are in an app's sets."""

    direct: int
    via: int
    people: int
    """one way or the other, each once"""
    granted: int
    """by the lake's grants"""


class PeopleSets:
    """Whose data went out to each app. Reading takes no lock; what is taken in meanwhile is seen after `refresh`."""

    def __init__(self, workspace: Workspace, lake: Lake) -> None:
        """Open what is kept, as it is."""
        self.lake = lake
        self._folder = workspace.sets_dir
        self._consented = Consented(lake)
        self._load()

    def apps(self) -> list[int]:
        """Return the apps that read anybody or that anybody granted anything, in order."""
        return sorted({app_of(key) for key in self._keys()} | set(self._consented.apps()))

    def direct(self, app: int) -> BitMap:
        """Return the people whose data went out by their own grant."""
        return self._union(key_of(app, DIRECT))

    def via(self, app: int) -> BitMap:
        """Return the people whose data went out through somebody else's grant."""
        return self._union(key_of(app, VIA))

    def people(self, app: int) -> BitMap:
        """Return everybody whose data went out."""
        return self.direct(app) | self.via(app)

    def installers(self, app: int) -> BitMap:
        """Return the people who ever granted it anything: by the lake's `grants` and by the consents on record."""
        return self._union(key_of(app, GRANTED)) | self._consented.people(app)

    def givers(self, app: int) -> BitMap:
        """Return the people by whose grant the app read others."""
        return self._union(key_of(app, GIVER))

    def unnumbered(self, app: int) -> int:
        """Return how many more people consent to it of whom the lake knows nothing, so that they have no number."""
        return self._consented.unnumbered(app)

    def sizes(self) -> dict[int, Sizes]:
        """Return how many people are in the sets of every app, from the lake's tables; exact."""
        out: dict[int, Sizes] = {}
        for app in sorted({app_of(key) for key in self._keys()}):
            direct, via, granted = (key_of(app, kind) for kind in (DIRECT, VIA, GRANTED))
            own, friends = self._union(direct), self._union(via)
            both = own.union_cardinality(friends) if own and friends else len(own) + len(friends)
            out[app] = Sizes(len(own), len(friends), both, self._count(granted))
        return out

    def readers(self, person: int) -> list[int]:
        """Return which apps read this person, in order; no set is unpacked for it."""
        if not 0 <= person < 1 << 32:
            return []
        held = [segment.holding(person, rows) for segment, rows in zip(self._segments, self._read, strict=True)]
        return sorted({app_of(key) for keys in held for key in keys.tolist()})

    @property
    def behind(self) -> int:
        """Return how many of the lake's files of this moment are not in."""
        with self.lake.records.read() as tx:
            now = wanted(tx)
        return len(now.sources.keys() ^ self._manifest.sources)

    def refresh(self, progress: Progress | None = None, *, wait: float = keeping.WAIT) -> int:
        """Take in what the lake has got since; return how many of its files were read.

        Raises `BusyError` when another process does so for longer than `wait` seconds.
        """
        taken = keeping.bring_up(self.lake, self._folder, progress=progress, wait=wait)
        self._load()
        return taken

    def _load(self) -> None:
        with disk_faults(self._folder):
            for attempt in range(_TRIES):
                self._manifest: Manifest = read_manifest(self._folder)
                try:
                    self._segments = [Segment.open(self._folder / part.name) for part in self._manifest.parts]
                    kinds = [kind_of(segment.keys) for segment in self._segments]
                    self._read = [np.flatnonzero((kind == DIRECT) | (kind == VIA)) for kind in kinds]
                except FileNotFoundError:
                    if attempt == _TRIES - 1:
                        raise
                else:
                    return

    def _keys(self) -> set[int]:
        return {key for segment in self._segments for key in segment.keys.tolist()}

    def _union(self, key: int) -> BitMap:
        found = [people for segment in self._segments if (people := segment.get(key)) is not None]
        return BitMap.union(*found) if len(found) > 1 else found[0] if found else BitMap()

    def _count(self, key: int) -> int:
        found = [kept for segment in self._segments if (kept := segment.count(key))]
        return found[0] if len(found) == 1 else len(self._union(key)) if found else 0


def open_sets(
    workspace: Workspace, lake: Lake, *, progress: Progress | None = None, wait: float = keeping.WAIT
) -> PeopleSets:
    """Open the sets of a workspace, brought up to the lake's files of this moment.

    While another process brings them up, the last whole state is opened: see `behind`.
    """
    try:
        keeping.bring_up(lake, workspace.sets_dir, progress=progress, wait=wait)
    except BusyError:
        if not read_manifest(workspace.sets_dir).parts:
            raise
    return PeopleSets(workspace, lake)


def catch_up(workspace: Workspace, lake: Lake, *, progress: Progress | None = None) -> int:
    """Bring the kept sets up to the lake; return how many of its files were read: for after every commit."""
    return keeping.bring_up(lake, workspace.sets_dir, progress=progress)
