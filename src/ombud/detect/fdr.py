"""False discovery rates under any dependence between the tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["harmonic", "yekutieli"]

Floats = NDArray[np.float64]

_EXACT = 1000


def harmonic(tests: int) -> float:
    """Return 1 + 1/2 + ... + 1/tests, the price of arbitrary dependence."""
    if tests <= _EXACT:
        return float(np.sum(1.0 / np.arange(1, tests + 1)))
    return float(np.log(tests) + np.euler_gamma + 0.5 / tests - 1 / (12 * tests**2))


def yekutieli(p: Floats, tests: int) -> Floats:
    """Return the q-value of each p-value when `tests` hypotheses were tested in all.

    Those not in `p` count as p = 1, so that a test that was never carried out
    because nothing was seen still pays its price. `q <= level` selects the
    step-up set of Benjamini and Yekutieli (2001), whose false discovery rate
    is at most `level` whatever the dependence.
    """
    if tests < len(p):
        raise ValueError(f"{len(p)} p-values cannot come from {tests} tests.")
    if len(p) == 0:
        return np.empty(0)
    order = np.argsort(p, kind="stable")
    raw = p[order] * (tests * harmonic(tests)) / np.arange(1, len(p) + 1)
    q = np.empty(len(p))
    q[order] = np.minimum(np.minimum.accumulate(raw[::-1])[::-1], 1.0)
    return q
