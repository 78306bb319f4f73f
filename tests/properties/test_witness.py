"""Whatever logs send, and whenever it is killed: a witness never cosigns two histories of one log."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ombud.ledger.encoding import read_decimal
from ombud.ledger.notes import Verifier, open_note
from ombud.ledger.submissions import encode_submission
from ombud.ledger.witness import Answer, Witness
from ombud.ledger.witness_state import log_id
from tests.unit.ledger.lying import LyingLog, consistency

NAME = "witness.example/w1"
LONGEST = 24


class KilledError(BaseException):
    """The process is no more: nothing catches this."""


class WitnessHistory(RuleBasedStateMachine):
    """A witness that is asked by a log with several histories, restarted, and killed while it writes."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.branches = [LyingLog().grow(LONGEST)]
        self.vkey = self.branches[0].vkey
        self.cosigned: list[list[bytes]] = []
        self.keys: list[str] = []
        self.witness = self.start()

    def start(self) -> Witness:
        """Open the witness, as after a start of the machine."""
        witness = Witness.open(self.folder / "state", [self.vkey], name=NAME)
        keys = [cosigner.vkey for cosigner in witness.cosigners]
        assert self.keys in ([], keys)
        self.keys = keys
        return witness

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.witness.close()
        shutil.rmtree(self.folder)

    @property
    def seen(self) -> int:
        """Return the size that the witness says it saw."""
        return self.witness.logs[self.branches[0].origin] or 0

    def note(self, answer: Answer, branch: LyingLog, size: int) -> None:
        """Remember what was given out."""
        if answer.status == 200:
            own = [Verifier.parse(key) for key in self.keys]
            assert open_note(branch.checkpoint(size) + answer.body, own).verified == (NAME, NAME)
            self.cosigned.append(branch.leaves(size))
        elif answer.status == 409:
            assert read_decimal(answer.body.decode().removesuffix("\n"), "size") == self.seen

    @precondition(lambda self: len(self.branches) < 6)
    @rule(at=st.integers(0, LONGEST - 1), of=st.integers(0, 5))
    def lie(self, at: int, of: int) -> None:
        """Begin another history."""
        self.branches.append(self.branches[of % len(self.branches)].fork(at, f"lie {len(self.branches)}"))

    @rule(which=st.integers(0, 5), size=st.integers(0, LONGEST))
    def continue_honestly(self, which: int, size: int) -> None:
        """Send what continues the size that the witness saw, with the proof that this history has."""
        branch, old = self.branches[which % len(self.branches)], self.seen
        if size < old:
            return
        answer = self.witness.add_checkpoint(branch.submission(old, size))
        follows = not self.cosigned or branch.leaves(size)[: len(self.cosigned[-1])] == self.cosigned[-1]
        if old == (len(self.cosigned[-1]) if self.cosigned else 0):
            assert (answer.status == 200) == follows
        self.note(answer, branch, size)

    @rule(which=st.integers(0, 5), other=st.integers(0, 5), old=st.integers(0, LONGEST), size=st.integers(0, LONGEST))
    def try_anything(self, which: int, other: int, old: int, size: int) -> None:
        """Send a checkpoint with a proof from another history, and any old size."""
        branch, lender = self.branches[which % len(self.branches)], self.branches[other % len(self.branches)]
        proof = consistency(lender.leaves(size), old) if 0 < old <= size else []
        self.note(self.witness.add_checkpoint(encode_submission(old, proof, branch.checkpoint(size))), branch, size)

    @rule()
    def restart(self) -> None:
        """End and begin again."""
        before = self.witness.latest(log_id(self.branches[0].origin))
        self.witness.close()
        self.witness = self.start()
        assert self.witness.latest(log_id(self.branches[0].origin)) == before

    @rule(which=st.integers(0, 5), more=st.integers(0, LONGEST), step=st.integers(1, 4), lost=st.booleans())
    def die_while_writing(self, which: int, more: int, step: int, lost: bool) -> None:  # noqa: FBT001 - a drawn value
        """Die at the n-th fsync; a rename that was not synced yet may be lost with the power."""
        branch, old = self.branches[which % len(self.branches)], self.seen
        size = min(LONGEST, old + more)
        path = self.folder / "state" / "logs" / log_id(branch.origin) / "checkpoint"
        before = path.read_bytes() if path.exists() else None
        calls = 0

        def fsync(descriptor: int) -> None:
            nonlocal calls
            calls += 1
            if calls == step:
                raise KilledError
            del descriptor

        answer = None
        with mock.patch.object(os, "fsync", fsync):
            try:
                answer = self.witness.add_checkpoint(branch.submission(old, size))
            except KilledError:
                if lost and path.exists() and path.read_bytes() != before:
                    path.unlink() if before is None else path.write_bytes(before)
        if answer is not None:
            self.note(answer, branch, size)
        self.witness.close()  # what the end of a process does: its lock goes
        self.witness = self.start()

    @invariant()
    def one_history(self) -> None:
        """Whatever was given out: the larger one begins with the smaller one."""
        for smaller, larger in zip(self.cosigned, self.cosigned[1:], strict=False):
            assert larger[: len(smaller)] == smaller
        assert self.seen >= max(map(len, self.cosigned), default=0)


WitnessHistory.TestCase.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)
TestWitnessHistory = WitnessHistory.TestCase
