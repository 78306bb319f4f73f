"""What goes into a resolution and what comes out of it."""

from __future__ import annotations

import msgspec

__all__ = ["Doubtful", "Entity", "Merged", "Resolution", "SpaceRow"]


class SpaceRow(msgspec.Struct, frozen=True):
    """One space as the source writes it."""

    space: str
    """its id as imported; for sources that have none, the address"""
    url: str | None = None
    """its address; `space` itself when null"""
    name: str | None = None
    """the name it shows, when the source gives one"""
    weight: int = 1
    """how often it is written so: its ads or posts"""
    ocr: bool = True
    """whether the address was read by OCR. Exact addresses never merge by looking alike: that is how impostors work"""


class Entity(msgspec.Struct, frozen=True):
    """One real page, event or site with everything that it is called by."""

    id: str
    """derived from its platform and number, or its name: stable while these are"""
    name: str
    """the best-supported reading of its name, made plain"""
    kind: str
    """page, group, event, post, site or unknown"""
    platform: str
    url: str
    """its best-supported address, as read"""
    number: str | None
    """the platform's own number"""
    spaces: tuple[str, ...]
    """the rows' `space`, sorted"""


class Merged(msgspec.Struct, frozen=True):
    """Why one space is taken for an entity."""

    space: str
    entity: str
    reason: str
    probability: float
    """that the space is this entity; 1 for the reading that gives the name"""


class Doubtful(msgspec.Struct, frozen=True):
    """Two entities that may be one and were left apart."""

    one: str
    other: str
    """entity ids, in order"""
    reason: str
    probability: float


class Resolution(msgspec.Struct, frozen=True):
    """The whole outcome; the same for the same rows in any order."""

    entities: tuple[Entity, ...]
    merges: tuple[Merged, ...]
    doubtful: tuple[Doubtful, ...]
    unresolved: tuple[str, ...]
    """spaces whose address says nothing: empty, a dash"""
    calibration: str
    """how the probabilities were calibrated, in a sentence"""

    def entity_of(self) -> dict[str, str]:
        """Return each space's entity id."""
        return {space: entity.id for entity in self.entities for space in entity.spaces}
