"""The lake as DuckDB sees it: one view per table over exactly the files that count."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from ombud.lake.faults import disk_faults
from ombud.model import schema
from ombud.model.errors import InputError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from ombud.model.schema import Column, Table
    from ombud.model.settings import Settings
    from ombud.records.lake_files import LakeFile

__all__ = [
    "THROUGH_ERASED",
    "attached_relation",
    "connect",
    "door_relation",
    "ids_relation",
    "limits",
    "literal",
    "mapped",
    "own_relation",
    "present",
    "quoted",
    "reading",
    "register",
    "sql_type",
    "table_relation",
]

THROUGH_ERASED = "list_append(coalesce(quality, []), 'through:erased')"
"""SQL of `quality` for a read by the grant of somebody who was erased: the name went, that there was one did not."""
_ATTACH_AGAIN = "Bring it back, or attach its folder again without it: `ombud lake attach`."
_SCALARS: dict[pa.DataType, str] = {
    pa.string(): "VARCHAR",
    pa.int64(): "BIGINT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    schema.MOMENT: "TIMESTAMPTZ",
    schema.MONEY: "DECIMAL(18, 2)",
    schema.TEXTS: "VARCHAR[]",
}


def sql_type(type_: pa.DataType) -> str:
    """Return DuckDB's name of a type that the schemas use."""
    return _SCALARS[type_]


def literal(text: str) -> str:
    """Return `text` as an SQL string."""
    return "'" + text.replace("'", "''") + "'"


def quoted(name: str) -> str:
    """Return `name` as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def connect(settings: Settings, spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a DuckDB in memory that spills to `spill`, knows only UTC and fetches nothing from anywhere."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": settings.memory,
        "temp_directory": str(spill),
        "autoinstall_known_extensions": "false",
        "allow_community_extensions": "false",
    }
    if settings.threads:
        config["threads"] = settings.threads
    try:
        connection = duckdb.connect(":memory:", config=config)
    except (duckdb.ParserException, duckdb.InvalidInputException) as error:
        raise InputError(
            f"The setting `memory` is wrong: `{settings.memory}`.", hint="Write it like `2GB` in ombud.toml."
        ) from error
    try:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


def limits(duck: duckdb.DuckDBPyConnection) -> tuple[int, int]:
    """Return the bytes and the threads that a connection may use."""
    memory, threads = duck.execute("SELECT current_setting('memory_limit'), current_setting('threads')").fetchall()[0]
    number, unit = memory.split()
    power = {"bytes": 0, "KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}[unit]
    return int(float(number) * 2**power), int(threads)


def present(lake_dir: Path, files: Sequence[LakeFile]) -> list[str]:
    """Return where the files lie; `StorageError` names the first that is missing or changed its size."""
    places = []
    for file in files:
        place = lake_dir / file.path
        try:
            size = place.stat().st_size
        except OSError as error:
            raise StorageError(
                f"The lake's file {place} cannot be read: {error.strerror}.",
                hint=_ATTACH_AGAIN if file.attached else "Restore it from a backup, then run `ombud lake check`.",
            ) from error
        if size != file.bytes:
            raise StorageError(
                f"The lake's file {place} was changed: it has {size:,} bytes instead of {file.bytes:,}.",
                hint="Attach it again." if file.attached else "Restore it from a backup, then run `ombud lake check`.",
            )
        places.append(str(place))
    return places


def reading(places: Sequence[str], *, hive: bool = False, by_name: bool = False) -> str:
    """Return SQL that reads exactly these Parquet files; `by_name` when they need not have the same columns."""
    listed = ", ".join(literal(_exact(place)) for place in places)
    union = ", union_by_name = true" if by_name else ""
    return f"read_parquet([{listed}], hive_partitioning = {str(hive).lower()}{union})"


def own_relation(lake_dir: Path, spec: Table, files: Sequence[LakeFile]) -> str:
    """Return SQL that reads files that Ombud wrote; columns that files of an older one lack are null."""
    if not spec.added:
        return reading(present(lake_dir, files))
    rows = f"SELECT * FROM {reading(present(lake_dir, files), by_name=True)}"
    return f"({_empty(spec.columns)} UNION ALL BY NAME {rows})"


def _exact(place: str) -> str:
    """Return a path so that DuckDB takes no character of it for a pattern that may match other files."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in place)


def _empty(columns: Sequence[Column]) -> str:
    typed = ", ".join(f"CAST(NULL AS {sql_type(c.type)}) AS {quoted(c.name)}" for c in columns)
    return f"SELECT {typed} WHERE false"


def ids_relation(lake_dir: Path, files: Sequence[LakeFile]) -> str:
    """Return SQL of one dictionary: `id` and `name`, which is null once erased."""
    if not files:
        return "SELECT CAST(NULL AS BIGINT) AS id, CAST(NULL AS VARCHAR) AS name WHERE false"
    return f"SELECT id, name FROM {reading(present(lake_dir, files))}"


def table_relation(lake_dir: Path, spec: Table, files: Sequence[LakeFile]) -> str:
    """Return SQL of one table's rows, own and attached, with the columns of the stored schema."""
    own = [file for file in files if not file.attached]
    parts = []
    if own:
        names = ", ".join(quoted(name) for name in spec.names)
        parts.append(f"SELECT {names} FROM {own_relation(lake_dir, spec, own)}")
    parts += [
        attached_relation(lake_dir, spec, group, group[0].mapping or {}, group[0].import_id or "attached")
        for group in _groups([file for file in files if file.attached])
    ]
    return " UNION ALL ".join(parts) if parts else _empty(spec.columns)


def _groups(files: Sequence[LakeFile]) -> list[list[LakeFile]]:
    """Return attached files by the attachment that brought them: those share a mapping."""
    groups: dict[str | None, list[LakeFile]] = {}
    for file in files:
        groups.setdefault(file.import_id, []).append(file)
    return list(groups.values())


def door_relation(lake_dir: Path, spec: Table, files: Sequence[LakeFile], mapping: dict[str, str]) -> str:
    """Return SQL of attached rows with string ids: the mapping applied, missing columns null."""
    columns = ", ".join(
        f"CAST({mapping.get(c.name, 'NULL')} AS {sql_type(c.door_type)}) AS {quoted(c.name)}"
        for c in spec.columns
        if c.name != "import_id"
    )
    return f"SELECT {columns} FROM {reading(present(lake_dir, files), hive=True)}"


def attached_relation(
    lake_dir: Path, spec: Table, files: Sequence[LakeFile], mapping: dict[str, str], import_id: str
) -> str:
    """Return SQL of attached rows with dense ids, found by name in the views `KIND_ids`.

    Rows of a person who was erased have no id any more and are left out.
    """
    columns, joins = mapped(spec, lambda kind: f"{kind}_ids")
    if "through" in spec.names:
        gone = 'door."through" IS NOT NULL AND "_through".id IS NULL'
        flagged = f'CASE WHEN {gone} THEN {THROUGH_ERASED} ELSE door."quality" END AS "quality"'
        columns = [flagged if column == 'door."quality"' else column for column in columns]
    names = ", ".join([*columns, f"{literal(import_id)} AS import_id"])
    known = [f"{quoted(f'_{c.name}')}.id IS NOT NULL" for c in spec.columns if c.kind and c.required]
    where = f" WHERE {' AND '.join(known)}" if known else ""
    return f"SELECT {names} FROM ({door_relation(lake_dir, spec, files, mapping)}) AS door{joins}{where}"


def mapped(
    spec: Table,
    dictionary: Callable[[str], str],
    only: Collection[str] | None = None,
    given: Collection[str] | None = None,
) -> tuple[list[str], str]:
    """Return the columns of `door` with dense ids for strings, and the joins that find them.

    `dictionary(kind)` names a relation with `name` and `id`; `only` limits the
    columns, `given` names those that are not null throughout. `import_id` is
    left to the caller.
    """
    columns: list[str] = []
    joins = ""
    for column in spec.columns:
        if column.name == "import_id" or (only is not None and column.name not in only):
            continue
        name = quoted(column.name)
        if column.kind and given is not None and column.name not in given:
            columns.append(f"CAST(NULL AS BIGINT) AS {name}")
        elif column.kind:
            alias = quoted(f"_{column.name}")
            joins += f" LEFT JOIN {dictionary(column.kind)} AS {alias} ON {alias}.name = door.{name}"
            columns.append(f"{alias}.id AS {name}")
        else:
            columns.append(f"door.{name}")
    return columns, joins


def register(
    duck: duckdb.DuckDBPyConnection, lake_dir: Path, files: dict[str, list[LakeFile]], tables: Sequence[str]
) -> None:
    """Make the views: one per table of `tables`, and `KIND_ids` for every dictionary."""
    with disk_faults(lake_dir):
        for kind in schema.KINDS:
            duck.execute(f"CREATE VIEW {kind}_ids AS {ids_relation(lake_dir, files.get(f'_ids/{kind}', []))}")
        for name in tables:
            relation = table_relation(lake_dir, schema.table(name), files.get(name, []))
            duck.execute(f"CREATE VIEW {quoted(name)} AS {relation}")
