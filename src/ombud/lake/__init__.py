"""What happened: Parquet tables, import and attach, entity resolution, engines."""

from __future__ import annotations

from ombud.lake.batch import Batch, Counts
from ombud.lake.store import Holding, Lake, open_lake

__all__ = ["Batch", "Counts", "Holding", "Lake", "open_lake"]
