"""Signals: what stands out about an app beside the apps that are like it."""

from __future__ import annotations

import msgspec

__all__ = ["Signal"]


class Signal(msgspec.Struct, frozen=True):
    """One thing that was measured of an app, beside what apps like it have."""

    code: str
    value: float
    sentence: str
    expected: float | None
    """the middle of the apps like it; null when there is nothing to compare with"""
    among: int
    """how many apps it was compared with"""
    p_value: float | None
    """the share of apps like it that would have at least as much; null when too few are alike"""
