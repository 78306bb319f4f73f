"""People with friendships like real ones: unequal numbers of friends, friends who know each other, regions.

The model is a geometric inhomogeneous random graph (Bringmann, Keusch and
Lengler, *Theoretical Computer Science* 760, 2019), the general form of the
hyperbolic graphs of Krioukov and others (*Physical Review E* 82, 036106, 2010),
on a circle: each person has a place and a *reach*, and two become friends when
they are close for their reach. Closeness makes friends of friends friends;
unequal reach makes hubs. A share of the ties is drawn without regard to place
(Chung and Lu, *PNAS* 99, 2002): friends from elsewhere.

Reach is log-normal and capped: the degrees of all of Facebook (mean 190, median
99, at most 5,000; Ugander and others, arXiv 1111.4503) and of the ego graph in
`examples/` (mean 44, median 25) both have a log-normal's ratio of mean to median,
not a power law's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ombud.simulate.friendships import Friendships, Small, join, ranges

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["REGIONS", "People", "drawn", "people_of", "simulate_people"]

Floats = NDArray[np.float64]

REGIONS = 12
"""Arcs of the circle; the first is the largest."""

_DEGREE, _UNEQUAL, _CAP, _ELSEWHERE = 44.0, 1.1, 23.0, 0.12
_BLOCK = 1_000_000


@dataclass(frozen=True, slots=True)
class People:
    """The people of a simulated platform; all arrays are by person."""

    friends: Friendships
    region: NDArray[np.int8]
    """which of `REGIONS`"""
    joined: NDArray[np.int32]
    """the day they came, in days before the first day of the simulation"""
    active: Floats
    """how much they use the platform; 1 on average"""

    def __len__(self) -> int:
        return self.friends.people


def simulate_people(
    count: int,
    rng: np.random.Generator,
    *,
    degree: float = _DEGREE,
    unequal: float = _UNEQUAL,
    cap: float = _CAP,
    elsewhere: float = _ELSEWHERE,
) -> People:
    """Return `count` people.

    `degree` is the mean number of friends; `unequal` the spread of the logarithm
    of reach; nobody's reach is over `cap` times the mean; `elsewhere` is the
    share of ties drawn without regard to place. Friends who live close are
    numbered at random, so numbers tell nothing.
    """
    place = np.sort(rng.random(count))
    reach = np.minimum(rng.lognormal(-(unequal**2) / 2, unequal, count), cap)
    near = _near(place, reach, degree * (1 - elsewhere))
    wide = round(count * degree * elsewhere / 2)
    far = drawn(reach, wide, rng), drawn(reach, wide, rng)
    number = rng.permutation(count).astype(np.int32)
    friends = join(count, [(number[one], number[other]) for one, other in (*near, far)])
    at = np.empty(count)
    at[number] = place
    return _with_lives(friends, at, rng)


def people_of(friends: Friendships, rng: np.random.Generator) -> People:
    """Return people around a graph that exists, such as a real one; regions are drawn at random."""
    return _with_lives(friends, rng.random(friends.people), rng)


def drawn(weights: Floats, count: int, rng: np.random.Generator) -> Small:
    """Return `count` indices of `weights`, each with a chance in proportion to its weight.

    Looked up in order, which the processor's cache likes, and shuffled afterwards.
    """
    total = np.cumsum(weights)
    found: Small = np.searchsorted(total[:-1], np.sort(rng.random(count)) * total[-1]).astype(np.int32)
    rng.shuffle(found)
    return found


def _with_lives(friends: Friendships, place: Floats, rng: np.random.Generator) -> People:
    shares = 1 / np.arange(1, REGIONS + 1)
    region = np.searchsorted(np.cumsum(shares / shares.sum())[:-1], place).astype(np.int8)
    joined = rng.integers(1, 2_000, friends.people, dtype=np.int32)
    return People(friends, region, joined, rng.lognormal(-0.5, 1, friends.people))


def _near(place: Floats, reach: Floats, degree: float) -> list[tuple[Small, Small]]:
    """Return the pairs whose distance is at most in proportion to the product of their reach.

    People are put in layers by powers of two of their reach; between two layers
    only those within the layers' greatest distance are looked at. With `place`
    in ascending order each layer is too.
    """
    scale = degree / (2 * len(place) * reach.mean() ** 2)
    layer = np.floor(np.log2(reach)).astype(np.int8)
    layers = [np.flatnonzero(layer == at).astype(np.int32) for at in np.unique(layer)]
    pairs: list[tuple[Small, Small]] = []
    for i, here in enumerate(layers):
        for j, there in enumerate(layers[: i + 1]):
            farthest = min(scale * reach[here].max() * reach[there].max(), 0.5)
            for one, other in _within(here, there, place, farthest, same=i == j):
                gap = np.abs(place[one] - place[other])
                fits = np.minimum(gap, 1 - gap) <= scale * reach[one] * reach[other]
                pairs.append((one[fits], other[fits]))
    return pairs


def _within(here: Small, there: Small, place: Floats, farthest: float, *, same: bool) -> Iterator[tuple[Small, Small]]:
    """Yield the pairs of two layers that are at most `farthest` apart ; within one layer each pair once."""
    at = place[here]
    turns = (place[there] + np.array([[-1.0], [0.0], [1.0]])).ravel()
    first = np.searchsorted(turns, at, side="right") if same else np.searchsorted(turns, at - farthest)
    count = np.searchsorted(turns, at + farthest, side="right") - first
    reach = np.cumsum(count)
    cuts = np.searchsorted(reach, np.arange(_BLOCK, max(int(reach[-1]), _BLOCK), _BLOCK))
    around = np.tile(there, 3)
    for part in np.split(np.arange(len(here)), cuts):
        yield np.repeat(here[part], count[part]), around[ranges(first[part], count[part])]
