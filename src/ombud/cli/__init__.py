"""The `ombud` command: one file a system, short shells over functions."""

from __future__ import annotations

import io
import sys

__all__ = ["main"]


def main() -> None:
    """Run `ombud` as a process: every error becomes one sentence and an exit code."""
    from ombud.cli.app import run  # noqa: PLC0415 - importing the package must stay cheap

    _speak_any_language()
    sys.exit(run(sys.argv[1:]))


def _speak_any_language() -> None:
    """Let a terminal that lacks a sign show `?`, and write UTF-8 everywhere else, as JSON must be."""
    for stream in (sys.stdout, sys.stderr):
        if not isinstance(stream, io.TextIOWrapper):
            continue
        if stream.isatty():
            stream.reconfigure(errors="replace")
        else:
            stream.reconfigure(encoding="utf-8", errors="replace")
