"""What waits today: the console's first page."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from ombud.records import cases, imports, lake_files
from ombud.web.access import STAFF
from ombud.web.console.cases import CaseLine, case_lines
from ombud.web.console.gate_state import GateState, gate_state
from ombud.web.pages import Pages
from ombud.web.visit import VisitParameter

__all__ = ["ImportLine", "TodayPage", "pages"]

pages = Pages()


class ImportLine(msgspec.Struct, frozen=True):
    """One import."""

    format: Annotated[str, Meta(description="The format it was read as.")]
    source: Annotated[str, Meta(description="The file's name.")]
    state: Annotated[str, Meta(description="running, done or failed.")]
    at: Annotated[datetime, Meta(description="When it ended, or began while it runs.")]
    accepted: Annotated[int, Meta(description="Rows taken, all tables together.")]
    rejected: Annotated[int, Meta(description="Rows that did not fit; they are in the rejects file.")]
    flagged: Annotated[int, Meta(description="Rows with a value set to null because it was implausible.")]


class TableSize(msgspec.Struct, frozen=True):
    """How much one table of the lake holds."""

    table: Annotated[str, Meta(description="The table's name.")]
    rows: Annotated[int, Meta(description="Its rows.")]
    first: Annotated[datetime | None, Meta(description="The earliest moment in it.")]
    last: Annotated[datetime | None, Meta(description="The latest moment in it.")]


class TodayPage(msgspec.Struct, frozen=True):
    """What waits, what is new, what is there."""

    waiting: Annotated[int, Meta(description="Cases that wait for a decision.")]
    open: Annotated[int, Meta(description="Cases that nobody has concluded yet.")]
    concluded: Annotated[int, Meta(description="Cases decided or closed.")]
    strongest: Annotated[list[CaseLine], Meta(description="Open cases with the strongest findings.")]
    imports: Annotated[list[ImportLine], Meta(description="The latest imports.")]
    tables: Annotated[list[TableSize], Meta(description="What the lake holds.")]
    gate: Annotated[GateState | None, Meta(description="How the gate is; null while it is not in use.")]


def _import_line(run: imports.Import) -> ImportLine:
    tables = run.counts.get("tables", run.counts)

    def total(name: str) -> int:
        return sum(int(table.get(name, 0)) for table in tables.values() if isinstance(table, dict))

    return ImportLine(
        format=run.format,
        source=run.source_name.rsplit("/", 1)[-1],
        state=run.state,
        at=run.finished_at or run.started_at,
        accepted=total("accepted"),
        rejected=total("rejected"),
        flagged=total("flagged"),
    )


def _sizes(files: list[lake_files.LakeFile]) -> list[TableSize]:
    by_table: dict[str, list[lake_files.LakeFile]] = {}
    for file in files:
        if not file.table.startswith("_"):
            by_table.setdefault(file.table, []).append(file)
    return [
        TableSize(
            table=table,
            rows=sum(f.rows for f in found),
            first=min((f.first for f in found if f.first), default=None),
            last=max((f.last for f in found if f.last), default=None),
        )
        for table, found in sorted(by_table.items())
    ]


@pages.page("/console", shows=TodayPage, template="console/today.html", access=STAFF)
def today(visit: VisitParameter) -> TodayPage:
    """Show what waits today."""
    with visit.house.records.read() as tx:
        counts = {state: cases.count(tx, state=state) for state in cases.STATES}
        strongest = cases.listing(tx, state="open", sort="strongest", limit=6)
        runs = imports.listing(tx, limit=6)
        sizes = _sizes(lake_files.every(tx))
        gate = gate_state(tx)
    return TodayPage(
        waiting=counts["waiting"],
        open=counts["open"],
        concluded=counts["decided"] + counts["closed"],
        strongest=case_lines(visit, strongest),
        imports=[_import_line(run) for run in runs],
        tables=sizes,
        gate=gate,
    )
