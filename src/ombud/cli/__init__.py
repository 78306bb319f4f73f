"""The `ombud` command: one file a system, short shells over functions."""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run `ombud` as a process: every error becomes one sentence and an exit code."""
    from ombud.cli.app import run  # noqa: PLC0415 - importing the package must stay cheap

    sys.exit(run(sys.argv[1:]))
