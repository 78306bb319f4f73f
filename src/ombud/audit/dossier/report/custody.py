"""What an audit's document rests on: the ledger of this moment, its keys, and the sets that were frozen."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import msgspec

from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.cosigned import head_of, log_keys
from ombud.ledger.faults import LogError
from ombud.ledger.notes import parse_note
from ombud.records import frozen_sets, outbox, questionnaires
from ombud.records.frozen_sets import FrozenSet

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

__all__ = ["Custody", "FrozenPlace", "custody"]


class FrozenPlace(msgspec.Struct, frozen=True):
    """A frozen set, and where on the ledger its commitment is."""

    set: FrozenSet
    ledger: int | None
    """null while it waits"""


class Custody(msgspec.Struct, frozen=True):
    """What proves that nothing was rewritten."""

    platform: str
    """name of the installation"""
    made_by: str
    """who had the document made"""
    origin: str | None
    """name of the ledger; null when there is none that can be read"""
    size: int
    root: str
    """in base64, as in the checkpoint"""
    checkpoint: str
    """with its signatures"""
    keys: list[str]
    """of the ledger, as vkeys"""
    frozen: list[FrozenPlace]
    """newest first"""
    heard: str = "not asked"
    """what became of the questions to its developer, in words"""


def custody(tx: Connection, ledger: Path, platform: str, made_by: str, app: str) -> Custody:
    """Return what vouches for an audit of `app` at this moment; a ledger that cannot be read vouches for nothing."""
    places = [FrozenPlace(one, outbox.index_of(tx, one.outbox)) for one in frozen_sets.of_app(tx, app)]
    said = _heard(tx, app)
    try:
        head = head_of(ledger)
        keys = [key.vkey for key in log_keys(ledger)]
    except LogError:
        return Custody(platform, made_by, None, 0, "", "", [], places, said)
    shown = Checkpoint.parse(parse_note(head.published).text)
    root = b64encode(shown.root).decode()
    return Custody(platform, made_by, shown.origin, shown.size, root, head.published.decode(), keys, places, said)


def _heard(tx: Connection, app: str) -> str:
    """Say whether the app's developer was asked about it, and whether they answered."""
    asked = [one for one in questionnaires.of_app(tx, app, kind="review") if one.state != "withdrawn"]
    if not asked:
        return "not asked"
    newest = asked[0]
    first = f"asked on {newest.asked_at:%Y-%m-%d}"
    if newest.answered_at is not None:
        return f"{first}, answered on {newest.answered_at:%Y-%m-%d}"
    if newest.state == "open":
        return f"{first}, may answer until {newest.due_at:%Y-%m-%d %H:%M} UTC"
    return f"{first}, no answer by {newest.due_at:%Y-%m-%d %H:%M} UTC"
