"""A folder whose witnesses signed an older checkpoint than the newest is checked by both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ombud.ledger.cosigned import COSIGNED, keep, log_keys
from ombud.ledger.notes import Cosigner, Verifier, parse_note
from ombud.ledger.policies import TrustPolicy
from ombud.ledger.reading import DirectoryLog
from ombud.ledger.tiles import bundle_path
from ombud.ledger.witnessed import LogAt, check_witnessed
from tests.unit.ledger.test_cosigning import grow

if TYPE_CHECKING:
    from pathlib import Path

WITNESS = Cosigner("w.example", Ed25519PrivateKey.from_private_bytes(bytes(32)))


@pytest.fixture
def log(tmp_path: Path) -> DirectoryLog:
    """Return a log of 300 entries, the first 290 of which are cosigned."""
    grow(tmp_path, 290)
    folder = tmp_path / "ledger"
    note = DirectoryLog(folder).checkpoint()
    assert keep(folder, note, [WITNESS.sign(parse_note(note).text)], [WITNESS.verifier])
    grow(tmp_path, 10)
    return DirectoryLog(folder)


def own(log: DirectoryLog) -> Verifier:
    """Return the log's key."""
    return log_keys(log.path)[0]


def policy(log: DirectoryLog, quorum: str = "w") -> TrustPolicy:
    """Return a policy that asks for the witness."""
    return TrustPolicy.parse(f"log {own(log).vkey}\nwitness w {WITNESS.vkey}\nquorum {quorum}\n")


def test_the_quorum_holds_for_what_was_cosigned_and_the_rest_continues_it(log: DirectoryLog) -> None:
    report = check_witnessed(log, policy=policy(log))
    assert report.problems == []
    assert (report.ok, report.anchored, report.size, report.witnesses) == (True, True, 300, ["w.example"])
    assert (report.checked, report.cosigned) == (300, 290), "the ten newest are not vouched for, and it says so"


def test_a_witness_s_key_alone_is_enough_to_ask_for_it(log: DirectoryLog) -> None:
    report = check_witnessed(log, keys=[own(log), WITNESS.verifier])
    assert (report.ok, report.size, report.witnesses) == (True, 300, ["w.example"])


def test_a_witness_may_sign_by_a_key_that_is_safe_from_quantum_computers(tmp_path: Path) -> None:
    witness = Cosigner("w.example", MLDSA44PrivateKey.generate())
    grow(tmp_path, 3)
    log = DirectoryLog(tmp_path / "ledger")
    note = log.checkpoint()
    assert keep(log.path, note, [witness.sign(parse_note(note).text)], [witness.verifier])
    grow(tmp_path, 2)
    report = check_witnessed(log, keys=[own(log), witness.verifier])
    assert (report.ok, report.size, report.witnesses) == (True, 5, ["w.example"])


def test_whoever_asks_for_no_witness_gets_the_newest(log: DirectoryLog) -> None:
    report = check_witnessed(log, keys=[own(log)])
    assert (report.ok, report.size, report.witnesses, report.cosigned) == (True, 300, [], None)


def test_without_the_cosigned_one_the_quorum_is_missed(log: DirectoryLog) -> None:
    (log.path / COSIGNED).unlink()
    report = check_witnessed(log, policy=policy(log))
    assert not report.ok
    assert "quorum" in report.problems[0]


def test_another_witness_is_missed(log: DirectoryLog) -> None:
    other = Cosigner("w.example", Ed25519PrivateKey.generate())
    report = check_witnessed(log, keys=[own(log), other.verifier])
    assert not report.ok
    assert report.size == 300


@pytest.mark.parametrize("number", [0, 1])
def test_damage_is_found_before_and_after_the_cosigned_size(log: DirectoryLog, number: int) -> None:
    path = log.path / (bundle_path(0) if number == 0 else bundle_path(1, 44))
    data = path.read_bytes()
    path.write_bytes(data[:-3] + b"9" + data[-2:])
    report = check_witnessed(log, policy=policy(log))
    assert not report.ok
    assert report.problems


def test_a_newest_checkpoint_by_another_key_is_a_problem(log: DirectoryLog, tmp_path: Path) -> None:
    rules = policy(log)
    (tmp_path / "other").mkdir()
    grow(tmp_path / "other", 300)
    forged = DirectoryLog(tmp_path / "other" / "ledger").checkpoint()
    (log.path / "checkpoint").write_bytes(forged)
    report = check_witnessed(log, policy=rules)
    assert not report.ok


def test_only_what_is_new_is_read_when_asked(log: DirectoryLog) -> None:
    old = (log.path / COSIGNED).read_bytes()
    report = check_witnessed(log, policy=policy(log), trusted=old, whole=False)
    assert report.ok
    assert report.checked < 150
    assert LogAt(log.path, old).checkpoint() == old
