from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.faults import FormatError, SignatureError
from ombud.ledger.hashing import leaf_hash
from ombud.ledger.notes import Cosigner, sign_note
from ombud.ledger.policies import TrustPolicy
from tests.logs import ORIGIN, signer

LOG = signer()
W = {
    name: Cosigner(f"{name}.example", Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))
    for number, name in enumerate(("x1", "x2", "x3", "y1", "y2", "y3"), start=20)
}
TEXT = Checkpoint(ORIGIN, 5, leaf_hash(b"root")).text()

TWO_LEVELS = "\n".join(
    [
        "# who may be trusted",
        f"log {LOG.vkey} https://ombud.example/ledger",
        "",
        *(f"witness {name} {W[name].vkey}" for name in ("x1", "x2", "x3")),
        "group X 2 x1 x2 x3",
        *(f"\twitness   {name} {W[name].vkey}\thttps://{name}.example/  " for name in ("y1", "y2", "y3")),
        "group Y any y1 y2 y3",
        "  # both",
        "group both all X Y",
        "quorum both",
        "",
    ]
)


def note(*names: str) -> bytes:
    return sign_note(TEXT, [LOG, *(W[name] for name in names)])


@pytest.mark.parametrize(
    ("names", "enough"),
    [
        ((), False),
        (("x1", "x2"), False),
        (("x1", "y1"), False),
        (("x1", "x3", "y2"), True),
        (("x1", "x2", "x3", "y1", "y2", "y3"), True),
    ],
)
def test_a_quorum_of_two_levels(names: tuple[str, ...], *, enough: bool) -> None:
    trusted = TrustPolicy.parse(TWO_LEVELS).check(note(*names))
    assert trusted.checkpoint == Checkpoint.parse(TEXT)
    assert trusted.witnesses == names
    assert trusted.quorum is enough


def test_what_a_policy_says_is_kept() -> None:
    policy = TrustPolicy.parse(TWO_LEVELS.encode())
    assert [log.url for log in policy.logs.values()] == ["https://ombud.example/ledger"]
    assert policy.witnesses["y2"].url == "https://y2.example/"
    assert policy.witnesses["x2"].url is None
    assert policy.witnesses["x2"].verifier == W["x2"].verifier
    assert {name: (group.threshold, len(group.members)) for name, group in policy.groups.items()} == {
        "X": (2, 3),
        "Y": (1, 3),
        "both": (2, 2),
    }
    assert policy.quorum == "both"


def test_one_witness_may_be_the_quorum() -> None:
    policy = TrustPolicy.parse(f"log {LOG.vkey}\nwitness w {W['x1'].vkey}\nquorum w\n")
    assert policy.check(note("x1")).quorum
    assert not policy.check(note("x2")).quorum


def test_nobody_need_witness_when_the_policy_says_so() -> None:
    policy = TrustPolicy.parse(f"log {LOG.vkey}\nquorum none")
    assert policy.check(note()).quorum
    assert policy.check(note("x1")).witnesses == ()


def test_a_log_may_be_known_from_elsewhere() -> None:
    policy = TrustPolicy.parse("quorum none\n")
    assert policy.check(note(), [LOG.verifier]).quorum
    with pytest.raises(SignatureError):
        policy.check(note())


def test_a_log_must_sign_under_its_own_name() -> None:
    policy = TrustPolicy.parse(f"log {LOG.vkey}\nwitness x1 {W['x1'].vkey}\nquorum x1")
    other = Checkpoint("another.example/log", 5, leaf_hash(b"root")).text()
    with pytest.raises(SignatureError, match=r"another\.example"):
        policy.check(sign_note(other, [LOG, W["x1"]]))
    with pytest.raises(SignatureError, match="No log"):
        policy.check(sign_note(TEXT, [W["x1"]]))


def test_a_wrong_line_of_a_known_witness_spoils_the_note() -> None:
    policy = TrustPolicy.parse(TWO_LEVELS)
    changed = note("x1", "x2", "y1").replace(b"\n5\n", b"\n6\n")
    with pytest.raises(SignatureError):
        policy.check(changed)


def test_logs_and_witnesses_may_use_ml_dsa() -> None:
    log = Cosigner(ORIGIN, MLDSA44PrivateKey.from_seed_bytes(bytes(32)))
    witness = Cosigner("pq.example", MLDSA44PrivateKey.from_seed_bytes(bytes([1]) * 32))
    policy = TrustPolicy.parse(f"log {log.vkey}\nwitness w {witness.vkey}\nquorum w\n")
    trusted = policy.check(sign_note(TEXT, [log, witness]))
    assert (trusted.witnesses, trusted.quorum) == (("w",), True)


LOG_LINE, X1, X2 = f"log {LOG.vkey}", f"witness x1 {W['x1'].vkey}", f"witness x2 {W['x2'].vkey}"


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ([], "no quorum line"),
        (["quorum none", "quorum none"], "Line 2 .* one quorum line"),
        (["quorum"], "Line 1 .* one quorum line"),
        (["quorum a b"], "one name"),
        (["quorum x1", X1], "'x1' is not defined above"),
        (["nonsense"], "no line of a log"),
        (["Log a"], "no line of a log"),
        (["log"], "no line of a log"),
        (["witness x1"], "no line of a log"),
        ([f"{LOG_LINE} url more", "quorum none"], "no line of a log"),
        (["group g 1", "quorum none"], "no line of a log"),
        ([LOG_LINE, LOG_LINE, "quorum none"], "Line 2 .* stands on two lines"),
        ([X1, X1.replace("x1", "x9", 1), "quorum none"], "stands on two lines"),
        ([X1, X2.replace("x2", "x1", 1), "quorum none"], "name 'x1' is taken"),
        ([X1.replace("x1", "none", 1), "quorum none"], "name 'none' is taken"),
        ([X1, "group x1 any x1", "quorum none"], "name 'x1' is taken"),
        ([X1, "group g any x2", "quorum none"], "'x2' is not defined"),
        ([X1, "group g any none", "quorum none"], "'none' is not defined"),
        ([X1, "group g any x1 x1", "quorum none"], "twice"),
        ([X1, X2, "group g any x1", "group h any x1 x2", "quorum none"], "'x1' is in two groups"),
        ([X1, X2, "group g 0 x1 x2", "quorum none"], "0 of 2"),
        ([X1, X2, "group g 3 x1 x2", "quorum none"], "3 of 2"),
        ([X1, X2, "group g 01 x1 x2", "quorum none"], "no number"),
        ([X1, X2, "group g some x1 x2", "quorum none"], "no number"),
        ([f"log {W['x1'].vkey}", "quorum none"], "wrong type"),
        ([f"witness x {LOG.vkey}", "quorum none"], "wrong type"),
        ([f"log {LOG.vkey[:-2]}", "quorum none"], "Line 1"),
        (["quorum none\r"], "control characters"),
        (["# \x7f", "quorum none"], "control characters"),
        (["# \x0b", "quorum none"], "control characters"),
        (["quorum\u00a0none"], "no line of a log"),
        (["#" * 1_000_001, "quorum none"], "at most"),
    ],
)
def test_a_wrong_line_is_named(lines: list[str], sentence: str) -> None:
    with pytest.raises(FormatError, match=sentence):
        TrustPolicy.parse("\n".join(lines))


def test_names_are_octets() -> None:
    text = f"{LOG_LINE}\nwitness ".encode() + b"\xff\xfe " + f"{W['x1'].vkey}\nquorum ".encode() + b"\xff\xfe\n# \xe9"
    policy = TrustPolicy.parse(text)
    assert policy.check(note("x1")).quorum
    kelvin = f"{X1}\nwitness \u212a {W['x2'].vkey}\nwitness K {W['x3'].vkey}\nquorum K"
    assert set(TrustPolicy.parse(kelvin).witnesses) == {"x1", "\u212a", "K"}


def test_many_of_each_are_taken() -> None:
    logs = [f"log {signer(seed=number).vkey}" for number in range(1, 33)]
    witnesses = [
        f"witness w{number} {Cosigner(f'w{number}', Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32)).vkey}"
        for number in range(100, 132)
    ]
    groups = [f"group g{number} any w{number}" for number in range(100, 132)]
    everyone = " ".join(f"g{number}" for number in range(100, 132))
    policy = TrustPolicy.parse("\n".join([*logs, *witnesses, *groups, f"group all 32 {everyone}", "quorum all"]))
    assert (len(policy.logs), len(policy.witnesses), len(policy.groups)) == (32, 32, 33)
    assert policy.satisfied(policy.witnesses)
    assert not policy.satisfied([name for name in policy.witnesses if name != "w100"])
