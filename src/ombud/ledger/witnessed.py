"""Checking a log's folder when its cosigned checkpoint lies beside its newest one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ombud.ledger.check import LogReport, check_log
from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.cosigned import head_of
from ombud.ledger.faults import LogError
from ombud.ledger.notes import COSIGNATURE, parse_note
from ombud.ledger.reading import DirectoryLog, HttpLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from ombud.ledger.notes import Verifier
    from ombud.ledger.policies import TrustPolicy

__all__ = ["LogAt", "check_witnessed"]


class LogAt(DirectoryLog):
    """A log in a folder as one of its checkpoints says it is."""

    def __init__(self, path: Path, note: bytes) -> None:
        """Take the folder and the checkpoint."""
        super().__init__(path)
        self._note = note

    def checkpoint(self) -> bytes:
        """Return that checkpoint."""
        return self._note


def check_witnessed(
    log: DirectoryLog | HttpLog,
    *,
    keys: Iterable[Verifier] = (),
    policy: TrustPolicy | None = None,
    trusted: bytes | None = None,
    whole: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> LogReport:
    """Check a log as `check_log` does; witnesses may have signed an older checkpoint than the newest.

    In a folder the cosigned checkpoint is held against keys and policy, and the newest one must continue it.
    """
    known = tuple(keys)
    cosigned = _cosigned(log)
    if cosigned is None or not isinstance(log, DirectoryLog) or not _watched(cosigned, known, policy):
        return check_log(log, keys=known, policy=policy, trusted=trusted, whole=whole, progress=progress)
    first = check_log(
        LogAt(log.path, cosigned), keys=known, policy=policy, trusted=trusted, whole=whole, progress=progress
    )
    own = [key for key in known if key.name == first.origin and key.kind != COSIGNATURE]
    own += [key.verifier for key in policy.logs.values()] if policy else []
    rest = check_log(log, keys=own, trusted=cosigned, whole=False, progress=progress)
    problems = [*first.problems, *(one for one in rest.problems if one not in first.problems)]
    return msgspec.structs.replace(
        rest,
        ok=not problems,
        anchored=first.anchored,
        witnesses=first.witnesses,
        problems=problems,
        checked=min(first.checked + rest.checked, rest.size),  # the bundle where one ends is read by both
        cosigned=first.cosigned,
        unreachable=(first.unreachable or rest.unreachable) and len(problems) == 1,
    )


def _watched(cosigned: bytes, keys: tuple[Verifier, ...], policy: TrustPolicy | None) -> bool:
    """Say whether a witness is asked for."""
    origin = Checkpoint.parse(parse_note(cosigned).text).origin
    others = any(key.kind == COSIGNATURE or key.name != origin for key in keys)
    return others or bool(policy and policy.witnesses)


def _cosigned(log: DirectoryLog | HttpLog) -> bytes | None:
    """Return the newest cosigned checkpoint of a folder that its newest checkpoint continues."""
    if not isinstance(log, DirectoryLog):
        return None
    try:
        return head_of(log.path).cosigned
    except LogError:
        return None  # what is wrong with it is found by the check
