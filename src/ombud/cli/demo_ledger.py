"""The demo's last step: everything is brought to the ledger, and a program that knows nothing of Ombud checks it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from ombud.cli.demo_steps import DemoFigure, Step
from ombud.lake.publisher import publish_all
from ombud.ledger import verify
from ombud.ledger.reading import DirectoryLog

if TYPE_CHECKING:
    from ombud.cli.shell import Shell
    from ombud.lake import Lake

__all__ = ["check_ledger"]

_SECONDS = 300


def check_ledger(shell: Shell, lake: Lake) -> list[DemoFigure]:
    """Publish what waits, run `verify.py` on the ledger's folder, and return its size and what was found.

    The demo ends with exit code 1 when the ledger is not whole.
    """
    with Step(shell) as (progress, say):
        progress(0, None, "Checking the ledger with verify.py")
        done = publish_all(lake.workspace, lake.records)
        sound, words = _verified(lake)
        waits = f"; {done.waiting:,} rows wait: {done.why}" if done.waiting else ""
        say(f"verify.py, which needs nothing of Ombud, says of the ledger: {words}{waits}")
    if not sound:
        shell.exit_code = 1
    return [
        DemoFigure("entries on the ledger", _size(lake), ""),
        DemoFigure("verify.py", "ok" if sound else "WRONG", "which needs nothing of Ombud"),
    ]


def _verified(lake: Lake) -> tuple[bool, str]:
    """Run the verifier in a process of its own, from its file, without Ombud on its path."""
    folder = lake.workspace.ledger_dir
    command = [sys.executable, "-I", str(verify.__file__), str(folder), "--vkey", _vkey(lake)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    return done.returncode == 0, " ".join((done.stdout + done.stderr).split())


def _vkey(lake: Lake) -> str:
    return (lake.workspace.ledger_dir / "vkey").read_text(encoding="utf-8").strip()


def _size(lake: Lake) -> int:
    note = DirectoryLog(lake.workspace.ledger_dir).checkpoint()
    return int(note.split(b"\n")[1])
