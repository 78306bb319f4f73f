"""Where the roots of batches go: onto the ledger at once, or into the outbox of the records on their way there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

from ombud.gate.frames import Sealed
from ombud.ledger.entries import encode_entry
from ombud.records import outbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from ombud.ledger.writer import Ledger
    from ombud.records import Records

__all__ = ["READS", "LedgerSink", "OutboxSink", "Sink"]

READS = "reads"
"""The type of a batch's entry."""


class Sink(Protocol):
    """Takes the root of a batch; what it returns is durable."""

    def put(self, body: dict[str, Any]) -> Sealed:
        """Keep the entry and return where it is. Raises `StorageError`."""
        ...

    def start(self, body: dict[str, Any]) -> Future[int] | None:
        """Begin to keep the entry without waiting; `None` when this sink can only wait."""
        ...

    def floor(self) -> int:
        """Return a place before which no later entry can be."""
        ...

    def find(self, batches: set[str], floor: int) -> dict[str, Sealed]:
        """Return where these batches are, of those that are there, looking from `floor` on."""
        ...


class LedgerSink:
    """The ledger itself, which this process holds."""

    def __init__(self, ledger: Ledger) -> None:
        """Take the open ledger."""
        self.ledger = ledger

    def put(self, body: dict[str, Any]) -> Sealed:
        """Append the entry and return where it is."""
        return Sealed(body["sequence"], self.ledger.append([encode_entry(READS, body)]), None)

    def start(self, body: dict[str, Any]) -> Future[int]:
        """Begin to append the entry."""
        return self.ledger.submit([encode_entry(READS, body)])

    def floor(self) -> int:
        """Return the number of entries that are durable."""
        return self.ledger.size

    def find(self, batches: set[str], floor: int) -> dict[str, Sealed]:
        """Return the indexes of these batches."""
        found: dict[str, Sealed] = {}
        for index, body in self._reads(floor):
            if body.get("batch") in batches:
                found[body["batch"]] = Sealed(body["sequence"], index, None)
        return found

    def _reads(self, start: int) -> Iterator[tuple[int, dict[str, Any]]]:
        for index, data in enumerate(self.ledger.entries(start), start):
            if b'"type":"reads"' in data:
                yield index, json.loads(data)["body"]


class OutboxSink:
    """The outbox of the records; whoever holds the ledger takes it from there."""

    def __init__(self, records: Records) -> None:
        """Take the open records."""
        self.records = records
        self._last: int | None = None

    def put(self, body: dict[str, Any]) -> Sealed:
        """Queue the entry and return its row."""
        with self.records.begin() as tx:
            row = outbox.append(tx, READS, body)
        self._last = row
        return Sealed(body["sequence"], None, row)

    def start(self, body: dict[str, Any]) -> None:
        """Return nothing: a transaction is waited for."""
        del body

    def floor(self) -> int:
        """Return the last row that this gate queued, or that was there when it began."""
        if self._last is None:
            with self.records.read() as tx:
                self._last = outbox.last(tx)
        return self._last

    def find(self, batches: set[str], floor: int) -> dict[str, Sealed]:
        """Return the rows of these batches."""
        with self.records.read() as tx:
            return {
                entry.payload["batch"]: Sealed(entry.payload["sequence"], None, entry.id)
                for entry in outbox.since(tx, READS, floor)
                if entry.payload.get("batch") in batches
            }
