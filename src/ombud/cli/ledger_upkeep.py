"""`ombud ledger publish`, `cosign`, `rotate-key`, `start-anew`, `resume`: what the log's own people do."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ombud.cli.shell import shell_of
from ombud.lake.publisher import publish_all
from ombud.ledger.cosigning import addresses, cosign, seen_by
from ombud.ledger.reading import DirectoryLog
from ombud.ledger.resuming import resume as resume_log
from ombud.ledger.succession import start_anew as begin_another
from ombud.ledger.writer import open_ledger
from ombud.model.errors import InputError, MissingError, RefusedError

__all__ = ["add_to", "entries"]


def add_to(ledger_app: typer.Typer) -> None:
    """Add the commands to `ombud ledger`."""
    ledger_app.command()(publish)
    ledger_app.command(name="cosign")(cosign_)
    ledger_app.command()(rotate_key)
    ledger_app.command()(start_anew)
    ledger_app.command()(resume)


def entries(count: int) -> str:
    """Write a number of entries: 1 entry, 2,000 entries."""
    return f"{count:,} {'entry' if count == 1 else 'entries'}"


def publish(ctx: typer.Context) -> None:
    """Bring what waits in the records to the ledger now; the worker does it every ten seconds."""
    shell = shell_of(ctx)
    done = publish_all(shell.workspace(), shell.records())
    shell.document(done)
    if done.why:
        shell.say(f"Still waiting: {done.waiting:,}. {done.why}")
        shell.exit_code = RefusedError.exit_code
    elif done.entries:
        shell.say(f"{done.entries:,} more on the ledger, which has {entries(done.size or 0)} now.")
    else:
        shell.say("Nothing waits.")


def cosign_(ctx: typer.Context) -> None:
    """Ask the witnesses of the settings to cosign the newest checkpoint; the worker does it every minute."""
    shell = shell_of(ctx)
    workspace = shell.workspace()
    witnesses = addresses(workspace.settings.ledger_witnesses)
    if not witnesses:
        raise MissingError(
            "No witness is named in the settings.",
            hint='Write `ledger_witnesses = ["VKEY URL"]` into ombud.toml; others run them: `ombud ledger witness`.',
        )
    with shell.progress() as progress:
        progress(0, None, f"asking {len(witnesses)} witnesses")
        report = cosign(workspace.ledger_dir, witnesses)
    shell.document(report)
    shell.table(
        f"{len(report.cosigned)} of {len(witnesses)} witnesses cosigned {entries(report.size)} of {report.origin}",
        ("witness", "outcome", "what"),
        [(one.witness, one.outcome, one.says) for one in report.asked],
    )
    shell.exit_code = 0 if len(report.cosigned) == len(witnesses) else 1


def rotate_key(
    ctx: typer.Context, reason: Annotated[str, typer.Option(help="Why; stands on the ledger for ever.")]
) -> None:
    """Make a new key for the log; the old one signs that it follows, and is then gone."""
    shell = shell_of(ctx)
    with open_ledger(shell.workspace()) as ledger:
        before, size = ledger.vkey, ledger.size
        after = ledger.rotate(reason)
    shell.document({"old": before, "new": after, "index": size})
    shell.say(f"Entry {size:,} says that the key is now")
    shell.say(f"  {after}")
    shell.say("Give it to your witnesses: they must know it before the next checkpoint.")


def start_anew(
    ctx: typer.Context,
    reason: Annotated[str, typer.Option(help="Why; stands on the new log for ever.")],
    origin: Annotated[str | None, typer.Option(help="Name of the new log.", show_default="chosen at random")] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """End a log whose key or newest state is lost, and begin another one that names its last checkpoint."""
    shell = shell_of(ctx)
    workspace = shell.workspace()
    if not yes:
        if shell.json:
            raise RefusedError("A log that was ended cannot go on.", hint="Say --yes to go on.")
        typer.confirm("End this log for ever and begin another one?", abort=True)
    vkey = begin_another(workspace.ledger_dir, workspace.keys_dir, reason, origin=origin)
    shell.document({"vkey": vkey})
    shell.say(f"The old log lies in {workspace.ledger_dir / 'frozen'} and stays valid. The new one's key is")
    shell.say(f"  {vkey}")
    shell.say("Tell whoever holds the old one, and your witnesses.")
    wanted = workspace.settings.ledger_origin
    if wanted is not None and not vkey.startswith(f"{wanted}+"):
        shell.say(f"Set `ledger_origin` in ombud.toml to {vkey.partition('+')[0]}, or remove it.")


def resume(
    ctx: typer.Context,
    seen: Annotated[
        list[Path] | None, typer.Option("--seen", help="A checkpoint of this log that somebody holds; repeatable.")
    ] = None,
    *,
    unasked: Annotated[
        bool, typer.Option("--without-witnesses", help="Go on although a witness does not answer.")
    ] = False,
) -> None:
    """Let a restored ledger grow again, after making sure that nobody has seen more of it."""
    shell = shell_of(ctx)
    workspace = shell.workspace()
    try:
        notes = [path.read_bytes() for path in seen or []]
    except OSError as error:
        raise InputError(f"Cannot read {error.filename}: {error.strerror}.", hint="Name a file that exists.") from error
    origin = DirectoryLog(workspace.ledger_dir).checkpoint().partition(b"\n")[0].decode()
    silent = []
    for witness in addresses(workspace.settings.ledger_witnesses):
        answered, note = seen_by(witness, origin)
        notes += [note] if note is not None else []
        silent += [] if answered else [witness.verifier.name]
    if silent and not unasked:
        raise RefusedError(
            f"{', '.join(silent)} did not say what it has seen of this log.",
            hint="Try again later, or say --without-witnesses: if it saw more, it will never cosign again.",
        )
    size = resume_log(workspace.ledger_dir, workspace.keys_dir, notes)
    shell.document({"size": size, "asked": len(notes), "silent": silent})
    shell.say(f"The ledger goes on from {entries(size)}; checkpoints of others that agree: {len(notes)}.")
