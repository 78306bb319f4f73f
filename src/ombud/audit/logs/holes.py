"""Holes: what a log of reads does not show, as far as the log itself gives it away.

What is missing leaves no row, so every one of these is a sign and not a proof; each says what it may hide, which is
why a count of people is given as [proved, possible].
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np

from ombud.audit.logs.missing import duplicates, gate_gaps, import_ends, refused_lines
from ombud.audit.logs.quiet import UNITS, quiet, unit_for
from ombud.model.findings import Figure, SourceFile
from ombud.model.ids import derived_id
from ombud.records import figures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

    from ombud.lake import Lake

__all__ = ["Hole", "Holes", "find_holes", "keep"]

Kind = Literal[
    "quiet", "missing batches", "duplicates", "rejected lines", "before the app", "after its import",
    "unknown people", "unknown apps", "clock",
]  # fmt: skip

_SPAN = "SELECT epoch_us(min(happened_at)), epoch_us(max(happened_at)), count(*) FROM reads WHERE batch IS NULL"
_BINS = """\
SELECT (epoch_us(happened_at) - $start) // $size AS bin, count(*) AS lines FROM reads WHERE batch IS NULL
GROUP BY 1 ORDER BY 1"""
_LINES = "SELECT count(*) FROM reads WHERE batch IS NULL AND epoch_us(happened_at) BETWEEN $first AND $last"
_BEFORE = """\
SELECT count(*), count(DISTINCT r.app), epoch_us(min(r.happened_at)), epoch_us(max(r.happened_at))
FROM reads AS r JOIN apps AS a ON a.app = r.app WHERE r.happened_at < a.happened_at"""
_AFTER = """\
SELECT count(*), count(DISTINCT r.app), epoch_us(min(r.happened_at)), epoch_us(max(r.happened_at))
FROM reads AS r JOIN (SELECT unnest($ids) AS import_id, unnest($ends) AS ended) AS i ON i.import_id = r.import_id
WHERE epoch_us(r.happened_at) > i.ended"""
_UNKNOWN = """\
SELECT count(*), count(DISTINCT r.{column}), epoch_us(min(r.happened_at)), epoch_us(max(r.happened_at))
FROM reads AS r LEFT JOIN {table} AS k ON k.{key} = r.{column} WHERE k.{key} IS NULL"""
_BACK = """\
SELECT count(*), count(DISTINCT host), epoch_us(min(happened_at)), epoch_us(max(happened_at)) FROM (
  SELECT host, happened_at, lag(happened_at) OVER (PARTITION BY host ORDER BY sequence) AS before FROM batches
) WHERE happened_at < before"""


class Hole(msgspec.Struct, frozen=True):
    """One sign that something is missing from the log, or stands wrong in it."""

    kind: Kind
    sentence: str
    hides: str
    """what it may hide, and what that does to counts of people"""
    value: int
    unit: str
    first: datetime | None
    last: datetime | None
    p: float | None
    """for a quiet stretch: the chance that a log without a hole shows one so quiet, at most"""
    figure: str
    """what `ombud explain` takes"""
    query: str
    parameters: dict[str, Any]


class Holes(msgspec.Struct, frozen=True):
    """What was looked at, and what was found."""

    reads: int
    """reads of old logs that were looked at for quiet stretches"""
    first: datetime | None
    last: datetime | None
    unit: str
    """day, hour or minute: the stretch that is counted"""
    holes: list[Hole]
    sentences: list[str]


def find_holes(lake: Lake) -> Holes:
    """Look for holes in the reads of the lake. Nothing is kept; see `keep`."""
    tables = ["reads", "apps", "accounts", "batches"]
    filled = {name for name in tables if lake.files(name)}
    with lake.duck(tables) as duck:
        row = duck.execute(_SPAN).fetchall()[0]
        first, last, reads = row
        unit = unit_for(last - first) if reads else "day"
        found = list(_quiet(duck, first, last, unit)) if reads else []
        found += list(_gate(lake, duck))
        found += list(_log(lake))
        found += list(_rows(lake, duck, filled))
    looked = f"Looked at {reads:,} reads of old logs, {unit} by {unit}." if reads else "There are no reads of old logs."
    told = [looked, *(one.sentence for one in found)] if found else [looked, "No hole was found, which proves nothing."]
    return Holes(reads, _moment(first), _moment(last), unit, found, told)


def keep(lake: Lake, holes: Holes) -> None:
    """Keep the figure of each hole for `ombud explain`."""
    inputs = [SourceFile(file.path, file.sha256) for file in lake.files("reads") if not file.attached]
    made = [
        Figure(
            id=one.figure, name=f"hole: {one.kind}", value=one.value, unit=one.unit, query=one.query,
            parameters=one.parameters, inputs=inputs, subject="holes",
        )
        for one in holes.holes
    ]  # fmt: skip
    with lake.records.begin() as tx:
        figures.save_all(tx, made)


def _quiet(duck: DuckDBPyConnection, first: int, last: int, unit: str) -> Iterator[Hole]:
    size = UNITS[unit]
    start = first // size * size
    counts = np.zeros((last - start) // size + 1, dtype=np.int64)
    bins = duck.sql(_BINS, params={"start": start, "size": size}).to_arrow_table()
    counts[bins["bin"].to_numpy()] = bins["lines"].to_numpy()
    for gap in quiet(counts):
        begins, ends = start + gap.first * size, start + (gap.last + 1) * size - 1
        length = gap.last - gap.first + 1
        what = f"{length:,} {unit}s" if length > 1 else f"one {unit}"
        lines = "no line" if not gap.lines else f"{gap.lines:,} line{'s' if gap.lines > 1 else ''}"
        yield _hole(
            "quiet",
            f"From {_said(begins, unit)} on, {what} with {lines}, where about {gap.expected:,.0f} a {unit} would be"
            f" expected from the {unit}s around (chance of that in a log without a hole: at most"
            f" {max(gap.p, 1e-12):.1g}).",
            "What apps read then, if anything, is in no count;"
            f" about {gap.expected * length:,.0f} reads would be usual.",
            gap.lines, "lines", (begins, ends), _LINES, {"first": begins, "last": ends}, gap.p,
        )  # fmt: skip


def _gate(lake: Lake, duck: DuckDBPyConnection) -> Iterator[Hole]:
    for gap in gate_gaps(lake):
        count = gap.last - gap.first + 1
        yield _hole(
            "missing batches",
            f"The gate {gap.host} numbered {count:,} batch{'es' if count > 1 else ''} of reads, from {gap.first:,} to"
            f" {gap.last:,}, that {'are' if count > 1 else 'is'} not in the lake.",
            "The reads in them, of any app, are in no count.",
            count, "batches", (None, None),
            "SELECT $last - $first + 1 - count(*) FROM batches"
            " WHERE host = $host AND sequence BETWEEN $first AND $last",
            {"host": gap.host, "first": gap.first, "last": gap.last},
        )  # fmt: skip
    count, hosts, low, high = duck.execute(_BACK).fetchall()[0]
    if count:
        yield _hole(
            "clock",
            f"{count:,} batches of {hosts:,} gates are dated before the batch that came before them: a clock was put"
            " back.",
            "Reads of that time may stand under another day, and before or after a policy that was not in force.",
            count, "batches", (low, high), _BACK, {},
        )  # fmt: skip


def _log(lake: Lake) -> Iterator[Hole]:
    for skipped, files, query in duplicates(lake):
        yield _hole(
            "duplicates",
            f"{_many(skipped, 'line')} of {files} with the id of a read that is there already: left out.",
            "If they were other reads under the same id, they are in no count.",
            skipped, "lines", (None, None), query, {},
        )  # fmt: skip
    lost, imports = refused_lines(lake)
    if lost:
        yield _hole(
            "rejected lines",
            f"{_many(lost, 'line')} of {_many(imports, 'import')} did not fit: see the rejects files.",
            "The reads that they tell of, if they do, are in no count.",
            lost, "lines", (None, None), "ombud import", {},
        )  # fmt: skip


def _rows(lake: Lake, duck: DuckDBPyConnection, filled: set[str]) -> Iterator[Hole]:
    """Look for reads that cannot be as they stand there."""
    checks: list[tuple[Kind, str, dict[str, Any], str, str, str]] = []
    if "apps" in filled:
        checks += [
            (
                "before the app", _BEFORE, {},
                "{n} of {k} dated before the app was registered.", "app",
                "Either a clock was wrong, or the app was registered anew and what it did under another id is missing.",
            ),
            (
                "unknown apps", _UNKNOWN.format(column="app", table="apps", key="app"), {},
                "{n} of {k} that no list of apps names.", "app",
                "Their people count for apps of which nothing else is known: who made them, and what for.",
            ),
        ]  # fmt: skip
    if "accounts" in filled:
        checks.append((
            "unknown people", _UNKNOWN.format(column="person", table="accounts", key="account"), {},
            "{n} of {k} whom no list of accounts names.", "person",
            "They may be people who left, or ids written in another way, in which case one person counts twice.",
        ))  # fmt: skip
    if ends := import_ends(lake):
        checks.append((
            "after its import", _AFTER, {"ids": list(ends), "ends": list(ends.values())},
            "{n} of {k} dated after the day on which they were imported.", "app",
            "A clock was wrong, so when these reads happened is not known.",
        ))  # fmt: skip
    for kind, query, parameters, sentence, noun, hides in checks:
        count, of, low, high = duck.execute(query, parameters).fetchall()[0]
        if count:
            said = sentence.format(n=_many(count, "read"), k=_many(of, noun))
            yield _hole(kind, said, hides, count, "reads", (low, high), query, parameters)


def _hole(  # noqa: PLR0917 - its fields
    kind: Kind,
    sentence: str,
    hides: str,
    value: int,
    unit: str,
    span: tuple[int | None, int | None],
    query: str,
    parameters: dict[str, Any],
    p: float | None = None,
) -> Hole:
    figure = derived_id("figure", "holes", kind, query, repr(sorted(parameters.items())))
    return Hole(kind, sentence, hides, value, unit, _moment(span[0]), _moment(span[1]), p, figure, query, parameters)


def _many(count: int, noun: str) -> str:
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {'people' if noun == 'person' else noun + 's'}"


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)


def _said(micros: int, unit: str) -> str:
    return f"{_moment(micros):%Y-%m-%d}" if unit == "day" else f"{_moment(micros):%Y-%m-%d %H:%M} UTC"
