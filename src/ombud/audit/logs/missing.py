"""Lines that are known to be missing: numbers of batches that a gate used, lines that an import left out."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from ombud.gate.coverage import missing_batches
from ombud.records.tables import import_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ombud.gate.coverage import Gap
    from ombud.lake import Lake

__all__ = ["duplicates", "gate_gaps", "import_ends", "refused_lines"]

_ATTACHED = """\
SELECT count(*) - count(DISTINCT read) FROM reads WHERE import_id IN ({ids})"""


def gate_gaps(lake: Lake) -> list[Gap]:
    """Return the numbers of batches that gates used and that are not in the lake."""
    return missing_batches(lake)


def duplicates(lake: Lake) -> Iterator[tuple[int, str, str]]:
    """Yield how many lines of reads repeat an id: number, which files they stand in, and by what it was counted.

    An import of whole files skips them and says so; attached files are not looked through then, so it is done here.
    """
    skipped = [counts["reads"]["skipped"] for counts in _counts(lake) if counts.get("reads", {}).get("skipped")]
    if skipped:
        yield sum(skipped), f"{len(skipped):,} import{'s' if len(skipped) > 1 else ''}", "ombud import"
    attached = sorted({file.import_id for file in lake.files("reads") if file.attached and file.import_id})
    if attached:
        query = _ATTACHED.format(ids=", ".join(f"'{one}'" for one in attached))
        with lake.duck(["reads"]) as duck:
            again = int(duck.execute(query).fetchall()[0][0])
        if again:
            yield again, "attached files", query


def refused_lines(lake: Lake) -> tuple[int, int]:
    """Return how many lines of reads imports rejected, and how many imports those were."""
    lost = [counts["reads"]["rejected"] for counts in _counts(lake) if counts.get("reads", {}).get("rejected")]
    return sum(lost), len(lost)


def import_ends(lake: Lake) -> dict[str, int]:
    """Return when a day had passed since each import or attachment that brought reads, in microseconds since 1970."""
    with lake.records.read() as tx:
        rows = tx.execute(select(import_run.c.id, import_run.c.started_at, import_run.c.counts))
        began = {row.id: row.started_at for row in rows if "reads" in row.counts.get("tables", {})}
    began |= {file.import_id: file.created_at for file in lake.files("reads") if file.attached and file.import_id}
    return {name: int((moment + timedelta(days=1)).timestamp()) * 1_000_000 for name, moment in began.items()}


def _counts(lake: Lake) -> list[dict[str, dict[str, int]]]:
    """Return what became of the rows of each finished import, by table."""
    with lake.records.read() as tx:
        rows = tx.execute(select(import_run.c.counts).where(import_run.c.state == "done")).scalars()
        return [counts["tables"] for counts in rows if "tables" in counts]
