"""Rows of whole batches for the record: the same bytes as for single decisions, built from columns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec
import numpy as np

from ombud.gate.reasons import CODES, FIELD
from ombud.ledger.rows import row_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ombud.gate.batch import Batch, Decisions
    from ombud.gate.policy import CompiledPolicy

__all__ = ["rows_of_batch"]

_json = msgspec.json.encode


def rows_of_batch(
    compiled: CompiledPolicy, apps: Sequence[str], people: Sequence[str], batch: Batch, decisions: Decisions
) -> list[bytes]:
    """Return the canonical row of each decision, as `row_of` would.

    `apps` and `people` are the names of the dense ids; `decisions` were asked
    for `per_field`, else a row with several reasons names the earliest alone.
    An id that stands for nobody is told as an empty name.
    """
    fields: dict[int, str] = {}
    moments: dict[int, str] = {}
    app_texts = [_json(name).decode() for name in apps]
    purposes = [_json(name).decode() for name in compiled.purposes]
    head, policy = decisions.batch, compiled.hash
    asked, allowed = batch.fields.tolist(), decisions.allowed.tolist()
    outcomes = np.where(decisions.allowed == batch.fields, 0, np.where(decisions.allowed != 0, 1, 2)).tolist()
    out: list[bytes] = []
    columns = (batch.app, batch.person, batch.through, batch.purpose, batch.second)
    rows = zip(*(column.tolist() for column in columns), asked, allowed, outcomes, strict=True)
    for n, (app, person, through, purpose, second, wanted, given, outcome) in enumerate(rows):
        shown = wanted if outcome == 2 else given  # noqa: PLR2004 - a refused read names what was asked for
        names = fields.get(shown)
        if names is None:
            names = fields[shown] = _json(compiled.names(shown)).decode()
        at = moments.get(second)
        if at is None:
            at = moments[second] = row_time(datetime.fromtimestamp(second, UTC))
        reason = "null" if outcome == 0 else f'"{_reason(compiled, decisions, n, wanted, given)}"'
        by = "null" if through == -1 else _json(people[through] if through >= 0 else "").decode()
        out.append(
            (
                f'{{"app":{app_texts[app]},"at":"{at}","decision":"{_OUTCOMES[outcome]}","fields":{names},'
                f'"person":{_json(people[person] if person >= 0 else "").decode()},"policy":"{policy}",'
                f'"purpose":{purposes[purpose] if purpose >= 0 else "null"},"read":"{head}{n:x}","reason":{reason},'
                f'"through":{by}}}'
            ).encode()
        )
    return out


_OUTCOMES = ("allowed", "reduced", "refused")


def _reason(compiled: CompiledPolicy, decisions: Decisions, row: int, asked: int, allowed: int) -> str:
    """Return why fields were refused, as `rows.reason_of` writes it."""
    by_code: dict[str, int] = {}
    left = asked & ~allowed
    if len(decisions.refused):
        parts: NDArray[np.uint64] = decisions.refused[row]
        for code, mask in zip(FIELD, parts.tolist(), strict=True):
            if mask:
                by_code[code] = mask
                left &= ~mask
    if left:
        budget = int(decisions.budget[row])
        by_code[CODES[budget or int(decisions.reason[row])]] = left
    if not allowed and len(by_code) == 1:
        return next(iter(by_code))
    # codes stand in the order of their first field, as in a single decision
    first = sorted(by_code, key=lambda code: by_code[code] & -by_code[code])
    return ";".join(
        f"{code}:{','.join(quote(name, safe='') for name in compiled.names(by_code[code]))}" for code in first
    )
