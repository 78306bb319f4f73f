"""What can be said of the cluster's engine without a cluster; `tests/engines` runs it."""

from __future__ import annotations

import builtins
import os
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ombud.lake.engines.spark import session, show
from ombud.model.errors import MissingError, StorageError, UsageError
from ombud.model.schema import KINDS, MOMENT, MONEY, TABLES, TEXT, TEXTS, WHOLE

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

    from ombud.lake import Lake

NOON = datetime(2016, 11, 7, 12, tzinfo=UTC)


class Frame:
    def __init__(self, views: dict[str, Any], what: Any) -> None:  # noqa: ANN401 - files or a schema
        self.views, self.what = views, what

    def createOrReplaceTempView(self, name: str) -> None:  # noqa: N802 - Spark's name
        self.views[name] = self.what


class Reader:
    """Stands for a Spark session: notes of which files and columns a view is made."""

    def __init__(self) -> None:
        self.views: dict[str, Any] = {}
        self.ddl = ""

    @property
    def read(self) -> Reader:
        return self

    def schema(self, ddl: str) -> Reader:
        self.ddl = ddl
        return self

    def parquet(self, *places: str) -> Frame:
        return Frame(self.views, (self.ddl, sorted(places)))

    def createDataFrame(self, rows: list[Any], ddl: str) -> Frame:  # noqa: N802 - Spark's name
        assert rows == []
        return Frame(self.views, (ddl, []))


def shown(lake: Lake, tables: list[str] | None = None) -> dict[str, Any]:
    spark = Reader()
    show(cast("SparkSession", spark), lake, tables)
    return spark.views


def write(lake: Lake, number: int) -> None:
    with lake.writing() as batch:
        rows: dict[str, list[Any]] = {"post": [f"p{number}"], "account": [f"a{number}"], "happened_at": [NOON]}
        batch.write("posts", pa.table(rows), f"import_{number}")


def test_views_are_made_of_exactly_the_files_that_count(lake: Lake) -> None:
    for number in range(2):
        write(lake, number)
    lake.compact("posts")
    views = shown(lake)
    assert set(views) == {*TABLES, *(f"{kind}_ids" for kind in KINDS)}
    assert views["posts"][1] == [str(lake.folder / file.path) for file in lake.files("posts")]
    assert len(views["account_ids"][1]) == 2
    assert views["ads"] == (views["ads"][0], [])
    assert set(shown(lake, ["posts"])) == {"posts", *(f"{kind}_ids" for kind in KINDS)}


def test_a_file_that_was_changed_is_refused_here_too(lake: Lake) -> None:
    write(lake, 1)
    (file,) = lake.files("posts")
    (lake.folder / file.path).write_bytes(b"other")
    with pytest.raises(StorageError, match="was changed"):
        shown(lake)


def test_attached_files_are_for_duckdb_only(lake: Lake, tmp_path: Path) -> None:
    columns: dict[str, list[Any]] = {"post": ["1"], "account": ["a"], "happened_at": [NOON]}
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    lake.attach("posts", [tmp_path / "x.parquet"])
    with pytest.raises(UsageError, match="`posts` has attached files, which only DuckDB reads so far") as raised:
        shown(lake)
    assert raised.value.hint == "Import them, or use DuckDB."
    assert "ads" in shown(lake, ["ads"])


@pytest.mark.parametrize("name", TABLES)
def test_sparks_columns_are_those_of_the_files(lake: Lake, name: str) -> None:
    (ddl, _) = shown(lake, [name])[name]
    said = re.findall(r"`(\w+)` (STRING|BIGINT|TIMESTAMP|DECIMAL\(18, 2\)|ARRAY<STRING>)(?:, |$)", ddl)
    types = {TEXT: "STRING", WHOLE: "BIGINT", MOMENT: "TIMESTAMP", MONEY: "DECIMAL(18, 2)", TEXTS: "ARRAY<STRING>"}
    assert said == [(column.name, types[column.type]) for column in TABLES[name].columns]


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:  # noqa: ANN401 - any module
        if name.startswith("pyspark"):
            raise ModuleNotFoundError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingError, match="Spark is not installed") as raised:
        session()
    assert raised.value.hint == "pip install 'ombud[spark]'"


@pytest.mark.parametrize("master", [None, "local[2]"])
def test_the_session_agrees_with_duckdb_whatever_is_asked(monkeypatch: pytest.MonkeyPatch, master: str | None) -> None:
    from pyspark.errors import PySparkRuntimeError  # noqa: PLC0415 - the extra may be missing
    from pyspark.sql import SparkSession  # noqa: PLC0415 - likewise

    said: dict[str, str] = {}

    class Builder:
        def appName(self, name: str) -> Builder:  # noqa: N802 - Spark's name
            said["name"] = name
            return self

        def master(self, name: str) -> Builder:
            said["master"] = name
            return self

        def config(self, key: str, value: str) -> Builder:
            said[key] = value
            return self

        def getOrCreate(self) -> str:  # noqa: N802 - Spark's name
            if said.get("spark.fails"):
                raise PySparkRuntimeError("JAVA_GATEWAY_EXITED", {})
            return "session"

    monkeypatch.setattr(SparkSession, "builder", Builder())
    monkeypatch.delenv("PYSPARK_PYTHON", raising=False)
    assert cast("str", session(master, **{"spark.x": "y"})) == "session"
    assert said["spark.sql.session.timeZone"] == "UTC"
    assert said["spark.sql.ansi.enabled"] == said["spark.sql.execution.arrow.pyspark.enabled"] == "true"
    assert (said["spark.x"], said.get("master")) == ("y", master)
    assert ("PYSPARK_PYTHON" in os.environ) is (master is not None)
    monkeypatch.setenv("PYSPARK_PYTHON", "restored afterwards")
    with pytest.raises(MissingError, match="needs a Java runtime, version 17") as raised:
        session(master, **{"spark.fails": "yes"})
    assert raised.value.hint == "Set JAVA_HOME."
