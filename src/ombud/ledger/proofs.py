"""Proof files: all that an outsider needs to see that an entry is in a log, in one text (C2SP tlog-proof)."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ombud.ledger.bundles import decode_bundle
from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.encoding import read_base64, read_decimal
from ombud.ledger.faults import FormatError, ProofError
from ombud.ledger.hashing import HASH_BYTES, leaf_hash, verify_inclusion
from ombud.ledger.notes import MAX_NOTE_BYTES, open_note, parse_note
from ombud.ledger.tiles import TILE_WIDTH, width_at
from ombud.ledger.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ombud.ledger.notes import Verifier
    from ombud.ledger.reading import Log

__all__ = ["SUFFIX", "TlogProof", "entry_at", "prove", "prove_and_read"]

SUFFIX = ".tlog-proof"
_FIRST_LINE = "c2sp.org/tlog-proof@v1"
_MAX_HASHES = 63
_MAX_EXTRA_BYTES = 1_000_000
_MAX_BYTES = MAX_NOTE_BYTES + 2 * _MAX_EXTRA_BYTES


@dataclass(frozen=True, slots=True)
class TlogProof:
    """The place of an entry, the hashes beside its path to the root, and the signed checkpoint with that root.

    `extra` is signed by nobody: it may help a reader, it proves nothing.
    """

    index: int
    proof: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    def encode(self) -> bytes:
        """Return the file."""
        lines = [_FIRST_LINE]
        if self.extra is not None:
            lines.append(f"extra {b64encode(self.extra).decode()}")
        lines += (f"index {self.index}", *(b64encode(value).decode() for value in self.proof), "", "")
        return "\n".join(lines).encode() + self.checkpoint

    @classmethod
    def parse(cls, data: bytes) -> TlogProof:
        """Read a file; nothing in it has been checked then. Raises `FormatError`."""
        if len(data) > _MAX_BYTES:
            raise FormatError(f"A proof has at most {_MAX_BYTES} bytes.")
        head, blank, note = data.partition(b"\n\n")
        try:
            lines = head.decode("ascii").split("\n")
        except UnicodeDecodeError as error:
            raise FormatError("The head of a proof is ASCII.") from error
        if not blank or lines.pop(0) != _FIRST_LINE:
            raise FormatError(f"A proof begins with the line {_FIRST_LINE!r}.")
        extra = None
        if lines and lines[0].startswith("extra "):
            extra = read_base64(lines.pop(0).removeprefix("extra "), "The proof's extra line")
        if not lines or not lines[0].startswith("index "):
            raise FormatError("The proof does not say the index of its entry.")
        index = read_decimal(lines.pop(0).removeprefix("index "), "The proof's index")
        if len(lines) > _MAX_HASHES:
            raise FormatError(f"A proof has at most {_MAX_HASHES} hashes.")
        hashes = tuple(read_base64(line, "A hash of the proof") for line in lines)
        if any(len(value) != HASH_BYTES for value in hashes):
            raise FormatError("A hash of the proof is not 32 bytes long.")
        _head(note)
        return cls(index, hashes, note, extra)

    @property
    def size(self) -> int:
        """How many entries the checkpoint names. Raises `FormatError`."""
        return _head(self.checkpoint).size

    def verify(self, entry: bytes, verifiers: Iterable[Verifier]) -> Checkpoint:
        """Check that `entry` is in the log at `index`, by a checkpoint that the log's key among `verifiers` signed.

        For witnesses, check the `checkpoint` by a `TrustPolicy` too. Raises `LogError`.
        """
        opened = open_note(self.checkpoint, verifiers)
        checkpoint = Checkpoint.parse(opened.text)
        if checkpoint.origin not in opened.verified:  # a witness may be known here too
            raise ProofError(f"The key of {checkpoint.origin} did not sign the proof's checkpoint.")
        verify_inclusion(self.index, checkpoint.size, leaf_hash(entry), self.proof, checkpoint.root)
        return checkpoint


def entry_at(log: Log | Tree, index: int, size: int) -> bytes:
    """Return one entry of a log of `size`. Raises `LogError`."""
    if not 0 <= index < size:
        raise ProofError(f"No entry {index} is in a log of {size} entries.")
    bundle, within = divmod(index, TILE_WIDTH)
    source, wide = (log.log, max(size, log.newest)) if isinstance(log, Tree) else (log, size)
    width = width_at(0, bundle, wide)
    return decode_bundle(source.bundle(bundle, width), width)[within]


def prove(log: Log | Tree, index: int, *, checkpoint: bytes | None = None, extra: bytes | None = None) -> TlogProof:
    """Return the proof for an entry in the log as `checkpoint` (by default the newest) says it is.

    The proof is checked against the checkpoint's root, its signature is not. For many, hand in one `Tree`.
    Raises `LogError`.
    """
    return replace(prove_and_read(log, index, checkpoint)[0], extra=extra)


def prove_and_read(log: Log | Tree, index: int, checkpoint: bytes | None = None) -> tuple[TlogProof, bytes]:
    """Return the proof for an entry as `prove` does, and the entry. Raises `LogError`."""
    source = log.log if isinstance(log, Tree) else log
    note = source.checkpoint() if checkpoint is None else checkpoint
    head = _head(note)
    if isinstance(log, Tree):
        tree = log
    else:  # what an older checkpoint needs may be had from newer tiles only
        tree = Tree(log, newest=head.size if checkpoint is None else _head(source.checkpoint()).size)
    hashes = tree.inclusion(index, head.size)
    entry = entry_at(tree, index, head.size)
    verify_inclusion(index, head.size, leaf_hash(entry), hashes, head.root)
    return TlogProof(index, tuple(hashes), note), entry


def _head(note: bytes) -> Checkpoint:
    """Return a note's checkpoint, whoever signed it. Raises `FormatError`."""
    return Checkpoint.parse(parse_note(note).text)
