"""Data in which nobody coordinates, made from data in which somebody may."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["null_twin", "organic_crowd"]

Ints = NDArray[np.int64]


def null_twin(account: Ints, object_: Ints, time: Ints, rng: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Return the same shares with times permuted within each account and objects within popularity classes.

    Each account stays as active, at the same hours, and each class of things
    (powers of two of their accounts) as popular; who shares what with whom, and when, is chance.
    """
    pairs = np.unique(np.stack([object_, account]), axis=1)
    popularity = np.bincount(pairs[0], minlength=int(object_.max(initial=0)) + 1)
    kind = np.floor(np.log2(np.maximum(popularity, 1))).astype(np.int64)[object_]
    return account, _shuffled(object_, kind, rng), _shuffled(time, account, rng)


def organic_crowd(
    account: Ints,
    object_: Ints,
    *,
    hub: int,
    newcomers: Ints,
    movable: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Ints:
    """Return `account` with the people who share `hub`'s things replaced by a crowd of `newcomers`.

    On every thing that the account `hub` shares, other sharers (where
    `movable`, by account, allows it) become members of the crowd, drawn at
    random. The crowd shares one source's things more than chance explains, at
    the times at which real, separate people did: common interest and nothing else.
    """
    out = account.copy()
    for thing in np.unique(object_[account == hub]).tolist():
        rows = np.flatnonzero((object_ == thing) & (account != hub) & movable[account])
        _, first = np.unique(account[rows], return_index=True)
        rows = rng.permutation(rows[first])[: len(newcomers)]
        out[rows] = rng.permutation(newcomers)[: len(rows)]
    return out


def _shuffled(values: Ints, within: Ints, rng: np.random.Generator) -> Ints:
    """Return `values` permuted among the rows that have the same `within`."""
    place = np.argsort(within, kind="stable")
    draw = np.lexsort((rng.random(len(values)), within))
    out = np.empty_like(values)
    out[place] = values[draw]
    return out
