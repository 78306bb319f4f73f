"""A synthetic platform and its adversaries, for tests, benchmarks and illustrations."""

from __future__ import annotations

from ombud.simulate.nulls import null_twin, organic_crowd
from ombud.simulate.shares import GROUPS, Simulated, simulate_shares

__all__ = ["GROUPS", "Simulated", "null_twin", "organic_crowd", "simulate_shares"]
