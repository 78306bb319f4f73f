"""The contract: every named query gives the same rows on DuckDB, on Spark and in plain Python.

A case is one query with small relations, parameters and the rows that a plain
Python function makes of them. Modules `oracles_*.py` here register theirs.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import pyarrow as pa

import ombud
from ombud.lake.engines.sql import Query, queries

__all__ = ["CASES", "Case", "Rows", "all_queries", "case", "comparable", "load_oracles"]

Rows = list[dict[str, Any]]
Oracle = Callable[[dict[str, Rows], dict[str, Any]], Rows]


@dataclass(frozen=True)
class Case:
    """One query's test: relations by name, parameters, and the oracle."""

    query: str
    """package and name, such as `ombud.lake.sql:new_ids`"""
    relations: dict[str, tuple[pa.Schema, Rows]]
    oracle: Oracle
    parameters: dict[str, Any] = field(default_factory=dict)

    def tables(self) -> dict[str, pa.Table]:
        return {name: pa.Table.from_pylist(rows, schema=schema) for name, (schema, rows) in self.relations.items()}

    def expected(self) -> Rows:
        return self.oracle({name: rows for name, (_, rows) in self.relations.items()}, self.parameters)


CASES: list[Case] = []


def case(query: str, relations: dict[str, tuple[pa.Schema, Rows]], **parameters: object) -> Callable[[Oracle], Oracle]:
    """Register the decorated function as the oracle of `query` over these relations."""

    def register(oracle: Oracle) -> Oracle:
        CASES.append(Case(query, relations, oracle, dict(parameters)))
        return oracle

    return register


def load_oracles() -> list[Case]:
    """Import every `oracles_*` module beside this one and return all cases."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if module.name.startswith("oracles_"):
            importlib.import_module(f"tests.engines.{module.name}")
    return CASES


def all_queries() -> dict[str, Query]:
    """Return every named query of every package of Ombud, as `package:name`."""
    root = Path(str(files(ombud)))
    packages = {".".join(("ombud", *path.parent.relative_to(root).parts)) for path in root.rglob("*.sql")}
    return {f"{package}:{name}": query for package in sorted(packages) for name, query in queries(package).items()}


def comparable(rows: Rows) -> list[tuple[tuple[str, Any], ...]]:
    """Return rows in an order and in types that do not depend on the engine."""
    return sorted((tuple(sorted((name, _plain(value)) for name, value in row.items())) for row in rows), key=repr)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return round(value, 9)
    return [_plain(item) for item in value] if isinstance(value, list) else value
