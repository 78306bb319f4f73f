"""From a platform's files to rows of the lake: what fits is taken, what does not is kept with its reason."""

from __future__ import annotations

from ombud.lake.imports.mapping import Mapping, Rule, load_mapping
from ombud.lake.imports.report import FileReport, ImportReport, TableCounts
from ombud.lake.imports.run import FORMATS, import_files
from ombud.lake.imports.suggest import Suggestion, suggest_mapping

__all__ = [
    "FORMATS",
    "FileReport",
    "ImportReport",
    "Mapping",
    "Rule",
    "Suggestion",
    "TableCounts",
    "import_files",
    "load_mapping",
    "suggest_mapping",
]
