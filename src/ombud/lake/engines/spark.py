"""The engine of a cluster: the same queries and kernels on Spark, over the same files (extra `spark`)."""

from __future__ import annotations

import os
import sys
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ombud.lake.engines.sql import FUNCTIONS
from ombud.lake.views import present
from ombud.model import schema as model
from ombud.model.errors import MissingError, UsageError
from ombud.records import lake_files

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

    from ombud.lake.engines.sql import Query
    from ombud.lake.store import Lake
    from ombud.records.lake_files import LakeFile

    Kernel = Callable[[pa.Table], pa.Table]

__all__ = ["SparkEngine", "session", "show"]


def session(master: str | None = None, **options: str) -> SparkSession:
    """Return the Spark session with the settings that make it agree with DuckDB: UTC, ANSI, Arrow.

    `master` such as `local[2]`; unset, Spark's own settings decide. Raises
    `MissingError` when pyspark or Java is not installed.
    """
    try:
        from pyspark.errors import PySparkException  # noqa: PLC0415 - the extra may be missing
        from pyspark.sql import SparkSession  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingError("Spark is not installed.", hint="pip install 'ombud[spark]'") from error
    builder = SparkSession.builder.appName("ombud")
    if master:
        builder = builder.master(master)
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # workers here run what runs this
    fixed = {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
    }
    for key, value in {**fixed, **options}.items():
        builder = builder.config(key, value)
    try:
        return builder.getOrCreate()
    except PySparkException as error:
        raise MissingError("Spark needs a Java runtime, version 17 or newer.", hint="Set JAVA_HOME.") from error


def show(spark: SparkSession, lake: Lake, tables: Sequence[str] | None = None) -> None:
    """Make Spark's views of the lake: exactly the files that count now, under the names that DuckDB's have."""
    with lake.records.read() as tx:
        files = {name: lake_files.visible(tx, name) for name in lake_files.tables(tx)}
    for name in tables or model.TABLES:
        if any(file.attached for file in files.get(name, [])):
            raise UsageError(
                f"`{name}` has attached files, which only DuckDB reads so far.", hint="Import them, or use DuckDB."
            )
        _view(spark, lake, name, files.get(name, []), _ddl(name))
    for kind in model.KINDS:
        _view(spark, lake, f"{kind}_ids", files.get(f"_ids/{kind}", []), "id BIGINT, name STRING")


def _view(spark: SparkSession, lake: Lake, view: str, files: list[LakeFile], ddl: str) -> None:
    places = present(lake.folder, files)
    rows = spark.read.schema(ddl).parquet(*places) if places else spark.createDataFrame([], ddl)
    rows.createOrReplaceTempView(view)


def _ddl(table: str) -> str:
    names = {"string": "STRING", "int64": "BIGINT", "timestamp[us, tz=UTC]": "TIMESTAMP"}
    names |= {"decimal128(18, 2)": "DECIMAL(18, 2)"}
    return ", ".join(f"`{c.name}` {names.get(str(c.type), 'ARRAY<STRING>')}" for c in model.table(table).columns)


@dataclass(frozen=True, slots=True)
class SparkEngine:
    """Named queries and Arrow kernels over the views of one Spark session."""

    spark: SparkSession
    queries: dict[str, Query]

    def run(self, name: str, **parameters: Any) -> pa.Table:  # noqa: ANN401 - any SQL value
        """Run the query called `name`; what a row means stands in its comment."""
        frame = self.spark.sql(self.queries[name].on("spark"), args=parameters)
        result: pa.Table = frame.toArrow()
        return result

    def apply(self, kernel: Kernel, relation: str, *, bucket_by: str, buckets: int, schema: pa.Schema) -> pa.Table:
        """Run a pure `arrow -> arrow` function on every bucket of a relation, as many at once as there are cores.

        All rows with one value of the column `bucket_by` are in one bucket; the
        buckets are the same on every engine. The result has `schema`.
        """
        from pyspark.sql.functions import expr  # noqa: PLC0415 - the extra may be missing
        from pyspark.sql.pandas.types import from_arrow_schema  # noqa: PLC0415

        rows: DataFrame = self.spark.table(relation)
        bucket = expr(FUNCTIONS["bucket_of"]["spark"].format(f"`{bucket_by}`", buckets))

        def on_bucket(table: pa.Table) -> pa.Table:
            return kernel(table).cast(schema)

        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="PySpark does not yet fully support pandas")  # Arrow only here
            result: pa.Table = rows.groupBy(bucket).applyInArrow(on_bucket, from_arrow_schema(schema)).toArrow()
        return result.cast(schema)
