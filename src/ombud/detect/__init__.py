"""Find accounts that act together more than their activity and the day's news explain."""

from __future__ import annotations

from ombud.detect.networks import NetworkRun, NetworkSummary, detect_networks, record_networks

__all__ = ["NetworkRun", "NetworkSummary", "detect_networks", "record_networks"]
