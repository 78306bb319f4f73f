"""Observe mode: the policy over the logs that a platform has, with no change to how it answers.

Imported and attached `reads` are decided again by the policy, and what it would
have refused is told by app. It is the same as a replay of recorded reads: what
the log says went out stands in the place of an older policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ombud.gate import registry
from ombud.gate.live import FALLBACK
from ombud.gate.policy import load_policy
from ombud.gate.replay import Replay, replay

if TYPE_CHECKING:
    from collections.abc import Callable

    from ombud.gate.policy import Policy
    from ombud.lake import Lake

__all__ = ["Observed", "observe"]


class Observed(msgspec.Struct, frozen=True):
    """What the policy would have done with the reads in the lake."""

    policy: str
    """its name"""
    sentence: str
    replay: Replay


def observe(
    lake: Lake,
    policy: Policy | None = None,
    *,
    registered: bool = True,
    purpose: str | None = None,
    region: str | None = None,
    progress: Callable[[int, int | None, str], None] | None = None,
) -> Observed:
    """Say what `policy` (the one in force, if unset) would have refused of the reads in the lake.

    With `registered`, apps stand as they do in the records, if any is there;
    else every app is live, reviewed for nothing, and declared what the lake says.
    """
    with lake.records.read() as tx:
        chosen = policy or registry.policy_in_force(tx) or load_policy(FALLBACK)
        standings = registry.standings(tx) if registered else []
    found = replay(lake, None, chosen, standings=standings or None, purpose=purpose, region=region, progress=progress)
    people = sum(app.people for app in found.apps)
    sentence = (
        f"Under {chosen.name}, {found.reads_touched:,} of {found.reads:,} reads would have lost a field or all:"
        f" {len(found.apps):,} apps, {people:,} pairs of app and person."
        if found.reads
        else "There are no reads in the lake yet."
    )
    return Observed(chosen.name, sentence, found)
