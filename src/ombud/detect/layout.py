"""Places for the accounts of a network on a page: computed once, the same every time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["layout"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_STEPS = 120
_FLAT = 1e-9
_GOLDEN = np.pi * (3 - np.sqrt(5))


def layout(nodes: int, a: Ints, b: Ints, weight: Floats) -> Floats:
    """Return x and y of each node between 0 and 1 (Fruchterman and Reingold 1991).

    It starts from a sunflower of the nodes, those with most links inside, and
    uses no random number.
    """
    if nodes == 0:
        return np.empty((0, 2))
    degree = np.bincount(a, weight, nodes) + np.bincount(b, weight, nodes)
    rank = np.empty(nodes)
    rank[np.lexsort((np.arange(nodes), -degree))] = np.arange(nodes)
    radius, angle = np.sqrt((rank + 0.5) / nodes), rank * _GOLDEN
    place = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    ideal = 1.6 / np.sqrt(nodes)
    pull = np.sqrt(weight / weight.max()) if len(weight) else weight
    for step in range(_STEPS):
        apart = place[:, None, :] - place[None, :, :]
        square = (apart**2).sum(axis=2) + 1e-9
        move = (apart * (ideal**2 / square)[:, :, None]).sum(axis=1)
        along = place[a] - place[b]
        force = along * (pull * np.sqrt((along**2).sum(axis=1)) / ideal)[:, None]
        for axis in (0, 1):
            move[:, axis] -= np.bincount(a, force[:, axis], nodes) - np.bincount(b, force[:, axis], nodes)
        length = np.maximum(np.sqrt((move**2).sum(axis=1)), 1e-9)
        heat = 0.15 * (1 - step / _STEPS)
        place = place + move / length[:, None] * np.minimum(length, heat)[:, None]
    low, high = place.min(axis=0), place.max(axis=0)
    spread = np.where(high - low > _FLAT, high - low, 1.0)
    scaled: Floats = np.where(high - low > _FLAT, (place - low) / spread, 0.5)
    return scaled.round(4)
