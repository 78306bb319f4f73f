"""Which bit of a consent's mask stands for which scope; the same under every policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.gate.policy.checking import MOST
from ombud.model.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ScopeBits", "TooManyScopesError"]


class TooManyScopesError(RefusedError):
    """More than 64 scopes were ever granted, and a consent's mask has 64 bits."""


class ScopeBits:
    """Names of scopes by bit. A name keeps its bit for good, so a consent outlives a change of policy."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """Take the names of bits 0, 1, ..."""
        self._bits: dict[str, int] = {}
        for name in names:
            self.bit(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names in the order of their bits."""
        return tuple(self._bits)

    def bit(self, name: str) -> int:
        """Return the number of a scope's bit, a new one when the scope is new."""
        found = self._bits.get(name)
        if found is None:
            if len(self._bits) == MOST:
                raise TooManyScopesError(hint="Rebuild the consents with the scopes of the policies still in use.")
            found = self._bits[name] = len(self._bits)
        return found

    def mask(self, names: Iterable[str]) -> int:
        """Return the mask of these scopes."""
        mask = 0
        for name in names:
            mask |= 1 << self.bit(name)
        return mask

    def of(self, mask: int) -> tuple[str, ...]:
        """Return the names of the scopes in a mask, by bit."""
        return tuple(name for name, bit in self._bits.items() if mask >> bit & 1)
