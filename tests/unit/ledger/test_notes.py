from __future__ import annotations

import hashlib
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.faults import FormatError, SignatureError
from ombud.ledger.hashing import leaf_hash
from ombud.ledger.notes import (
    COSIGNATURE,
    ED25519,
    MAX_NOTE_BYTES,
    MAX_SIGNATURES,
    ML_DSA_44,
    Cosigner,
    Signature,
    Signer,
    Verifier,
    add_signatures,
    open_note,
    parse_note,
    sign_note,
)
from ombud.model import clock
from tests.logs import signer

TEXT = Checkpoint("ombud.example/ledger", 5, leaf_hash(b"root")).text()
LOG = signer()
WITNESS = Cosigner("witness.example/w1", Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32))
POST_QUANTUM = Cosigner("witness.example/w2", MLDSA44PrivateKey.from_seed_bytes(bytes([9]) * 32))
EXAMPLE = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"


def test_the_example_key_of_the_standard_is_read() -> None:
    key = Verifier.parse(EXAMPLE)
    assert (key.name, key.kind, key.key_id.hex()) == ("example.com/foo", ED25519, "530d903a")
    assert key.vkey == EXAMPLE


def test_keys_of_each_type_are_written_and_read() -> None:
    kinds: list[tuple[Signer | Cosigner, int, int]] = [
        (LOG, ED25519, 32),
        (WITNESS, COSIGNATURE, 32),
        (POST_QUANTUM, ML_DSA_44, 1312),
    ]
    for key, kind, length in kinds:
        again = Verifier.parse(key.vkey)
        assert again == key.verifier
        assert (again.kind, len(again.public)) == (kind, length)
        digest = hashlib.sha256(again.name.encode() + b"\n" + bytes([kind]) + again.public).digest()
        assert again.key_id == digest[:4]


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "+",
        "++",
        "name",
        EXAMPLE[:-1],
        EXAMPLE + "A",
        EXAMPLE.replace("530d903a", "530d903b"),
        EXAMPLE.replace("530d903a", "530D903A"),
        EXAMPLE.replace("example.com/foo", "example.com/bar"),
        EXAMPLE.replace("example.com/foo", "example com"),
        EXAMPLE.replace("example.com/foo", ""),
        EXAMPLE.replace("AekyeR", "AukyeR"),
        f"{EXAMPLE}\n",
        "a+00000000+",
        "a+00000000+AQ==",
        "a+00000000+/w==",
        "\ud800+00000000+AQ==",
    ],
)
def test_a_damaged_key_is_refused(vkey: str) -> None:
    with pytest.raises(FormatError):
        Verifier.parse(vkey)


def test_a_note_is_signed_and_opened() -> None:
    note = sign_note(TEXT, [LOG])
    assert note.startswith(f"{TEXT}\n— ombud.example/ledger ".encode())
    assert note.endswith(b"\n")
    opened = open_note(note, [LOG.verifier])
    assert opened.text == TEXT
    assert opened.verified == ("ombud.example/ledger",)
    assert opened.unknown == ()
    assert opened.signatures[0].time is None


def test_witnesses_sign_with_the_time() -> None:
    with clock.frozen(datetime(2018, 4, 10, 14, tzinfo=UTC)):
        note = sign_note(TEXT, [LOG, WITNESS, POST_QUANTUM])
    opened = open_note(note, [LOG.verifier, WITNESS.verifier, POST_QUANTUM.verifier])
    assert opened.verified == (LOG.name, WITNESS.name, POST_QUANTUM.name)
    assert [one.time for one in opened.signatures] == [None, 1523368800, 1523368800]


def test_the_message_of_a_cosignature_is_that_of_the_standard() -> None:
    line = WITNESS.sign(TEXT, 1679315147)
    assert line.blob[:8] == (1679315147).to_bytes(8, "big")
    public = WITNESS.verifier.public
    as_plain = Verifier(WITNESS.name, ED25519, public)
    as_plain.verify("cosignature/v1\ntime 1679315147\n" + TEXT, Signature(WITNESS.name, as_plain.key_id, line.blob[8:]))


def test_the_message_of_ml_dsa_binds_name_time_origin_size_and_root() -> None:
    line = POST_QUANTUM.sign(TEXT, 5)
    verified = POST_QUANTUM.verifier.verify(TEXT, line)
    assert verified.time == 5
    assert len(line.blob) == 8 + 2420
    other = Checkpoint("ombud.example/other", 5, leaf_hash(b"root")).text()
    longer = Checkpoint("ombud.example/ledger", 6, leaf_hash(b"root")).text()
    for text in (other, longer, "no checkpoint\n"):
        with pytest.raises(SignatureError):
            POST_QUANTUM.verifier.verify(text, line)
    later = Signature(line.name, line.key_id, (6).to_bytes(8, "big") + line.blob[8:])
    with pytest.raises(SignatureError):
        POST_QUANTUM.verifier.verify(TEXT, later)
    renamed = Verifier("witness.example/w3", ML_DSA_44, POST_QUANTUM.verifier.public)
    with pytest.raises(SignatureError):
        renamed.verify(TEXT, line)


def test_a_name_too_long_for_ml_dsa_is_refused() -> None:
    key = Cosigner("w" * 256, MLDSA44PrivateKey.from_seed_bytes(bytes(32)))
    with pytest.raises(FormatError, match="255"):
        key.sign(TEXT)


@pytest.mark.parametrize("key", [LOG, WITNESS, POST_QUANTUM], ids=["ed25519", "cosignature", "ml-dsa-44"])
def test_a_changed_text_or_signature_of_a_known_key_is_refused(key: Signer | Cosigner) -> None:
    note = sign_note(TEXT, [key])
    changed = note.replace(b"\n5\n", b"\n6\n")
    with pytest.raises(SignatureError, match="was changed"):
        open_note(changed, [key.verifier])
    line = key.sign(TEXT)
    for blob in (line.blob[:-1], line.blob + b"\0", line.blob[:-1] + bytes([line.blob[-1] ^ 1]), b"x"):
        below = Signature(line.name, line.key_id, blob).line()
        with pytest.raises(SignatureError):
            open_note(f"{TEXT}\n{below}".encode(), [key.verifier])


def test_a_time_past_the_end_of_time_is_refused() -> None:
    line = WITNESS.sign(TEXT, 2**63)
    with pytest.raises(SignatureError, match="names no time"):
        WITNESS.verifier.verify(TEXT, line)


def test_unknown_keys_do_not_count() -> None:
    stranger = signer("ombud.example/ledger", 2)
    note = sign_note(TEXT, [stranger, LOG])
    opened = open_note(note, [LOG.verifier])
    assert [line.key_id for line in opened.unknown] == [stranger.verifier.key_id]
    with pytest.raises(SignatureError, match=r"No known key signed the note; it names ombud\.example/ledger"):
        open_note(sign_note(TEXT, [stranger]), [LOG.verifier, WITNESS.verifier])
    with pytest.raises(SignatureError):
        open_note(note, [])


def test_one_wrong_line_of_a_known_key_spoils_the_note() -> None:
    wrong = Signature(WITNESS.name, WITNESS.verifier.key_id, bytes(72)).line()
    note = sign_note(TEXT, [LOG]) + wrong.encode()
    assert open_note(note, [LOG.verifier]).verified == (LOG.name,)
    with pytest.raises(SignatureError, match=r"witness\.example"):
        open_note(note, [LOG.verifier, WITNESS.verifier])


def test_a_key_that_signed_twice_is_named_once_and_both_lines_are_checked() -> None:
    note = sign_note(TEXT, [LOG, LOG])
    assert open_note(note, [LOG.verifier]).verified == (LOG.name,)
    wrong = Signature(LOG.name, LOG.verifier.key_id, bytes(64)).line().encode()
    with pytest.raises(SignatureError):
        open_note(note + wrong, [LOG.verifier])


def test_lines_can_be_added() -> None:
    note = add_signatures(sign_note(TEXT, [LOG]), [WITNESS.sign(TEXT, 1)])
    later = add_signatures(note, [WITNESS.sign(TEXT, 2)])
    opened = open_note(later, [LOG.verifier, WITNESS.verifier])
    assert [one.time for one in opened.signatures] == [None, 2]
    assert len(later) == len(note)


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"text\n\n\n",
        b"text\n\n- a YWJjZGU=\n",
        "text\n\n— a YWJjZGU=".encode(),
        "text\n\n— a YWJjZGU=\n— \n".encode(),
        "text\n\n— a YWJjZA==\n".encode(),
        "text\n\n— a YWJjZGV=\n".encode(),
        "text\n\n— a  YWJjZGU=\n".encode(),
        "text\n\n—  YWJjZGU=\n".encode(),
        "text\n\n— a+b YWJjZGU=\n".encode(),
        "text\n\n— a\u00a0b YWJjZGU=\n".encode(),
        "te\txt\n\n— a YWJjZGU=\n".encode(),
        "text\n\n— a YWJjZGU=\r\n".encode(),
        "te\0xt\n\n— a YWJjZGU=\n".encode(),
        b"te\xffxt\n\n\xe2\x80\x94 a YWJjZGU=\n",
        b"text\n\n" + "— a YWJjZGU=\n".encode() * (MAX_SIGNATURES + 1),
        b"x" * MAX_NOTE_BYTES + "\n\n— a YWJjZGU=\n".encode(),
    ],
)
def test_what_is_no_note_is_refused(note: bytes) -> None:
    with pytest.raises(FormatError):
        parse_note(note)


def test_a_note_may_have_empty_lines_and_many_signatures() -> None:
    note = b"a\n\nb\n\n" + f"— é {b64encode(b'12345').decode()}\n".encode() * MAX_SIGNATURES
    parsed = parse_note(note)
    assert parsed.text == "a\n\nb\n"
    assert len(parsed.signatures) == MAX_SIGNATURES
    assert parsed.signatures[0] == Signature("é", b"1234", b"5")


@pytest.mark.parametrize("text", ["", "no end", "tab\t\n", "bad \ud800\n"])
def test_a_text_that_cannot_be_a_notes_is_not_signed(text: str) -> None:
    with pytest.raises(FormatError):
        sign_note(text, [LOG])


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\nb", "a\x00b", "\ud800"])
def test_a_key_has_a_plain_name(name: str) -> None:
    with pytest.raises(FormatError, match="no name of a key"):
        Signer(name, Ed25519PrivateKey.generate())


def test_two_keys_with_one_id_cannot_be_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Verifier, "key_id", b"same")
    with pytest.raises(FormatError, match="same id"):
        open_note(sign_note(TEXT, [LOG]), [LOG.verifier, signer(seed=3).verifier])
