"""What joins apps to each other: one developer, hosts, keys, texts."""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Link"]

LinkKind = Literal["developer", "host", "key", "text", "payment"]


class Link(msgspec.Struct, frozen=True):
    """One thing that two apps have in common."""

    other: str
    """the other app, as imported"""
    kind: LinkKind
    evidence: str
    """what they share, as it stands in the lake"""
    sentence: str
