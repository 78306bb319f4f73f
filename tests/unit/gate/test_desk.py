"""The desk over a real gate: what is counted, what is not, and what becomes of reads that cannot be recorded."""

from __future__ import annotations

import asyncio
import random
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
import pytest

from ombud.gate import desk as desks
from ombud.gate.desk import Desk
from ombud.gate.recorder import RecordError
from ombud.gate.request import Decision, ReadRequest
from ombud.gate.rows import row_of
from ombud.gate.uncounted import Uncounted
from tests.unit.gate.worlds import DAY_ZERO, random_requests, random_world, twin

if TYPE_CHECKING:
    from collections.abc import Sequence


class Kept:
    """Takes rows as a recorder does, and says when they are on record."""

    def __init__(self, durable: str = "before-answer") -> None:
        self.durable = durable
        self.batches: list[tuple[list[bytes], str | None]] = []
        self.futures: list[Future[None]] = []
        self.error: RecordError | None = None
        self.now = True

    def submit(self, rows: Sequence[bytes], policy: str | None = None) -> Future[None]:
        if self.error is not None and self.durable == "soon":
            raise self.error
        future: Future[None] = Future()
        self.batches.append((list(rows), policy))
        self.futures.append(future)
        if self.error is not None:
            future.set_exception(self.error)
        elif self.now:
            future.set_result(None)
        return future


def open_read(person: str = "p1", *fields: str, app: str = "wide") -> ReadRequest:
    return ReadRequest(app, person, fields or ("name",), "function", at=DAY_ZERO, region="PL")


def chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - a generated world


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def desk(kept: Kept) -> Desk:
    world = random_world(chance(3))
    return Desk(twin(world).gate, kept)  # type: ignore[arg-type]


def test_a_read_that_goes_out_is_counted_once(desk: Desk) -> None:
    row = desk.gate.compiled.app_index["wide"]
    for partial in (True, False):
        before = int(desk.gate.budgets.counts[row, 3])
        assert desk.judge(open_read(), partial=partial).outcome == "allowed"
        assert int(desk.gate.budgets.counts[row, 3]) == before + 1


def test_all_or_nothing_is_not_charged_for_nothing(desk: Desk) -> None:
    row = desk.gate.compiled.app_index["wide"]
    asked = open_read("p1", "name", "mailbox")
    before = int(desk.gate.budgets.counts[row, 3])
    refused = desk.judge(asked, partial=False)
    assert (refused.outcome, refused.allowed) == ("refused", ())
    assert {one.field: one.reason for one in refused.refused} == {"mailbox": "closed", "name": "all-or-nothing"}
    assert int(desk.gate.budgets.counts[row, 3]) == before
    assert desk.judge(asked, partial=True).allowed == ("name",)
    assert int(desk.gate.budgets.counts[row, 3]) == before + 1


def test_what_would_be_is_what_is_but_for_budgets() -> None:
    dice = chance(5)
    world = random_world(dice)
    made = twin(world)
    uncounted = Uncounted(made.gate)
    budgets = {"first-week", "people-an-hour", "people-a-day", "fields-an-hour", "fields-a-day", "slowed"}
    same = over = 0
    for request in random_requests(dice, world, 2_000, hours=6):
        would, real = uncounted.decide(request), made.gate.decide(request)
        if budgets & {one.reason for one in real.refused}:
            over += 1
            assert set(would.allowed) >= set(real.allowed)
            continue
        same += 1
        assert msgspec.structs.replace(would, id="") == msgspec.structs.replace(real, id="")
    assert same > 500
    assert over > 20


def test_the_twin_follows_its_gate(desk: Desk) -> None:
    assert desk.would(open_read()).outcome == "allowed"
    desk.gate.stopped = frozenset({"wide"})
    assert desk.would(open_read()).refused[0].reason == "stopped"
    desk.gate.stopped = frozenset()
    changed = msgspec.structs.replace(desk.gate.compiled.policy, version="2")
    world = random_world(chance(3), changed)
    made = twin(world)
    other = Desk(made.gate, Kept())  # type: ignore[arg-type]
    made.compiled_again(msgspec.structs.replace(changed, version="3"))
    assert other.would(open_read()).policy == made.gate.compiled.hash
    assert other.apps() == sorted(world.apps)


def test_only_apps_that_are_registered_are_noted(kept: Kept) -> None:
    called: list[str] = []
    desk = Desk(twin(random_world(chance(3))).gate, kept, called=called.append)  # type: ignore[arg-type]
    for app in ("wide", "made-up", "a1"):
        desk.judge(open_read(app=app), partial=True)
    assert called == ["wide", "a1"]


def pair(desk: Desk, person: str) -> tuple[ReadRequest, Decision]:
    request = open_read(person)
    return request, desk.judge(request, partial=True)


def test_reads_that_come_together_go_on_record_together(desk: Desk, kept: Kept) -> None:
    pairs = [pair(desk, f"p{n}") for n in range(20)]

    async def all_of_them() -> None:
        await asyncio.gather(*[desk.keep([one]) for one in pairs])

    asyncio.run(all_of_them())
    assert kept.batches == [([row_of(*one) for one in pairs], desk.gate.compiled.hash)]
    asyncio.run(desk.keep(pairs[:2]))
    assert len(kept.batches) == 2


def test_nobody_is_answered_before_the_record_holds(desk: Desk, kept: Kept) -> None:
    kept.now = False

    async def one() -> tuple[bool, bool]:
        waiting = asyncio.create_task(desk.keep([pair(desk, "p1")]))
        await asyncio.sleep(0.05)
        before = waiting.done()
        kept.futures[0].set_result(None)
        await asyncio.wait_for(waiting, 5)
        return before, waiting.done()

    assert asyncio.run(one()) == (False, True)


@pytest.mark.parametrize("durable", ["before-answer", "soon"])
def test_a_record_that_fails_lets_nothing_out(desk: Desk, kept: Kept, durable: str) -> None:
    kept.durable = durable
    kept.error = RecordError("full")

    async def two() -> list[object]:
        tasks = [desk.keep([pair(desk, name)]) for name in ("p1", "p2")]
        return list(await asyncio.gather(*tasks, return_exceptions=True))

    assert all(isinstance(found, RecordError) for found in asyncio.run(two()))


def test_a_caller_that_hangs_up_takes_nobody_with_it(desk: Desk, kept: Kept) -> None:
    kept.now = False

    async def one_goes() -> bool:
        gone, stays = (asyncio.create_task(desk.keep([pair(desk, name)])) for name in ("p1", "p2"))
        await asyncio.sleep(0.02)
        gone.cancel()
        await asyncio.sleep(0)
        kept.futures[0].set_result(None)
        await asyncio.wait_for(stays, 5)
        return gone.cancelled()

    assert asyncio.run(one_goes())
    assert len(kept.batches[0][0]) == 2


def test_two_policies_are_two_batches(desk: Desk, kept: Kept) -> None:
    first, second = pair(desk, "p1"), pair(desk, "p2")
    second = (second[0], msgspec.structs.replace(second[1], policy="other"))
    asyncio.run(desk.keep([first, second]))
    assert {policy for _, policy in kept.batches} == {desk.gate.compiled.hash, "other"}


def test_soon_waits_for_nothing(desk: Desk, kept: Kept) -> None:
    kept.durable, kept.now = "soon", False
    asyncio.run(desk.keep([pair(desk, "p1")]))
    assert len(kept.batches) == 1


def test_while_a_batch_is_on_its_way_the_next_one_gathers(desk: Desk, kept: Kept) -> None:
    kept.now = False

    async def three_rounds() -> list[int]:
        tasks = [asyncio.create_task(desk.keep([pair(desk, "p1")]))]
        await asyncio.sleep(0.02)
        for name in ("p2", "p3", "p4"):
            tasks.append(asyncio.create_task(desk.keep([pair(desk, name)])))
            await asyncio.sleep(0.01)
        before = len(kept.batches)
        kept.futures[0].set_result(None)
        await asyncio.wait_for(tasks[0], 5)
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in tasks[1:])
        kept.futures[1].set_exception(RecordError("full"))
        found = await asyncio.gather(*tasks[1:], return_exceptions=True)
        assert all(isinstance(one, RecordError) for one in found)
        kept.now = True
        await desk.keep([pair(desk, "p1")])
        return [before, *(len(rows) for rows, _ in kept.batches)]

    assert asyncio.run(three_rounds()) == [1, 1, 3, 1]


def test_batches_of_a_crowd_are_paced_and_one_read_alone_is_not(
    desk: Desk, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "PACE", 0.6)

    async def seconds(pairs: list[tuple[ReadRequest, Decision]]) -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.gather(*[desk.keep([one]) for one in pairs])
        return loop.time() - began

    async def all_of_them() -> list[float]:
        crowd = [pair(desk, f"p{n}") for n in range(desks.CROWD + 1)]
        return [await seconds(pairs) for pairs in (crowd[:1], crowd[:1], crowd, crowd, crowd[:1], crowd[:1])]

    alone, again, first, second, after, last = asyncio.run(all_of_them())
    assert max(alone, again, first, last) < 0.5 < min(second, after)
    assert len(kept.batches) == 6


def test_one_read_has_a_future_or_no_need_of_one(desk: Desk, kept: Kept) -> None:
    async def one() -> bool:
        kept.now = False
        future = desk.keep_one(*pair(desk, "p1"))
        assert future is not None
        await asyncio.sleep(0.02)
        assert not future.done()
        kept.futures[0].set_result(None)
        await asyncio.wait_for(future, 5)
        kept.durable = "soon"
        return desk.keep_one(*pair(desk, "p2")) is None

    assert asyncio.run(one())
    assert [len(rows) for rows, _ in kept.batches] == [1, 1]


def test_a_loop_that_ended_holds_nobody_up(desk: Desk, kept: Kept) -> None:
    kept.now = False

    async def impatient() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(desk.keep([pair(desk, "p1")]), 0.02)

    asyncio.run(impatient())
    kept.futures[0].set_result(None)
    kept.now = True
    asyncio.run(desk.keep([pair(desk, "p2")]))
    assert len(kept.batches) == 2
