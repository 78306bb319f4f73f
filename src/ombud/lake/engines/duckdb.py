"""The engine of one machine: DuckDB over the lake's files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ombud.lake.engines.sql import FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from ombud.lake.engines.sql import Query

    Kernel = Callable[[pa.Table], pa.Table]

__all__ = ["DuckEngine"]


@dataclass(frozen=True, slots=True)
class DuckEngine:
    """Named queries and Arrow kernels over the views of one connection, such as `Lake.duck` gives."""

    duck: duckdb.DuckDBPyConnection
    queries: dict[str, Query]

    def run(self, name: str, **parameters: Any) -> pa.Table:  # noqa: ANN401 - any SQL value
        """Run the query called `name`; what a row means stands in its comment."""
        result: pa.Table = self.duck.sql(self.queries[name].on("duckdb"), params=parameters or None).to_arrow_table()
        return result

    def apply(self, kernel: Kernel, relation: str, *, bucket_by: str, buckets: int, schema: pa.Schema) -> pa.Table:
        """Run a pure `arrow -> arrow` function on every bucket of a relation, one after the other.

        All rows with one value of the column `bucket_by` are in one bucket; the
        buckets are the same on every engine. The result has `schema`.
        """
        bucket = FUNCTIONS["bucket_of"]["duckdb"].format(f'"{bucket_by}"', buckets)
        parts = []
        for number in range(buckets):
            rows: pa.Table = self.duck.sql(f'SELECT * FROM "{relation}" WHERE {bucket} = {number}').to_arrow_table()
            if rows.num_rows:
                parts.append(kernel(rows).cast(schema))
        return pa.concat_tables(parts) if parts else schema.empty_table()
