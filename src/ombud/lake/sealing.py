"""Sealing: the hash of a file from before there was a gate goes to the ledger before anybody reads a line of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.lake.files import sha256_of
from ombud.lake.publisher import publish_all
from ombud.model.errors import InputError
from ombud.records import sealed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ombud.lake.store import Lake
    from ombud.records.sealed import Sealed

__all__ = ["refuse_changed", "seal_files"]


def seal_files(lake: Lake, format: str, files: Sequence[Path]) -> dict[Path, Sealed]:  # noqa: A002 - the command's word
    """Put the hashes of files on record, and on the ledger when it is free; return what was noted of each.

    A file that was sealed before keeps its day. What a busy ledger cannot take now waits in the records.
    """
    try:
        hashes = {file: sha256_of(file) for file in files}
    except OSError as error:
        raise InputError(f"Cannot read {error.filename}: {error.strerror}.", hint="Check its permissions.") from error
    with lake.records.begin() as tx:
        done = {
            file: sealed.seal(tx, digest, name=file.name, path=str(file.resolve()), format=format)
            for file, digest in hashes.items()
        }
    publish_all(lake.workspace, lake.records)
    return done


def refuse_changed(path: Path, sha256: str, seal: Sealed | None) -> None:
    """Raise `InputError` when a file has other bytes than it was sealed with a moment ago."""
    if seal is not None and seal.sha256 != sha256:
        raise InputError(
            f"{path} was changed while it was imported: it has other bytes than the seal says.",
            hint="Look who writes to it, then import it again.",
        )
