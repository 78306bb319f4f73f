"""Named queries: written once in `.sql` files in DuckDB's dialect, translated for Spark.

A file holds any number of queries::

    -- name: acts_per_day
    -- What a row means.
    SELECT ... WHERE account = $account;

Parameters are `$name`. What the two engines write differently has a named
function in `FUNCTIONS`; what sqlglot would translate wrongly, without a word,
is in `BANNED` and refused when the file is loaded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import sqlglot
from sqlglot import exp

__all__ = ["BANNED", "FUNCTIONS", "Query", "lint", "parse", "queries"]

Engine = Literal["duckdb", "spark"]

FUNCTIONS: dict[str, dict[Engine, str]] = {
    "day_of": {"duckdb": "CAST({0} AS DATE)", "spark": "CAST({0} AS DATE)"},
    "micros_of": {"duckdb": "EPOCH_US({0})", "spark": "UNIX_MICROS({0})"},
    "moment_of": {"duckdb": "MAKE_TIMESTAMPTZ({0})", "spark": "TIMESTAMP_MICROS({0})"},
    "whole_div": {"duckdb": "({0} // {1})", "spark": "({0} DIV {1})"},
    "sorted_list": {"duckdb": "LIST_SORT(LIST({0}))", "spark": "SORT_ARRAY(COLLECT_LIST({0}))"},
    "sorted_set": {"duckdb": "LIST_SORT(LIST(DISTINCT {0}))", "spark": "SORT_ARRAY(COLLECT_SET({0}))"},
    "quantile_of": {"duckdb": "QUANTILE_CONT({0}, {1})", "spark": "PERCENTILE({0}, {1})"},
    "sample_prefix": {"duckdb": "SUBSTR(SHA256({0}), 1, 8)", "spark": "SUBSTR(SHA2({0}, 256), 1, 8)"},
    "bucket_of": {
        "duckdb": "(CAST('0x' || SUBSTR(MD5(CAST({0} AS VARCHAR)), 1, 7) AS INTEGER) % {1})",
        "spark": "(CAST(CONV(SUBSTR(MD5(CAST({0} AS STRING)), 1, 7), 16, 10) AS INT) % {1})",
    },
}
"""Named functions and each engine's way to say them; `{0}` is the first argument.

`sample_prefix` gives eight hexadecimal digits of SHA-256, so that an audit
sample is the same on every engine; `bucket_of(x, n)` a number from 0 to n - 1.
"""

BANNED: dict[str, str] = {
    "list": "sorted_list",
    "array_agg": "sorted_list",
    "collect_list": "sorted_list",
    "group_concat": "sorted_list",
    "string_agg": "sorted_list",
    "time_bucket": "micros_of with whole_div",
    "date_bin": "micros_of with whole_div",
    "epoch": "micros_of",
    "epoch_ms": "micros_of",
    "epoch_us": "micros_of",
    "epoch_ns": "micros_of",
    "quantile": "quantile_of",
    "quantile_cont": "quantile_of",
    "quantile_disc": "quantile_of",
    "hash": "bucket_of or sample_prefix",
    "random": "sample_prefix",
    "any_value": "min",
    "first": "min",
    "last": "max",
}
"""Functions that sqlglot drops or mangles or that mean something else on each engine, and what to write instead."""

_WORDS: tuple[tuple[str, str], ...] = (
    (r"\basof\b", "ASOF joins are silently plain joins on Spark: use a window"),
    (r"\bu(?:tinyint|smallint|integer|bigint|hugeint|int\d*)\b", "Spark has no unsigned types"),
    (r"\[[^\]]*\bfor\b[^\]]*\bin\b[^\]]*\]", "comprehensions are lost: use unnest"),
    (r"'0x[0-9a-f]*'|\b0x[0-9a-f]+\b", "hexadecimal casts are lost: use bucket_of or sample_prefix"),
    (r"(?<![/:])//(?!/)", "`//` rounds otherwise on Spark: use whole_div"),
    (r"\bexclude\b|\breplace\s*\(\s*\w+\s+as\b|\bcolumns\s*\(", "name the columns"),
)

_HEAD = re.compile(r"^--\s*name:\s*(?P<name>\w+)\s*$", re.MULTILINE)
_TEXTS = re.compile(r"'(?:[^']|'')*'")


@dataclass(frozen=True, slots=True)
class Query:
    """One named query: its documentation, its SQL in DuckDB's dialect, its parameters."""

    name: str
    doc: str
    sql: str
    source: str
    """package and file it stands in"""

    def on(self, engine: Engine) -> str:
        """Return the SQL for `engine`; parameters are `$name` on DuckDB, `:name` on Spark."""
        return _translated(self.sql, engine)

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the parameters' names, sorted."""
        return tuple(
            sorted(
                {p.name for p in sqlglot.parse_one(self.sql, read="duckdb").find_all(exp.Placeholder, exp.Parameter)}
            )
        )

    @property
    def tables(self) -> tuple[str, ...]:
        """Return the names of the relations that it reads, sorted."""
        tree = sqlglot.parse_one(self.sql, read="duckdb")
        own = {cte.alias for cte in tree.find_all(exp.CTE)}
        return tuple(sorted({t.name for t in tree.find_all(exp.Table) if t.name} - own))


@cache
def queries(package: str) -> dict[str, Query]:
    """Load every query of the `.sql` files in `package`, by name; `ValueError` when the lint objects."""
    found: dict[str, Query] = {}
    for file in sorted(files(package).iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".sql"):
            continue
        for query in parse(file.read_text(encoding="utf-8"), f"{package}/{file.name}"):
            if query.name in found:
                raise ValueError(f"{query.source}: the name {query.name} is used twice")
            if faults := lint(query.sql):
                raise ValueError(f"{query.source}, {query.name}: {'; '.join(faults)}")
            found[query.name] = query
    return found


def parse(text: str, source: str) -> list[Query]:
    """Split the text of a `.sql` file into its queries."""
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    out = []
    for head, end in zip(heads, ends, strict=True):
        lines = text[head.end() : end].strip().splitlines()
        doc = [line.removeprefix("--").strip() for line in lines if line.startswith("--")]
        body = "\n".join(line for line in lines if not line.startswith("--")).strip().rstrip(";")
        if not doc or not body:
            raise ValueError(f"{source}: {head['name']} needs a comment that says what a row means, and SQL")
        out.append(Query(head["name"], " ".join(doc), body, source))
    return out


def lint(sql: str) -> list[str]:
    """Return what is wrong with a query that must mean the same on both engines."""
    bare = _TEXTS.sub(lambda text: text[0] if text[0].lower().startswith("'0x") else "''", sql)
    faults = [why for pattern, why in _WORDS if re.search(pattern, bare, re.IGNORECASE)]
    faults += [
        f"`{word}` differs between the engines: use {instead}"
        for word, instead in BANNED.items()
        if re.search(rf"\b{word}\s*\(", bare, re.IGNORECASE)
    ]
    if re.search(r"\bselect\s+(?:distinct\s+)?\*", bare, re.IGNORECASE):
        faults.append("name the columns instead of `*`")
    return faults


@cache
def _translated(sql: str, engine: Engine) -> str:
    tree = sqlglot.parse_one(sql, read="duckdb").transform(_named, engine)
    if engine == "duckdb":
        return tree.sql(dialect="duckdb")
    return tree.transform(_placeholder).sql(dialect="spark", unsupported_level=sqlglot.ErrorLevel.RAISE)


def _named(node: exp.Expr, engine: Engine) -> exp.Expr:
    """Put an engine's own words in the place of a named function."""
    if not isinstance(node, exp.Anonymous) or node.name.lower() not in FUNCTIONS:
        return node
    parts: dict[str, exp.Expr] = {f"_arg{i}": part.transform(_named, engine) for i, part in enumerate(node.expressions)}
    tree = sqlglot.parse_one(FUNCTIONS[node.name.lower()][engine].format(*parts), read=engine)

    def filled(part: exp.Expr) -> exp.Expr:
        return parts[part.name].copy() if isinstance(part, exp.Column) and part.name in parts else part

    return tree.transform(filled)


def _placeholder(node: exp.Expr) -> exp.Expr:
    return exp.Placeholder(this=node.name) if isinstance(node, exp.Parameter) else node
