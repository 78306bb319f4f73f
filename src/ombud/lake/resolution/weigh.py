"""Whether two places are one: what speaks for it, how probable it is, in a sentence."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

from rapidfuzz.fuzz import ratio

from ombud.lake.resolution.glyphs import Difference, clean, compare, digit_difference, skeleton

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ombud.lake.resolution.address import Address

__all__ = ["HOUSE_2018", "MERGE_FROM", "Calibration", "Link", "calibrate", "numbers_agree", "weigh"]

MERGE_FROM = 0.9
"""Pairs at least this probable are merged; less probable ones are listed as doubtful."""
_DOUBT_FROM = 0.1
_NEAR = 80.0
_SHORT = 5
"""Names with fewer characters are too easily alike."""
_A_MISREADING_PER = 6
_BY_NUMBER, _BY_UNIQUE_NAME, _BY_NEAR_NUMBER = 0.9999, 0.999, 0.97


@dataclass(frozen=True, slots=True)
class Calibration:
    """How often pairs of each verdict were one page, where page numbers tell the truth."""

    same: Mapping[str, int] = field(default_factory=dict)
    pairs: Mapping[str, int] = field(default_factory=dict)
    source: str = ""

    def probability(self, verdict: str) -> float:
        """Return the Jeffreys estimate (same + 1/2) / (pairs + 1): never surer than the pairs allow."""
        return (self.same.get(verdict, 0) + 0.5) / (self.pairs.get(verdict, 0) + 1)

    @property
    def sentence(self) -> str:
        """Say how the probabilities were calibrated."""
        bins = ", ".join(f"{verdict} {self.same[verdict]} of {n}" for verdict, n in sorted(self.pairs.items()) if n)
        return (
            f"Probabilities of name matches are Jeffreys estimates from pairs of {self.source} in which both addresses "
            f"carry a page number, with the number hidden from the comparison and used as truth ({bins})."
        )


HOUSE_2018 = Calibration(
    same={"look-alike": 19, "misreading": 4, "one edit": 0, "other": 0},
    pairs={"look-alike": 20, "misreading": 4, "one edit": 1, "other": 5},
    source="the ads that the US House released in 2018",
)


@dataclass(frozen=True, slots=True)
class Link:
    """What was found about two places, `a` and `b` by index: a reason to merge or to doubt."""

    a: int
    b: int
    probability: float
    reason: str
    merge: bool


def calibrate(addresses: Iterable[Address], source: str) -> Calibration:
    """Count, by verdict on the names, how many pairs of numbered places have one number.

    Pairs whose numbers OCR may have confused tell nothing and are left out.
    """
    numbered = sorted({(a.name, a.number) for a in addresses if a.number and a.name and not a.unique_name})
    same: dict[str, int] = {}
    pairs: dict[str, int] = {}
    for (name, number), (other, second) in combinations(numbered, 2):
        if ratio(skeleton(name), skeleton(other)) < _NEAR:
            continue
        apart = digit_difference(str(number), str(second))
        if apart is not None and number != second:
            continue
        verdict = compare(name, other).verdict.replace("equal", "look-alike")
        pairs[verdict] = pairs.get(verdict, 0) + 1
        same[verdict] = same.get(verdict, 0) + (number == second)
    return Calibration(same, pairs, source)


def numbers_agree(one: str | None, other: str | None, *, ocr: bool) -> bool:
    """Tell whether two numbers may be one: equal, or one digit apart that OCR confuses; unknown agrees with any."""
    if one is None or other is None or one == other:
        return True
    return ocr and digit_difference(one, other) is not None


def _names(one: Address, other: Address) -> Difference:
    exact = one.platform in {"instagram", "web"}
    found = compare(one.name, other.name, separators=exact)
    # At the end of an address, OCR reads the slash as a letter.
    for short, long in ((one.name, other.name), (other.name, one.name)):
        if one.unique_name and other.unique_name and len(long) == len(short) + 1 and long[-1] in "lI|!]1":
            cut = compare(short, long[:-1], separators=exact)
            found = min(found, Difference(cut.cost + 0.1, cut.look_alikes + 1, cut.misreadings, cut.ordinary))
    return found


def weigh(a: int, b: int, one: Address, other: Address, calibration: Calibration, *, ocr: bool) -> Link | None:
    """Return what links the places `a` and `b`, or null when nothing does or their numbers contradict."""
    if not numbers_agree(one.number, other.number, ocr=ocr):
        return None
    found = _certain(one, other)
    if found is None and ocr and one.name and other.name:
        found = _alike(one, other, calibration)
    return Link(a, b, *found) if found else None


def _certain(one: Address, other: Address) -> tuple[float, str, bool] | None:
    if one.number and one.number == other.number:
        return _BY_NUMBER, f"Both addresses carry the {one.kind} number {one.number}.", True
    names_equal = clean(one.name).casefold() == clean(other.name).casefold()
    if one.unique_name and other.unique_name and one.name and names_equal:
        return _BY_UNIQUE_NAME, f"The platform gives the name `{clean(one.name)}` only once.", True
    return None


def _alike(one: Address, other: Address, calibration: Calibration) -> tuple[float, str, bool] | None:
    shown = f"`{clean(one.name)}` and `{clean(other.name)}`"
    found = _names(one, other)
    verdict = found.verdict.replace("equal", "look-alike")
    probability = calibration.probability(verdict)
    if one.number and other.number:
        if found.ordinary:
            return None
        reason = f"{shown} read alike, and their numbers {one.number} and {other.number} differ by one misread digit."
        return _BY_NEAR_NUMBER, reason, True
    if probability < _DOUBT_FROM or verdict == "other":
        return None
    if found.ordinary:
        return probability, f"{shown} differ by one character that OCR rarely confuses.", False
    return _one_reading(one, other, found, probability)


def _one_reading(one: Address, other: Address, found: Difference, probability: float) -> tuple[float, str, bool]:
    """Judge two names that only OCR makes different."""
    shown = f"`{clean(one.name)}` and `{clean(other.name)}`"
    how = "are the same" if found.cost == 0 else _described(found)
    if not (one.unique_name and other.unique_name):
        reason = f"{shown} {how}, but only one of the addresses carries a page number, and names may repeat."
        return probability, reason, False
    length = min(len(one.name), len(other.name))
    if length < _SHORT or found.misreadings > max(1, length // _A_MISREADING_PER):
        return min(probability, 0.5), f"{shown} {how}, which is too much for so short a name.", False
    return probability, f"{shown} {how}.", probability >= MERGE_FROM


def _described(found: Difference) -> str:
    parts = []
    if found.look_alikes:
        parts.append(f"{found.look_alikes} look-alike character{'s' * (found.look_alikes > 1)} (such as I l |)")
    if found.misreadings:
        parts.append(f"{found.misreadings} common misreading{'s' * (found.misreadings > 1)} (such as c o, n h)")
    return "differ only by " + " and ".join(parts)
