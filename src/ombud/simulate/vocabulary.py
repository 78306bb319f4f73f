"""What a simulated platform calls its fields, scopes and purposes; sets of fields as 64-bit masks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["VOCABULARY", "Masks", "Vocabulary"]

Masks = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The names that requests are made of: at most 64 fields."""

    fields: tuple[str, ...]
    scopes: dict[str, tuple[str, ...]]
    """the fields of oneself that each scope opens"""
    friend_scopes: dict[str, tuple[str, ...]]
    """the fields of one's friends that each scope opens"""
    purposes: tuple[str, ...]

    def mask(self, fields: Iterable[str]) -> int:
        """Return the mask of these fields; `ValueError` for one that is not of this vocabulary."""
        return sum({1 << self.fields.index(field) for field in fields})

    def names(self, mask: int) -> list[str]:
        """Return the fields of a mask, in order."""
        return [field for at, field in enumerate(self.fields) if mask >> at & 1]

    def lists(self, masks: Masks) -> pa.Array:
        """Return the fields of many masks, as lists of names."""
        kinds, which = np.unique(masks, return_inverse=True)
        lists = pa.array([self.names(int(mask)) for mask in kinds], type=pa.list_(pa.string()))
        return lists.take(which)

    def wanted(self, own: int, friends: int) -> list[str]:
        """Return the scopes that an app must ask for, to read these fields of a person and of the friends."""
        return [
            scope
            for scopes, mask in ((self.scopes, own), (self.friend_scopes, friends))
            for scope, fields in scopes.items()
            if self.mask(fields) & mask
        ]


_PROFILE = ("name", "picture", "gender", "age-range", "locale", "link")
_SHARED = (
    "birthday",
    "hometown",
    "location",
    "likes",
    "interests",
    "education-work",
    "relationships",
    "religion-politics",
    "photos",
    "posts",
    "events",
    "groups",
    "checkins",
)
"""Fields that had a permission for oneself and one for one's friends."""
_PRIVATE = ("messages", "friend-lists")

VOCABULARY = Vocabulary(
    (*_PROFILE, "friends", "email", *_SHARED, *_PRIVATE, "phone"),
    {"public_profile": ("name", "picture"), "user_friends": ("friends",), "email": ("email",)}
    | {f"user_{field.replace('-', '_')}": (field,) for field in (*_PROFILE[2:], *_SHARED, *_PRIVATE)},
    {"public_profile": tuple(field for field in _PROFILE if field != "age-range")}
    | {f"friends_{field.replace('-', '_')}": (field,) for field in _SHARED},
    ("sign-in", "app-function", "research", "analytics", "advertising"),
)
"""The names of the two policies that Ombud ships, `before-2015` and `locked-down`; a test compares."""
