"""Decisions as the rows that go on record, and rows read back."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from ombud.ledger.rows import ReadRow, row_bytes, row_time
from ombud.model import clock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ombud.gate.request import Decision, ReadRequest

__all__ = ["RECORD", "asked_fields", "reason_of", "refused_fields", "row_of", "rows_of"]

RECORD = "record"
"""The reason when a read cannot be put on record."""


def row_of(request: ReadRequest, decision: Decision) -> bytes:
    """Return the canonical row of one decided read; its moment is that of the request, else now.

    `fields` are those that went out; of a refused read those that were asked for.
    """
    fields = decision.allowed if decision.outcome != "refused" else tuple(one.field for one in decision.refused)
    return row_bytes(
        ReadRow(
            acts_for=request.acts_for,
            app=request.app,
            at=row_time(request.at or clock.now()),
            decision=decision.outcome,
            fields=fields,
            key=request.key,
            person=request.person,
            policy=decision.policy,
            purpose=request.purpose,
            read=decision.id,
            reason=reason_of(decision),
            through=request.through,
        )
    )


def rows_of(decided: Sequence[tuple[ReadRequest, Decision]]) -> list[bytes]:
    """Return the rows of several."""
    return [row_of(request, decision) for request, decision in decided]


def reason_of(decision: Decision) -> str | None:
    """Return why fields were refused: `code` when one holds for all of a refused read.

    Else `code:field,field;code:field`; null when nothing was refused.
    """
    if not decision.refused:
        return None
    by_code: dict[str, list[str]] = {}
    for one in decision.refused:
        by_code.setdefault(one.reason, []).append(one.field)
    if decision.outcome == "refused" and len(by_code) == 1:
        return next(iter(by_code))
    return ";".join(f"{code}:{','.join(quote(name, safe='') for name in names)}" for code, names in by_code.items())


def refused_fields(fields: Sequence[str], decision: str, reason: str | None) -> dict[str, str]:
    """Return the code for each refused field of a row that this module wrote."""
    if not reason:
        return {}
    if ":" not in reason:
        return dict.fromkeys(fields, reason) if decision == "refused" else {}
    parts = (part.partition(":") for part in reason.split(";"))
    return {unquote(name): code for code, _, names in parts for name in names.split(",")}


def asked_fields(fields: Sequence[str], decision: str, reason: str | None) -> tuple[str, ...]:
    """Return what was asked for, from a row: what went out and what was refused, each once."""
    return tuple(dict.fromkeys([*fields, *refused_fields(fields, decision, reason)]))
