"""Attaching a platform's own Parquet folders: read where they lie, under our column names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import sqlglot
from sqlglot import exp

from ombud.lake.faults import duck_faults
from ombud.lake.files import Staged, sha256_of
from ombud.lake.parquet import moment
from ombud.lake.sealing import seal_files
from ombud.lake.views import door_relation, quoted, reading
from ombud.model import schema
from ombud.model.errors import InputError
from ombud.model.ids import random_id
from ombud.records.lake_files import LakeFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ombud.lake.batch import Batch
    from ombud.lake.store import Lake
    from ombud.model.schema import Table

__all__ = ["Attached", "attach"]


class Attached(msgspec.Struct, frozen=True):
    """What was attached to a table, and how its columns are found."""

    table: str
    files: int
    rows: int
    mapping: dict[str, str]
    """the lake's column to an SQL expression over the file's columns"""


def attach(
    lake: Lake, table: str, paths: Sequence[Path], mapping: dict[str, str] | None = None, *, sealed: bool = False
) -> Attached:
    """Make the Parquet files below `paths` rows of `table` without copying them.

    `mapping` gives a column of the table as an SQL expression over the file's
    columns (hive folders count as columns); columns of the same name need none.
    Rows are not checked for keys that the lake has already. A file that is
    attached already is attached anew, and one that is gone from a folder named
    in `paths` is no longer part of the table. All values are read once, to see that
    they fit; a file that changes later is refused by every reader. With `sealed` the
    hashes are on record, and on the ledger when it is free, before a value is read.
    """
    spec = schema.table(table)
    files = _found(lake.folder, paths)
    if sealed and files:
        seal_files(lake, "attached", files)
    with lake.writing() as batch:
        gone = [file for file in batch.visible(table) if _gone(file, paths)]
        if not files:
            if not gone:
                raise InputError(
                    "There is no Parquet file to attach.", hint="Name files or folders that hold `*.parquet`."
                )
            batch.replace(gone, [])
            return Attached(table, 0, 0, {})
        _refuse_twice(batch, table, files)
        full = _complete(batch, spec, files, mapping or {})
        import_id = random_id("attach")
        new = [_one(batch, spec, file, full, import_id) for file in files]
        relation = door_relation(lake.folder, spec, [item.file for item in new], full)
        with duck_faults(lake.folder, f"the files for `{table}`"):
            batch.duck.execute(f"CREATE OR REPLACE TEMP VIEW attached AS {relation}")
            batch.assign(spec, "attached", set(full))
        again = {item.file.path for item in new}
        batch.replace([*gone, *(file for file in batch.visible(table) if file.path in again)], new)
    return Attached(table, len(new), sum(item.file.rows for item in new), full)


def _found(lake_dir: Path, paths: Sequence[Path]) -> list[Path]:
    """Return the Parquet files below `paths`, leaving out hidden ones and those that begin with `_`."""
    found: list[Path] = []
    for path in (Path(p).expanduser().resolve() for p in paths):
        if path.is_relative_to(lake_dir.resolve()):
            raise InputError(f"{path} is inside the lake already.", hint="Attach folders of the platform.")
        if path.is_dir():
            inside = sorted(path.rglob("*.parquet"))
            found += [p for p in inside if not any(part[0] in "._" for part in p.relative_to(path).parts)]
        elif path.is_file():
            found.append(path)
        else:
            raise InputError(f"There is no file or folder {path}.", hint="Check the path.")
    return sorted(set(found))


def _gone(file: LakeFile, folders: Sequence[Path]) -> bool:
    """Say whether the platform took an attached file out of one of the folders."""
    path = Path(file.path)
    below = any(path.is_relative_to(Path(folder).expanduser().resolve()) for folder in folders)
    return file.attached and below and not path.exists()


def _refuse_twice(batch: Batch, table: str, files: Sequence[Path]) -> None:
    """Refuse files that are rows of another table."""
    ours = {str(file) for file in files}
    for name in schema.TABLES.keys() - {table}:
        if held := min((f.path for f in batch.visible(name) if f.attached and f.path in ours), default=None):
            raise InputError(
                f"{held} is attached to `{name}` already.", hint="A file can be rows of one table only: import it."
            )


def _complete(batch: Batch, spec: Table, files: Sequence[Path], mapping: dict[str, str]) -> dict[str, str]:
    """Return the mapping with columns of the same name added; `InputError` for a wrong one."""
    if wrong := set(mapping) - set(spec.door.names):
        raise InputError(f"The table `{spec.name}` has no column {', '.join(sorted(wrong))}.")
    with duck_faults(batch.lake_dir, f"the files for `{spec.name}`"):
        described = batch.duck.execute(f"DESCRIBE FROM {reading([str(files[0])], hive=True)}").fetchall()
    there = {row[0] for row in described}
    full = {name: quoted(name) for name in spec.door.names if name in there}
    full |= {name: _expression(name, text, there) for name, text in mapping.items()}
    needed = {c.name for c in spec.columns if c.required and c.name != "import_id"}
    if missing := needed - set(full):
        raise InputError(
            f"Nothing is said to be `{min(missing)}`, which every row of `{spec.name}` needs.",
            hint=f"Map it to one of the file's columns: {', '.join(sorted(there))}.",
        )
    return full


def _expression(name: str, text: str, there: set[str]) -> str:
    """Return one mapping checked: a single expression over the file's columns, no query."""
    try:
        tree = sqlglot.parse_one(f"SELECT {text}", read="duckdb")
    except sqlglot.errors.SqlglotError:
        raise InputError(f"The mapping of `{name}` is not an SQL expression: {text}") from None
    single = isinstance(tree, exp.Select) and len(tree.expressions) == 1
    if (
        not single
        or any(tree.args[part] for part in tree.args.keys() - {"expressions"})
        or len(list(tree.find_all(exp.Query))) > 1
    ):
        raise InputError(f"The mapping of `{name}` must be one expression, not a query: {text}")
    lower = {column.lower() for column in there}
    for column in tree.find_all(exp.Column):
        if column.name.lower() not in lower:
            raise InputError(
                f"The mapping of `{name}` names the column `{column.name}`, which the file does not have.",
                hint=f"It has {', '.join(sorted(there))}.",
            )
    return f"({tree.expressions[0].unalias().sql(dialect='duckdb')})"


def _one(batch: Batch, spec: Table, path: Path, mapping: dict[str, str], import_id: str) -> Staged:
    """Read a file's values once, so that none is found wanting later."""
    with duck_faults(batch.lake_dir, f"the file {path}"):
        stub = LakeFile(
            path=str(path),
            table=spec.name,
            day=None,
            rows=0,
            first=None,
            last=None,
            bytes=path.stat().st_size,
            sha256=sha256_of(path),
            import_id=import_id,
            attached=True,
            mapping=dict(mapping),
        )
        relation = door_relation(batch.lake_dir, spec, [stub], mapping)
        counts = ", ".join(f"count({quoted(name)})" for name in mapping)
        row: tuple[Any, ...] = batch.duck.execute(
            f"SELECT count(*), epoch_us(min(happened_at)), epoch_us(max(happened_at)), {counts} FROM ({relation})"
        ).fetchall()[0]
    rows, first, last, *filled = row
    for name, count in zip(mapping, filled, strict=True):
        if spec[name].required and count < rows:
            raise InputError(f"{rows - count:,} rows of {path} have no `{name}`, which `{spec.name}` needs.")
    return Staged(path, msgspec.structs.replace(stub, rows=rows, first=moment(first), last=moment(last)))
