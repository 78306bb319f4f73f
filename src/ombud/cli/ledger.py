"""`ombud ledger`: read, check and prove what the log says."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from ombud.cli import ledger_upkeep, ledger_witness
from ombud.cli.ledger_upkeep import entries
from ombud.cli.shell import shell_of, writing
from ombud.lake import open_lake
from ombud.lake.read_proofs import prove_read
from ombud.ledger.bundles import decode_bundle
from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.copying import copy_log
from ombud.ledger.cosigned import head_of
from ombud.ledger.cosigning import addresses
from ombud.ledger.disk import RealDisk
from ombud.ledger.entries import TYPES, decode_entry
from ombud.ledger.evidence import prove_entry
from ombud.ledger.faults import AbsentError, FormatError, LogError, UnreachableError
from ombud.ledger.fsck import check_folder
from ombud.ledger.keys import read_vkey
from ombud.ledger.notes import COSIGNATURE, Verifier, open_note, parse_note
from ombud.ledger.policies import TrustPolicy
from ombud.ledger.proofs import SUFFIX
from ombud.ledger.reading import DirectoryLog, HttpLog, open_log
from ombud.ledger.rotation import follow_rotations
from ombud.ledger.tiles import TILE_WIDTH, width_at
from ombud.ledger.witnessed import check_witnessed
from ombud.model.errors import InputError, NotFoundError, RefusedError, StorageError, UsageError
from ombud.records import open_records, outbox

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ombud.cli.shell import Shell
    from ombud.model.workspace import Workspace

__all__ = ["add_to"]

ledger_app = typer.Typer(help="Read, check, prove and keep the append-only ledger.", no_args_is_help=True)
SECONDS = 1.0
"""how often `tail -f` looks"""
DIGITS = 19
"""of an entry's number, at most"""


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    ledger_upkeep.add_to(ledger_app)
    ledger_witness.add_to(ledger_app)
    app.add_typer(ledger_app, name="ledger")


@ledger_app.command()
def info(ctx: typer.Context) -> None:
    """Show how the ledger stands: its name, size, key, witnesses, and what waits for it."""
    shell = shell_of(ctx)
    workspace = shell.workspace()
    head = head_of(_own(shell).path)
    key = read_vkey(RealDisk(), workspace.ledger_dir)
    asked = addresses(workspace.settings.ledger_witnesses)
    signed = _signed_by(head.cosigned, [one.verifier for one in asked])
    outside = [one.verifier.name for one in asked if one.outside and one.verifier.name in signed]
    waiting, unknown = _waiting(workspace)
    shell.document(
        {
            "origin": head.checkpoint.origin,
            "size": head.checkpoint.size,
            "root": parse_note(head.newest).text.split("\n")[2],
            "vkey": key.vkey if key else None,
            "witnesses": [
                {"name": one.verifier.name, "cosigned": one.verifier.name in signed, "outside": one.outside}
                for one in asked
            ],
            "cosigned": head.cosigned_size,
            "cosigned_at": head.cosigned_at,
            "waiting": waiting,
        }
    )
    more = (
        f"{waiting:,} more wait in the records."
        if waiting is not None
        else f"how many more wait is not known. {unknown}"
    )
    shell.say(f"{head.checkpoint.origin} has {entries(head.checkpoint.size)}; {more}")
    shell.say(f"key: {key.vkey if key else 'not there'}")
    if signed:
        shell.say(f"{', '.join(signed)} cosigned {head.cosigned_size:,} of them, last at {head.cosigned_at:%F %T} UTC.")
    if not outside:
        shell.say("Unwitnessed: nobody outside this machine has cosigned it.")


def _waiting(workspace: Workspace) -> tuple[int | None, str]:
    """Return how many entries wait in the records; None, and why, where the records cannot be opened."""
    try:
        with open_records(workspace) as records, records.read() as tx:
            return outbox.waiting(tx), ""
    except (StorageError, RefusedError) as error:
        return None, error.message


def _signed_by(note: bytes | None, keys: list[Verifier]) -> list[str]:
    try:
        return list(open_note(note, keys).verified) if note and keys else []
    except LogError:
        return []


@ledger_app.command()
def verify(
    ctx: typer.Context,
    place: Annotated[
        str | None, typer.Argument(help="Folder or address of a log; the workspace's own if none.")
    ] = None,
    vkey: Annotated[
        list[str] | None, typer.Option("--vkey", help="A key of the log, or of a witness that must have signed.")
    ] = None,
    policy: Annotated[Path | None, typer.Option(help="A trust policy (tlog-policy): logs, witnesses, quorum.")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="An older checkpoint that the log must continue.")] = None,
    *,
    new: Annotated[bool, typer.Option("--new", help="Read only what is newer than --checkpoint.")] = False,
) -> None:
    """Check a whole log: each entry and tile, the signatures, and what you know of it from elsewhere.

    Without --vkey, --policy or --checkpoint from outside, a log can only be found to agree with itself.
    """
    shell = shell_of(ctx)
    given = [Verifier.parse(text) for text in vkey or []]
    rules = TrustPolicy.parse(_read(policy)) if policy else None
    trusted = _read(checkpoint) if checkpoint else None
    if new and trusted is None:
        raise UsageError("`--new` needs `--checkpoint FILE`.", hint="It says from where on to read.")
    with _log(shell, place) as log, shell.progress() as progress:
        keys = [key for one in given for key in _followed(log, one)]
        report = check_witnessed(
            log,
            keys=keys,
            policy=rules,
            trusted=trusted,
            whole=not new,
            progress=lambda done, total: progress(done, total, "entries"),
        )
    if report.unreachable:
        raise UnreachableError(
            f"{log} does not answer, so it was not checked to the end: {report.problems[0]}",
            hint="Nothing is wrong with what was read until then. Try again later.",
        )
    shell.document(report)
    shell.exit_code = 0 if report.ok else 1
    if not report.ok:
        shell.say(f"{log} is not what it should be:")
        for problem in report.problems:
            shell.say(f"  – {problem}")
        return
    shell.say(f"{report.origin} is whole: {entries(report.size)}, {report.checked:,} read.")
    if report.witnesses and report.cosigned is not None and report.cosigned < report.size:
        shell.say(f"{', '.join(report.witnesses)} cosigned the first {report.cosigned:,} of them, not the rest.")
    elif report.witnesses:
        shell.say(f"Cosigned by {', '.join(report.witnesses)}.")
    elif report.anchored:
        shell.say("Unwitnessed, as far as this check goes: it had no witness's key, by --vkey or --policy.")
    if not report.anchored:
        shell.say("It agrees with itself. Whether it is the right log only a key from elsewhere can tell: --vkey.")


@contextmanager
def _log(shell: Shell, place: str | None) -> Iterator[DirectoryLog | HttpLog]:
    """Open the log at a place, or the workspace's own, and close it after the block."""
    log = _own(shell) if place is None else open_log(place)
    if isinstance(log, DirectoryLog) and not log.path.is_dir():
        raise NotFoundError(f"There is no folder {log}.", hint="Name the folder of a log, or its https:// address.")
    try:
        yield log
    finally:
        if isinstance(log, HttpLog):
            log.close()


def _followed(log: DirectoryLog | HttpLog, key: Verifier) -> list[Verifier]:
    """Return a key and, if it is the log's, those that followed it, each vouched for by the one before."""
    if key.kind == COSIGNATURE:
        return [key]
    try:
        return follow_rotations(log, log, key.vkey)
    except LogError:
        return [key]  # the check says what is wrong


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.", hint="Name a file that exists.") from error


@ledger_app.command()
def prove(
    ctx: typer.Context,
    what: Annotated[str, typer.Argument(help="An entry's number, or the id of a read that went through the gate.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write.")] = None,
) -> None:
    """Write all that somebody needs to see, without this workspace, that something is on the ledger."""
    shell = shell_of(ctx)
    if what.isascii() and what.isdecimal():
        head = head_of(_own(shell).path)
        index = int(what[:DIGITS])
        if index >= head.checkpoint.size or len(what) > DIGITS:
            raise NotFoundError(
                f"The ledger has no entry {what[:DIGITS]}.", hint=f"It has {entries(head.checkpoint.size)}, from 0 on."
            )
        note = head.published if index < head.published_size else head.newest
        proof = prove_entry(_own(shell), index, checkpoint=note)
    else:
        workspace = shell.workspace()
        proof = prove_read(open_lake(workspace, open_records(workspace)), what)
    target = output or Path(f"entry-{proof.index}{SUFFIX}" if what.isdecimal() else f"read{SUFFIX}")
    with writing(target):
        target.write_bytes(proof.encode())
    shell.document({"index": proof.index, "size": proof.size, "file": str(target)})
    shell.say(f"{target} proves entry {proof.index:,} of {proof.size:,}.")
    shell.say(f"Anybody checks it with `verify.py --vkey KEY --proof {target}`.")


@ledger_app.command()
def fsck(
    ctx: typer.Context,
    folder: Annotated[Path | None, typer.Argument(help="Folder of a log; the workspace's own if none.")] = None,
) -> None:
    """Check every file of a log's folder, and say what is there that should not be."""
    shell = shell_of(ctx)
    report = check_folder(folder or _own(shell).path)
    shell.document(report)
    shell.exit_code = 0 if report.ok else 1
    if report.ok:
        shell.say(f"{report.files:,} files for {entries(report.size)}, and nothing is wrong with them.")
    else:
        shell.table(f"{len(report.problems):,} problems", ("what",), [(one,) for one in report.problems])
    for count, what in (
        (report.older, "partial files of older checkpoints, which others may still hold"),
        (report.stale, "partial files that may be deleted"),
        (report.beyond, "files beyond the checkpoint, of which nobody was told"),
        (len(report.strays), "files that are no part of a log"),
    ):
        if count:
            shell.say(f"  – {count:,} {what}")


@ledger_app.command()
def tail(
    ctx: typer.Context,
    kind: Annotated[str | None, typer.Option("--type", help="Only entries of this type.")] = None,
    lines: Annotated[int, typer.Option("-n", min=0, max=100_000, help="How many to begin with.")] = 10,
    *,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with what is added; Ctrl-C ends.")] = False,
) -> None:
    """Show the newest entries. With --json one document, or with -f one a line."""
    shell = shell_of(ctx)
    if kind is not None and kind not in TYPES:
        raise UsageError(f"There is no entry type `{kind}`.", hint=f"Types: {', '.join(TYPES)}.")
    log = _own(shell)
    size = _size(log)
    found = list(_backwards(log, size, kind, lines))[::-1]
    if follow:
        for item in found:
            _show(shell, item, line=True)
    else:
        shell.document({"entries": found, "size": size})
        for item in found:
            _show(shell, item)
    while follow:
        sys.stdout.flush()
        time.sleep(SECONDS)
        now = _size(log)
        for item in _forwards(log, size, now, kind):
            _show(shell, item, line=True)
        size = now


def _backwards(log: DirectoryLog, size: int, kind: str | None, most: int) -> Iterator[dict[str, Any]]:
    """Yield the newest entries of a type, the newest first."""
    count = 0
    for number in range((size - 1) // TILE_WIDTH, -1, -1) if size and most else ():
        for item in list(_bundle(log, number, size))[::-1]:
            if kind in {None, item["type"]}:
                yield item
                count += 1
                if count == most:
                    return


def _forwards(log: DirectoryLog, start: int, size: int, kind: str | None) -> Iterator[dict[str, Any]]:
    """Yield the entries from `start` on."""
    for number in range(start // TILE_WIDTH, -(-size // TILE_WIDTH)) if size > start else ():
        for item in _bundle(log, number, size):
            if item["index"] >= start and kind in {None, item["type"]}:
                yield item


def _bundle(log: DirectoryLog, number: int, size: int) -> Iterator[dict[str, Any]]:
    width = width_at(0, number, size)
    for index, data in enumerate(decode_bundle(log.bundle(number, width), width), start=number * TILE_WIDTH):
        try:
            entry = decode_entry(data)
            yield {"index": index, "type": entry.type, "version": entry.version, "body": entry.body}
        except FormatError:
            yield {"index": index, "type": "unreadable", "version": 0, "body": {"bytes": len(data)}}


def _show(shell: Shell, item: dict[str, Any], *, line: bool = False) -> None:
    if shell.json and line:
        sys.stdout.write(msgspec.json.encode(item).decode() + "\n")
    shell.say(f"{item['index']:>8,}  {item['type']:<10} {msgspec.json.encode(item['body']).decode()}")


def _size(log: DirectoryLog) -> int:
    return Checkpoint.parse(parse_note(log.checkpoint()).text).size


@ledger_app.command()
def copy(
    ctx: typer.Context,
    place: Annotated[str, typer.Argument(help="Address or folder of the log.")],
    folder: Annotated[Path, typer.Argument(help="Where the copy is, or will be.")],
) -> None:
    """Copy a log, or bring a copy up to date; refuse when the log does not continue the copy."""
    shell = shell_of(ctx)
    with _log(shell, place) as log, shell.progress() as progress:
        done = copy_log(log, folder, lambda at, total: progress(at, total, "entries"))
    shell.document(done)
    shell.say(f"{folder} has {entries(done.size)} of {done.origin}, {done.size - done.before:,} of them new.")
    shell.say(f"`ombud ledger verify {folder} --vkey KEY` checks them.")


def _own(shell: Shell) -> DirectoryLog:
    """Return the workspace's own log. Raises `NotFoundError` when there is none yet."""
    log = DirectoryLog(shell.workspace().ledger_dir)
    try:
        log.checkpoint()
    except AbsentError:
        raise NotFoundError(
            "There is no ledger in this workspace yet.", hint="The first import makes it: `ombud import`."
        ) from None
    return log
