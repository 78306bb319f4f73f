"""The compiled call at its limits: 64 fields and scopes, tables that grow under it, threads, policies that change."""

from __future__ import annotations

import random
import threading
from datetime import timedelta

import msgspec

from ombud.gate import plain
from ombud.gate.plain import PlainConsent, World
from ombud.gate.policy.language import Budgets as BudgetRules
from ombud.gate.policy.language import Field, Policy, Purpose, Scope
from ombud.gate.request import AppStanding, ReadRequest
from tests.unit.gate.worlds import DAY_ZERO, EVERYTHING, Twin, day, random_requests, random_world, twin

NAMES = [f"f{n:02}" for n in range(64)]


def full(chance: random.Random) -> Twin:
    """Return a world whose policy has as many fields, scopes and purposes as fit."""
    scopes = {
        f"s{n:02}": Scope(
            opens=(name,),
            opens_of_friends=(NAMES[63 - n],),
            basic=n == 63,
            removable=n < 63,
            review=n % 3 == 0 and n < 63,
        )
        for n, name in enumerate(NAMES)
    }
    purposes = {f"p{n:02}": Purpose((*NAMES[n:], NAMES[0])) for n in range(64)}
    policy = Policy("full", "1", {name: Field("personal") for name in NAMES}, scopes, purposes)
    app = AppStanding(
        "app",
        DAY_ZERO - timedelta(days=9),
        reviewed=frozenset(chance.sample(list(scopes), 40)),
        purposes=frozenset(purposes),
        last_active_at=DAY_ZERO,
    )
    people = {f"p{n}" for n in range(30)}
    consents = {
        ("app", person): PlainConsent(frozenset(chance.sample(list(scopes), chance.randint(0, 64))), day(DAY_ZERO))
        for person in people
    }
    return twin(World(policy, {"app": app}, consents, people))


def test_sixty_four_of_everything_are_decided_as_the_rules_say() -> None:
    chance = random.Random(64)  # noqa: S311 - a test's chance, not a secret
    both = full(chance)
    people, purposes = sorted(both.world.people), list(both.world.policy.purposes)
    requests = [
        ReadRequest(
            "app",
            chance.choice(people),
            tuple(chance.sample(NAMES, chance.choice([1, 2, 30, 64]))),
            chance.choice([*purposes, purposes[0], purposes[63]]),
            chance.choice([None, None, chance.choice(people)]),
            DAY_ZERO,
            "PL",
        )
        for _ in range(1_500)
    ]
    expected = [plain.decide(both.world, request) for request in requests]
    single = [both.gate.decide(request) for request in requests]
    assert [(d.outcome, d.allowed, d.refused) for d in single] == expected
    batch = both.gate.decide_batch(both.gate.batch(requests))
    assert [both.gate.compiled.mask(answer.allowed) for answer in expected] == batch.allowed.tolist()
    assert max(batch.allowed.tolist()) >= 2**63


def test_decisions_are_right_while_the_tables_grow_under_them() -> None:
    world = random_world(random.Random(1))  # noqa: S311 - likewise
    world.consents.clear()
    world.people = {f"p{n:04}" for n in range(3_000)}
    world.friends = None
    world.policy = msgspec.structs.replace(EVERYTHING, budgets=BudgetRules(people_a_day=2_500), regions=())
    both = twin(world)
    consent = PlainConsent(frozenset(["contact"]), day(DAY_ZERO))
    allowed = 0
    for n, person in enumerate(sorted(world.people)):
        both.put("wide", person, consent)
        for who in (person, f"p{n // 2:04}"):
            request = ReadRequest("wide", who, ("email", "name"), "function", at=DAY_ZERO)
            decision, expected = both.gate.decide(request), plain.decide(world, request)
            assert (decision.outcome, decision.allowed, decision.refused) == expected
            allowed += decision.outcome == "allowed"
    assert len(both.gate.budgets.people) == len(world.tally.people_day["wide"]) == 2_500
    assert allowed > 4_000


def test_threads_decide_while_policy_standings_and_consents_change() -> None:
    chance = random.Random(2)  # noqa: S311 - likewise
    world = random_world(chance)
    both = twin(world)
    requests = random_requests(chance, world, 2_000)
    problems: list[object] = []
    done = threading.Event()

    def work() -> None:
        hashes = {EVERYTHING.hash, other.hash}
        while not done.is_set():
            for request in requests:
                decision = both.gate.decide(request)
                named = {*decision.allowed, *(refusal.field for refusal in decision.refused)}
                if decision.policy not in hashes or named != set(request.fields):
                    problems.append(decision)

    other = msgspec.structs.replace(EVERYTHING, name="other")
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(60):
        both.compiled_again(other if turn % 2 else EVERYTHING)
        for person in sorted(world.people):
            both.gate.consents.put(turn, both.gate.people[person], 1, day(DAY_ZERO))
    done.set()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(both.gate.consents) >= 60 * len(world.people)
