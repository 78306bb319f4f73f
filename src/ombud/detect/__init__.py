"""Find accounts that act together more than their activity and the day's news explain."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

_HOMES = {
    "DEFAULT": "traces",
    "TRACES": "traces",
    "NetworkRun": "networks",
    "NetworkSummary": "networks",
    "detect_networks": "networks",
    "record_networks": "networks",
    "labelling_sheet": "labelling",
}


def __getattr__(name: str) -> object:
    """Import what is asked for only then: the statistics alone need neither lake nor records."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'evaluation')}"), name)
