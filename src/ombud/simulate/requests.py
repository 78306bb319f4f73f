"""What apps ask and what they are answered, as arrays: one row a request."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ombud.simulate.friendships import Ints, Small
    from ombud.simulate.vocabulary import Masks

__all__ = ["NOBODY", "Answers", "Requests"]

NOBODY = -1
"""In `through`: the person's own consent is used."""


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests of apps for people's data."""

    app: Small
    person: Small
    through: Small
    """the friend whose consent is used, or `NOBODY`"""
    fields: Masks
    purpose: NDArray[np.int8]
    """index into the purposes of the vocabulary"""
    at: Ints
    """seconds since 1970"""

    def __len__(self) -> int:
        return len(self.app)

    def __getitem__(self, rows: Ints | NDArray[np.bool_] | slice) -> Requests:
        return Requests(*(getattr(self, one.name)[rows] for one in fields(self)))

    @staticmethod
    def of(
        app: NDArray[np.integer] | int,
        person: NDArray[np.integer],
        through: NDArray[np.integer] | int,
        *,
        fields: Masks | int,
        purpose: NDArray[np.integer] | int,
        at: Ints,
    ) -> Requests:
        """Return requests of columns; a single number stands for a whole column."""
        count = len(person)
        return Requests(
            np.broadcast_to(np.asarray(app, dtype=np.int32), count),
            person.astype(np.int32),
            np.broadcast_to(np.asarray(through, dtype=np.int32), count),
            np.broadcast_to(np.asarray(fields, dtype=np.uint64), count),
            np.broadcast_to(np.asarray(purpose, dtype=np.int8), count),
            at,
        )

    @staticmethod
    def joined(parts: Sequence[Requests]) -> Requests:
        """Return all parts, one after the other."""
        if not parts:
            empty = np.zeros(0, dtype=np.int64)
            return Requests.of(empty, empty, empty, fields=0, purpose=0, at=empty)
        return Requests(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Requests)))


@dataclass(frozen=True, slots=True)
class Answers:
    """What an app learns of the platform's decisions, in the order of its requests."""

    allowed: Masks
    """the fields that were given"""
    later: NDArray[np.bool_]
    """whether nothing was given only because the app should come back later"""

    def __len__(self) -> int:
        return len(self.allowed)

    def __getitem__(self, rows: Ints | NDArray[np.bool_] | slice) -> Answers:
        return Answers(self.allowed[rows], self.later[rows])
