"""Checkpoints: what a log says it is at one moment, as the text of a signed note (C2SP tlog-checkpoint)."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass

from ombud.ledger.encoding import read_base64, read_decimal
from ombud.ledger.faults import FormatError
from ombud.ledger.hashing import EMPTY_ROOT, HASH_BYTES

__all__ = ["Checkpoint"]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The size and root of a log at one moment, and the log's name for itself."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the text that is signed. Raises `FormatError` if it would not read back the same."""
        lines = (self.origin, str(self.size), b64encode(self.root).decode(), *self.extensions)
        text = "\n".join(lines) + "\n"
        if Checkpoint.parse(text) != self:
            raise FormatError("A line of the checkpoint contains a line break.")
        return text

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of an opened note. Raises `FormatError`."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() != "" or not all(lines):  # noqa: PLR2004 - three lines and the end of the last
            raise FormatError("A checkpoint has at least three lines, and none is empty.")
        origin, size, root, *extensions = lines
        checkpoint = cls(
            origin,
            read_decimal(size, "The checkpoint's size"),
            read_base64(root, "the checkpoint's root"),
            tuple(extensions),
        )
        if len(checkpoint.root) != HASH_BYTES:
            raise FormatError(f"The checkpoint's root has {len(checkpoint.root)} bytes, not {HASH_BYTES}.")
        if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
            raise FormatError("The checkpoint names no entries, but not the root of an empty tree.")
        return checkpoint
