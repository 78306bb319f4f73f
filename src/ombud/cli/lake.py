"""`ombud lake`: what happened, in Parquet."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import typer

from ombud.cli.people_sets import keep_sets
from ombud.cli.publishing import bring_to_ledger
from ombud.cli.shell import shell_of, writing
from ombud.model.errors import InputError, UsageError
from ombud.model.schema import table as table_of

__all__ = ["add_to"]

lake_app = typer.Typer(help="List, read, check, compact and attach the lake's tables.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(lake_app, name="lake")


@lake_app.command("list")
def list_(ctx: typer.Context) -> None:
    """List the tables with their files, rows, size and span of time."""
    shell = shell_of(ctx)
    held = shell.lake().holdings()
    shell.document({"tables": held})
    shell.table(
        "The lake" if held else "The lake is empty. `ombud import FORMAT FILE...` fills it.",
        ("table", "rows", "files", "attached", "MB", "from", "to"),
        [(h.table, h.rows, h.files, h.attached, f"{h.bytes / 1e6:,.1f}", _day(h.first), _day(h.last)) for h in held],
        range(1, 5),
    )


def _day(moment: datetime | None) -> str | None:
    return moment.date().isoformat() if moment else None


@lake_app.command()
def read(
    ctx: typer.Context,
    table: Annotated[str, typer.Argument(help="The table.")],
    columns: Annotated[str | None, typer.Option(help="Columns, with commas between; all if not given.")] = None,
    where: Annotated[str | None, typer.Option(help="An SQL condition over the table's columns.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many rows.")] = None,
    output: Annotated[Path | None, typer.Option(help="A .csv, .parquet or .ndjson file; printed if none.")] = None,
    *,
    numbers: Annotated[bool, typer.Option("--numbers", help="Dense integers in place of the source's ids.")] = False,
) -> None:
    """Read rows of a table, with the ids as they were imported."""
    shell = shell_of(ctx)
    chosen = [name.strip() for name in columns.split(",")] if columns else None
    known = table_of(table).names
    unknown = [name for name in chosen or [] if name not in known]
    if unknown:
        raise UsageError(f"`{table}` has no column `{unknown[0]}`.", hint=f"It has {', '.join(known)}.")
    rows = shell.lake().read(table, columns=chosen, where=where, names=not numbers)
    rows = rows.slice(0, limit) if limit else rows
    if output is None:
        for line in _lines(rows):
            sys.stdout.write(line + "\n")
    else:
        with writing(output):
            _write_rows(rows, output)


def _write_rows(rows: pa.Table, output: Path) -> None:
    if output.suffix == ".parquet":
        pq.write_table(rows, output, compression="zstd")
    elif output.suffix == ".csv":
        flat = [
            pa.array([None if v is None else " ".join(v) for v in column.to_pylist()], pa.string())
            if pa.types.is_list(column.type)
            else column
            for column in rows.columns
        ]
        pa_csv.write_csv(pa.table(flat, names=rows.column_names), output)
    elif output.suffix == ".ndjson":
        output.write_text("".join(line + "\n" for line in _lines(rows)), encoding="utf-8")
    else:
        raise InputError(f"{output} ends in neither .csv nor .parquet nor .ndjson.", hint="Choose one of these.")


def _lines(rows: pa.Table) -> list[str]:
    return [msgspec.json.encode(row).decode() for batch in rows.to_batches() for row in batch.to_pylist()]


@lake_app.command()
def check(ctx: typer.Context) -> None:
    """Read every file and say what is wrong: missing, changed, damaged, unknown."""
    shell = shell_of(ctx)
    lake = shell.lake()
    with shell.progress() as progress:
        problems = lake.check(progress)
    shell.document({"ok": not problems, "problems": problems})
    if problems:
        shell.table(
            f"{len(problems):,} problems", ("kind", "file", "what"), [(p.kind, p.path, p.says) for p in problems]
        )
        shell.exit_code = 1
    else:
        shell.say("Every file is there, unchanged, and says what the records say of it.")


@lake_app.command()
def compact(ctx: typer.Context, table: Annotated[str | None, typer.Argument(help="Only this table.")] = None) -> None:
    """Put the small files of a day together. The rows stay the same."""
    shell = shell_of(ctx)
    lake = shell.lake()
    done = lake.compact(table)
    shell.document({"tables": done})
    shell.table(
        "Compacted" if done else "Nothing to put together.",
        ("table", "rows", "files before", "after"),
        [(one.table, one.rows, one.files_before, one.files_after) for one in done],
        range(1, 4),
    )
    bring_to_ledger(shell, lake)
    keep_sets(shell, lake)


@lake_app.command()
def attach(
    ctx: typer.Context,
    table: Annotated[str, typer.Argument(help="The lake's table.")],
    paths: Annotated[list[Path], typer.Argument(help="Parquet files, or folders of them.")],
    column: Annotated[
        list[str] | None, typer.Option("--column", help="`ours=SQL over theirs`, such as account=user_id; repeatable.")
    ] = None,
    *,
    sealed: Annotated[
        bool, typer.Option("--sealed", help="Old logs: put each file's hash on the ledger before it is read.")
    ] = False,
) -> None:
    """Read the platform's own Parquet files in place, under the lake's column names."""
    shell = shell_of(ctx)
    mapping: dict[str, str] = {}
    for rule in column or []:
        ours, equals, theirs = rule.partition("=")
        if not equals or not theirs.strip():
            raise UsageError(f"`{rule}` is no mapping.", hint="Say it as ours=theirs, such as account=user_id.")
        mapping[ours.strip()] = theirs.strip()
    lake = shell.lake()
    done = lake.attach(table, paths, mapping, sealed=sealed)
    shell.document(done)
    shell.say(f"{done.files:,} files with {done.rows:,} rows are part of `{done.table}` now, where they lie.")
    bring_to_ledger(shell, lake)
    keep_sets(shell, lake)
