"""What the whole app shares: the workspace, its records, lake and archive, and a few counters."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from ombud.archive import Archive
from ombud.lake import open_lake
from ombud.records import open_records
from ombud.web.assets import Assets
from ombud.web.person.tokens import PersonTokens
from ombud.web.security.limits import Attempts
from ombud.web.security.seal import Seal

if TYPE_CHECKING:
    from ombud.gate.readings import AppReadings
    from ombud.lake import Lake
    from ombud.model.workspace import Workspace
    from ombud.records import Records

__all__ = ["House", "Violation"]


@dataclass(frozen=True, slots=True)
class Violation:
    """One report of a browser that a page broke the content policy: what, never who or where from."""

    directive: str
    blocked: str
    page: str


@dataclass
class House:
    """One running installation."""

    workspace: Workspace
    records: Records
    seal: Seal
    assets: Assets
    attempts: Attempts = field(default_factory=Attempts)
    links: Attempts = field(default_factory=lambda: Attempts(allowed=30))
    """links of developers that do not exist, by client"""
    violations: deque[Violation] = field(default_factory=lambda: deque(maxlen=200))
    lock: threading.Lock = field(default_factory=threading.Lock)
    readings: dict[str, tuple[float, AppReadings]] = field(default_factory=dict)
    """what apps read lately, with the monotonic moment at which it was counted"""

    @classmethod
    def open(cls, workspace: Workspace) -> House:
        """Open the records of `workspace`; the errors are the records' own sentences."""
        return cls(workspace, open_records(workspace), Seal.of(workspace), Assets())

    @cached_property
    def lake(self) -> Lake:
        """Return the lake, opened when a page first reads from it."""
        return open_lake(self.workspace, self.records)

    @cached_property
    def archive(self) -> Archive:
        """Return the ad archive as it was last built; `NotFoundError` while there is none."""
        return Archive.open(self.workspace)

    @cached_property
    def person_tokens(self) -> PersonTokens | None:
        """Return what reads the platform's tokens about people; None while the settings do not say how."""
        return PersonTokens.of(self.workspace)

    @property
    def name(self) -> str:
        """Return the platform's name, shown on every page."""
        return self.workspace.settings.name
