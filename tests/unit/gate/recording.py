"""Sinks and rows for tests of the recorder."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from ombud.gate.frames import Sealed
from ombud.ledger.rows import ReadRow, row_bytes
from ombud.model.errors import StorageError

if TYPE_CHECKING:
    from ombud.gate.journal import Journal

FULL = StorageError("The disk is full.", hint="Free some space.")


def row(number: int, person: str = "p", **more: Any) -> bytes:  # noqa: ANN401 - any column
    """Return a read's canonical row."""
    given: dict[str, Any] = {
        "at": "2014-04-30T12:00:00.000000Z",
        "decision": "allowed",
        "fields": ["likes"],
        "app": "quiz",
    }
    given |= {"purpose": "game", "policy": "ab", "reason": None, "through": None, "read": f"r-{number}"}
    return row_bytes(ReadRow(**(given | {"person": person} | more)))


class Paper:
    """A sink in memory that can refuse; with `threaded` it answers from another thread, as the ledger does."""

    def __init__(self, *, threaded: bool = False) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.full = False
        self.silent = False
        """takes the entry, then says that it failed"""
        self.threaded = threaded
        self.gate = threading.Event()
        self.gate.set()

    def floor(self) -> int:
        return len(self.bodies)

    def put(self, body: dict[str, Any]) -> Sealed:
        if self.full:
            raise FULL
        self.bodies.append(body)
        if self.silent:
            raise FULL
        return Sealed(body["sequence"], len(self.bodies) - 1, None)

    def start(self, body: dict[str, Any]) -> Future[int] | None:
        if not self.threaded:
            return None
        future: Future[int] = Future()

        def work() -> None:
            self.gate.wait(10)
            try:
                future.set_result(self.put(body).ledger_index or 0)
            except StorageError as error:
                future.set_exception(error)

        threading.Thread(target=work, daemon=True).start()
        return future

    def find(self, batches: set[str], floor: int) -> dict[str, Sealed]:
        return {
            body["batch"]: Sealed(body["sequence"], index, None)
            for index, body in enumerate(self.bodies)
            if index >= floor and body["batch"] in batches
        }


def sequences(journal: Journal) -> list[int]:
    """Return the numbers of the batches that were in a journal when it was opened."""
    return [head.sequence for head in journal.found if head.sequence]
