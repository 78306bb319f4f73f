"""The desk: where reads are decided and put on record, for every way in which the gate can be asked."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from ombud.gate.rows import rows_of
from ombud.gate.uncounted import Uncounted
from ombud.gate.wire.reads import whole
from ombud.model.errors import OmbudError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from ombud.gate.decide import Gate
    from ombud.gate.recorder import Recorder
    from ombud.gate.request import Decision, ReadRequest

__all__ = ["Desk"]

GATHER = 0.003
"""Seconds that reads of one event loop wait for others before they go to the recorder together.

A batch costs 2 ms of work whether it has one row or forty (measured), and the
recorder's thread takes that time from the loop's.
"""


class Desk:
    """Decides by a gate and records with a recorder. `keep` belongs to one event loop; the rest is safe anywhere."""

    def __init__(
        self,
        gate: Gate,
        recorder: Recorder,
        *,
        called: Callable[[str], None] | None = None,
        seen: Callable[[ReadRequest, Decision], None] | None = None,
    ) -> None:
        """Take both, open; `called` is told of each registered app that asks, `seen` of each decision."""
        self.gate = gate
        self._uncounted = Uncounted(gate)
        self._called = called
        self._seen = seen
        self.recorder = recorder
        self._waiting: dict[str, _Together] = {}
        """by policy, what is gathered"""

    def judge(self, request: ReadRequest, *, partial: bool) -> Decision:
        """Decide one read, and count what goes out; unless `partial`, all of it goes out or nothing."""
        decision = self._judge(request, partial=partial)
        if self._seen is not None:
            self._seen(request, decision)
        return decision

    def _judge(self, request: ReadRequest, *, partial: bool) -> Decision:
        if self._called is not None and request.app in self.gate.compiled.apps:
            self._called(request.app)
        if not partial:
            would = self._uncounted.decide(request)
            if would.outcome != "allowed":
                return whole(would)  # nothing of it goes out, so nothing is counted
        decision = self.gate.decide(request)
        return decision if partial else whole(decision)

    def would(self, request: ReadRequest) -> Decision:
        """Say what the decision would be, counting nothing: for searches."""
        return self._uncounted.decide(request)

    async def keep(self, decided: Sequence[tuple[ReadRequest, Decision]]) -> None:
        """Return when the reads are on record, as the recorder was told to keep them. Raises `RecordError`."""
        policies = {decision.policy for _, decision in decided}
        for policy in policies:  # two when a new one came into force between two decisions
            rows = rows_of([pair for pair in decided if pair[1].policy == policy])
            if self.recorder.durable == "soon":
                self.recorder.submit(rows, policy)
            else:
                await self._together(policy).add(rows)

    def _together(self, policy: str) -> _Together:
        found = self._waiting.get(policy)
        if found is None or found.gone:
            found = self._waiting[policy] = _Together(self.recorder, policy)
        return found

    def apps(self) -> Sequence[str]:
        """Return the apps that the gate knows, sorted."""
        return sorted(self.gate.compiled.apps)


class _Together:
    """Rows of several requests on their way to the recorder, and who waits for them."""

    def __init__(self, recorder: Recorder, policy: str) -> None:
        self._recorder = recorder
        self._policy = policy
        self._rows: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self._kept: asyncio.Future[None] = self._loop.create_future()
        self._loop.call_later(GATHER, self._go)
        self.gone = False

    async def add(self, rows: Sequence[bytes]) -> None:
        """Go with the others, and return when they are on record."""
        self._rows.extend(rows)
        await asyncio.shield(self._kept)

    def _go(self) -> None:
        self.gone = True
        try:
            self._recorder.submit(self._rows, self._policy).add_done_callback(self._came)
        except OmbudError as error:
            self._kept.set_exception(error)

    def _came(self, future: Future[None]) -> None:
        """Take note of what became of the batch; runs in the recorder's thread."""
        with suppress(RuntimeError):  # the loop has ended, and nobody waits
            self._loop.call_soon_threadsafe(self._tell, future.exception())

    def _tell(self, error: BaseException | None) -> None:
        if error is None:
            self._kept.set_result(None)
        else:
            self._kept.set_exception(error)
            self._kept.exception()  # whoever still waits gets it; if nobody does, it is no mistake
