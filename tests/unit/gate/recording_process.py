"""A gate that records as fast as it can and says what it answered, until killed.

Arguments: the workspace, the first number.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ombud.gate.journal import Journal
from ombud.gate.recorder import Recorder
from ombud.gate.sinks import LedgerSink
from ombud.ledger.rows import ReadRow, row_bytes
from ombud.ledger.writer import Ledger


def row(number: int) -> bytes:
    """Return a read's canonical row."""
    return row_bytes(
        ReadRow(
            app="quiz",
            at="2014-04-30T12:00:00.000000Z",
            decision="allowed",
            fields=["likes"],
            person="p",
            policy=None,
            purpose=None,
            read=f"r-{number}",
            reason=None,
            through=None,
        )
    )


def main(root: Path, start: int) -> None:
    """Record batches of 1 to 5 rows; print the number after the last row that was answered."""
    with (
        Ledger.open(root / "ledger", root / "keys") as ledger,
        Recorder(Journal(root / "journal" / "gate", segment_bytes=20_000), LedgerSink(ledger)) as recorder,
    ):
        print("ready", flush=True)
        number = start
        while True:
            size = 1 + number % 5
            recorder.record([row(number + n) for n in range(size)])
            number += size
            print(number, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
