"""Everything at once: threads decide while consents, tables, policies, apps, brakes and budgets change under them.

Each answer must be one that the plain rules give for what was true before or after a change.
`OMBUD_RACE_SECONDS=60` lets each test run that long.
"""

from __future__ import annotations

import itertools
import os
import random
import sys
import threading
import time
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from ombud.gate import plain
from ombud.gate.feed import Ids
from ombud.gate.plain import PlainConsent, World
from ombud.gate.policy import compile_policy
from ombud.gate.policy.language import Budgets as BudgetRules
from ombud.gate.request import AppStanding, ReadRequest
from ombud.model.errors import InputError
from tests.unit.gate.worlds import DAY_ZERO, EVERYTHING, Twin, day, random_requests, random_world, twin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ombud.gate.decide import Gate

SECONDS = float(os.environ.get("OMBUD_RACE_SECONDS", "0.6"))
FREE = msgspec.structs.replace(EVERYTHING, budgets=BudgetRules())
NARROW = msgspec.structs.replace(
    FREE, name="narrow", regions=(), purposes={"function": FREE.purposes["function"]}, scopes=dict(FREE.scopes)
)
Answer = tuple[object, ...]


@pytest.fixture(autouse=True)
def _many_turns() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def at_once(*works: Callable[[], object], enough: Callable[[], bool] = lambda: True) -> None:
    """Do each thing again and again, in a thread of its own, until the time is over and it is enough, or one fails."""
    end, wrong = time.monotonic() + SECONDS, list[BaseException]()

    def over() -> bool:
        return bool(wrong) or time.monotonic() > (end if enough() else end + 20)

    def again(work: Callable[[], object]) -> None:
        while not over():
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - the test tells of it
                wrong.append(error)

    threads = [threading.Thread(target=again, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise wrong[0]


def possible(both: Twin, requests: list[ReadRequest], other: dict[tuple[str, str], PlainConsent]) -> list[set[Answer]]:
    """Return what the plain rules answer to each request, by either policy and with either consent of those it uses."""
    out: list[set[Answer]] = [set() for _ in requests]
    world = both.world
    first = dict(world.consents)
    for policy, own, via in itertools.product((FREE, NARROW), (first, other), (first, other)):
        for request, answers in zip(requests, out, strict=True):
            pairs = {(request.app, request.person): own, (request.app, request.through or request.person): via}
            consents = {pair: source[pair] for pair, source in pairs.items() if pair in source}
            small = World(policy, world.apps, consents, world.people, world.friends)
            answers.add((policy.hash, *plain.decide(small, request)))
    return out


class Changes:
    """What changes while others decide; each change leaves every row as one of its two states."""

    def __init__(self, both: Twin, states: list[dict[tuple[str, str], PlainConsent]], chance: random.Random) -> None:
        self.both, self.states, self.chance = both, states, chance
        self.pairs = sorted(states[0].keys() & states[1].keys())
        self.turn = 0

    def rows(self) -> None:
        """Change consents one by one, and some of nobody who is asked for, so that the table grows."""
        table = self.both.gate.consents
        for app, person in self.chance.sample(self.pairs, 30):
            consent = self.states[self.chance.randint(0, 1)][app, person]
            where = self.both.gate.compiled.app_index[app], self.both.gate.people[person]
            ends = 2**31 - 1 if consent.expires is None else consent.expires
            mask = table.scopes.mask(sorted(consent.scopes))
            if self.chance.random() < 0.5:
                table.put(*where, mask, consent.last_used, ends, revoked=consent.revoked)
            else:
                app_column, person_column, used, expires = np.array([*where, consent.last_used, ends]).reshape(4, 1)
                mask_column, revoked = np.array([mask], dtype=np.uint64), np.array([consent.revoked])
                table.put_many(app_column, person_column, mask_column, used, expires, revoked)
        for _ in range(40):
            self.turn += 1
            table.put(0, 1_000 + self.turn % 3_000_000, 1, 1)

    def rules(self) -> None:
        """Change the policy, and add apps that nobody asks for."""
        time.sleep(0.005)  # or no batch would end by the policy that it began with
        gate = self.both.gate
        index = dict(gate.compiled.app_index)
        if len(index) < 3_000:
            index[f"new{len(index)}"] = max(index.values()) + 1
        policy = NARROW if gate.compiled.policy is FREE else FREE
        gate.replace(compile_policy(policy, list(self.both.world.apps.values()), gate.consents.scopes, index))
        gate.stopped = frozenset(self.chance.sample(sorted(index)[-3:], 1)) - self.both.world.apps.keys()


def test_answers_are_those_of_the_rules_whatever_changes_meanwhile() -> None:
    chance = random.Random(3)  # noqa: S311 - a test's chance, not a secret
    world, later = random_world(chance, FREE), random_world(chance, FREE)
    both = twin(world)
    requests = [request for request in random_requests(chance, world, 200) if request.at is not None]
    expected = possible(both, requests, later.consents)
    changes = Changes(both, [dict(world.consents), dict(later.consents)], chance)
    met: dict[str, int] = defaultdict(int)

    def single() -> None:
        for request, answers in zip(requests, expected, strict=True):
            decision = both.gate.decide(request)
            assert (decision.policy, decision.outcome, decision.allowed, decision.refused) in answers
            met[decision.outcome] += 1

    def batch() -> None:
        compiled = both.gate.compiled
        try:
            found = both.gate.decide_batch(both.gate.batch(requests[:50]))
        except InputError:
            assert both.gate.compiled is not compiled, "the policy became another one in between"
            return
        if both.gate.compiled is compiled:
            for allowed, answers in zip(found.allowed.tolist(), expected[:50], strict=True):
                assert any(answer[0] == compiled.hash and compiled.mask(answer[2]) == allowed for answer in answers)  # type: ignore[arg-type]  # names
                met["batch"] += 1

    def enough() -> bool:
        apps = len(both.gate.compiled.app_index) - len(world.apps)
        return min(met["allowed"], met["refused"], met["batch"], changes.turn - 100, apps) > 0

    at_once(single, single, batch, changes.rows, changes.rules, enough=enough)
    assert enough()


def test_no_read_is_left_uncounted_while_apps_come() -> None:
    most = 2_000
    policy = msgspec.structs.replace(FREE, budgets=BudgetRules(people_a_day=most))
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        standing = AppStanding("app", DAY_ZERO - timedelta(days=50), purposes=frozenset(["function"]))
        people = {f"p{n}" for n in range(most + 500)}
        consents = {("app", person): PlainConsent(frozenset(["basic"]), day(DAY_ZERO)) for person in people}
        gate = twin(World(policy, {"app": standing}, consents, people)).gate
        left, given = iter(sorted(people)), list[str]()

        def decide(gate: Gate = gate, left: Iterator[str] = left, given: list[str] = given) -> None:
            for person in left:
                decision = gate.decide(ReadRequest("app", person, ("name",), "function", None, DAY_ZERO, "PL"))
                given.extend(decision.allowed)

        threads = [threading.Thread(target=decide) for _ in range(2)]
        for thread in threads:
            thread.start()
        index = {"app": 0}
        while any(thread.is_alive() for thread in threads):
            index[f"new{len(index)}"] = len(index)
            gate.replace(compile_policy(policy, [standing], gate.consents.scopes, index))
        for thread in threads:
            thread.join()
        assert len(given) == most
        assert gate.budgets.counts[0, 1] == len(gate.budgets.people) == most


def test_a_use_or_an_untick_does_not_undo_a_revocation() -> None:
    gate = twin(random_world(random.Random(5), FREE)).gate  # noqa: S311 - likewise
    table = gate.consents
    app, person = gate.compiled.app_index["wide"], gate.people["p1"]
    request = ReadRequest("wide", "p1", ("name",), "function", None, DAY_ZERO, "PL")
    lived = 0

    def revoke() -> None:
        nonlocal lived
        table.put(app, person, 0b11, day(DAY_ZERO))
        lived += gate.decide(request).outcome == "allowed"
        table.revoke(app, person)
        for _ in range(3):
            assert gate.decide(request).outcome == "refused"

    at_once(
        revoke,
        lambda: table.use(app, person, day(DAY_ZERO)),
        lambda: table.untick(app, person, "contact"),
        enough=lambda: lived > 10,
    )
    assert lived > 10


def test_two_names_never_share_a_number() -> None:
    ids, names = Ids(), itertools.count()

    def number() -> None:
        for _ in range(50):
            ids.number(f"p{next(names)}")

    at_once(number, number, number)
    assert sorted(ids.values()) == list(range(len(ids)))
