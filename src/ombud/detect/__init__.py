"""Find accounts that act together more than their activity and the day's news explain."""

from __future__ import annotations

from ombud.detect.evaluation import Evaluation, Rate, Truth, evaluate_networks, read_networks, read_truth
from ombud.detect.labelling import labelling_sheet
from ombud.detect.networks import NetworkRun, NetworkSummary, detect_networks, record_networks
from ombud.detect.traces import DEFAULT, TRACES

__all__ = [
    "DEFAULT",
    "TRACES",
    "Evaluation",
    "NetworkRun",
    "NetworkSummary",
    "Rate",
    "Truth",
    "detect_networks",
    "evaluate_networks",
    "labelling_sheet",
    "read_networks",
    "read_truth",
    "record_networks",
]
