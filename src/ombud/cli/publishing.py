"""What a command does at its end: bring what it changed to the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.lake.publisher import publish_all

if TYPE_CHECKING:
    from ombud.cli.shell import Shell
    from ombud.lake import Lake

__all__ = ["bring_to_ledger"]


def bring_to_ledger(shell: Shell, lake: Lake) -> None:
    """Publish what waits and say so; what keeps it from being published is said, and no error: the rows are safe."""
    done = publish_all(lake.workspace, lake.records)
    if done.entries:
        entries = "1 entry" if done.size == 1 else f"{done.size:,} entries"
        shell.say(f"On the ledger, which has {entries} now. `ombud ledger verify` checks it.")
    elif done.busy:
        shell.say("Another process has the ledger open, and will bring this to it.")
    elif done.why:
        shell.say(f"Not on the ledger yet: {done.why}")
