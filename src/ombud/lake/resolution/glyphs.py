"""How alike two readings of one printed name are, given what OCR confuses.

Three kinds of difference, from harmless to telling:

- *look-alike*: characters that many typefaces draw alike (``I l | 1``, ``O 0``, the two sizes of ``c o s v w x z``);
- *misreading*: what OCR engines often confuse (``c o e``, ``n h``, ``rn m``, ``2 Z``, ``cl d``);
- *ordinary*: any other insertion, deletion or substitution; a different name may be meant.

The tables come from general lists of OCR confusions, not from the pairs that
judge this method.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Difference", "clean", "compare", "digit_difference", "skeleton"]

_LOOK_ALIKE = ("Il|1!", "O0o", "cC", "sS", "vV", "wW", "xX", "zZ", "uU", "kK", "pP")
_MISREAD = ("ce", "co", "eo", "nh", "2Z", "2z", "5S", "5s", "8B", "6b", "68", "gq", "9g", "il", "i1", "iI", "uv", "7T")
_MISREAD_LONG = {("rn", "m"), ("vv", "w"), ("cl", "d"), ("li", "h"), ("ri", "n"), ("ii", "u"), ("nn", "m"), ("in", "m")}
_LOOK_COST, _MISREAD_COST, _ORDINARY_COST = 0.1, 0.5, 2.0
_SEPARATORS = str.maketrans("", "", "-_. '&+,")
_CLASS = str.maketrans("iIl|1!]0OocCeEhHnN2Zz5Ss8Bb6qQgG9", "lllllllooooooonnnnzzzsssbbbbggggg")
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"), "-")
_SINGLE: dict[tuple[str, str], float] = {}
for _group, _cost in [(g, _MISREAD_COST) for g in _MISREAD] + [(g, _LOOK_COST) for g in _LOOK_ALIKE]:
    for _a in _group:
        for _b in _group:
            if _a != _b:
                _SINGLE[_a, _b] = _cost
_DIGIT_LIKE = dict(zip("OoIl|!ZSTBg", "00111125789", strict=True))
_DIGIT_PAIRS = {frozenset(p) for p in ("68", "38", "56", "17", "08", "69", "35", "27", "06", "49", "89", "14")}


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """The cheapest way from one reading to another, by kind of difference."""

    cost: float
    look_alikes: int
    misreadings: int
    ordinary: int

    @property
    def verdict(self) -> str:
        """Return `equal`, `look-alike`, `misreading`, `one edit` or `other`."""
        if self.ordinary:
            return "one edit" if self.ordinary == 1 and self.misreadings <= 1 else "other"
        return "misreading" if self.misreadings else "look-alike" if self.look_alikes else "equal"


def clean(text: str) -> str:
    """Return `text` with compatibility characters and every kind of dash made plain."""
    return unicodedata.normalize("NFKC", text).translate(_DASHES).strip()


def skeleton(name: str) -> str:
    """Return a key that is equal for readings which differ only by common confusions.

    Two names with one skeleton are candidates, not yet the same: see `compare`.
    """
    plain = clean(name).translate(_SEPARATORS).translate(_CLASS).casefold().translate(_CLASS)
    return plain.replace("rn", "m").replace("vv", "w")


@lru_cache(maxsize=65_536)
def _single(a: str, b: str, *, case: bool) -> float:
    if a == b or (not case and a.casefold() == b.casefold()):
        return 0.0
    cost = _SINGLE.get((a, b), _ORDINARY_COST)
    if not case and cost > _LOOK_COST:
        for x in {a, a.lower(), a.upper()}:
            for y in {b, b.lower(), b.upper()}:
                # The case was lost on the way: a capital's look-alike is only a misreading of the small letter.
                cost = min(cost, max(_SINGLE.get((x, y), _ORDINARY_COST), _MISREAD_COST))
    return cost


def _tally(cost: float) -> tuple[int, int, int]:
    return (int(0 < cost <= _LOOK_COST), int(_LOOK_COST < cost <= _MISREAD_COST), int(cost > _MISREAD_COST))


def compare(one: str, other: str, *, case: bool = False, separators: bool = False) -> Difference:
    """Align two readings and return their difference; symmetric.

    `case` and `separators` say whether these distinguish names on the platform.
    """
    a, b = clean(one), clean(other)
    if a == b:
        return Difference(0.0, 0, 0, 0)
    if not separators:
        a, b = a.translate(_SEPARATORS), b.translate(_SEPARATORS)
    Cell = tuple[float, int, int, int]  # noqa: N806 - a type
    row: list[Cell] = [(j * _ORDINARY_COST, 0, 0, j) for j in range(len(b) + 1)]
    before: list[Cell] = []
    for i, x in enumerate(a, 1):
        now: list[Cell] = [(i * _ORDINARY_COST, 0, 0, i)]
        for j, y in enumerate(b, 1):
            step = _single(x, y, case=case)
            look, misread, ordinary = _tally(step)
            diagonal = row[j - 1]
            best = (diagonal[0] + step, diagonal[1] + look, diagonal[2] + misread, diagonal[3] + ordinary)
            for cell in (row[j], now[j - 1]):
                best = min(best, (cell[0] + _ORDINARY_COST, cell[1], cell[2], cell[3] + 1))
            if i > 1 and (a[i - 2 : i], y) in _MISREAD_LONG:
                best = min(best, _misread(before[j - 1]))
            if j > 1 and (b[j - 2 : j], x) in _MISREAD_LONG:
                best = min(best, _misread(row[j - 2]))
            now.append(best)
        before, row = row, now
    cost, look, misread, ordinary = row[-1]
    return Difference(round(cost, 6), look, misread, ordinary)


def _misread(cell: tuple[float, int, int, int]) -> tuple[float, int, int, int]:
    return cell[0] + _MISREAD_COST, cell[1], cell[2] + 1, cell[3]


def digit_difference(one: str, other: str) -> int | None:
    """Count the digits that OCR may have confused between two page numbers; null when it was not OCR.

    Letters that look like a digit are read as that digit; a last character that
    is no digit may be a lost digit. Anything else makes them different numbers.
    """
    a, b = ("".join(_DIGIT_LIKE.get(c, c) for c in number) for number in (one, other))
    if a == b:
        return 0
    if len(a) != len(b):
        short, long = sorted((a, b), key=len)
        lost = len(long) == len(short) + 1 and long.startswith(short) and long[-1] in "17"
        return 1 if lost else None
    wrong = [frozenset((x, y)) for x, y in zip(a, b, strict=True) if x != y]
    return len(wrong) if len(wrong) <= 1 and all(pair in _DIGIT_PAIRS for pair in wrong) else None
