"""Between the lake, the records and a resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.lake.resolution.outcome import SpaceRow
from ombud.records import entities, imports

if TYPE_CHECKING:
    from ombud.lake import Lake
    from ombud.lake.resolution.outcome import Resolution
    from ombud.records import Records

__all__ = ["OCR_FORMATS", "apart_by_people", "record_resolution", "space_rows"]

KIND = "page"
OCR_FORMATS = frozenset({"ira-ads"})
"""Import formats whose text was read by OCR. All others are taken letter by letter."""

_SPACES = """
WITH used AS (
    SELECT space, count(*) AS weight, min(import_id) AS import_id FROM ads WHERE space IS NOT NULL GROUP BY space
), described AS (
    SELECT space, min(url) AS url, min(name) AS name, min(import_id) AS import_id FROM spaces GROUP BY space
)
SELECT i.name, d.url, d.name, coalesce(u.weight, 1), coalesce(u.import_id, d.import_id)
FROM used u FULL JOIN described d ON u.space = d.space
JOIN space_ids i ON i.id = coalesce(u.space, d.space)
ORDER BY i.name
"""


def space_rows(lake: Lake, *, ocr_formats: frozenset[str] = OCR_FORMATS) -> list[SpaceRow]:
    """Read every space of the lake: its id and address as imported, weighed by its ads."""
    with lake.duck() as duck:
        found = duck.sql(_SPACES).fetchall()
    with lake.records.read() as tx:
        formats = {run.id: run.format for run in imports.listing(tx, limit=1_000_000)}
    out = []
    for space, url, name, weight, import_id in found:
        ocr = formats.get(import_id or "") in ocr_formats
        # A name beside an OCR address was itself cut out of it: the address says more.
        out.append(SpaceRow(space, url or None, None if ocr else name or None, weight, ocr))
    return out


def apart_by_people(records: Records) -> set[tuple[str, str]]:
    """Return the (space, entity id) pairs that a person has undone."""
    with records.read() as tx:
        return {(m.alias, m.entity) for m in entities.merges(tx, KIND, "apart") if m.decided_by}


def record_resolution(records: Records, resolution: Resolution) -> int:
    """Save the merges and the doubtful pairs; what people decided stays. Returns how many were saved.

    A merge has the space as alias and the entity's id; a doubtful pair has the
    two entities' ids. To undo a merge, save it again as `apart` with
    `decided_by`: the next resolution keeps that space by itself.
    """
    items = [entities.Merge(KIND, m.space, m.entity, m.reason, m.probability, "merged") for m in resolution.merges]
    items += [entities.Merge(KIND, d.one, d.other, d.reason, d.probability, "doubtful") for d in resolution.doubtful]
    with records.begin() as tx:
        entities.save_merges(tx, items)
    return len(items)
