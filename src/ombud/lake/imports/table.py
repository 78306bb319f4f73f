"""The format `table`: NDJSON, CSV, TSV or Parquet onto any table of the lake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from ombud.lake.imports.columns import fit, fitted, literal, name
from ombud.lake.imports.mapping import default_mapping
from ombud.lake.imports.scan import file_kind, hash_file
from ombud.lake.imports.sources import NdjsonSource, ParquetSource, open_csv
from ombud.lake.imports.stage import Reading, damaged
from ombud.model.errors import InputError
from ombud.model.schema import table as lake_table

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ombud.lake.imports.mapping import Mapping, Rule
    from ombud.lake.imports.sources import Source
    from ombud.lake.imports.stage import Options, Stage
    from ombud.lake.imports.text_rows import Row
    from ombud.model.schema import Table

__all__ = ["KINDS", "Rows", "TableReader", "open_source"]

_ROW_FAULTS = (duckdb.InvalidInputException, duckdb.ConversionException)
_SHOWN = 12

KINDS = frozenset({"csv", "tsv", "ndjson", "parquet"})


def open_source(stage: Stage, path: Path) -> Source:
    """Open a table-like file: checked by name and first bytes, scanned, unpacked, its columns known."""
    kind = file_kind(path, KINDS)
    if kind.kind == "parquet":
        return ParquetSource.open(stage, path, hash_file(path, stage.progress))
    if kind.kind == "ndjson":
        return NdjsonSource.open(stage, path, kind.packed)
    return open_csv(stage, path, kind.packed, tab=kind.kind == "tsv")


class TableReader:
    """One file on its way onto one table."""

    def __init__(self, stage: Stage, path: Path, options: Options) -> None:
        """Open `path` and settle the mapping; `InputError` when they do not go together."""
        if options.mapping is None and options.table is None:
            raise InputError("Which table is this for?", hint="Say --table, or give a mapping with --mapping.")
        self.stage = stage
        self.path = path
        self.source = open_source(stage, path)
        self.sha256 = self.source.sha256
        self.mapping = self._settle(options)
        self.table: Table = self.mapping.checked()
        if options.table is not None and options.table != self.table.name:
            raise InputError(
                f"The mapping is for {self.table.name}, not for {options.table}.", hint="Say one of them only."
            )

    def read(self) -> Reading:
        """Stage the rows that fit; the others go to the rejects."""
        file, lost = Rows(self.stage, self.path, self.source, self.table, self.mapping.columns).staged()
        staged = self.stage.staged(self.table.name, file, lost=lost)
        return Reading(staged.read, [staged])

    def _settle(self, options: Options) -> Mapping:
        table = lake_table(options.table or (options.mapping.table if options.mapping else ""))
        mapping = options.mapping
        known = self.source.columns
        if mapping is None:
            mapping = default_mapping(table, None if self.source.open_ended else known)
            if not set(known) & set(table.names):
                raise InputError(
                    f"No column of {self.path} ({_some(known)}) is called like one of {table.name}.",
                    hint="If its first line is no header, add one; else map its columns "
                    "(`ombud import table --suggest-mapping FILE` proposes a mapping).",
                )
            return mapping
        for column, rule in mapping.columns.items():
            if rule.source is not None and not self.source.has(rule.source):
                raise InputError(
                    f"{self.path} has no column `{rule.source}`, from which `{column}` should come.",
                    hint=f"It has {_some(known)}.",
                )
        return mapping


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one source as rows of one table, which need not be one of the lake's."""

    stage: Stage
    path: Path
    source: Source
    table: Table
    rules: dict[str, Rule]

    def staged(self) -> tuple[Path, int]:
        """Stage every row, in order, with `quality` and `reject`, and keep the rejects.

        Goes the fast way, or from a clean copy when the fast way finds anything
        odd. Returns the file and how many rows were rejected before they came there.
        """
        source = self.source
        if not source.harmful:
            mark = self.stage.rejects.mark()
            try:
                file = self.stage.write(self._sql())
            except duckdb.Error as error:
                if not source.is_text or not isinstance(error, _ROW_FAULTS):
                    raise damaged(self.path, error) from error
            else:
                total, rejected, _ = self.stage.count(file)
                if not rejected or self._locate(file) == total:
                    return file, 0
                # The parser saw other rows than the exact way does: take the exact way.
                self.stage.rejects.rewind(mark)
        lost = source.clean(self.stage, self.table.name)
        try:
            file = self.stage.write(self._sql())
        except duckdb.Error as error:
            raise damaged(self.path, error) from error
        if self.stage.count(file)[1]:
            self._locate(file)
        return file, lost

    def _sql(self) -> str:
        fits = []
        wanted = [rule.source for rule in self.rules.values() if rule.source is not None]
        for column, rule in self.rules.items():
            expression, kind = (None, "") if rule.source is None else self.source.expression(rule.source, wanted)
            fits.append(fit(self.table[column], rule, expression, kind, text_nul=not self.source.is_text))
        return f"FROM {self.source.relation(wanted)} SELECT {fitted(self.table, fits)}"

    def _locate(self, file: Path) -> int:
        """Keep the rejected rows of a staged file as they stand in the source; return how many rows are there."""
        rejected = self.stage.rejected_rows(file)
        rows = self.source.rows()
        if rows is not None:
            return locate(self.stage, self.table.name, rows, rejected)
        source = self.source.relation([])
        found = self.stage.duck.cursor().execute(
            f"FROM {source} AS s JOIN read_parquet({literal(str(file))}, file_row_number=true) AS t "
            f"ON s.file_row_number = t.file_row_number SELECT t.file_row_number, t.reject, "
            f"to_json(struct_pack({', '.join(f'{name(c)} := s.{name(c)}' for c in self.source.columns)}))::VARCHAR "
            "WHERE t.reject IS NOT NULL ORDER BY 1"
        )
        while some := found.fetchmany(1_000):
            for number, reason, row in some:
                self.stage.rejects.add(number + 1, self.table.name, reason, row)
        return self.stage.count(file)[0]


def locate(stage: Stage, table: str, rows: Iterable[Row], rejected: Iterable[tuple[int, str]]) -> int:
    """Add to the rejects the rows with these numbers, counted over the rows without a problem."""
    wanted = iter(rejected)
    following = next(wanted, None)
    number = -1
    for row in rows:
        if row.problem is not None:
            continue
        number += 1
        if following is not None and following[0] == number:
            stage.rejects.add(row.line, table, following[1], row.raw.rstrip(b"\r\n"))
            following = next(wanted, None)
    return number + 1


def _some(columns: list[str]) -> str:
    shown = ", ".join(f"`{c}`" for c in columns[:_SHOWN])
    return f"{shown} and {len(columns) - _SHOWN} more" if len(columns) > _SHOWN else shown
