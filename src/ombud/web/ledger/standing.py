"""How the ledger stands at this moment: its two newest checkpoints, and who vouches for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.cosigned import Head, head_of
from ombud.ledger.cosigning import WitnessAddress, addresses
from ombud.ledger.faults import AbsentError, FormatError, LogError
from ombud.ledger.notes import open_note
from ombud.ledger.reading import DirectoryLog
from ombud.model.errors import NotFoundError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.ledger.notes import Verified
    from ombud.web.house import House

__all__ = ["Standing", "WitnessLine", "standing_in", "standing_of", "witnesses_of"]


class WitnessLine(msgspec.Struct, frozen=True):
    """One witness that this log asks, and what it vouches for."""

    name: Annotated[str, Meta(description="Its name.")]
    url: Annotated[str, Meta(description="Where it takes checkpoints.")]
    vkey: Annotated[str, Meta(description="Its key.")]
    outside: Annotated[bool, Meta(description="Whether it runs on another machine than this log.")]
    size: Annotated[int | None, Meta(description="Entries it vouches for; null when it has not cosigned.")]
    at: Annotated[datetime | None, Meta(description="When it cosigned, by its own clock.")]


@dataclass(frozen=True, slots=True)
class Standing:
    """A log that is there."""

    log: DirectoryLog
    head: Head

    @property
    def size(self) -> int:
        """Entries that are on the ledger."""
        return self.head.checkpoint.size

    def checkpoint_for(self, index: int) -> bytes:
        """Return the published checkpoint when it covers this entry, else the newest. Raises `NotFoundError`."""
        if not 0 <= index < self.size:
            raise NotFoundError(f"The ledger has no entry {index}.", hint=f"It has {self.size:,}, from 0 on.")
        return self.head.published if index < self.head.published_size else self.head.newest


def standing_of(house: House) -> Standing:
    """Return how the ledger stands. Raises `NotFoundError` when there is none yet, `StorageError` when damaged."""
    return standing_in(house.workspace.ledger_dir)


def standing_in(folder: Path) -> Standing:
    """Return how the log in a folder stands; errors as for `standing_of`."""
    try:
        return Standing(DirectoryLog(folder), head_of(folder))
    except AbsentError:
        raise NotFoundError("There is no ledger here yet.", hint="It begins with its first entry.") from None
    except LogError as error:
        raise StorageError(
            "The ledger cannot be read.", hint="Whoever runs this installation finds out why: `ombud ledger fsck`."
        ) from error


def witnesses_of(house: House, standing: Standing | None) -> list[WitnessLine]:
    """Return each witness of the settings with what it vouches for; its signature is checked."""
    try:
        asked = addresses(house.workspace.settings.ledger_witnesses)
    except FormatError:
        return []  # `ombud doctor` and `ombud ledger cosign` say what is wrong with the setting
    return [_line(one, standing.head if standing else None) for one in asked]


def _line(witness: WitnessAddress, head: Head | None) -> WitnessLine:
    key = witness.verifier
    signed: Verified | None = None
    size = None
    if head is not None and head.cosigned is not None:
        try:
            opened = open_note(head.cosigned, [key])
            signed, size = opened.signatures[0], Checkpoint.parse(opened.text).size
        except LogError:
            pass
    at = datetime.fromtimestamp(signed.time, UTC) if signed is not None and signed.time is not None else None
    return WitnessLine(key.name, witness.url, key.vkey, witness.outside, size, at)
