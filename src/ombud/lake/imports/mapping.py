"""Which column of a stranger's file feeds which column of a lake table, and how.

A mapping is saved as TOML::

    table = "posts"

    [columns]
    post = "id"                                        # a source column as it is
    happened_at = { from = "created", as = "unix-ms" }  # a conversion
    links = { from = "urls", split = " " }             # a list from one text
    platform = { value = "facebook" }                  # the same for every row
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any, Literal, get_args

import msgspec
import pyarrow as pa

from ombud.model.errors import InputError
from ombud.model.schema import table as lake_table

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.model.schema import Table

__all__ = ["Mapping", "Moments", "Rule", "default_mapping", "load_mapping"]

Moments = Literal["iso", "unix-seconds", "unix-ms", "unix-us"]
_PATTERN = re.compile(r"(?:[^%]|%-?[aAbBdmYyHIMSfpz%])*")


class Rule(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where one column's value comes from: a source column, or the same text for every row."""

    source: str | None = None
    """column of the source; in NDJSON `a.b` is the key `b` inside `a`"""
    moments: str = "iso"
    """how the source writes moments: a word of `Moments`, or a pattern such as `%d/%m/%Y %H:%M`; UTC without offset"""
    split: str | None = None
    """what separates the items when one text holds a list"""
    value: str | None = None
    """the value of every row, instead of a source column"""


class Mapping(msgspec.Struct, frozen=True):
    """A lake table and the rule for each of its columns that is filled."""

    table: str
    columns: dict[str, Rule]

    def checked(self) -> Table:
        """Return the lake table; `InputError` when a column does not exist or a required one is not fed."""
        table = lake_table(self.table)
        feedable = [name for name in table.door.names if name != "quality"]
        unknown = [name for name in self.columns if name not in feedable]
        if unknown:
            raise InputError(
                f"The table {table.name} has no column {_quoted(unknown)}.", hint=f"It has {_quoted(feedable)}."
            )
        missing = [c.name for c in table.columns if c.required and c.name in feedable and c.name not in self.columns]
        if missing:
            raise InputError(
                f"Nothing feeds {_quoted(missing)}, which every row of {table.name} needs.",
                hint="Name the source columns in a mapping; `ombud import table --suggest-mapping FILE` proposes one.",
            )
        for name, rule in self.columns.items():
            if (rule.source is None) == (rule.value is None):
                raise InputError(
                    f"The column `{name}` needs either a source column or a value.", hint="Mend the mapping."
                )
            if rule.value is not None and ("\0" in rule.value or (table[name].required and not rule.value.strip())):
                raise InputError(
                    f"The value of `{name}` is {'empty' if not rule.value.strip() else 'no text'}.",
                    hint="Give the value that every row has.",
                )
            if rule.split is not None and not pa.types.is_list(table[name].type):
                raise InputError(f"The column `{name}` is no list, so it cannot be split.", hint="Drop `split`.")
            if rule.split == "":
                raise InputError(f"`split` of `{name}` is empty.", hint="Give the separator, such as `|`.")
        return table

    def to_toml(self) -> str:
        """Return the mapping as TOML that `load_mapping` reads."""
        lines = [f"table = {_text(self.table)}", "", "[columns]"]
        for name, rule in self.columns.items():
            if rule.value is not None:
                lines.append(f"{name} = {{ value = {_text(rule.value)} }}")
                continue
            parts = [f"from = {_text(rule.source or '')}"]
            if rule.moments != "iso":
                parts.append(f"as = {_text(rule.moments)}")
            if rule.split is not None:
                parts.append(f"split = {_text(rule.split)}")
            lines.append(f"{name} = {_text(rule.source or '') if len(parts) == 1 else '{ ' + ', '.join(parts) + ' }'}")
        return "\n".join(lines) + "\n"


def default_mapping(table: Table, source_columns: list[str] | None) -> Mapping:
    """Map columns of equal names; every column when the source's are not known beforehand."""
    names = [n for n in table.door.names if n != "quality" and (source_columns is None or n in source_columns)]
    return Mapping(table.name, {name: Rule(source=name) for name in names})


def load_mapping(source: Path | str | dict[str, Any]) -> Mapping:
    """Read a mapping from a TOML file, TOML text or a plain dict; `InputError` says what is wrong with it."""
    where = "The mapping"
    try:
        if isinstance(source, dict):
            data = source
        elif isinstance(source, str):
            data = tomllib.loads(source)
        else:
            where = str(source)
            data = tomllib.loads(source.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"Cannot read the mapping {source}: {error.strerror}.", hint="Check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{where} is not TOML: {error}.", hint="Mend that line.") from error
    columns = data.get("columns")
    if not isinstance(data.get("table"), str) or not isinstance(columns, dict):
        raise InputError(f"{where} needs `table` and `[columns]`.", hint="`--suggest-mapping FILE` writes one.")
    mapping = Mapping(data["table"], {name: _rule(where, name, rule) for name, rule in columns.items()})
    mapping.checked()
    return mapping


def _rule(where: str, name: str, rule: object) -> Rule:
    if isinstance(rule, str):
        return Rule(source=rule)
    known = {"from", "as", "split", "value"}
    if not isinstance(rule, dict) or not set(rule) <= known or not all(isinstance(v, str) for v in rule.values()):
        raise InputError(
            f"{where}: `{name}` is neither a source column nor a table of {_quoted(sorted(known))}.",
            hint='Write for example `post = "id"` or `links = { from = "urls", split = " " }`.',
        )
    moments = rule.get("as", "iso")
    if moments not in get_args(Moments) and not ("%" in moments and _PATTERN.fullmatch(moments)):
        raise InputError(
            f"{where}: `{name}` cannot be read as `{moments}`.",
            hint=f"Known: {_quoted(list(get_args(Moments)))}, and patterns of %Y %m %d %b %a %H %M %S %f %p %z.",
        )
    return Rule(rule.get("from"), moments, rule.get("split"), rule.get("value"))


def _quoted(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _text(value: str) -> str:
    """Return a TOML basic string: JSON's escapes are a subset of TOML's, but for DEL."""
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")
