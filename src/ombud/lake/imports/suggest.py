"""Propose a mapping for a stranger's file from its columns' names and values."""

from __future__ import annotations

import json
import shutil
import tempfile
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa

from ombud.lake.imports.mapping import Mapping, Rule
from ombud.lake.imports.profile import Profile, profile
from ombud.lake.imports.rejects import Rejects
from ombud.lake.imports.sources import CsvSource
from ombud.lake.imports.stage import Stage
from ombud.lake.imports.table import open_source
from ombud.lake.imports.text_rows import split_row
from ombud.lake.imports.usual_names import USUAL, plain, squashed
from ombud.model.errors import InputError
from ombud.model.schema import MOMENT, MONEY, TABLES, WHOLE
from ombud.model.schema import table as lake_table
from ombud.model.settings import Settings

if TYPE_CHECKING:
    from ombud.lake.imports.sources import Source
    from ombud.model.schema import Column, Table

__all__ = ["Proposal", "Suggestion", "suggest_mapping"]

_SAMPLE = 1_000
_LEAST = 0.35
"""Confidence below which nothing is proposed."""
_ENOUGH = 0.8
_SHOWN = 30
_FEEDS_LINKS = 0.5


class Proposal(msgspec.Struct, frozen=True):
    """One lake column and the source column that is proposed for it."""

    column: str
    source: str
    confidence: float
    """0 to 1, not calibrated: how well name and values fit"""
    reason: str
    rule: Rule


class Suggestion(msgspec.Struct, frozen=True):
    """A mapping to look over, save and pass back."""

    path: str
    table: str
    proposals: list[Proposal]
    missing: list[str]
    """columns that every row of the table needs and for which nothing was found"""
    unused: list[str]
    """columns of the source that nothing takes"""
    sampled: int

    @property
    def mapping(self) -> Mapping:
        """Return what is proposed as a mapping."""
        return Mapping(self.table, {p.column: p.rule for p in self.proposals})

    def to_toml(self) -> str:
        """Return the mapping as TOML with each reason beside it."""
        rules = self.mapping.to_toml().splitlines()
        lines = [f"# Proposed from {self.sampled:,} rows. Look it over, then import with --mapping FILE.", *rules[:3]]
        for proposal, rule in zip(self.proposals, rules[3:], strict=True):
            lines += [f"# {proposal.confidence:.0%}: {proposal.reason}", rule]
        lines += [f"# {column} is needed and nothing looks like it: fill it in." for column in self.missing]
        if self.unused:
            more = f" and {len(self.unused) - _SHOWN} more" if len(self.unused) > _SHOWN else ""
            lines.append(f"# Not used: {', '.join(self.unused[:_SHOWN])}{more}".replace("\n", " "))
        return "\n".join(lines) + "\n"


def suggest_mapping(path: Path | str, table: str | None = None) -> Suggestion:
    """Propose a table (or take `table`) and a source for its columns; nothing is imported.

    Raises `InputError` when the file cannot be read or fits no table at all.
    """
    path = Path(path)
    folder = Path(tempfile.mkdtemp(prefix="ombud-suggest-"))
    try:
        stage = Stage(folder, Settings(), Rejects(folder / "rejects.ndjson"))
        try:
            source = open_source(stage, path)
            values = _sample(stage, source)
        finally:
            stage.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    profiles = {name: profile(column) for name, column in values.items()}
    sampled = max((len(column) for column in values.values()), default=0)
    candidates = [lake_table(table)] if table else list(TABLES.values())
    made = [_for_table(path, candidate, profiles, sampled) for candidate in candidates]
    best = max(made, key=lambda s: (sum(p.confidence for p in s.proposals) - len(s.missing), not s.missing))
    if not best.proposals or (table is None and best.missing and len(best.proposals) <= len(best.missing)):
        raise InputError(
            f"Nothing in {path} looks like a column of {table or 'any table'} ({', '.join(list(values)[:12])}).",
            hint="If its first line is no header, add one; else write the mapping by hand.",
        )
    return best


def _for_table(path: Path, table: Table, profiles: dict[str, Profile], sampled: int) -> Suggestion:
    """Match the table's columns with the file's, the surest pair first, each used once."""
    pairs = []
    for column in table.columns:
        if column.name in {"quality", "import_id"}:
            continue
        for source, seen in profiles.items():
            proposal = _weigh(table, column, source, seen)
            if proposal is not None:
                pairs.append(proposal)
    pairs.sort(key=lambda p: (-p.confidence, p.column, p.source))
    chosen: dict[str, Proposal] = {}
    taken: set[str] = set()
    for proposal in pairs:
        if proposal.column not in chosen and proposal.source not in taken:
            chosen[proposal.column] = proposal
            taken.add(proposal.source)
    needed = [c.name for c in table.columns if c.required and c.name != "import_id"]
    return Suggestion(
        path=str(path),
        table=table.name,
        proposals=[chosen[name] for name in table.names if name in chosen],
        missing=[name for name in needed if name not in chosen],
        unused=[name for name in profiles if name not in taken],
        sampled=sampled,
    )


def _moments(seen: Profile) -> tuple[float, str, str]:
    """Return how well values fit as moments, in words, and how they are written."""
    if seen.unix:
        return 1.0, f"its values count {seen.unix.removeprefix('unix-')} from 1970", seen.unix
    if seen.written:
        return 1.0 / len(seen.written), f"its values are written as {' or '.join(seen.written)}", seen.written[0]
    return seen.dates, f"{seen.dates:.0%} of its values are ISO dates", "iso"


def _weigh(table: Table, column: Column, source: str, seen: Profile) -> Proposal | None:
    """Return how well a source column's name and values fit a lake column, or None."""
    by_name, called = _by_name(table, column, source)
    rule = Rule(source=source)
    kind = column.door_type
    if kind == MOMENT:
        by_value, looks, moments = _moments(seen)
        rule = Rule(source=source, moments=moments)
    elif kind == MONEY:
        by_value, looks = seen.amounts, f"{seen.amounts:.0%} of its values are amounts"
    elif kind == WHOLE:
        by_value, looks = seen.whole, f"{seen.whole:.0%} of its values are whole numbers"
    elif pa.types.is_list(kind):
        by_value, looks = _list_value(column, seen)
        if seen.separator:
            rule = Rule(source=source, split=seen.separator)
    else:
        by_value, looks = _text_value(table, column, seen)
    if seen.given == 0:
        by_value, looks = 0.5, "it is empty in the sample"
    if column.required and seen.given < 1:
        by_value *= seen.given
        looks += f", but {1 - seen.given:.0%} of the rows have none"
    confidence = round(by_name * by_value, 2)
    if confidence < _LEAST:
        return None
    return Proposal(column.name, source, confidence, f"{called}; {looks}", rule)


def _by_name(table: Table, column: Column, source: str) -> tuple[float, str]:
    name = plain(source)
    if name == column.name:
        return 1.0, "called the same"
    if name == "id":
        return (0.9, "an `id` is that of the row's own thing") if table.key == (column.name,) else (0.0, "")
    usual = [squashed(u) for u in USUAL.get(column.name, ())]
    if squashed(name) in usual:
        # The earlier in the list, the more usual.
        return 0.95 - 0.005 * usual.index(squashed(name)), f"`{source}` is a usual name for it"
    if name == f"{column.name}_id" or name.startswith(f"{column.name}_") or name.endswith(f"_{column.name}"):
        return 0.7, f"`{source}` has its name in it"
    return 0.0, ""


def _list_value(column: Column, seen: Profile) -> tuple[float, str]:
    if seen.objects:
        return 0.0, "its values are lists of objects"
    if seen.lists:
        return 1.0, "its values are JSON lists"
    if column.name == "links" and seen.given and seen.urls < _FEEDS_LINKS and not seen.separator:
        return 0.6, "though few values are addresses"
    split = f", items separated by {seen.separator!r}" if seen.separator else ""
    return 0.95, f"its values can be list items{split}"


def _text_value(table: Table, column: Column, seen: Profile) -> tuple[float, str]:
    if table.key == (column.name,):
        return (seen.distinct if seen.distinct > _ENOUGH else 0.2), f"{seen.distinct:.0%} of its values are different"
    if column.kind:
        return (1.0 if seen.urls < _ENOUGH else 0.7), f"its values can be ids (mean length {seen.length:.0f})"
    if column.name == "language":
        fits = seen.languages > _ENOUGH
        return (1.0 if fits else 0.8), "its values are language codes" if fits else "its values are no codes"
    if column.name == "currency":
        return max(seen.currencies, 0.2), f"{seen.currencies:.0%} of its values are three-letter codes"
    if column.name in {"url", "landing"}:
        return max(seen.urls, 0.3), f"{seen.urls:.0%} of its values are addresses"
    return 1.0, f"its values are text (mean length {seen.length:.0f})"


def _sample(stage: Stage, source: Source) -> dict[str, list[str | None]]:
    """Return the first values of every column as text, rows that do not fit left out."""
    rows = source.rows()
    if rows is None:
        wanted = ", ".join(f"CAST({source.expression(c, ['_'])[0]} AS VARCHAR)" for c in source.columns)
        found = stage.run(f"FROM {source.relation(['_'])} SELECT {wanted} LIMIT {_SAMPLE}")
        return {column: [row[i] for row in found] for i, column in enumerate(source.columns)}
    good = list(islice((row.clean for row in rows if row.problem is None), _SAMPLE))
    if isinstance(source, CsvSource):
        parsed = [split_row(row, source.delimiter) for row in good]
        return {column: [row[i] for row in parsed] for i, column in enumerate(source.columns)}
    objects = [json.loads(text) or {} for text in good]
    return {column: [_inside(value, column) for value in objects] for column in source.columns}


def _inside(value: dict[str, object], column: str) -> str | None:
    found: object = value
    for key in [column] if column in value else column.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    if found is None or isinstance(found, str):
        return found
    return json.dumps(found)
