"""How much a field says of a person: what the policies' catalogues say, and which fields no catalogue knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.gate.policy import load_policy
from ombud.gate.policy.loading import BUILT_IN
from ombud.gate.registry import policy_in_force

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ombud.gate.policy.language import Sensitivity

__all__ = ["POINTS", "UNKNOWN", "points_by_field"]

POINTS: dict[Sensitivity, int] = {"public": 0, "personal": 1, "private": 2, "sensitive": 3}
"""Ours: a rank, not a measure."""
UNKNOWN = 1
"""What a field counts that no catalogue knows: as if it were personal."""


def points_by_field(tx: Connection) -> dict[str, int]:
    """Return the points of every field that a catalogue knows: the policy in force, then those that ship."""
    policies = [load_policy(name) for name in reversed(BUILT_IN)]
    in_force = policy_in_force(tx)
    known: dict[str, int] = {}
    for policy in (*policies, *([in_force] if in_force else [])):
        known |= {name: POINTS[field.sensitivity] for name, field in policy.fields.items()}
    return known
