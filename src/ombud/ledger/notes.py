"""Signed notes: a text, and below it the lines of those who signed it (C2SP signed-note and tlog-cosignature).

A key has a name, a type and a public part, written in one line as a *vkey*. Three types are known here:
Ed25519 over the text (0x01: logs), Ed25519 over the text and a time (0x04: witnesses), and ML-DSA-44 over
the checkpoint in the text and a time (0x06: either, safe from quantum computers).
"""

from __future__ import annotations

import hashlib
import struct
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.encoding import MAX_NUMBER, read_base64
from ombud.ledger.faults import FormatError, SignatureError
from ombud.model import clock

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "COSIGNATURE",
    "ED25519",
    "MAX_NOTE_BYTES",
    "MAX_SIGNATURES",
    "ML_DSA_44",
    "Cosigner",
    "Note",
    "NoteSigner",
    "OpenedNote",
    "Signature",
    "Signer",
    "Verified",
    "Verifier",
    "add_signatures",
    "open_note",
    "parse_note",
    "sign_note",
]

ED25519, COSIGNATURE, ML_DSA_44 = 0x01, 0x04, 0x06
MAX_NOTE_BYTES = 1_000_000
MAX_SIGNATURES = 100

_PUBLIC_BYTES = {ED25519: 32, COSIGNATURE: 32, ML_DSA_44: 1312}
_BLOB_BYTES = {ED25519: 64, COSIGNATURE: 8 + 64, ML_DSA_44: 8 + 2420}
_ID_BYTES = 4

PrivateKey: TypeAlias = Ed25519PrivateKey | MLDSA44PrivateKey


@dataclass(frozen=True, slots=True)
class Signature:
    """One line below a note: who signed, by which key, and the bytes."""

    name: str
    key_id: bytes
    blob: bytes

    def line(self) -> str:
        """Return the line with its end."""
        return f"— {self.name} {b64encode(self.key_id + self.blob).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A note taken apart; nothing about it has been checked."""

    text: str
    signatures: tuple[Signature, ...]


@dataclass(frozen=True, slots=True)
class Verified:
    """A key that did sign; `time` is a cosigner's clock in Unix seconds, None for other keys."""

    name: str
    key_id: bytes
    time: int | None


@dataclass(frozen=True, slots=True)
class OpenedNote:
    """A text that at least one known key signed, and the lines of keys that are not known."""

    text: str
    signatures: tuple[Verified, ...]
    unknown: tuple[Signature, ...]

    @property
    def verified(self) -> tuple[str, ...]:
        """The names of the keys that signed."""
        return tuple(signature.name for signature in self.signatures)


class NoteSigner(Protocol):
    """Whoever can put a line below a text."""

    def sign(self, text: str) -> Signature:
        """Return the line."""
        ...


@dataclass(frozen=True, slots=True)
class Verifier:
    """A key to check signatures with."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes by which a signature names its key."""
        return hashlib.sha256(self.name.encode() + bytes((0x0A, self.kind)) + self.public).digest()[:_ID_BYTES]

    @property
    def vkey(self) -> str:
        """The key in one line."""
        return f"{self.name}+{self.key_id.hex()}+{b64encode(bytes((self.kind,)) + self.public).decode()}"

    @classmethod
    def parse(cls, vkey: str) -> Verifier:
        """Read a key in one line. Raises `FormatError`."""
        name, _, rest = vkey.partition("+")
        key_id, _, encoded = rest.partition("+")
        data = read_base64(encoded, "The last part of the key")
        _check_name(name)
        if not data or len(data) - 1 != _PUBLIC_BYTES.get(data[0]):
            raise FormatError(f"The key of {name} is of no known type.", hint="Known are types 1, 4 and 6.")
        verifier = cls(name, data[0], data[1:])
        if verifier.key_id.hex() != key_id:
            raise FormatError(f"The key of {name} says its id is {key_id[:16]!r}; it is {verifier.key_id.hex()}.")
        return verifier

    def verify(self, text: str, signature: Signature) -> Verified:
        """Check a line below `text` that names this key. Raises `SignatureError`."""
        blob, time = signature.blob, None
        try:
            if len(blob) != _BLOB_BYTES[self.kind]:
                raise SignatureError(f"The signature of {self.name} has the wrong length.")
            if self.kind != ED25519:
                time, blob = int.from_bytes(blob[:8], "big"), blob[8:]
                if time > MAX_NUMBER:
                    raise SignatureError(f"The signature of {self.name} names no time.")
            public = MLDSA44PublicKey if self.kind == ML_DSA_44 else Ed25519PublicKey
            public.from_public_bytes(self.public).verify(blob, _message(self.kind, self.name, text, time))
        except (InvalidSignature, ValueError, FormatError) as error:
            raise SignatureError(f"The signature of {self.name} is not by its key, or the text was changed.") from error
        return Verified(self.name, self.key_id, time)


class Signer:
    """A log's key: Ed25519 over the text alone."""

    def __init__(self, name: str, private: Ed25519PrivateKey) -> None:
        """Take the name of the key, for a log its origin."""
        self._private = private
        self.verifier = Verifier(_check_name(name), ED25519, private.public_key().public_bytes_raw())

    @property
    def name(self) -> str:
        """The name of the key."""
        return self.verifier.name

    @property
    def vkey(self) -> str:
        """The public key in one line."""
        return self.verifier.vkey

    def sign(self, text: str) -> Signature:
        """Return the line below `text`."""
        return Signature(self.name, self.verifier.key_id, self._private.sign(text.encode()))


class Cosigner:
    """A witness's key: it signs that a checkpoint is the newest it saw, at a time."""

    def __init__(self, name: str, private: PrivateKey) -> None:
        """Take the name of the key; an ML-DSA-44 key may be a log's own second key too."""
        self._private = private
        kind = COSIGNATURE if isinstance(private, Ed25519PrivateKey) else ML_DSA_44
        self.verifier = Verifier(_check_name(name), kind, private.public_key().public_bytes_raw())

    @property
    def name(self) -> str:
        """The name of the key."""
        return self.verifier.name

    @property
    def vkey(self) -> str:
        """The public key in one line."""
        return self.verifier.vkey

    def sign(self, text: str, time: int | None = None) -> Signature:
        """Return the line below a checkpoint's `text`, with `time` in Unix seconds, by default now."""
        seconds = int(clock.now().timestamp()) if time is None else time
        message = _message(self.verifier.kind, self.name, text, seconds)
        blob = seconds.to_bytes(8, "big") + self._private.sign(message)
        return Signature(self.name, self.verifier.key_id, blob)


def sign_note(text: str, signers: Iterable[NoteSigner]) -> bytes:
    """Return a note with one line for each signer. Raises `FormatError` if the text cannot be a note's."""
    if not text.endswith("\n") or any("\ud800" <= sign < "\ue000" for sign in text):
        raise FormatError("The text of a note is Unicode and ends with a line break.")
    note = (f"{text}\n" + "".join(signer.sign(text).line() for signer in signers)).encode()
    parse_note(note)
    return note


def add_signatures(note: bytes, signatures: Iterable[Signature]) -> bytes:
    """Return the note with more lines below it; a line of the same key is replaced."""
    parsed = parse_note(note)
    lines = {(line.name, line.key_id): line for line in (*parsed.signatures, *signatures)}
    return (f"{parsed.text}\n" + "".join(line.line() for line in lines.values())).encode()


def parse_note(note: bytes) -> Note:
    """Take a note apart without checking any signature. Raises `FormatError`."""
    if len(note) > MAX_NOTE_BYTES:
        raise FormatError(f"A note has at most {MAX_NOTE_BYTES} bytes, not {len(note)}.")
    try:
        whole = note.decode()
    except UnicodeDecodeError as error:
        raise FormatError("A note is text in UTF-8.") from error
    if any(sign < " " and sign != "\n" for sign in whole):
        raise FormatError("A note has no control characters but line breaks.")
    text, blank, below = whole.rpartition("\n\n")
    if not blank or not below.endswith("\n"):
        raise FormatError("A note is a text, an empty line, and lines of signatures.")
    lines = below[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise FormatError(f"A note has at most {MAX_SIGNATURES} signatures, not {len(lines)}.")
    return Note(text + "\n", tuple(_read_line(line) for line in lines))


def open_note(note: bytes, verifiers: Iterable[Verifier]) -> OpenedNote:
    """Check a note against the keys that are known.

    Lines of other keys are left as `unknown`. Raises `FormatError` when it is no note, `SignatureError` when a
    known key's line is wrong or when no known key signed.
    """
    known: dict[tuple[str, bytes], Verifier] = {}
    for verifier in verifiers:
        if known.setdefault((verifier.name, verifier.key_id), verifier) != verifier:
            raise FormatError(f"Two keys of {verifier.name} have the same id.")
    parsed = parse_note(note)
    verified: dict[tuple[str, bytes], Verified] = {}
    unknown: list[Signature] = []
    for signature in parsed.signatures:
        key = (signature.name, signature.key_id)
        if key in known:
            verified.setdefault(key, known[key].verify(parsed.text, signature))
        else:
            unknown.append(signature)
    if not verified:
        names = ", ".join(signature.name for signature in parsed.signatures[:3])
        raise SignatureError(f"No known key signed the note; it names {names}.")
    return OpenedNote(parsed.text, tuple(verified.values()), tuple(unknown))


def _read_line(line: str) -> Signature:
    """Return the signature of one line."""
    name, _, encoded = line.removeprefix("— ").partition(" ")
    if not line.startswith("— "):
        raise FormatError(f"A line of signatures begins with a dash and a space, not {line[:20]!r}.")
    data = read_base64(encoded, "A signature")
    if len(data) <= _ID_BYTES:
        raise FormatError("A signature is too short.")
    return Signature(_check_name(name), data[:_ID_BYTES], data[_ID_BYTES:])


def _check_name(name: str) -> str:
    """Return a key's name. Raises `FormatError` when it cannot be one."""
    if not name or any(sign == "+" or sign.isspace() or sign < " " or "\ud800" <= sign < "\ue000" for sign in name):
        raise FormatError(f"{name[:40]!r} is no name of a key: it has neither spaces nor plus signs.")
    return name


def _message(kind: int, name: str, text: str, time: int | None) -> bytes:
    """Return the bytes that a key of this kind signs."""
    if kind == ED25519:
        return text.encode()
    if kind == COSIGNATURE:
        return f"cosignature/v1\ntime {time}\n{text}".encode()
    checkpoint = Checkpoint.parse(text)
    who, origin = name.encode(), checkpoint.origin.encode()
    if max(len(who), len(origin)) > 255:  # noqa: PLR2004 - a length in one byte
        raise FormatError("An origin or key name is longer than 255 bytes.")
    return b"".join(
        (
            b"subtree/v1\n\0",
            bytes((len(who),)) + who,
            struct.pack(">Q", time or 0),
            bytes((len(origin),)) + origin,
            struct.pack(">QQ", 0, checkpoint.size),
            checkpoint.root,
        )
    )
