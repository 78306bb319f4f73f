"""Small tlog-tiles logs for tests, written all at once and not by the writer that is tested elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ombud.ledger.bundles import encode_bundle
from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.hashing import leaf_hashes, root_of
from ombud.ledger.notes import Signer, sign_note
from ombud.ledger.tiles import bundle_path, tile_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ORIGIN = "ombud.example/ledger"


def signer(name: str = ORIGIN, seed: int = 1) -> Signer:
    """Return the same key each time."""
    return Signer(name, Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32))


def entries(count: int) -> list[bytes]:
    """Return entries that are canonical JSON, each another."""
    return [b'{"body":{"app":"a%d"},"type":"app","version":1}' % number for number in range(count)]


def put(folder: Path, path: str, data: bytes) -> None:
    """Write a file below the folder."""
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)


def make_log(folder: Path, items: Sequence[bytes], key: Signer | None = None) -> bytes:
    """Write a whole log with its key in `vkey`, and return its signed checkpoint."""
    key = key or signer()
    for at in range(0, len(items), 256):
        part = items[at : at + 256]
        put(folder, bundle_path(at // 256, len(part)), encode_bundle(part))
    leaves = level_0 = leaf_hashes(items)
    level = 0
    while leaves:
        for at in range(0, len(leaves), 256):
            row = leaves[at : at + 256]
            put(folder, tile_path(level, at // 256, len(row)), b"".join(row))
        leaves = [root_of(leaves[at : at + 256]) for at in range(0, len(leaves) // 256 * 256, 256)]
        level += 1
    note = sign_note(Checkpoint(key.name, len(items), root_of(level_0)).text(), [key])
    put(folder, "checkpoint", note)
    put(folder, "vkey", f"{key.vkey}\n".encode())
    return note
