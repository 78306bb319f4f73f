"""What every step of `ombud demo` has: a bar while it runs, a line when it is done, figures at the end."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

import msgspec

from ombud.cli.shell import Shell, plain

__all__ = ["DemoFigure", "Progress", "Say", "Step"]

Progress = Callable[[int, int | None, str], None]
Say = Callable[[str], None]


class DemoFigure(msgspec.Struct, frozen=True):
    """One line of the table that the demo ends with."""

    name: str
    value: int | float | str
    unit: str
    figure: str | None = None
    """what `ombud explain` takes, where the number is kept with its query"""


class Step:
    """One step of the demo: a bar while it runs, a line with its time when it is done."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        self.started = time.monotonic()
        self.bar = shell.progress()

    def __enter__(self) -> tuple[Progress, Say]:
        return self.bar.__enter__(), self._say

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.__exit__(kind, error, trace)
        if error is None:
            seconds = time.monotonic() - self.started
            self.shell.say(f"[green]✓[/] {plain(self.line)} [dim]{seconds:.1f} s[/]", markup=True)

    def _say(self, line: str) -> None:
        self.line = line
