"""How good the networks are, held against a list of accounts that somebody labelled."""

from __future__ import annotations

import csv
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from scipy.special import betaincinv

from ombud.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Evaluation", "Rate", "Truth", "evaluate_networks", "read_networks", "read_truth"]

_YES = {"1", "true", "yes", "y", "coordinated", "positive"}
_NO = {"0", "false", "no", "n", "ordinary", "organic", "negative", ""}
_DRAWS = 2_000
_LEVEL = 0.95


class Truth(msgspec.Struct, frozen=True):
    """Labelled accounts: those that belong together under their group's name, and those that are ordinary."""

    groups: dict[str, str]
    """by account that is coordinated: its group; its own name where only a label is known"""
    ordinary: frozenset[str]
    """accounts labelled as not coordinated"""


class Rate(msgspec.Struct, frozen=True):
    """A rate with the ends of its 95% interval; null where there is nothing to divide by."""

    value: float | None
    low: float | None
    high: float | None


class Evaluation(msgspec.Struct, frozen=True):
    """The document of `ombud evaluate networks`."""

    precision: Rate
    recall: Rate
    f1: Rate
    n: int
    """labelled accounts"""
    found: int
    """accounts in networks that are labelled"""
    unlabelled: int
    """accounts in networks that nobody labelled: they count for nothing, unless `unlisted` is ordinary"""
    clusters: int
    """groups and networks that the intervals draw from: accounts of one group are one piece of evidence"""
    unlisted: str
    """what an account outside the file counts as: unknown or ordinary"""


class _Network(msgspec.Struct, frozen=True):
    accounts: list[str]


class _Document(msgspec.Struct, frozen=True):
    networks: list[_Network]


def read_networks(path: Path) -> list[list[str]]:
    """Read the document of `ombud detect networks --json`, or another tool's with the same `networks[].accounts`."""
    try:
        document = msgspec.json.decode(path.read_bytes(), type=_Document)
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.", hint="Name a file that exists.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} is not a list of networks: {error}.", hint="Write it with `ombud detect networks --json`."
        ) from error
    return [n.accounts for n in document.networks]


def read_truth(path: Path) -> Truth:
    """Read a CSV with the columns `account` and `group` (empty: ordinary), or `account` and `label` (1 or 0)."""
    hint = "It needs the columns `account` and `group`, or `account` and `label`."
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            columns = set(rows.fieldnames or ())
            if "account" not in columns or not columns & {"group", "label"}:
                raise InputError(
                    f"{path} is not a truth file: it has {', '.join(sorted(columns)) or 'nothing'}.", hint=hint
                )
            return _truth(path, rows, "group" if "group" in columns else "label")
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.", hint="Name a file that exists.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not CSV in UTF-8: {error}.", hint=hint) from error


def _truth(path: Path, rows: csv.DictReader[str], column: str) -> Truth:
    groups: dict[str, str] = {}
    ordinary: set[str] = set()
    for row in rows:
        account, word = (row["account"] or "").strip(), (row[column] or "").strip()
        if not account:
            raise InputError(f"Line {rows.line_num} of {path} names no account.", hint="Fill it or delete the line.")
        if column == "label" and word.casefold() not in _YES | _NO:
            raise InputError(f"Line {rows.line_num} of {path} has the label `{word}`.", hint="Write 1 or 0.")
        if column == "label" and not word:
            continue  # a line of a labelling sheet that nobody has filled yet
        if word and (column == "group" or word.casefold() in _YES):
            groups[account] = word if column == "group" else account
        else:
            ordinary.add(account)
    both = set(groups) & ordinary
    if both:
        raise InputError(f"{path} calls {min(both)} both coordinated and ordinary.", hint="Keep one of the lines.")
    if not groups:
        raise InputError(f"{path} names no coordinated account.", hint="Without one there is nothing to recall.")
    return Truth(groups, frozenset(ordinary))


def evaluate_networks(networks: Sequence[Sequence[str]], truth: Truth, rng: np.random.Generator) -> Evaluation:
    """Return precision, recall and F1 over accounts, with 95% intervals.

    An account counts as found when it is in any network. Where the truth names
    no ordinary account, those it does not name count as ordinary, else they
    are unknown and left out. The intervals draw whole groups (and networks of
    nobody's group) with replacement: the members of one are found or missed
    together. Where nothing varies (0 of n, n of n) the end is Clopper and
    Pearson's for that many clusters.
    """
    owner = {account: n for n, accounts in enumerate(networks) for account in accounts}
    everybody = not truth.ordinary
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for account, group in truth.groups.items():
        # where only labels are known, a network holds its accounts together
        key = ("network", str(owner[account])) if group == account and account in owner else ("group", group)
        counts[key][0 if account in owner else 2] += 1
    unlabelled = 0
    for account, n in owner.items():
        if account in truth.groups:
            continue
        if everybody or account in truth.ordinary:
            counts[("network", str(n))][1] += 1
        else:
            unlabelled += 1
    table = np.array(list(counts.values()), dtype=float).reshape(-1, 3)
    weights = rng.multinomial(len(table), np.full(len(table), 1 / len(table)), size=_DRAWS).astype(float)
    tp, fp, fn = table.sum(axis=0)
    drawn = weights @ table
    return Evaluation(
        precision=_rate(tp, tp + fp, drawn[:, 0], drawn[:, 0] + drawn[:, 1], table[:, 0] + table[:, 1] > 0),
        recall=_rate(tp, tp + fn, drawn[:, 0], drawn[:, 0] + drawn[:, 2], table[:, 0] + table[:, 2] > 0),
        f1=_rate(
            2 * tp,
            2 * tp + fp + fn,
            2 * drawn[:, 0],
            2 * drawn[:, 0] + drawn[:, 1] + drawn[:, 2],
            table.sum(axis=1) > 0,
        ),
        n=len(truth.groups) + len(truth.ordinary),
        found=int(tp + fp),
        unlabelled=unlabelled,
        clusters=len(table),
        unlisted="ordinary" if everybody else "unknown",
    )


def _rate(
    part: float, whole: float, parts: NDArray[np.float64], wholes: NDArray[np.float64], taking: NDArray[np.bool_]
) -> Rate:
    """Return part of whole with the interval of the draws; `taking` marks the clusters that have a say."""
    if whole == 0:
        return Rate(None, None, None)
    value = float(part / whole)
    clusters, tail = int(taking.sum()), (1 - _LEVEL) / 2
    if value in {0.0, 1.0}:
        low = float(betaincinv(clusters, 1, tail)) if value == 1 else 0.0
        high = float(betaincinv(1, clusters, 1 - tail)) if value == 0 else 1.0
        return Rate(value, round(low, 4), round(high, 4))
    rates = np.divide(parts, wholes, out=np.full(len(parts), np.nan), where=wholes > 0)
    low, high = np.nanquantile(rates, [tail, 1 - tail]).tolist()
    return Rate(round(value, 4), round(low, 4), round(high, 4))
