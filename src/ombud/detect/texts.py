"""Texts that are the same, or nearly: one object each."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import rensa
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["JACCARD", "informative", "jaccard", "normalised", "same_text", "shingles"]

Ints = NDArray[np.int64]

JACCARD = 0.8
"""Two texts are near-duplicates when they share this part of their word shingles: what counts as the same text."""
_ROWS, _BANDS = 4, 16
_SEED = 42
_SHINGLE = 3
_BLOCK = 20_000
_NOISE = re.compile(r"https?://\S+|@\w+|&\w+;|[^\w\s#]|_", re.UNICODE)
_SPACE = re.compile(r"\s+")


def normalised(text: str) -> str:
    """Return the words of a text alone: lower case, without links, handles and punctuation."""
    return _SPACE.sub(" ", _NOISE.sub(" ", text.lower())).strip()


def shingles(text: str) -> set[str]:
    """Return the runs of three words of a normalised text; the whole text when it has fewer."""
    words = text.split(" ")
    if len(words) <= _SHINGLE:
        return {text}
    return {" ".join(words[i : i + _SHINGLE]) for i in range(len(words) - _SHINGLE + 1)}


def jaccard(a: set[str], b: set[str]) -> float:
    """Return the part of all shingles that two texts share."""
    return len(a & b) / len(a | b) if a or b else 1.0


def informative(texts: Sequence[str], posts: int) -> NDArray[np.bool_]:
    """Return which texts say enough that two of `posts` independent posts would hardly coincide on them.

    A text carries the sum of -log2 of its words' frequencies, in bits. Below
    log2 of the number of pairs of posts a coincidence is expected by chance.
    """
    words = [t.split() for t in texts]
    counts = Counter(w for line in words for w in line)
    total = max(sum(counts.values()), 1)
    bits = {w: float(np.log2(total / n)) for w, n in counts.items()}
    needed = np.log2(max(posts * (posts - 1) / 2, 1))
    return np.array([sum(bits[w] for w in line) > needed for line in words], dtype=bool)


def same_text(texts: Sequence[str]) -> Ints:
    """Return a label for each distinct normalised text; near-duplicates share one.

    MinHash in 16 bands of 4 finds candidates (a pair at Jaccard 0.8 is missed
    with chance 0.0002); each is verified by its exact Jaccard. Inside a bucket
    each text is compared with the one before it and with the first, so the
    work stays linear however often a phrase is used.
    """
    parent = list(range(len(texts)))
    if len(texts) < 2:  # noqa: PLR2004 - one text has no duplicate
        return np.arange(len(texts), dtype=np.int64)
    sets = [shingles(t) for t in texts]
    digests = _digests(sets)
    for band in range(_BANDS):
        key = _mixed(digests[:, band * _ROWS : (band + 1) * _ROWS])
        order = np.argsort(key, kind="stable")
        fresh = np.diff(key[order], prepend=~key[order[:1]]) != 0
        head = np.maximum.accumulate(np.where(fresh, np.arange(len(order)), 0))
        for at in np.flatnonzero(~fresh).tolist():
            here = int(order[at])
            for other in {int(order[at - 1]), int(order[head[at]])}:
                x, y = _root(parent, here), _root(parent, other)
                if x != y and jaccard(sets[here], sets[other]) >= JACCARD:
                    parent[max(x, y)] = min(x, y)
    return np.array([_root(parent, i) for i in range(len(texts))], dtype=np.int64)


def _digests(sets: Sequence[set[str]]) -> NDArray[np.uint64]:
    """Return the MinHash of each set, a block at a time: rows come back as Python numbers."""
    blocks = []
    for at in range(0, len(sets), _BLOCK):
        tokens = [sorted(s) for s in sets[at : at + _BLOCK]]
        matrix = rensa.RMinHash.digest_matrix_from_token_sets(tokens, _ROWS * _BANDS, _SEED)
        blocks.append(np.array(matrix.to_rows(), dtype=np.uint64))
    return np.concatenate(blocks)


def _mixed(rows: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return one 64-bit key per row (multiply and xor; a collision only costs a comparison)."""
    key = np.zeros(len(rows), dtype=np.uint64)
    for column in rows.T:
        key = (key ^ column) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    return key


def _root(parent: list[int], i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i
