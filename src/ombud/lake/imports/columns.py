"""SQL that turns a source column into a lake column and says which values do not fit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa

from ombud.model import clock
from ombud.model.errors import InputError
from ombud.model.schema import MOMENT, MONEY, WHOLE

if TYPE_CHECKING:
    from ombud.lake.imports.mapping import Rule
    from ombud.model.schema import Column, Table

__all__ = ["LONGEST_TEXT", "Fit", "door_type", "fit", "fitted", "literal", "name", "plausible"]

LONGEST_TEXT = 1_000_000
"""Bytes of one text; a row with a longer one is rejected."""
_FIRST = datetime(1995, 1, 1, tzinfo=UTC)
_NUMBERS = frozenset({"DOUBLE", "FLOAT"} | {f"{u}{i}INT" for u in ("", "U") for i in ("TINY", "SMALL", "BIG", "HUGE")})
_NUMBERS |= {"INTEGER", "UINTEGER"}


@dataclass(frozen=True, slots=True)
class Fit:
    """One lake column in SQL: its value, and when a value does not fit or is set to null."""

    column: str
    value: str
    problems: tuple[tuple[str, str], ...] = ()
    """pairs of a condition and the reason of the reject"""
    flags: tuple[tuple[str, str], ...] = ()
    """pairs of a condition and the quality flag"""
    fine: str | None = None
    """a cheap condition under which there is no problem but perhaps the length of `text`"""
    text: str | None = None
    """what must not be longer than `LONGEST_TEXT`"""


def literal(text: str) -> str:
    """Return `text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def name(text: str) -> str:
    """Return `text` as an SQL name."""
    return '"' + text.replace('"', '""') + '"'


def plausible() -> tuple[str, str]:
    """Return the first and last plausible moment as SQL: 1995 to a day from now."""
    last = clock.now() + timedelta(days=1)
    return tuple(f"TIMESTAMPTZ '{moment:%Y-%m-%d %H:%M:%S.%f}+00'" for moment in (_FIRST, last))  # type: ignore[return-value]  # two of them


def door_type(column: Column) -> str:
    """Return the SQL type of a column at the lake's door."""
    kind = column.door_type
    if kind == MOMENT:
        return "TIMESTAMP WITH TIME ZONE"
    if kind == MONEY:
        return "DECIMAL(18,2)"
    if kind == WHOLE:
        return "BIGINT"
    return "VARCHAR[]" if pa.types.is_list(kind) else "VARCHAR"


def fit(column: Column, rule: Rule, source: str | None, source_type: str, *, text_nul: bool) -> Fit:
    """Return how `source` (an SQL expression of type `source_type`) becomes `column`.

    With `text_nul` texts are searched for NUL, which readers of text files
    have excluded already.
    """
    if rule.value is not None or source is None:
        return _constant(column, rule)
    if "BLOB" in source_type:
        raise InputError(
            f"The source of `{column.name}` holds bytes, not text.", hint="Decode it first, or map another column."
        )
    if column.door_type == MOMENT:
        return _moment(column, rule, source, source_type)
    if column.door_type == MONEY:
        return _money(column, source, source_type)
    if column.door_type == WHOLE:
        return _whole(column, source, source_type)
    if pa.types.is_list(column.door_type):
        return _texts(column, rule, source, source_type, text_nul=text_nul)
    return _one_text(column, source, source_type, text_nul=text_nul)


def fitted(table: Table, fits: list[Fit]) -> str:
    """Return the SELECT list of the door schema, with `quality` and `reject` (null for a row that fits)."""
    by_column = {f.column: f for f in fits}
    out = []
    for column in table.columns:
        if column.name in {"quality", "import_id"}:
            continue
        value = by_column[column.name].value if column.name in by_column else f"NULL::{door_type(column)}"
        out.append(f"{value} AS {name(column.name)}")
    flags = [flag for f in fits for flag in f.flags]
    if flags:
        texts = ", ".join(f"CASE WHEN {when} THEN {literal(flag)} END" for when, flag in flags)
        found = " OR ".join(f"({when})" for when, _ in flags)
        out.append(f"CASE WHEN {found} THEN list_filter([{texts}], lambda f: f IS NOT NULL) END AS quality")
    else:
        out.append("NULL::VARCHAR[] AS quality")
    out.append(f"{_reject(fits)} AS reject")
    return ", ".join(out)


def _reject(fits: list[Fit]) -> str:
    """Return SQL of the first reason why a row does not fit; nearly all rows get no further than one test."""
    problems = " ".join(f"WHEN {when} THEN {literal(why)}" for f in fits for when, why in f.problems)
    if not problems:
        return "NULL::VARCHAR"
    fine = [f.fine or " AND ".join(f"(({when}) IS NOT TRUE)" for when, _ in f.problems) for f in fits if f.problems]
    lengths = [f"strlen({f.text})" for f in fits if f.text]
    if lengths:
        fine.append(f"greatest({', '.join([*lengths, '0'])}) <= {LONGEST_TEXT}")
    return f"CASE WHEN {' AND '.join(fine)} THEN NULL ELSE CASE {problems} END END"


def _constant(column: Column, rule: Rule) -> Fit:
    value = rule.value or ""
    if pa.types.is_list(column.door_type):
        items = [item.strip() for item in (value.split(rule.split) if rule.split else [value])]
        return Fit(column.name, f"[{', '.join(literal(item) for item in items if item)}]::VARCHAR[]")
    if column.door_type in {MOMENT, MONEY, WHOLE}:
        raise InputError(
            f"`{column.name}` cannot have the same value in every row.", hint="Map it to a source column, or leave it."
        )
    return Fit(column.name, literal(value))


def _one_text(column: Column, source: str, source_type: str, *, text_nul: bool) -> Fit:
    text = source if source_type == "VARCHAR" else f"CAST({source} AS VARCHAR)"
    problems = [(f"strlen({text}) > {LONGEST_TEXT}", f"{column.name}: longer than {LONGEST_TEXT:,} bytes")]
    if text_nul and source_type == "VARCHAR":
        problems.append((f"contains({text}, chr(0))", f"{column.name}: a NUL byte"))
    if column.required:
        problems.insert(0, (f"coalesce({text}, '') = ''", f"{column.name}: missing"))
    value = f"nullif({text}, '')" if column.kind else text
    fine = [f"{text} <> ''"] if column.required else []
    fine += [f"coalesce(NOT {when}, true)" for when, why in problems if why.endswith("a NUL byte")]
    return Fit(column.name, value, tuple(problems), fine=" AND ".join(fine) or "true", text=text)


def _texts(column: Column, rule: Rule, source: str, source_type: str, *, text_nul: bool) -> Fit:
    trimmed = "list_filter(list_transform({}, lambda t: trim(t)), lambda t: t <> '')"
    problems = []
    if source_type.endswith("[]"):
        items = f"CAST({source} AS VARCHAR[])"
        value, text = trimmed.format(items), f"CAST({source} AS VARCHAR)"
    elif rule.split is not None:
        text = source if source_type == "VARCHAR" else f"CAST({source} AS VARCHAR)"
        value = trimmed.format(f"string_split({text}, {literal(rule.split)})")
    else:
        text = source if source_type == "VARCHAR" else f"CAST({source} AS VARCHAR)"
        array = f"(starts_with({text}, '[') AND json_valid({text}))"
        items = trimmed.format(f"try_cast(CAST({text} AS JSON) AS VARCHAR[])")
        value = f"CASE WHEN {array} THEN {items} WHEN trim({text}) <> '' THEN [trim({text})] END"
    problems.append((f"strlen({text}) > {LONGEST_TEXT}", f"{column.name}: longer than {LONGEST_TEXT:,} bytes"))
    if text_nul:
        problems.append((f"contains({text}, chr(0))", f"{column.name}: a NUL byte"))
    if column.required:
        problems.append((f"coalesce(len({value}), 0) = 0", f"{column.name}: missing"))
    return Fit(column.name, value, tuple(problems))


def _whole(column: Column, source: str, source_type: str) -> Fit:
    given = f"{source} IS NOT NULL"
    if source_type == "VARCHAR":
        whole = f"regexp_full_match({source}, '\\s*[+-]?[0-9]+\\s*')"
        value = f"CASE WHEN {whole} THEN try_cast({source} AS BIGINT) END"
        given = f"trim({source}) <> ''"
    elif source_type.startswith(("DOUBLE", "FLOAT", "DECIMAL")):
        value = f"CASE WHEN {source} = trunc({source}) THEN try_cast({source} AS BIGINT) END"
    elif source_type == "BOOLEAN" or source_type.startswith(("TIMESTAMP", "DATE", "TIME")):
        value = "NULL::BIGINT"
    else:
        value = f"try_cast({source} AS BIGINT)"
    return Fit(column.name, value, _unfit(column, source, given, value, "no whole number"))


def _money(column: Column, source: str, source_type: str) -> Fit:
    given = f"{source} IS NOT NULL"
    if source_type == "VARCHAR":
        amount = f"regexp_full_match({source}, '\\s*[+-]?[0-9]+([.][0-9]{{0,2}}0*)?\\s*')"
        value = f"CASE WHEN {amount} THEN try_cast({source} AS DECIMAL(18,2)) END"
        given = f"trim({source}) <> ''"
    elif source_type == "BOOLEAN" or source_type.startswith(("TIMESTAMP", "DATE", "TIME")):
        value = "NULL::DECIMAL(18,2)"
    else:
        cast = f"try_cast({source} AS DECIMAL(18,2))"
        value = f"CASE WHEN abs({source}::DOUBLE - {cast}::DOUBLE) < 0.000001 THEN {cast} END"
    return Fit(column.name, value, _unfit(column, source, given, value, "no amount with at most two decimals"))


def _moment(column: Column, rule: Rule, source: str, source_type: str) -> Fit:
    first, last = plausible()
    given = f"{source} IS NOT NULL"
    if source_type == "VARCHAR":
        given = f"trim({source}) <> ''"
    if rule.moments == "iso":
        if source_type.startswith("DECIMAL") or source_type in _NUMBERS:
            raise InputError(
                f"The source of `{column.name}` holds numbers, not dates.",
                hint='If they count from 1970, say so in a mapping: `as = "unix-seconds"`, `unix-ms` or `unix-us`.',
            )
        moment = f"try_cast({source} AS TIMESTAMP WITH TIME ZONE)"
        within = f"{moment} BETWEEN {first} AND {last}"
        value = f"CASE WHEN {within} THEN {moment} END"
        readable = f"{moment} IS NOT NULL"
    elif "%" in rule.moments:
        if source_type != "VARCHAR":
            raise InputError(
                f"The source of `{column.name}` holds no texts to read as `{rule.moments}`.", hint="Drop that `as`."
            )
        pattern = rule.moments.replace("'", "''")
        moment = f"CAST(try_strptime(trim({source}), '{pattern}') AS TIMESTAMP WITH TIME ZONE)"
        within = f"{moment} BETWEEN {first} AND {last}"
        value = f"CASE WHEN {within} THEN {moment} END"
        readable = f"{moment} IS NOT NULL"
    else:
        if source_type.startswith(("TIMESTAMP", "DATE")):
            raise InputError(
                f"The source of `{column.name}` holds dates, not numbers.", hint=f'Drop `as = "{rule.moments}"`.'
            )
        scale = {"unix-seconds": 1_000_000, "unix-ms": 1_000, "unix-us": 1}[rule.moments]
        counted = f"round(try_cast({source} AS DOUBLE) * {scale})"
        within = f"{counted} BETWEEN epoch_us({first}) AND epoch_us({last})"
        value = f"CASE WHEN {within} THEN make_timestamptz(CAST({counted} AS BIGINT)) END"
        readable = f"isfinite({counted})"
    out = f"{readable} AND NOT ({within})"
    unread = (f"{given} AND NOT coalesce({readable}, false)", f"{column.name}: no date that can be read")
    if column.required:
        missing = (f"NOT coalesce({given}, false)", f"{column.name}: missing")
        return Fit(column.name, value, (missing, unread, (out, f"{column.name}: out of range")), fine=within)
    return Fit(column.name, value, (unread,), ((out, f"{column.name}:out of range"),))


def _unfit(column: Column, source: str, given: str, value: str, why: str) -> tuple[tuple[str, str], ...]:
    unfit = (f"{given} AND ({value}) IS NULL", f"{column.name}: {why}")
    if column.required:
        return ((f"{source} IS NULL OR NOT ({given})", f"{column.name}: missing"), unfit)
    return (unfit,)
