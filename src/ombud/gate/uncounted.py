"""What a gate would decide, when nobody is to be charged for asking: for searches, and from the shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.gate.budgets import Budgets
from ombud.gate.decide import Gate
from ombud.gate.policy.compiled import NO_LIMIT

if TYPE_CHECKING:
    from ombud.gate.policy.compiled import CompiledPolicy
    from ombud.gate.request import Decision, ReadRequest

__all__ = ["Uncounted"]


class _NoBudgets(Budgets):
    """Budgets without limits."""

    def adopt(self, compiled: CompiledPolicy) -> None:
        """Take the apps of a policy, and none of its limits."""
        super().adopt(compiled)
        self.limits[:] = NO_LIMIT


class Uncounted:
    """A twin of a gate over the same consents that counts nothing, and that no budget refuses. For one thread."""

    def __init__(self, gate: Gate) -> None:
        """Take the gate; whatever changes in it changes here."""
        self._gate = gate
        budgets = _NoBudgets(gate.compiled)
        self._twin = Gate(gate.compiled, gate.consents, gate.people, budgets, ties=gate.ties, monotonic=gate.monotonic)

    def decide(self, request: ReadRequest) -> Decision:
        """Say what the decision would be."""
        if self._twin.compiled is not self._gate.compiled:
            self._twin.replace(self._gate.compiled)
        self._twin.stopped = self._gate.stopped
        return self._twin.decide(request)
