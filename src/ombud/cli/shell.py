"""What every command shares: the workspace, output for people or for scripts, progress, errors."""

from __future__ import annotations

import errno
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from ombud.lake import Lake, open_lake
from ombud.model.errors import InputError, OmbudError, StorageError
from ombud.model.workspace import Workspace
from ombud.records import Records, open_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


__all__ = ["Shell", "plain", "shell_of", "storage_error", "visible", "writing"]


@dataclass
class Shell:
    """One run of `ombud`: which workspace, and how to speak."""

    root: Path | None = None
    json: bool = False
    debug: bool = False
    quiet: bool = False
    out: Console = field(default_factory=lambda: Console(soft_wrap=False))
    err: Console = field(default_factory=lambda: Console(stderr=True))
    exit_code: int = 0

    def workspace(self) -> Workspace:
        """Open the workspace of this run."""
        return Workspace.open(self.root)

    def records(self) -> Records:
        """Open the records of this run's workspace."""
        return open_records(self.workspace())

    def lake(self) -> Lake:
        """Open the lake of this run's workspace."""
        workspace = self.workspace()
        return open_lake(workspace, open_records(workspace))

    def say(self, text: str, *, markup: bool = False) -> None:
        """Print a line for people; silent with --json. With `markup` rich's brackets count, so make the rest plain."""
        if not self.json and not self.quiet:
            self.out.print(visible(text), markup=markup, highlight=False, soft_wrap=True)

    def document(self, value: object) -> None:
        """Print the one JSON document of a command; silent for people."""
        if self.json:
            sys.stdout.write(msgspec.json.encode(msgspec.to_builtins(value)).decode() + "\n")

    def table(
        self, title: str, head: Sequence[str], rows: Sequence[Sequence[object]], numbers: Sequence[int] = ()
    ) -> None:
        """Print a table for people; columns whose index is in `numbers` are set right."""
        if self.json or self.quiet:
            return
        self.out.print(visible(title), style="bold", markup=False, highlight=False, soft_wrap=True)
        if not rows:
            return
        view = Table(box=None, show_header=any(head), pad_edge=False, padding=(0, 2, 0, 0))
        for index, name in enumerate(head):
            view.add_column(name, justify="right" if index in numbers else "left", header_style="dim", overflow="fold")
        for row in rows:
            view.add_row(*(_cell(value) for value in row))
        self.out.print(view)

    @contextmanager
    def progress(self) -> Iterator[Callable[[int, int | None, str], None]]:
        """Show a bar on the terminal while the block runs; nothing where there is none."""
        if self.json or self.quiet or not self.err.is_terminal:
            yield _no_progress
            return
        bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.err,
            transient=True,
        )
        with bar:
            task = bar.add_task("", total=None)

            def show(done: int, total: int | None, what: str) -> None:
                bar.update(task, completed=done, total=total, description=what)

            yield show

    def fail(self, error: OmbudError) -> int:
        """Say what went wrong and return the exit code."""
        if self.json:
            problem = {"error": {"kind": type(error).__name__, "message": error.message, "hint": error.hint}}
            sys.stdout.write(msgspec.json.encode(problem).decode() + "\n")
        else:
            self.err.print(f"[bold red]error:[/] {plain(error.message)}", highlight=False, soft_wrap=True)
            if error.hint:
                self.err.print(f"       {plain(error.hint)}", highlight=False, soft_wrap=True)
        return error.exit_code


_TURNING = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
"""Signs that turn the direction of all that follows them, such as of the next columns of a table"""
_CONTROL = {n: "\N{REPLACEMENT CHARACTER}" for n in (*range(32), *range(127, 160), *_TURNING) if chr(n) not in "\t\n"}


def visible(text: str) -> str:
    """Return `text` without signs that would command the terminal: names and texts come from strangers."""
    return text.translate(_CONTROL)


def plain(text: str) -> str:
    """Return `text` so that rich shows its brackets as they are."""
    return visible(text).replace("[", r"\[")


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3g}"
    return plain(str(value))


def _no_progress(done: int, total: int | None, what: str) -> None:
    del done, total, what


def shell_of(ctx: typer.Context) -> Shell:
    """Return the shell of this run."""
    shell: Any = ctx.find_root().obj
    if not isinstance(shell, Shell):
        raise TypeError(shell)
    return shell


_DISK = {
    errno.ENOSPC: ("The disk is full", "Free some space and run the command again."),
    errno.EDQUOT: ("Your disk quota is used up", "Free some space and run the command again."),
    errno.EROFS: ("The disk is read-only", "Mount it for writing, or use another --workspace."),
    errno.EACCES: ("This user may not write there", "Change the owner of the folder, or use another --workspace."),
    errno.EPERM: ("This user may not do that", "Change the owner of the folder, or use another --workspace."),
}


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say in one sentence what keeps a file that the user named from being written."""
    try:
        yield
    except OSError as error:
        known = storage_error(error)
        if known is not None:
            raise known from error
        why = error.strerror or str(error)
        raise InputError(f"Cannot write {path}: {why}.", hint="Name a file in a folder that exists.") from error


def storage_error(error: OSError) -> StorageError | None:
    """Return the one sentence for an error of the disk, or null when it is something else."""
    known = _DISK.get(error.errno or 0)
    if known is None:
        return None
    where = f": {error.filename}" if error.filename else ""
    return StorageError(f"{known[0]}{where}. Nothing that was acknowledged is lost.", hint=known[1])
