"""The desk: where reads are decided and put on record, for every way in which the gate can be asked."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial
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

PACE = 0.008
"""Seconds from one batch of an event loop to the next, at least, while many reads come.

A batch costs 1 to 2 ms of work whether it has one row or forty (measured), and
the recorder's threads take that time from the loop's.
"""
CROWD = 4
"""Rows of a batch from which on many reads come."""


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
        self._flow: _Flow | None = None

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
        for kept in [self._hand_in(part, policy) for policy, part in _by_policy(decided).items()]:
            if kept is not None:
                await asyncio.shield(kept)

    def keep_one(self, request: ReadRequest, decision: Decision) -> asyncio.Future[None] | None:
        """Do the same without waiting: the future has no result, or the error; no future, no need to wait."""
        return self._hand_in([(request, decision)], decision.policy)

    def _hand_in(self, decided: Sequence[tuple[ReadRequest, Decision]], policy: str) -> asyncio.Future[None] | None:
        rows = rows_of(decided)
        if self.recorder.durable == "soon":
            self.recorder.submit(rows, policy)
            return None
        loop = asyncio.get_running_loop()
        if self._flow is None or self._flow.loop is not loop:
            self._flow = _Flow(self.recorder, loop)
        return self._flow.add(rows, policy)

    def apps(self) -> Sequence[str]:
        """Return the apps that the gate knows, sorted."""
        return sorted(self.gate.compiled.apps)


def _by_policy(
    decided: Sequence[tuple[ReadRequest, Decision]],
) -> dict[str, list[tuple[ReadRequest, Decision]]]:
    """Return reads by the policy that decided: two when a new one came into force between two decisions."""
    parts: dict[str, list[tuple[ReadRequest, Decision]]] = {}
    for pair in decided:
        parts.setdefault(pair[1].policy, []).append(pair)
    return parts


class _Flow:
    """What one event loop puts on record: while a batch is on its way, the next one gathers."""

    def __init__(self, recorder: Recorder, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._recorder = recorder
        self._gathered: dict[str, tuple[list[bytes], asyncio.Future[None]]] = {}
        """by policy, rows and who waits for them"""
        self._under_way = 0
        self._called = False
        self._went = float("-inf")
        self._crowded = False

    def add(self, rows: Sequence[bytes], policy: str) -> asyncio.Future[None]:
        """Take rows along with the others of this moment; the future is everybody's, so nobody may cancel it."""
        found = self._gathered.get(policy)
        if found is None:
            found = self._gathered[policy] = [], self.loop.create_future()
            self._call()
        found[0].extend(rows)
        return found[1]

    def _call(self) -> None:
        """Go when nothing is on its way, and not too often."""
        if self._called or self._under_way:
            return
        self._called = True
        if self._crowded:
            self.loop.call_at(max(self.loop.time(), self._went + PACE), self._go)
        else:
            self.loop.call_soon(self._go)

    def _go(self) -> None:
        gathered, self._gathered, self._called = self._gathered, {}, False
        self._went = self.loop.time()
        self._crowded = sum(len(rows) for rows, _ in gathered.values()) > CROWD
        for policy, (rows, kept) in gathered.items():
            try:
                self._recorder.submit(rows, policy).add_done_callback(partial(self._came, kept))
                self._under_way += 1
            except OmbudError as error:
                _tell(kept, error)

    def _came(self, kept: asyncio.Future[None], future: Future[None]) -> None:
        """Take note of what became of a batch; runs in the recorder's thread."""
        with suppress(RuntimeError):  # the loop has ended, and nobody waits
            self.loop.call_soon_threadsafe(self._landed, kept, future.exception())

    def _landed(self, kept: asyncio.Future[None], error: BaseException | None) -> None:
        self._under_way -= 1
        if self._gathered:
            self._call()
        _tell(kept, error)


def _tell(kept: asyncio.Future[None], error: BaseException | None) -> None:
    if error is None:
        kept.set_result(None)
    else:
        kept.set_exception(error)
        kept.exception()  # whoever still waits gets it; if nobody does, it is no mistake
