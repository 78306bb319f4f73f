"""How often a resolution is right, measured on pairs that people labelled."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Literal

import msgspec
from scipy.special import betaincinv

from ombud.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ombud.lake.resolution.outcome import Resolution

__all__ = ["Evaluation", "LabelledPair", "Rate", "evaluate_resolution", "read_pairs"]

Label = Literal["same", "different", "unsure"]


class LabelledPair(msgspec.Struct, frozen=True):
    """Two spaces and what a person said of them without knowing the method's decision."""

    one: str
    other: str
    label: Label
    why: str = ""


class Rate(msgspec.Struct, frozen=True):
    """A share with its exact 95 % interval (Clopper and Pearson, 1934)."""

    value: float | None
    """null when n is 0"""
    low: float
    high: float
    hits: int
    n: int


class Evaluation(msgspec.Struct, frozen=True):
    """Precision and recall of the merges over the labelled pairs."""

    precision: Rate
    """of the pairs that were merged and labelled same or different: how many are the same"""
    recall: Rate
    """of the pairs labelled same: how many were merged"""
    unsure: int
    """pairs that the labeller left open; they count nowhere"""
    wrong: tuple[LabelledPair, ...]
    """merged, but labelled different"""
    missed: tuple[LabelledPair, ...]
    """labelled same, but left apart"""


def rate(hits: int, n: int) -> Rate:
    """Return hits / n with its exact 95 % interval."""
    low = float(betaincinv(hits, n - hits + 1, 0.025)) if hits else 0.0
    high = float(betaincinv(hits + 1, n - hits, 0.975)) if hits < n else 1.0
    return Rate(hits / n if n else None, low, high, hits, n)


def read_pairs(path: Path) -> list[LabelledPair]:
    """Read a CSV file with the columns one, other, label and why."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        return [msgspec.convert({k: r[k] for k in ("one", "other", "label", "why")}, LabelledPair) for r in rows]
    except FileNotFoundError:
        raise InputError(f"There is no file {path}.", hint="Name the CSV file of labelled pairs.") from None
    except (KeyError, ValueError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} is not a list of labelled pairs: {error}.",
            hint="It needs the columns one, other, label (same, different or unsure) and why.",
        ) from error


def evaluate_resolution(resolution: Resolution, pairs: Iterable[LabelledPair]) -> Evaluation:
    """Compare `resolution` with the labels; pairs of spaces that it does not know count as left apart."""
    home = resolution.entity_of()
    right, wrong, missed, unsure = 0, [], [], 0
    for pair in pairs:
        merged = pair.one in home and home[pair.one] == home.get(pair.other)
        if pair.label == "unsure":
            unsure += 1
        elif pair.label == "same":
            right += merged
            if not merged:
                missed.append(pair)
        elif merged:
            wrong.append(pair)
    return Evaluation(
        precision=rate(right, right + len(wrong)),
        recall=rate(right, right + len(missed)),
        unsure=unsure,
        wrong=tuple(wrong),
        missed=tuple(missed),
    )
