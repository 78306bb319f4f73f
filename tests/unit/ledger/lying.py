"""A log in memory that can also lie: the other side in the tests of the witness and of those who ask it."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.hashing import leaf_hash, root_of
from ombud.ledger.notes import Signer, sign_note
from ombud.ledger.submissions import encode_submission


def consistency(leaves: list[bytes], old: int) -> list[bytes]:
    """Return the proof of RFC 6962, section 2.1.2, by its definition."""

    def part(leaves: list[bytes], old: int, *, whole: bool) -> list[bytes]:
        if old == len(leaves):
            return [] if whole else [root_of(leaves)]
        middle = 1 << ((len(leaves) - 1).bit_length() - 1)
        if old <= middle:
            return [*part(leaves[:middle], old, whole=whole), root_of(leaves[middle:])]
        return [*part(leaves[middle:], old - middle, whole=False), root_of(leaves[:middle])]

    return part(leaves, old, whole=True) if old else []


@dataclass
class LyingLog:
    """Entries under a key; `fork` makes another history under the same key."""

    origin: str = "log.example/a"
    seed: int = 1
    entries: list[bytes] = field(default_factory=list)

    @property
    def signer(self) -> Signer:
        """Return the log's key."""
        return Signer(self.origin, Ed25519PrivateKey.from_private_bytes(bytes([self.seed]) * 32))

    @property
    def vkey(self) -> str:
        """Return its public part."""
        return self.signer.vkey

    def grow(self, count: int, what: str = "entry") -> LyingLog:
        """Append `count` entries."""
        self.entries += [f"{what} {len(self.entries) + n}".encode() for n in range(count)]
        return self

    def fork(self, at: int, what: str = "lie") -> LyingLog:
        """Return a log that tells another story from entry `at` on, up to the same size."""
        return LyingLog(self.origin, self.seed, self.entries[:at]).grow(len(self.entries) - at, what)

    def leaves(self, size: int | None = None) -> list[bytes]:
        """Return the first `size` leaf hashes."""
        return [leaf_hash(entry) for entry in self.entries[:size]]

    def text(self, size: int | None = None) -> str:
        """Return the text of the checkpoint over the first `size` entries."""
        leaves = self.leaves(size)
        return Checkpoint(self.origin, len(leaves), root_of(leaves)).text()

    def checkpoint(self, size: int | None = None) -> bytes:
        """Return that checkpoint, signed."""
        return sign_note(self.text(size), [self.signer])

    def submission(self, old: int, size: int | None = None) -> bytes:
        """Return what an honest log sends to a witness that saw `old` entries."""
        return encode_submission(old, consistency(self.leaves(size), old), self.checkpoint(size))
