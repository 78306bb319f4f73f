"""Which addresses are the same page: entity resolution of spaces, made for text that OCR read."""

from __future__ import annotations

from ombud.lake.resolution.evaluate import Evaluation, LabelledPair, evaluate_resolution, read_pairs
from ombud.lake.resolution.outcome import Doubtful, Entity, Merged, Resolution, SpaceRow
from ombud.lake.resolution.resolve import resolve_spaces
from ombud.lake.resolution.store import OCR_FORMATS, apart_by_people, record_resolution, space_rows
from ombud.lake.resolution.weigh import Calibration, calibrate

__all__ = [
    "OCR_FORMATS",
    "Calibration",
    "Doubtful",
    "Entity",
    "Evaluation",
    "LabelledPair",
    "Merged",
    "Resolution",
    "SpaceRow",
    "apart_by_people",
    "calibrate",
    "evaluate_resolution",
    "read_pairs",
    "record_resolution",
    "resolve_spaces",
    "space_rows",
]
