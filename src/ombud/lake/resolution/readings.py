"""Which of several readings is the best, and how to show it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ombud.lake.resolution.glyphs import clean, compare

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["best_reading", "mended", "shown"]

_MOST = 12
"""Readings compared with each other at most; the rest are rarer."""


def mended(name: str) -> str:
    """Return `name` with what no writer means put right: a capital or a bar inside a word in small letters."""
    out = clean(name).replace("|", "l")
    before = out
    out = re.sub(r"(?<=[a-z])[CKOSUVWXZ](?=[a-z]|$)", lambda m: _lower_if_breaking(before, m), before)
    out = re.sub(r"(?<=[a-z])I(?=[a-z]|\b)(?![nmst])", "l", out)
    out = re.sub(r"(?<=[BCFGPS])I(?=[a-z])", "l", out)  # BIack, FIorida: a capital never stands second
    out = re.sub(r"\bI(?=i)", "l", out)  # Iife
    return re.sub(r"(?:(?<![A-Za-z])|(?<=[a-z]))l(?=nst)", "I", out)  # lnst: l never stands before these


def _lower_if_breaking(text: str, found: re.Match[str]) -> str:
    """Return the capital made small when it breaks a word instead of beginning one (as in `BeeBuzz`)."""
    rest = re.match(r"[a-z]*", text[found.end() :])
    length = len(rest[0]) if rest else 0
    return found[0].lower() if length <= 2 else found[0]  # noqa: PLR2004 - a word of three letters or more may begin


def _strangeness(name: str) -> int:
    """Count what makes a reading implausible."""
    return len(re.findall(r"[|!\]\u201c]|[a-z][A-Z](?=[a-z]|$)|[A-Z]I(?=[a-z])", name))


def best_reading(readings: Iterable[tuple[str, int]]) -> str:
    """Return the reading that the others support best, weighed by how often each occurs.

    A reading is supported by every other that differs from it only by what OCR
    confuses; of equally supported ones the most plausible wins, then the first by alphabet.
    """
    weights: dict[str, int] = {}
    for name, weight in readings:
        if name:
            weights[clean(name)] = weights.get(clean(name), 0) + weight
    rare_last = sorted(weights.items(), key=lambda item: (-item[1], item[0]))[:_MOST]
    if len(rare_last) < 2:  # noqa: PLR2004 - nothing to choose from
        return rare_last[0][0] if rare_last else ""

    def support(name: str) -> float:
        return sum(w for other, w in rare_last if compare(name, other).ordinary == 0)

    def own(name: str) -> int:
        return sum(w for other, w in rare_last if mended(other) == mended(name))

    return min((n for n, _ in rare_last), key=lambda n: (-support(n), -own(n), _strangeness(n), -weights[n], n))


def shown(name: str, *, title: bool) -> str:
    """Return a reading as people should see it; a title's dashes stand for spaces."""
    plain = mended(name)
    return re.sub(r"[-_ ]+", " ", plain).strip() if title else plain
