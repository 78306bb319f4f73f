"""The worker's part in cosigning: the ledger's witnesses are asked again and again."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from ombud.ledger.cosigned import head_of
from ombud.ledger.cosigning import addresses, cosign
from ombud.ledger.faults import AbsentError
from ombud.model import clock
from ombud.records import jobs

if TYPE_CHECKING:
    from collections.abc import Callable

    from ombud.model.workspace import Workspace
    from ombud.records import Records
    from ombud.records.jobs import Job

__all__ = ["COSIGN", "ask_for_cosigning", "cosign_ledger", "handlers"]

COSIGN = "ledger.cosign"
QUIET = timedelta(hours=1)
"""how long a log that does not grow is left alone"""


def cosign_ledger(workspace: Workspace, *, always: bool = True) -> dict[str, Any]:
    """Ask the witnesses of the settings to cosign the newest checkpoint; unless `always`, only if there is a need.

    Returns the report as a document, empty when nobody was asked. Raises `FormatError` for a wrong setting.
    """
    witnesses = addresses(workspace.settings.ledger_witnesses)
    try:
        head = head_of(workspace.ledger_dir)
    except AbsentError:
        return {}
    settled = head.cosigned_size == head.checkpoint.size and head.cosigned_at is not None
    if not witnesses or (settled and not always and head.cosigned_at and clock.now() - head.cosigned_at < QUIET):
        return {}
    document: dict[str, Any] = msgspec.to_builtins(cosign(workspace.ledger_dir, witnesses))
    return document


def ask_for_cosigning(workspace: Workspace, records: Records, *, after: timedelta = timedelta(0)) -> Job | None:
    """Enqueue the next question, one for each `ledger_cosign_seconds`; null when there are no witnesses to ask."""
    if not workspace.settings.ledger_witnesses:
        return None
    every = workspace.settings.ledger_cosign_seconds
    due = clock.now() + after
    slot = int(due.timestamp() // every)
    with records.begin() as tx:
        jobs.forget(tx, COSIGN, clock.now() - timedelta(minutes=10))
        return jobs.enqueue(tx, COSIGN, {}, run_at=due, key=f"{COSIGN}:{slot}", max_attempts=1)


def handlers(workspace: Workspace, records: Records) -> dict[str, Callable[[Job], dict[str, Any] | None]]:
    """Return the worker's handler of `ledger.cosign`, which asks for the next question when it is done."""

    def work(job: Job) -> dict[str, Any]:
        del job
        try:
            return cosign_ledger(workspace, always=False)
        finally:
            ask_for_cosigning(workspace, records, after=timedelta(seconds=workspace.settings.ledger_cosign_seconds))

    return {COSIGN: work}
