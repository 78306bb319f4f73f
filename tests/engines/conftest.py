"""One Spark session for the whole suite."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest

from ombud.lake.engines.spark import session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """Return a local session of one core and few partitions, without its web page."""
    folder = tmp_path_factory.mktemp("spark")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the gateway's pipes belong to Spark
        spark = session(
            "local[1]",
            **{
                "spark.ui.enabled": "false",
                "spark.sql.shuffle.partitions": "1",
                "spark.driver.memory": "1g",
                "spark.driver.host": "127.0.0.1",
                "spark.driver.bindAddress": "127.0.0.1",
                "spark.sql.warehouse.dir": str(folder),
                "spark.local.dir": str(folder),
            },
        )
        yield spark
        spark.stop()
