"""Findings: what tools say of subjects. Only saved here, never changed."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Select, Text, cast, func, insert, select

from ombud.model.errors import InputError, NotFoundError
from ombud.model.findings import Finding, RowRef, Says, Subject
from ombud.records import figures
from ombud.records.tables import figure, finding, finding_figure, finding_row
from ombud.records.upsert import insert_new

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

__all__ = [
    "FindingRow",
    "about",
    "count",
    "detail_texts",
    "get",
    "listing",
    "resting_on",
    "save",
    "strengths",
    "with_figure",
]

_ELSEWHERE = {"rows", "figures"}


class FindingRow(msgspec.Struct, frozen=True):
    """One line of a list of findings."""

    id: str
    says: Says
    subject_kind: Subject
    subject: str
    title: str
    score: float
    q: float | None
    """bound on the share of false findings among all at least this strong; null if uncalibrated"""
    tool: str
    tool_version: str
    found_at: datetime


def save(tx: Connection, item: Finding) -> bool:
    """Keep the finding with its figures and evidence; return whether it is new.

    One that is there stays as it was: the id derives from the tool, its settings
    and the rows, so it says the same. `InputError` when a number is not finite.
    """
    if not math.isfinite(item.score) or not (item.q is None or math.isfinite(item.q)):
        raise InputError(f"The finding `{item.id}` has a score or q that is no number.")
    values = msgspec.to_builtins(item, builtin_types=(datetime,))
    row = {name: value for name, value in values.items() if name not in _ELSEWHERE}
    if not insert_new(tx, finding, [row]):
        return False
    if item.rows:
        tx.execute(
            insert(finding_row),
            [
                {"finding_id": item.id, "position": n, "table_name": ref.table, "row_id": ref.id}
                for n, ref in enumerate(item.rows)
            ],
        )
    if item.figures:
        figures.save_all(tx, item.figures)
        tx.execute(
            insert(finding_figure),
            [{"finding_id": item.id, "position": n, "figure_id": f.id} for n, f in enumerate(item.figures)],
        )
    return True


def get(tx: Connection, finding_id: str) -> Finding:
    """Return the finding `finding_id` whole; `NotFoundError` when there is none."""
    row = tx.execute(select(finding).where(finding.c.id == finding_id)).mappings().first()
    if row is None:
        raise NotFoundError(f"There is no finding `{finding_id}`.")
    refs = select(finding_row.c.table_name, finding_row.c.row_id).where(finding_row.c.finding_id == finding_id)
    links = select(figure).join(finding_figure).where(finding_figure.c.finding_id == finding_id)
    own = {
        "rows": [RowRef(*ref) for ref in tx.execute(refs.order_by(finding_row.c.position))],
        "figures": [figures.from_row(f) for f in tx.execute(links.order_by(finding_figure.c.position)).mappings()],
    }
    stored = {name: row[name] for name in Finding.__struct_fields__ if name not in own}
    return msgspec.convert({**stored, **own}, Finding)


def listing(
    tx: Connection,
    *,
    says: str | None = None,
    subject_kind: str | None = None,
    limit: int = 100,
    offset: int = 0,
) -> list[FindingRow]:
    """Return findings, the strongest first."""
    columns = [finding.c[name] for name in FindingRow.__struct_fields__]
    query = _chosen(select(*columns), says, subject_kind).order_by(finding.c.score.desc(), finding.c.id)
    return [FindingRow(*row) for row in tx.execute(query.limit(limit).offset(offset))]


def about(tx: Connection, subject_kind: Subject, subject: str, limit: int = 100) -> list[FindingRow]:
    """Return the findings about one subject, the strongest first."""
    columns = [finding.c[name] for name in FindingRow.__struct_fields__]
    mine = select(*columns).where(finding.c.subject_kind == subject_kind, finding.c.subject == subject)
    return [FindingRow(*row) for row in tx.execute(mine.order_by(finding.c.score.desc(), finding.c.id).limit(limit))]


def count(tx: Connection, *, says: str | None = None, subject_kind: str | None = None) -> int:
    """Return how many findings `listing` has in all."""
    return int(tx.execute(_chosen(select(func.count()).select_from(finding), says, subject_kind)).scalar_one())


def resting_on(tx: Connection, table: str, row_id: str) -> list[str]:
    """Return the ids of the findings whose evidence holds this row of the lake."""
    query = select(finding_row.c.finding_id).where(finding_row.c.table_name == table, finding_row.c.row_id == row_id)
    return list(tx.execute(query.distinct().order_by(finding_row.c.finding_id)).scalars())


def with_figure(tx: Connection, figure_id: str) -> list[str]:
    """Return the ids of the findings that show this figure."""
    query = select(finding_figure.c.finding_id).where(finding_figure.c.figure_id == figure_id)
    return list(tx.execute(query.order_by(finding_figure.c.finding_id)).scalars())


def strengths(tx: Connection, finding_ids: Iterable[str]) -> dict[str, tuple[float, float | None]]:
    """Return score and q of findings by id, without reading their details."""
    query = select(finding.c.id, finding.c.score, finding.c.q).where(finding.c.id.in_(list(finding_ids)))
    return {row.id: (row.score, row.q) for row in tx.execute(query)}


def detail_texts(tx: Connection, finding_ids: Iterable[str]) -> dict[str, str]:
    """Return the details of findings by id as JSON text, for readers that need a small part of each."""
    query = select(finding.c.id, cast(finding.c.detail, Text)).where(finding.c.id.in_(list(finding_ids)))
    return {name: text for name, text in tx.execute(query) if text}


def _chosen(query: Select[Any], says: str | None, subject_kind: str | None) -> Select[Any]:
    if says is not None:
        query = query.where(finding.c.says == says)
    return query if subject_kind is None else query.where(finding.c.subject_kind == subject_kind)
