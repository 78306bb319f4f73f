"""A witness: it cosigns a log's checkpoint only if that continues everything it cosigned before (C2SP tlog-witness).

Whoever trusts a few witnesses need not trust the log: a log that shows different entries to different people, or
takes entries back, would have to win all of them over. A witness of one's own log proves nothing, so this is for
others to run.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.faults import FormatError, ProofError, SignatureError
from ombud.ledger.hashing import EMPTY_ROOT, verify_consistency
from ombud.ledger.notes import COSIGNATURE, Verifier, open_note, parse_note
from ombud.ledger.submissions import SIZE_TYPE, Submission, parse_submission
from ombud.ledger.witness_state import WitnessState, log_id
from ombud.model.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ombud.ledger.notes import Cosigner

__all__ = ["Answer", "Witness"]

TEXT = "text/plain; charset=utf-8"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a witness answers: an HTTP status, a body, and its type."""

    status: int
    body: bytes
    media_type: str = TEXT


@dataclass(frozen=True, slots=True)
class _Seen:
    """The newest checkpoint that was cosigned of one log."""

    checkpoint: Checkpoint
    note: bytes


class Witness:
    """One witness with its keys, the logs it knows, and what it saw of them."""

    def __init__(self, state: WitnessState, logs: dict[str, tuple[Verifier, ...]]) -> None:
        """Take the state, and the keys that are trusted for each log by its origin; use `open`."""
        self._state = state
        self._logs = logs
        self._locks = {origin: threading.Lock() for origin in logs}
        self._seen: dict[str, _Seen | None] = {}
        self._origins = {log_id(origin): origin for origin in logs}
        for origin in logs:
            if self._last(origin):  # a damaged state stops the start, not the first request
                state.remember(origin)

    @classmethod
    def open(cls, folder: Path, logs: Iterable[str], *, name: str | None = None, anew: Iterable[str] = ()) -> Witness:
        """Open the witness in `folder` for the logs with these keys; several keys of one name are one log's.

        What it cosigned of the logs `anew`, by origin, may be gone: then it begins with them as with new ones.
        Raises what `WitnessState.open` raises, `UsageError` without a log, `FormatError` for a key that is none.
        """
        known: dict[str, tuple[Verifier, ...]] = {}
        for vkey in logs:
            verifier = Verifier.parse(vkey)
            if verifier.kind == COSIGNATURE:
                raise FormatError(
                    f"The key of {verifier.name} is a witness's, not a log's.", hint="A log's is of type 1 or 6."
                )
            if verifier not in known.get(verifier.name, ()):
                known[verifier.name] = (*known.get(verifier.name, ()), verifier)
        if not known:
            raise UsageError("A witness needs at least one log.", hint="Name its key with --log VKEY.")
        state = WitnessState.open(folder, name)
        try:
            for origin in anew:
                state.begin_anew(origin)
            return cls(state, known)
        except BaseException:
            state.close()
            raise

    def close(self) -> None:
        """Give the folder free for another process."""
        self._state.close()

    @property
    def cosigners(self) -> tuple[Cosigner, ...]:
        """Its keys: Ed25519 first, then ML-DSA-44."""
        return self._state.cosigners

    @property
    def logs(self) -> dict[str, int | None]:
        """The size of each log's newest cosigned checkpoint by origin; None where there is none yet."""
        found: dict[str, int | None] = {}
        for origin in self._logs:
            with self._locks[origin]:
                seen = self._last(origin)
            found[origin] = seen.checkpoint.size if seen else None
        return found

    def latest(self, log: str) -> bytes | None:
        """Return the newest checkpoint that was cosigned of the log whose `log_id` this is, for monitors."""
        origin = self._origins.get(log)
        if origin is None:
            return None
        with self._locks[origin]:
            seen = self._last(origin)
        return seen.note if seen else None

    def add_checkpoint(self, body: bytes) -> Answer:
        """Answer a log that sends a checkpoint. Safe from several threads; one log's requests go one by one."""
        try:
            submission = parse_submission(body)
            checkpoint = Checkpoint.parse(parse_note(submission.note).text)
        except FormatError as error:
            return _refusal(HTTPStatus.BAD_REQUEST, error.message)
        verifiers = self._logs.get(checkpoint.origin)
        if verifiers is None:
            return _refusal(HTTPStatus.NOT_FOUND, "This witness does not know that log.")
        try:
            opened = open_note(submission.note, verifiers)
        except SignatureError as error:
            return _refusal(HTTPStatus.FORBIDDEN, error.message)
        signed_by = {(line.name, line.key_id) for line in opened.signatures}
        lines = "".join(
            line.line() for line in parse_note(submission.note).signatures if (line.name, line.key_id) in signed_by
        )
        own_note = f"{opened.text}\n{lines}"
        with self._locks[checkpoint.origin]:
            try:
                return self._decide(submission, checkpoint, opened.text, own_note)
            except (OSError, InputError) as error:
                self._seen.pop(checkpoint.origin, None)  # what is on disk counts
                _log.error("The state of %s cannot be kept: %s", checkpoint.origin, error)
                return _refusal(
                    HTTPStatus.SERVICE_UNAVAILABLE, "The witness cannot keep its state; nothing was cosigned."
                )

    def _decide(self, submission: Submission, checkpoint: Checkpoint, text: str, note: str) -> Answer:
        """Cosign or refuse a checkpoint that its log did sign; the log's lock is held."""
        seen = self._last(checkpoint.origin)
        size, root = (seen.checkpoint.size, seen.checkpoint.root) if seen else (0, EMPTY_ROOT)
        forked = checkpoint.size == size and checkpoint.root != root
        if forked and seen:
            kept = self._state.keep_fork(checkpoint.origin, seen.note, note.encode())
            _log.critical("%s signed two trees of size %d: evidence in %s", checkpoint.origin, size, kept)
        if submission.old > checkpoint.size:
            return _refusal(HTTPStatus.BAD_REQUEST, "The old size is larger than the checkpoint's.")
        if submission.old != size or forked:
            return Answer(HTTPStatus.CONFLICT, f"{size}\n".encode(), SIZE_TYPE)
        try:
            _check_proof(submission, size, root, checkpoint)
        except ProofError as error:
            kept = self._state.keep_fork(checkpoint.origin, seen.note, note.encode(), "unproved") if seen else None
            _log.warning(
                "%s size %d was not proved to continue size %d: both are in %s",
                checkpoint.origin, checkpoint.size, size, kept,
            )  # fmt: skip
            return _refusal(HTTPStatus.UNPROCESSABLE_ENTITY, error.message)
        cosignatures = "".join(cosigner.sign(text).line() for cosigner in self.cosigners)
        whole = (note + cosignatures).encode()
        self._state.save(checkpoint.origin, whole)
        self._seen[checkpoint.origin] = _Seen(checkpoint, whole)
        return Answer(HTTPStatus.OK, cosignatures.encode())

    def _last(self, origin: str) -> _Seen | None:
        """Return what was seen last of a log, from memory or disk; the log's lock is held."""
        if origin not in self._seen:
            note = self._state.latest(origin)
            self._seen[origin] = None if note is None else _Seen(Checkpoint.parse(parse_note(note).text), note)
        return self._seen[origin]


def _check_proof(submission: Submission, size: int, root: bytes, checkpoint: Checkpoint) -> None:
    """Check that the checkpoint continues what was seen. Raises `ProofError`."""
    if size:
        verify_consistency(size, checkpoint.size, root, checkpoint.root, submission.proof)
    elif submission.proof:
        raise ProofError("From an empty log there is nothing to prove: the proof is empty.")


def _refusal(status: HTTPStatus, says: str) -> Answer:
    return Answer(status, f"{says}\n".encode())
