"""The desk: where reads are decided and put on record, for every way in which the gate can be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.gate.rows import rows_of
from ombud.gate.wire.reads import whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ombud.gate.decide import Gate
    from ombud.gate.recorder import Recorder
    from ombud.gate.request import Decision, ReadRequest

__all__ = ["Desk"]


class Desk:
    """Decides by a gate and records with a recorder. Safe between threads and tasks."""

    def __init__(self, gate: Gate, recorder: Recorder) -> None:
        """Take both, open."""
        self.gate = gate
        self.recorder = recorder

    def judge(self, request: ReadRequest, *, partial: bool) -> Decision:
        """Decide one read, and count what goes out; unless `partial`, all of it goes out or nothing."""
        if not partial:
            would = self.gate.decide(request, counted=False)
            if would.outcome != "allowed":
                return whole(would)  # nothing of it goes out, so nothing is counted
        decision = self.gate.decide(request)
        return decision if partial else whole(decision)

    def would(self, request: ReadRequest) -> Decision:
        """Say what the decision would be, counting nothing: for searches."""
        return self.gate.decide(request, counted=False)

    async def keep(self, decided: Sequence[tuple[ReadRequest, Decision]]) -> None:
        """Return when the reads are on record, as the recorder was told to keep them. Raises `RecordError`."""
        policy = decided[0][1].policy
        if all(decision.policy == policy for _, decision in decided):
            await self.recorder.record_soon(rows_of(decided), policy)
            return
        for request, decision in decided:  # a new policy came into force between two of them
            await self.recorder.record_soon(rows_of([(request, decision)]), decision.policy)

    def apps(self) -> Sequence[str]:
        """Return the apps that the gate knows, sorted."""
        return sorted(self.gate.compiled.apps)
