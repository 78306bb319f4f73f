"""The `ombud` command: one file a system, short shells over functions."""

from __future__ import annotations

from ombud.cli.app import app, main

__all__ = ["app", "main"]
