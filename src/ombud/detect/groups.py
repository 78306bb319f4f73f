"""Groups of linked accounts, from whole components to fine communities."""

from __future__ import annotations

import networkit as nk
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

__all__ = ["components", "levels", "weakest_link"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_RESOLUTIONS = (1.0, 4.0, 16.0)
_SEED = 20160101


def components(a: Ints, b: Ints, accounts: int) -> Ints:
    """Return each account's component, numbered from 0; -1 for accounts without a link."""
    _, label = connected_components(coo_matrix((np.ones(len(a)), (a, b)), shape=(accounts, accounts)), directed=False)
    return _numbered(label.astype(np.int64), np.unique(np.concatenate([a, b])))


def levels(a: Ints, b: Ints, weight: Floats, accounts: int) -> list[Ints]:
    """Return partitions of the linked accounts: communities, finer ones, then the components themselves.

    By modularity (networkit's PLM with refinement, one thread and a fixed
    seed, so that the same links always give the same groups).
    """
    linked = np.unique(np.concatenate([a, b]))
    if len(linked) == 0:
        return []
    x, y = np.searchsorted(linked, a), np.searchsorted(linked, b)
    nk.setNumberOfThreads(1)
    graph = nk.GraphFromCoo((weight, (x, y)), n=len(linked), weighted=True, directed=False)
    out = []
    for gamma in _RESOLUTIONS:
        nk.setSeed(_SEED, useThreadId=False)
        found = nk.community.PLM(graph, refine=True, gamma=gamma, par="none randomized").run().getPartition()
        label = np.full(accounts, -1, dtype=np.int64)
        label[linked] = found.getVector()
        out.append(_numbered(label, linked))
    out.append(components(a, b, accounts))
    return out


def weakest_link(a: Ints, b: Ints, q: Floats, members: Ints) -> float:
    """Return the largest q on the strongest tree that holds the members together; 1 if nothing does."""
    inside = np.isin(a, members) & np.isin(b, members)
    x, y = np.searchsorted(members, a[inside]), np.searchsorted(members, b[inside])
    # scipy reads 0 as no edge
    tree = minimum_spanning_tree(coo_matrix((np.maximum(q[inside], 1e-300), (x, y)), shape=(len(members),) * 2).tocsr())
    return float(tree.data.max()) if tree.nnz == len(members) - 1 else 1.0


def _numbered(label: Ints, linked: Ints) -> Ints:
    """Return labels numbered by each group's smallest account, so that none depends on an algorithm's order."""
    out = np.full(len(label), -1, dtype=np.int64)
    _, first, inverse = np.unique(label[linked], return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    out[linked] = rank[inverse.reshape(-1)]
    return out
