"""Signals: what stands out about an app beside the apps that are like it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from ombud.audit.ranking import sentences
from ombud.audit.ranking.likeness import Likeness
from ombud.audit.ranking.measured import Measured, measure
from ombud.audit.ranking.values import SHARED, asked_values, shape_values
from ombud.audit.ranking.weights import CODES

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from ombud.audit.people.sets import PeopleSets
    from ombud.audit.ranking.likeness import Alike
    from ombud.audit.ranking.shapes import Shape
    from ombud.lake import Lake

    Floats = NDArray[np.float64]

__all__ = ["ASIDE", "Signal", "decades", "signals", "signals_of"]

ASIDE = 4.0
"""Decades of all signals together from which on an app is set aside when others are compared."""


class Signal(msgspec.Struct, frozen=True):
    """One thing that was measured of an app, beside what apps like it have."""

    code: str
    value: float
    sentence: str
    expected: float | None
    """the middle of the apps like it; null when there is nothing to compare with"""
    among: int
    """how many apps it was compared with"""
    p_value: float | None
    """the share of apps like it that have at least as much; null when there are none"""
    apps: int = 1
    """how many apps were taken together: its own and those of the same developer, host or key"""
    part: float = 1.0
    """how much of it counts for this app: less than 1 where other apps of the group did most of it"""


def signals(lake: Lake, sets: PeopleSets | None = None, apps: Collection[int] | None = None) -> dict[int, list[Signal]]:
    """Return the signals of every app (or of `apps`, by number), each compared with all others, the rarest first.

    The sets are not needed: people are counted in the same pass as all the rest.
    """
    del sets
    return signals_of(measure(lake), apps)


def signals_of(measured: Measured, apps: Collection[int] | None = None) -> dict[int, list[Signal]]:
    """Return the signals of apps that were measured."""
    compared = _Compared(measured)
    chosen = sorted(measured.shapes if apps is None else measured.shapes.keys() & set(apps))
    return {app: compared.signals(app) for app in chosen}


class _Compared:
    """All apps, ready to be compared."""

    def __init__(self, measured: Measured) -> None:
        self.measured = measured
        names = sorted({item.category or "" for item in measured.described.values()})
        self.category = {app: names.index(measured.described[app].category or "") for app in measured.shapes}
        apps = np.array(sorted(measured.shapes), dtype=np.int64)
        users = np.array([measured.shapes[app].installers for app in apps.tolist()], dtype=np.int64)
        category = np.array([self.category[app] for app in apps.tolist()], dtype=np.int64)
        self.likeness = Likeness.of(apps, users, category)
        order = self.likeness.number.tolist()
        self.own = {app: self._own(app) for app in order}
        self.values: dict[str, Floats] = {
            code: np.array([_or_nan(self.own[app].get(code)) for app in order], dtype=np.float64) for code in CODES
        }
        self.group_of = {app: n for n, group in enumerate(measured.groups) for app in group.apps}
        self.aside = np.zeros(len(order), dtype=np.bool_)
        self.aside = np.array([self._odd(app) >= ASIDE for app in order], dtype=np.bool_)
        self._kept: dict[int, dict[str, tuple[float, Alike]]] = {}

    def signals(self, app: int) -> list[Signal]:
        """Return the signals of one app, the rarest first."""
        shape, described = self.measured.shapes[app], self.measured.described[app]
        asked = self.measured.asked.get(app)
        together = self._together(app)
        out = []
        for code, (value, alike) in self._alone(app).items():
            says = sentences.own(code, value, shape, asked) + sentences.beside(alike, code, described.category)
            own = Signal(code, value, says, alike.expected, alike.among, alike.p_value)
            out.append(_rarer(own, together.get(code)))
        return sorted(out, key=lambda signal: (_counted(signal), signal.code))

    def _odd(self, app: int) -> float:
        """Return in how many decades together the app is rarer than half of all, whatever a signal weighs."""
        return sum(decades(alike.p_value) for _, alike in self._alone(app, middle=False).values())

    def _alone(self, app: int, *, middle: bool = True) -> dict[str, tuple[float, Alike]]:
        """Return the app's own numbers beside those of apps like it, by code."""
        users, category = self.measured.shapes[app].installers, self.category[app]
        return {
            code: (
                value,
                self.likeness.beside(self.values[code], users, category, (app,), value, self.aside, middle=middle),
            )
            for code, value in self.own[app].items()
            if value is not None
        }

    def _together(self, app: int) -> dict[str, Signal]:
        """Return the signals of the app's group taken as one, by code, with the part that is this app's."""
        number = self.group_of.get(app)
        if number is None:
            return {}
        group, shape = self.measured.groups[number], self.measured.together[number]
        if number not in self._kept:
            self._kept[number] = self._of_group(number)
        out = {}
        for code, (value, alike) in self._kept[number].items():
            part = _part(code, self.measured.shapes[app], shape, len(group.apps))
            says = sentences.together(code, value, shape, group) + sentences.beside(alike, code, None)
            out[code] = Signal(code, value, says, alike.expected, alike.among, alike.p_value, len(group.apps), part)
        return out

    def _of_group(self, number: int) -> dict[str, tuple[float, Alike]]:
        group, shape = self.measured.groups[number], self.measured.together[number]
        most = Counter(self.category[app] for app in group.apps).most_common(1)[0][0]
        values = shape_values(shape, consents=self.measured.consents)
        return {
            code: (
                value,
                self.likeness.beside(self.values[code], shape.installers, most, group.apps, value, self.aside),
            )
            for code in SHARED
            if (value := values[code])
        }

    def _own(self, app: int) -> dict[str, float | None]:
        shape = self.measured.shapes[app]
        return {
            **shape_values(shape, consents=self.measured.consents),
            **asked_values(self.measured.asked.get(app)),
        }


def decades(p_value: float | None, part: float = 1.0) -> float:
    """Return by how many decades something is rarer than a half, so far as it counts; below zero when more common."""
    return 0.0 if p_value is None else float(-np.log10(2 * p_value) * part)


def _rarer(own: Signal, together: Signal | None) -> Signal:
    """Return what tells more: the app alone, or the group's apps together by the part that is its own."""
    return own if together is None or _counted(own) <= _counted(together) else together


def _counted(signal: Signal) -> float:
    """Return what to sort by: the signal that tells most comes first."""
    return -decades(signal.p_value, signal.part)


_DID = {
    "absent": "absent",
    "coverage": "pairs",
    "circles": "whole",
    "strangers": "strangers",
    "runs": "near",
    "via_friends": "via",
    "per_user": "people",
    "burst": "peak",
}
"""What an app did of a group's signal, as the shape counts it."""


def _part(code: str, shape: Shape, whole: Shape, apps: int) -> float:
    """Return how far a group's signal is this app's: 1 when it did its even share of it or more."""
    total = getattr(whole, _DID[code])
    return min(1.0, apps * getattr(shape, _DID[code]) / total) if total else 0.0


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value
