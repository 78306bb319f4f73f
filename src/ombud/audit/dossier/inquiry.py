"""Questions about one app's reads: each answer is a figure whose query gives it again.

The app's reads are put aside once as `mine`; every figure's query begins with the words that make them.
"""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from ombud.lake.faults import duck_faults
from ombud.model.findings import Figure, SourceFile
from ombud.model.ids import derived_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from ombud.audit.dossier.span import Span
    from ombud.lake import Lake
    from ombud.records.lake_files import LakeFile

__all__ = ["TABLES", "Inquiry", "Number", "inquiry", "subject_of"]

TABLES = ("reads", "grants", "accounts", "apps", "ties")
"""The lake's tables that an audit of one app reads."""

MINE = """mine AS (
  SELECT person, CASE WHEN through IS NULL AND list_contains(coalesce(quality, []), 'through:erased') THEN NULL
         ELSE coalesce(through, person) END AS consenting,
         coalesce(through <> person, false) OR list_contains(coalesce(quality, []), 'through:erased') AS via,
         happened_at, fields, purpose, decision, decision <> 'refused' AS went, policy, "key", network
  FROM reads WHERE app = (SELECT id FROM app_ids WHERE name = $app)
    AND happened_at >= CAST($since AS TIMESTAMPTZ) AND happened_at < CAST($until AS TIMESTAMPTZ)
)"""
"""The app's reads in the time; `via` says that it was through a friend, `went` that a field went out.

`consenting` is whose consent it used; null where they were erased."""


class Number(msgspec.Struct, frozen=True):
    """A number with the figure that explains it."""

    value: float | int | None
    figure: str
    """for `ombud explain`"""


def subject_of(app: str) -> str:
    """Return what figures about an app are filed under."""
    return f"app:{app}"


@dataclass(slots=True)
class Inquiry:
    """One app, one time, one state of the lake, and the figures so far."""

    app: str
    number_of_app: int
    """in the dictionary; -1 for an app that the lake does not know"""
    span: Span
    duck: duckdb.DuckDBPyConnection
    inputs: dict[str, list[SourceFile]]
    """files by table"""
    figures: list[Figure] = field(default_factory=list)
    _aside: set[str] = field(default_factory=set)

    @property
    def command(self) -> str:
        """Return the command that computes the whole audit again."""
        since, until = self.span.parameters.values()
        return shlex.join(["ombud", "audit", "app", self.app, "--since", since, "--until", until, "--json"])

    def count(self, name: str, unit: str, select: str, *more: str, ctes: str = "") -> Number:
        """Return one number that `select` (over `mine` and `ctes`) gives; `more` names tables it reads beside reads."""
        found = self._run(select, ctes).fetchall()[0][0]
        value = found if found is None or isinstance(found, int) else float(found)  # a sum comes as a decimal
        return self._keep(name, unit, value, _whole(select, ctes), more)

    def table(
        self, name: str, unit: str, select: str, total: str, *more: str, ctes: str = ""
    ) -> tuple[list[dict[str, Any]], Number]:
        """Return the rows of `select`, and as their figure the sum of the column `total`."""
        rows: list[dict[str, Any]] = self._run(select, ctes).to_arrow_table().to_pylist()
        summed = f"SELECT CAST(coalesce(sum({total}), 0) AS BIGINT) FROM (\n{select}\n)"  # noqa: S608 - our own words
        value = int(sum(row[total] or 0 for row in rows))
        return rows, self._keep(name, unit, value, _whole(summed, ctes), more)

    def told(self, name: str, unit: str, value: float | None, *more: str) -> Number:
        """Return a number that the whole audit gives and no single query."""
        return self._keep(name, unit, value, self.command, more, parameters={})

    def put_aside(self, name: str, ctes: str) -> None:
        """Compute the last of `ctes`, called `name`, once for all questions that begin with these very words."""
        self.duck.execute(f"CREATE TEMP TABLE {name} AS WITH {ctes} SELECT * FROM {name}")  # noqa: S608 - our own words
        self._aside.add(ctes)

    def _run(self, select: str, ctes: str) -> duckdb.DuckDBPyRelation:
        given = {"app": self.app, **self.span.parameters}
        for known in self._aside:
            ctes = ctes.removeprefix(known).removeprefix(",").strip()
        query = f"WITH {ctes} {select}" if ctes else select
        return self.duck.sql(query, params={name: value for name, value in given.items() if f"${name}" in query})

    def _keep(  # noqa: PLR0917 - a figure, part by part
        self,
        name: str,
        unit: str,
        value: float | None,
        query: str,
        more: tuple[str, ...],
        parameters: dict[str, str] | None = None,
    ) -> Number:
        inputs = [file for table in ("reads", *more) for file in self.inputs[table]]
        given = {"app": self.app, **self.span.parameters} if parameters is None else parameters
        digest = [file.sha256 for file in inputs]
        id_ = derived_id("figure", "audit.app", self.app, self.span.parameters, name, digest)
        if all(one.id != id_ for one in self.figures):
            self.figures.append(Figure(id_, name, value, unit, query, given, inputs, subject=subject_of(self.app)))
        return Number(value, id_)


def _whole(select: str, ctes: str) -> str:
    """Return a query that stands by itself."""
    return f"WITH {MINE}{f', {ctes}' if ctes else ''}\n{select.strip()}"


@contextmanager
def inquiry(lake: Lake, app: str, span: Span) -> Iterator[Inquiry]:
    """Open an inquiry into one app over the lake's files of this moment."""
    number = lake.ids("app", [app])[0]
    files = {name: lake.files(name) for name in TABLES}
    inputs = {name: [SourceFile(f.path, f.sha256) for f in found if _meets(f, span)] for name, found in files.items()}
    with lake.duck(TABLES) as duck, duck_faults(lake.folder, "`reads`"):
        given = {"app": app, **span.parameters}
        aside = f"CREATE TEMP TABLE mine AS WITH {MINE} SELECT * FROM mine ORDER BY happened_at"  # noqa: S608 - our own words
        duck.execute(aside, given)
        yield Inquiry(app, -1 if number is None else number, span, duck, inputs)


def _meets(file: LakeFile, span: Span) -> bool:
    """Return whether a file may hold a row of the time: those of tables without days always may."""
    if file.table != "reads" or file.first is None or file.last is None:
        return True
    return file.last >= span.since and file.first < span.until
