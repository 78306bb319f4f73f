"""A witness that is killed, again and again, in the middle of its work: what it answered it remembers."""

from __future__ import annotations

import os
import random
import signal
import time
from typing import TYPE_CHECKING

from ombud.ledger.notes import Verifier, open_note
from ombud.ledger.witness import Witness
from ombud.ledger.witness_state import log_id
from tests.unit.ledger.lying import LyingLog

if TYPE_CHECKING:
    from pathlib import Path

NAME = "witness.example/w1"
KILLS = 40
LONGEST = 600


def work(state: Path, log: LyingLog, told: int) -> None:
    """Be a witness: cosign one entry more, again and again, and tell each size once it was answered."""
    witness = Witness.open(state, [log.vkey], name=NAME)
    seen = witness.logs[log.origin] or 0
    for size in range(seen + 1, LONGEST):
        answer = witness.add_checkpoint(log.submission(size - 1, size))
        os.write(told, b"%d %d\n" % (size, answer.status))


def run_and_kill(state: Path, log: LyingLog, answers: int, seconds: float) -> list[int]:
    """Run a witness in a process of its own, kill it a moment after its n-th answer; return the sizes it cosigned."""
    out, told = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(out)
            work(state, log, told)
        finally:
            os._exit(1)
    os.close(told)
    with os.fdopen(out, "rb", buffering=0) as pipe:
        read = b""
        while read.count(b"\n") < answers:
            piece = pipe.read(64)
            assert piece, "the witness ended by itself"
            read += piece
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        lines = [line.split() for line in (read + pipe.read()).decode().splitlines()]
    assert all(status == "200" for _, status in lines)
    return [int(size) for size, _ in lines]


def test_no_kill_makes_it_forget_or_fork(tmp_path: Path) -> None:
    log = LyingLog().grow(LONGEST)
    chance = random.Random(20261122)  # noqa: S311 - when to kill
    state = tmp_path / "state"
    Witness.open(state, [log.vkey], name=NAME).close()
    answered = 0
    for _ in range(KILLS):
        cosigned = run_and_kill(state, log, chance.randrange(1, 6), chance.uniform(0, 0.008))
        assert cosigned == list(range(cosigned[0], cosigned[0] + len(cosigned)))
        answered = max([answered, *cosigned])
        witness = Witness.open(state, [log.vkey])
        size = witness.logs[log.origin] or 0
        # at most the one that was written but not answered is beyond
        assert answered <= size <= answered + 1
        if size:
            own = [cosigner.verifier for cosigner in witness.cosigners]
            note = witness.latest(log_id(log.origin)) or b""
            assert note.startswith(log.checkpoint(size))
            assert len(open_note(note, [*own, Verifier.parse(log.vkey)]).signatures) == 3
            lie = log.fork(size - 1)
            assert witness.add_checkpoint(lie.submission(size, size + 1)).status == 422
        witness.close()
        answered = size
    assert answered >= KILLS
