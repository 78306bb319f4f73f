"""`ombud init`, `backup`, `restore`, `upgrade`, `erase`: a workspace as a whole."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ombud.cli.people_sets import keep_sets
from ombud.cli.publishing import bring_to_ledger
from ombud.cli.shell import shell_of
from ombud.gate.flush import flush
from ombud.lake import backup as backups
from ombud.lake.erase import Erasure
from ombud.lake.restore import restore as restore_backup
from ombud.model.errors import NotFoundError, RefusedError, UsageError
from ombud.model.workspace import Workspace
from ombud.records import consents, migrate

__all__ = ["add_to", "prepare"]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(init)
    app.command()(backup)
    app.command()(restore)
    app.command()(upgrade)
    app.command()(erase)


def prepare(root: Path) -> Workspace:
    """Make the workspace at `root`, with its records at the present schema; leaves alone what is there."""
    workspace = Workspace.create(root.expanduser().resolve())
    migrate(workspace.records_url)
    return workspace


def init(
    ctx: typer.Context, folder: Annotated[Path | None, typer.Argument(help="Folder of the new workspace.")] = None
) -> None:
    """Make a workspace. Doing it again changes nothing."""
    shell = shell_of(ctx)
    workspace = prepare(folder or shell.root or Path())
    shell.document({"workspace": str(workspace.root)})
    shell.say(f"The workspace is at {workspace.root}.")
    shell.say("Next: `ombud import FORMAT FILE...`, or `ombud demo` for the case of 2016.")


def backup(
    ctx: typer.Context,
    target: Annotated[Path, typer.Argument(help="File to write, such as ombud.tar.")],
    *,
    with_keys: Annotated[bool, typer.Option("--with-keys", help="Put the secret keys in; guard the file.")] = False,
) -> None:
    """Write records, lake and ledger into one file while everything runs on."""
    shell = shell_of(ctx)
    with shell.progress() as progress:
        report = backups.backup(shell.workspace(), target, with_keys=with_keys, progress=progress)
    shell.document(report)
    shell.say(f"{report.files:,} files, {report.bytes / 1e6:,.1f} MB in {target}.")


def restore(
    ctx: typer.Context,
    source: Annotated[Path, typer.Argument(help="A file that `ombud backup` wrote.")],
    folder: Annotated[Path, typer.Argument(help="Folder of the new workspace; must not exist or be empty.")],
) -> None:
    """Make a workspace from a backup, after every hash in it was checked."""
    shell = shell_of(ctx)
    with shell.progress() as progress:
        report = restore_backup(source, folder, progress=progress)
    shell.document(report)
    shell.say(f"{report.files:,} files checked and restored to {folder}.")


def upgrade(ctx: typer.Context) -> None:
    """Bring a workspace that an older Ombud made to the present schema."""
    shell = shell_of(ctx)
    report = backups.upgrade(shell.workspace())
    shell.document(report)
    shell.say(f"The records are at schema {report.schema}.")


def erase(
    ctx: typer.Context,
    person: Annotated[str, typer.Argument(help="The account, by its id at the source; `-` reads it from stdin.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase a person from the lake, and say what remains and why. It cannot be undone."""
    shell = shell_of(ctx)
    if person == "-":
        person = _from_stdin()
    if not yes:
        if shell.json:
            raise RefusedError("Erasing cannot be undone.", hint="Say --yes to go on.")
        typer.confirm("Erase this person from every table? It cannot be undone.", abort=True)
    lake = shell.lake()
    flush(lake)  # what the gates recorded last is erased too
    with lake.records.begin() as tx:
        consented = consents.forget(tx, person)
    try:
        report = lake.erase(person)
    except NotFoundError:
        if not consented:
            raise
        report = Erasure([], 0, [])
    if consented:
        gone = "Consents and their history are erased; gates hear of it within a second, and forget the id in a minute."
        report = msgspec.structs.replace(report, remains=[*report.remains, gone])
    shell.document(report)
    rows = [(one.table, one.removed, one.rewritten) for one in report.tables]
    shell.table("Erased", ("table", "rows removed", "rewritten"), rows, (1, 2))
    for line in report.remains:
        shell.say(f"  – {line}")
    bring_to_ledger(shell, lake)
    keep_sets(shell, lake)


def _from_stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode().strip()
    except UnicodeDecodeError:
        raise UsageError("What came on stdin is not UTF-8.", hint="Give the id as it was imported.") from None
