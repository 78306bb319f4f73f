"""A witness answers as C2SP tlog-witness says, and forgets nothing that it signed."""

from __future__ import annotations

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.encoding import read_decimal
from ombud.ledger.faults import FormatError
from ombud.ledger.notes import (
    COSIGNATURE,
    ML_DSA_44,
    Cosigner,
    Signature,
    Verifier,
    add_signatures,
    open_note,
    sign_note,
)
from ombud.ledger.submissions import SIZE_TYPE, encode_submission
from ombud.ledger.witness import Answer, Witness
from ombud.ledger.witness_state import MAX_FORKS, WitnessState, log_id
from ombud.model import clock
from ombud.model.errors import BusyError, InputError, StorageError, UsageError
from tests.unit.ledger.lying import LyingLog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "witness.example/w1"
NOW = datetime(2026, 11, 22, 1, 2, 3, tzinfo=UTC)


@pytest.fixture
def log() -> LyingLog:
    return LyingLog().grow(20)


@pytest.fixture
def witness(tmp_path: Path, log: LyingLog) -> Iterator[Witness]:
    with clock.frozen(NOW):
        opened = Witness.open(tmp_path / "state", [log.vkey], name=NAME)
        yield opened
        opened.close()


def verifiers(witness: Witness) -> list[Verifier]:
    return [cosigner.verifier for cosigner in witness.cosigners]


def cosigned(witness: Witness, log: LyingLog, size: int, answer: Answer) -> None:
    """Check that the answer cosigns the log at `size`, by both keys, now."""
    assert answer.status == 200, answer.body
    note = log.checkpoint(size) + answer.body
    opened = open_note(note, [*verifiers(witness), Verifier.parse(log.vkey)])
    assert not opened.unknown
    times = {signature.name: signature.time for signature in opened.signatures}
    assert times == {log.origin: None, NAME: int(NOW.timestamp())}
    assert len(opened.signatures) == 3
    assert witness.logs == {log.origin: size}


class TestAnswers:
    def test_200_from_the_first_checkpoint_to_the_next_ones(self, witness: Witness, log: LyingLog) -> None:
        last = 0
        for size in (0, 1, 2, 3, 8, 13, 13, 16, 20, 20):
            cosigned(witness, log, size, witness.add_checkpoint(log.submission(last, size)))
            last = size

    def test_cosignature_lines_are_lines_of_a_note(self, witness: Witness, log: LyingLog) -> None:
        lines = witness.add_checkpoint(log.submission(0, 5)).body.decode()
        assert lines.endswith("\n")
        assert [line.split(" ")[:2] for line in lines.splitlines()] == [["—", NAME]] * 2
        assert [v.kind for v in verifiers(witness)] == [COSIGNATURE, ML_DSA_44]

    def test_404_for_a_log_that_it_does_not_know(self, witness: Witness) -> None:
        other = LyingLog("log.example/b", 1).grow(3)
        assert witness.add_checkpoint(other.submission(0)).status == 404

    @pytest.mark.parametrize(
        "signer",
        [
            LyingLog(seed=2).signer,
            LyingLog("log.example/b").signer,
        ],
        ids=["another key of the same name", "the same key under another name"],
    )
    def test_403_without_a_trusted_signature(self, witness: Witness, log: LyingLog, signer: object) -> None:
        note = sign_note(log.text(3), [signer])  # type: ignore[list-item]  # a Signer
        assert witness.add_checkpoint(encode_submission(0, [], note)).status == 403
        assert witness.logs == {log.origin: None}

    def test_403_for_a_trusted_signature_of_something_else(self, witness: Witness, log: LyingLog) -> None:
        lie = log.checkpoint(3).replace(b"\n3\n", b"\n4\n")
        assert witness.add_checkpoint(encode_submission(0, [], lie)).status == 403

    def test_signatures_of_strangers_are_ignored(self, witness: Witness, log: LyingLog) -> None:
        strangers = [Signature(f"stranger{n}", bytes([n] * 4), bytes(64)) for n in range(15)]
        note = add_signatures(log.checkpoint(3), strangers)
        answer = witness.add_checkpoint(encode_submission(0, [], note))
        assert answer.status == 200
        kept = witness.latest(log_id(log.origin)) or b""
        assert b"stranger" not in kept
        assert kept == log.checkpoint(3) + answer.body

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"old 0\n\n",
            b"old 0\n\nhello\n",
            b"old 00\n\n" + LyingLog().grow(3).checkpoint(),
            b"old 0\n" + LyingLog().grow(3).checkpoint(),
            encode_submission(0, [], LyingLog().grow(3).checkpoint()[:-1]),
            encode_submission(0, [], LyingLog().grow(3).checkpoint() + b"\n"),
            encode_submission(0, [], LyingLog().grow(3).checkpoint().replace(b"\n3\n", b"\n03\n")),
            encode_submission(0, [], LyingLog().grow(3).checkpoint() + b"\xff"),
            encode_submission(4, [], LyingLog().grow(3).checkpoint()),
        ],
    )
    def test_400_for_what_is_no_request_or_goes_backwards(self, witness: Witness, log: LyingLog, body: bytes) -> None:
        answer = witness.add_checkpoint(body)
        assert answer.status == 400
        assert answer.body.endswith(b".\n")
        assert witness.logs == {log.origin: None}

    @pytest.mark.parametrize(("old", "size"), [(0, 20), (5, 20), (0, 0), (14, 15), (2, 13), (13, 13)])
    def test_409_says_which_size_it_saw(self, witness: Witness, log: LyingLog, old: int, size: int) -> None:
        witness.add_checkpoint(log.submission(0, 9))
        answer = witness.add_checkpoint(log.submission(old, size))
        assert (answer.status, answer.body, answer.media_type) == (409, b"9\n", SIZE_TYPE)
        assert witness.logs == {log.origin: 9}

    def test_409_before_anything_was_seen_says_nought(self, witness: Witness, log: LyingLog) -> None:
        answer = witness.add_checkpoint(log.submission(3, 5))
        assert (answer.status, answer.body) == (409, b"0\n")

    def test_422_for_a_proof_that_does_not_prove(self, witness: Witness, log: LyingLog) -> None:
        witness.add_checkpoint(log.submission(0, 9))
        right = log.submission(9, 20)
        lines = right.split(b"\n")
        at_most_wrong = [
            encode_submission(9, [], log.checkpoint(20)),
            b"\n".join([lines[0], *lines[2:]]),
            b"\n".join([lines[0], lines[1], *lines[1:]]),
            b"\n".join([lines[0], lines[2], lines[1], *lines[3:]]),
            encode_submission(9, [bytes(32)], log.checkpoint(9)),
            log.fork(9).submission(9, 20).replace(log.fork(9).checkpoint(20), log.checkpoint(20)),
            log.fork(4).submission(9, 20),
        ]
        for body in at_most_wrong:
            assert witness.add_checkpoint(body).status == 422, body
        cosigned(witness, log, 20, witness.add_checkpoint(right))

    def test_422_for_a_proof_from_nothing(self, witness: Witness, log: LyingLog) -> None:
        assert witness.add_checkpoint(encode_submission(0, [bytes(32)], log.checkpoint(5))).status == 422

    def test_a_fork_that_continues_nothing_is_never_cosigned(self, witness: Witness, log: LyingLog) -> None:
        witness.add_checkpoint(log.submission(0, 9))
        for at in range(9):
            fork = log.fork(at)
            assert [witness.add_checkpoint(fork.submission(9, size)).status for size in (10, 16, 20)] == [422] * 3
        assert witness.add_checkpoint(log.fork(9).submission(9, 20)).status == 200  # the same first nine: no lie yet


class TestEvidence:
    def test_one_size_with_two_roots_is_refused_and_kept(self, witness: Witness, log: LyingLog, tmp_path: Path) -> None:
        witness.add_checkpoint(log.submission(0, 9))
        lie = log.fork(4)
        for old in (9, 0, 5, 9):
            answer = witness.add_checkpoint(encode_submission(old, [], lie.checkpoint(9)))
            assert (answer.status, answer.body, answer.media_type) == (409, b"9\n", SIZE_TYPE)
        (kept,) = (tmp_path / "state" / "logs" / log_id(log.origin) / "forks").iterdir()
        fork = json.loads(kept.read_text())
        assert (fork["origin"], fork["size"], fork["seen_at"]) == (log.origin, 9, NOW.isoformat())
        own = [Verifier.parse(log.vkey)]
        ours, theirs = (Checkpoint.parse(open_note(fork[n].encode(), own).text) for n in ("cosigned", "conflicting"))
        assert ours.size == theirs.size
        assert ours.root != theirs.root
        assert verifiers(witness)[0].name in open_note(fork["cosigned"].encode(), verifiers(witness)).verified
        cosigned(witness, log, 20, witness.add_checkpoint(log.submission(9, 20)))

    def test_two_sizes_that_are_not_proved_to_agree_are_kept_until_they_are(
        self, witness: Witness, log: LyingLog, tmp_path: Path
    ) -> None:
        witness.add_checkpoint(log.submission(0, 9))
        folder = tmp_path / "state" / "logs" / log_id(log.origin)
        lie = log.fork(4)
        for _ in range(2):
            assert witness.add_checkpoint(lie.submission(9, 20)).status == 422
        (kept,) = (folder / "unproved").iterdir()
        fork = json.loads(kept.read_text())
        assert (fork["origin"], fork["size"]) == (log.origin, 20)
        own = [Verifier.parse(log.vkey)]
        sizes = [Checkpoint.parse(open_note(fork[n].encode(), own).text).size for n in ("cosigned", "conflicting")]
        assert sizes == [9, 20]
        assert not (folder / "forks").exists()  # by itself it proves nothing: whoever sent it may have erred
        assert witness.add_checkpoint(encode_submission(9, [], log.checkpoint(20))).status == 422
        assert len(list((folder / "unproved").iterdir())) == 2
        cosigned(witness, log, 20, witness.add_checkpoint(log.submission(9, 20)))
        assert list((folder / "unproved").iterdir()) == [kept]  # what was proved in the end is no evidence

    def test_nobody_fills_the_disk_with_it(self, witness: Witness, log: LyingLog, tmp_path: Path) -> None:
        witness.add_checkpoint(log.submission(0, 9))
        for n in range(MAX_FORKS + 5):
            lie = log.fork(4, f"lie {n}")
            assert witness.add_checkpoint(encode_submission(9, [], lie.checkpoint(9))).status == 409
        folder = tmp_path / "state" / "logs" / log_id(log.origin) / "forks"
        assert len(list(folder.iterdir())) == MAX_FORKS

    def test_without_the_logs_signature_there_is_none(self, witness: Witness, log: LyingLog, tmp_path: Path) -> None:
        witness.add_checkpoint(log.submission(0, 9))
        slander = sign_note(log.fork(4).text(9), [LyingLog(seed=9).signer])
        assert witness.add_checkpoint(encode_submission(9, [], slander)).status == 403
        assert not (tmp_path / "state" / "logs" / log_id(log.origin) / "forks").exists()


class TestState:
    def test_outlives_the_process(self, witness: Witness, log: LyingLog, tmp_path: Path) -> None:
        witness.add_checkpoint(log.submission(0, 9))
        before, keys = witness.latest(log_id(log.origin)), [c.vkey for c in witness.cosigners]
        witness.close()
        again = Witness.open(tmp_path / "state", [log.vkey])
        assert again.latest(log_id(log.origin)) == before
        assert [c.vkey for c in again.cosigners] == keys
        assert again.add_checkpoint(log.submission(0, 20)).status == 409
        cosigned(again, log, 20, again.add_checkpoint(log.submission(9, 20)))
        again.close()

    def test_the_key_is_for_its_owner_only(self, witness: Witness, tmp_path: Path) -> None:
        assert (tmp_path / "state" / "witness.key").stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
        assert witness.cosigners[0].name == NAME

    def test_two_processes_cannot_run_one_witness(self, witness: Witness, log: LyingLog, tmp_path: Path) -> None:
        with pytest.raises(BusyError, match="Another process"):
            Witness.open(tmp_path / "state", [log.vkey])
        witness.close()
        Witness.open(tmp_path / "state", [log.vkey]).close()

    def test_a_new_witness_needs_a_name_and_keeps_it(self, tmp_path: Path, log: LyingLog) -> None:
        with pytest.raises(UsageError, match="no witness in"):
            Witness.open(tmp_path / "state", [log.vkey])
        for wrong in ("has space", "plus+plus", ""):
            with pytest.raises(FormatError):
                Witness.open(tmp_path / "state", [log.vkey], name=wrong)
        Witness.open(tmp_path / "state", [log.vkey], name=NAME).close()
        with pytest.raises(UsageError, match=f"called {NAME}, not other"):
            Witness.open(tmp_path / "state", [log.vkey], name="other")

    def test_needs_a_log(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="at least one log"):
            Witness.open(tmp_path / "state", [], name=NAME)
        with pytest.raises(FormatError):
            Witness.open(tmp_path / "state", ["no key"], name=NAME)
        other = Cosigner("other.example", Ed25519PrivateKey.generate()).vkey
        with pytest.raises(FormatError, match="is a witness's"):
            Witness.open(tmp_path / "state", [other], name=NAME)

    @pytest.mark.parametrize("damage", [b"", b"garbage", None])
    def test_damage_is_never_taken_for_a_fresh_start(
        self, witness: Witness, log: LyingLog, tmp_path: Path, damage: bytes | None
    ) -> None:
        witness.add_checkpoint(log.submission(0, 9))
        witness.close()
        path = tmp_path / "state" / "logs" / log_id(log.origin) / "checkpoint"
        path.write_bytes(log.checkpoint(5) if damage is None else damage)
        with pytest.raises(InputError, match="not what this witness wrote"):
            Witness.open(tmp_path / "state", [log.vkey])

    def test_a_lost_memory_is_never_taken_for_a_fresh_start(
        self, witness: Witness, log: LyingLog, tmp_path: Path
    ) -> None:
        witness.add_checkpoint(log.submission(0, 9))
        witness.close()
        shutil.rmtree(tmp_path / "state" / "logs")
        with pytest.raises(InputError, match=f"does not know any more what it cosigned of {log.origin}"):
            Witness.open(tmp_path / "state", [log.vkey])
        again = Witness.open(tmp_path / "state", [log.vkey], anew=[log.origin])
        cosigned(again, log, 5, again.add_checkpoint(log.submission(0, 5)))
        again.close()
        Witness.open(tmp_path / "state", [log.vkey]).close()

    def test_a_witness_from_before_the_list_takes_it_up(self, witness: Witness, log: LyingLog, tmp_path: Path) -> None:
        witness.add_checkpoint(log.submission(0, 9))
        witness.close()
        (tmp_path / "state" / "cosigned").unlink()
        Witness.open(tmp_path / "state", [log.vkey]).close()
        assert (tmp_path / "state" / "cosigned").read_text() == f"{log.origin}\n"

    def test_a_lost_key_is_not_replaced(self, witness: Witness, log: LyingLog, tmp_path: Path) -> None:
        witness.add_checkpoint(log.submission(0, 9))
        witness.close()
        key = tmp_path / "state" / "witness.key"
        key.write_text("name x\n")
        with pytest.raises(InputError, match="not the key of a witness"):
            Witness.open(tmp_path / "state", [log.vkey], name=NAME)
        key.unlink()
        with pytest.raises(InputError, match="is gone"):
            Witness.open(tmp_path / "state", [log.vkey], name=NAME)

    def test_a_folder_that_cannot_be_used_is_told(self, tmp_path: Path, log: LyingLog) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(StorageError, match="cannot use"):
            Witness.open(tmp_path / "file", [log.vkey], name=NAME)

    @pytest.mark.parametrize("step", ["fsync", "replace"])
    def test_what_cannot_be_written_is_not_answered(
        self, witness: Witness, log: LyingLog, monkeypatch: pytest.MonkeyPatch, step: str
    ) -> None:
        witness.add_checkpoint(log.submission(0, 9))

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(f"os.{step}", full)
            answer = witness.add_checkpoint(log.submission(9, 20))
            assert answer.status == 503
            assert b"cosigned" in answer.body
        assert witness.logs == {log.origin: 9}
        cosigned(witness, log, 20, witness.add_checkpoint(log.submission(9, 20)))

    def test_a_folder_that_failed_to_sync_leaves_it_with_what_is_on_disk(
        self, witness: Witness, log: LyingLog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The new state may be in place although its cosignature was never given: it counts."""
        witness.add_checkpoint(log.submission(0, 9))

        def fails(_: object) -> None:
            raise OSError(5, "Input/output error")

        with monkeypatch.context() as patch:
            patch.setattr("ombud.ledger.witness_state._sync", fails)
            assert witness.add_checkpoint(log.submission(9, 16)).status == 503
        assert witness.logs == {log.origin: 16}
        assert witness.add_checkpoint(log.fork(9).submission(9, 20)).status == 409
        cosigned(witness, log, 20, witness.add_checkpoint(log.submission(16, 20)))

    def test_is_written_before_it_is_answered(
        self, witness: Witness, log: LyingLog, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        order: list[str] = []
        save = WitnessState.save

        def watched(state: WitnessState, origin: str, note: bytes) -> None:
            save(state, origin, note)
            order.append((tmp_path / "state" / "logs" / log_id(origin) / "checkpoint").read_text())

        monkeypatch.setattr(WitnessState, "save", watched)
        answer = witness.add_checkpoint(log.submission(0, 9))
        assert order == [(log.checkpoint(9) + answer.body).decode()]


class TestManyAtOnce:
    def test_one_logs_requests_go_one_by_one(self, witness: Witness, log: LyingLog) -> None:
        """Of two that continue the same size to different ends, exactly one is cosigned."""
        witness.add_checkpoint(log.submission(0, 4))
        branches = [log.fork(4, f"branch {n}") for n in range(8)]
        start = threading.Barrier(8)

        def send(branch: LyingLog) -> int:
            start.wait()
            return witness.add_checkpoint(branch.submission(4, 20)).status

        with ThreadPoolExecutor(8) as pool:
            statuses = sorted(pool.map(send, branches))
        assert statuses == [200, *[409] * 7]

    def test_a_racing_smaller_checkpoint_never_rolls_back(self, witness: Witness, log: LyingLog) -> None:
        log.grow(100)
        sizes = list(range(1, 121, 7))

        def push(size: int) -> None:
            old = 0
            for _ in range(200):
                answer = witness.add_checkpoint(log.submission(min(old, size), size))
                if answer.status == 200:
                    return
                old = read_decimal(answer.body.decode().strip(), "size")
                if old > size:
                    return
            pytest.fail("never settled")

        with ThreadPoolExecutor(6) as pool:
            list(pool.map(push, sizes))
        assert witness.logs == {log.origin: max(sizes)}

    def test_logs_are_apart(self, tmp_path: Path) -> None:
        logs = [LyingLog(f"log.example/{n}", n).grow(5) for n in (1, 2, 3)]
        witness = Witness.open(tmp_path / "state", [log.vkey for log in logs], name=NAME)
        assert witness.add_checkpoint(logs[0].submission(0, 5)).status == 200
        assert witness.logs == {"log.example/1": 5, "log.example/2": None, "log.example/3": None}
        assert witness.latest(log_id("log.example/2")) is None
        assert witness.latest("0" * 64) is None
        witness.close()

    def test_a_log_may_have_an_old_and_a_new_key(self, tmp_path: Path) -> None:
        old, new = LyingLog(seed=1).grow(9), LyingLog(seed=2).grow(9)
        witness = Witness.open(tmp_path / "state", [old.vkey, new.vkey, old.vkey], name=NAME)
        assert witness.add_checkpoint(old.submission(0, 5)).status == 200
        assert witness.add_checkpoint(new.submission(5, 7)).status == 200
        both = sign_note(new.text(9), [old.signer, new.signer])
        assert witness.add_checkpoint(new.submission(7, 9).replace(new.checkpoint(9), both)).status == 200
        assert (witness.latest(log_id(old.origin)) or b"").startswith(both)
        witness.close()


def test_the_id_of_a_log_is_the_hash_of_its_origin() -> None:
    assert log_id("example.com/log") == sha256(b"example.com/log").hexdigest()
