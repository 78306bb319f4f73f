"""What `ombud ledger verify` does: is a log whole and signed, and does it continue what was known of it.

Every entry is hashed again, every tile is compared with what lies below it, and the topmost tiles give the root
that the checkpoint must name. One tile a level is held at a time, so memory does not grow with the log. Nothing
that a log can contain makes this raise: it becomes a sentence among the problems.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import msgspec

from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.faults import LogError, UnreachableError
from ombud.ledger.hashing import verify_consistency
from ombud.ledger.notes import COSIGNATURE, ED25519, OpenedNote, Verifier, open_note, parse_note
from ombud.ledger.prefetch import read_ahead
from ombud.ledger.tree import Tree
from ombud.ledger.walk import EnoughError, Problems, Walk, reading_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ombud.ledger.policies import TrustPolicy
    from ombud.ledger.reading import DirectoryLog, HttpLog

__all__ = ["LogReport", "check_log", "folder_keys"]

_MAX_KEYS_BYTES = 100_000


class LogReport(msgspec.Struct, frozen=True):
    """What was found out about a log: the document of `ombud ledger verify --json`."""

    ok: bool
    """nothing is wrong"""
    anchored: bool
    """something from outside the log's folder was compared: a key, a policy or an older checkpoint"""
    origin: str | None
    size: int
    """entries that the checkpoint names"""
    root: str | None
    """in base64, as the checkpoint has it"""
    witnesses: list[str]
    """names of the keys, other than the log's own, whose cosignature was checked and is good"""
    problems: list[str]
    checked: int = 0
    """entries that were read and hashed"""
    cosigned: int | None = None
    """entries of the checkpoint that these witnesses cosigned; null without one. May be fewer than `size`"""
    unreachable: bool = False
    """the log did not answer, and nothing is wrong with what was read until then: `problems` says how it failed"""


def check_log(
    log: DirectoryLog | HttpLog,
    *,
    keys: Iterable[Verifier] = (),
    policy: TrustPolicy | None = None,
    trusted: bytes | None = None,
    whole: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> LogReport:
    """Check a log against its own checkpoint and against what is known from elsewhere.

    `keys` are of the log and of witnesses; without any, and without logs in the `policy`, the key is taken from the
    log's own folder, which shows only that the log agrees with itself. `trusted` is an older signed checkpoint;
    unless `whole`, entries before its size are not read again. `progress` is told entries done and all entries.
    """
    known, problems = tuple(keys), Problems()
    anchored = bool(known or trusted or (policy and (policy.logs or policy.quorum)))
    head: Checkpoint | None = None
    witnesses: list[str] = []
    checked = 0
    try:
        note = log.checkpoint()
        head = Checkpoint.parse(parse_note(note).text)
        witnesses = _signatures(log, note, known, policy, problems)
        old = _trusted(log, head, known, trusted, problems) if trusted is not None else None
        start = 0 if whole or old is None else min(old.size, head.size)
        walk, before = Walk(problems), len(problems)
        for place, data in read_ahead(log, reading_order(head.size, start)):
            checked += walk.take(place, data)
            if progress:
                progress(min(head.size, start + checked), head.size)
        if len(problems) == before and walk.root() != head.root:
            problems.say("checkpoint: its root is not the root over the tiles.")
    except EnoughError:
        pass
    except LogError as error:
        problems.away = isinstance(error, UnreachableError)
        problems.append(error.message if head else f"checkpoint: {error.message}")
    return LogReport(
        ok=not problems,
        anchored=anchored,
        origin=head.origin if head else None,
        size=head.size if head else 0,
        root=b64encode(head.root).decode() if head else None,
        witnesses=witnesses,
        problems=list(problems),
        checked=checked,
        cosigned=head.size if head and witnesses else None,
        unreachable=problems.away and len(problems) == 1,
    )


def folder_keys(log: DirectoryLog | HttpLog) -> tuple[Verifier, ...]:
    """Return the keys that a log names itself, one a line in the file `vkey`. Raises `LogError`."""
    text = log.file("vkey", _MAX_KEYS_BYTES).decode("utf-8", "replace")
    return tuple(Verifier.parse(line) for line in text.split("\n") if line.strip())


def _signatures(
    log: DirectoryLog | HttpLog,
    note: bytes,
    keys: tuple[Verifier, ...],
    policy: TrustPolicy | None,
    problems: Problems,
) -> list[str]:
    """Check who signed the checkpoint, and return the names of the witnesses."""
    head = Checkpoint.parse(parse_note(note).text)
    try:
        logs = [key.verifier for key in policy.logs.values()] if policy else []
        own = {key for key in (*keys, *logs) if key.name == head.origin and key.kind != COSIGNATURE}
        if not own and not logs and not any(key.kind == ED25519 for key in keys):
            own = {key for key in folder_keys(log) if key.name == head.origin and key.kind != COSIGNATURE}
        others = {key for key in keys if key not in own}
        watching = {key.verifier for key in policy.witnesses.values()} if policy else set()
        opened: OpenedNote = open_note(note, own | others | watching)
        signed = {(one.name, one.key_id) for one in opened.signatures}
        if not any((key.name, key.key_id) in signed for key in own):
            problems.say(f"checkpoint: no key of {head.origin} that is known signed it.")
        for key in sorted(others, key=lambda key: key.vkey):
            if (key.name, key.key_id) not in signed:
                problems.say(f"checkpoint: the key of {key.name} did not sign it.")
        if policy and not policy.check(note, own).quorum:
            problems.say(f"checkpoint: its witnesses are not the quorum {policy.quorum!r} of the policy.")
    except UnreachableError:
        raise
    except LogError as error:
        problems.say(f"checkpoint: {error.message}")
        return []
    mine = {(key.name, key.key_id) for key in own}
    return sorted({one.name for one in opened.signatures if (one.name, one.key_id) not in mine})


def _trusted(
    log: DirectoryLog | HttpLog, head: Checkpoint, keys: tuple[Verifier, ...], trusted: bytes, problems: Problems
) -> Checkpoint | None:
    """Check that the log continues an older checkpoint, and return that."""
    try:
        parsed = parse_note(trusted)
        old = Checkpoint.parse(parsed.text)
        known = {(key.name, key.key_id) for key in keys}
        if any((line.name, line.key_id) in known for line in parsed.signatures):
            open_note(trusted, keys)
    except LogError as error:
        problems.say(f"The trusted checkpoint is wrong: {error.message}")
        return None
    if old.origin != head.origin:
        problems.say(f"The trusted checkpoint is of {old.origin}; this log says that it is {head.origin}.")
        return None
    if old.size > head.size:
        problems.say(f"The log has {head.size} entries; the trusted checkpoint had {old.size} already.")
        return None
    try:
        if old.size:
            verify_consistency(old.size, head.size, old.root, head.root, Tree(log).consistency(old.size, head.size))
    except UnreachableError:
        raise
    except LogError as error:
        problems.say(f"The log does not continue the trusted checkpoint of {old.size} entries: {error.message}")
        return None
    return old
