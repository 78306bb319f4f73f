"""One request, four machines, one answer: compiled one by one, compiled in batches, plain Python, Cedar."""

from __future__ import annotations

import random
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING

import msgspec
import pytest

from ombud.gate import plain
from ombud.gate.cedar import CedarGate, counts_of
from ombud.gate.plain import Answer
from ombud.gate.policy import load_policy
from ombud.gate.policy.language import Limits
from ombud.gate.reasons import CODES, FIELD, NUMBER, SENTENCES, UNKNOWN_FIELD, WIRE
from ombud.gate.request import Refusal
from tests.unit.gate.worlds import EVERYTHING, Twin, random_requests, random_world, twin

if TYPE_CHECKING:
    from ombud.gate.batch import Decisions
    from ombud.gate.policy import Policy
    from ombud.gate.request import Decision, ReadRequest

REQUESTS = 20_000
PARTS = 20

OTHER_BUDGETS: Policy = msgspec.structs.replace(
    EVERYTHING,
    budgets=msgspec.structs.replace(
        EVERYTHING.budgets, people_an_hour=40, people_a_day=60, fields_an_hour=5, fields_a_day=900
    ),
)


def change(part: int, *twins: Twin) -> None:
    """Change what the decisions depend on before some of the parts."""
    for each in twins:
        world, gate = each.world, each.gate
        if part in {3, 4}:
            world.fresh = part == 4
            gate.consents.fresh_until = float("inf") if world.fresh else -1.0
        if part in {6, 8}:
            world.stopped = {"a0", "a3"} if part == 6 else set()
            gate.stopped = frozenset(world.stopped)
        if part in {9, 13}:
            slowed = {
                "a4": Limits(people_a_day=3),
                "limitless": Limits(fields_an_hour=4),
                "wide": Limits(people_an_hour=2),
            }
            world.slowed = slowed if part == 9 else {}
            for app in slowed:
                gate.budgets.slow(app, world.slowed.get(app))
        if part in {14, 17}:
            each.compiled_again(OTHER_BUDGETS if part == 14 else EVERYTHING)


def plainly(decision: Decision) -> Answer:
    return Answer(decision.outcome, decision.allowed, decision.refused)


def from_batch(twin_: Twin, decisions: Decisions, row: int, request: ReadRequest) -> Answer:
    """Put names in the place of a row's masks."""
    bits = twin_.gate.compiled.field_bits
    names = tuple(dict.fromkeys(request.fields))
    out, refused = [], []
    for name in names:
        bit = bits.get(name, 0)
        steps = [code for n, code in enumerate(FIELD) if int(decisions.refused[row, n]) & bit]
        if not bit:
            refused.append(Refusal(name, UNKNOWN_FIELD))
        elif int(decisions.allowed[row]) & bit:
            out.append(name)
        else:
            why = decisions.budget[row] or decisions.reason[row]
            refused.append(Refusal(name, steps[0] if steps else CODES[why]))
    return Answer("refused" if not out else "reduced" if refused else "allowed", tuple(out), tuple(refused))


@cache
def played(seed: int, requests: int) -> tuple[list[ReadRequest], dict[str, list[Answer]]]:
    """Return requests and what each machine says, with changes in between."""
    chance = random.Random(seed)  # noqa: S311 - a test's chance, not a secret
    world = random_world(chance)
    single, batch = twin(world), twin(world)
    asked = random_requests(chance, world, requests)
    said: dict[str, list[Answer]] = {"plain": [], "single": [], "batch": [], "cedar": []}
    size = requests // PARTS
    for part in range(PARTS):
        change(part, single, batch)
        here = asked[part * size : (part + 1) * size]
        cedar = CedarGate(world)
        counts = []
        for request in here:
            counts.append(counts_of(world, request))
            said["plain"].append(plain.decide(world, request))
        said["single"] += [plainly(single.gate.decide(request)) for request in here]
        rows = batch.gate.decide_batch(batch.gate.batch(here), per_field=True)
        said["batch"] += [from_batch(batch, rows, n, request) for n, request in enumerate(here)]
        said["cedar"] += cedar.decide_many(here, counts)
    return asked, said


@pytest.mark.parametrize("machine", ["single", "batch", "cedar"])
def test_twenty_thousand_requests_are_decided_as_the_plain_rules_say(machine: str) -> None:
    asked, said = played(2018, REQUESTS)
    wrong = [
        (request, expected, got)
        for request, expected, got in zip(asked, said["plain"], said[machine], strict=True)
        if expected != got
    ]
    assert not wrong, wrong[0]


def test_the_requests_meet_every_reason_often() -> None:
    _, said = played(2018, REQUESTS)
    met = Counter(refusal.reason for answer in said["plain"] for refusal in answer.refused)
    assert set(met) == set(SENTENCES) - set(WIRE)
    assert min(met.values()) >= 20, met
    outcomes = Counter(answer.outcome for answer in said["plain"])
    assert min(outcomes.values()) > 400, outcomes


@pytest.mark.parametrize("name", ["before-2015", "locked-down"])
def test_the_policies_that_ship_are_decided_alike_too(name: str) -> None:
    chance = random.Random(name)  # noqa: S311 - likewise
    policy = load_policy(name)
    world = random_world(chance, EVERYTHING, friends=False)
    world.policy = policy
    for pair, consent in world.consents.items():
        scopes = frozenset(chance.sample(list(policy.scopes), chance.randint(1, 12)))
        world.consents[pair] = consent._replace(scopes=scopes)
    for app, standing in world.apps.items():
        reviewed = frozenset(chance.sample(list(policy.scopes), 9))
        purposes = frozenset(["app-function", "research"])
        world.apps[app] = msgspec.structs.replace(standing, reviewed=reviewed, purposes=purposes)
    both = twin(world)
    asked = [
        msgspec.structs.replace(
            request, purpose=chance.choice(["app-function", "app-function", "research", "analytics"])
        )
        for request in random_requests(chance, world, 1_500)
    ]
    cedar = CedarGate(world)
    counts, expected, got = [], [], []
    for request in asked:
        counts.append(counts_of(world, request))
        expected.append(plain.decide(world, request))
        got.append(plainly(both.gate.decide(request)))
    assert got == expected
    assert cedar.decide_many(asked, counts) == expected
    assert {answer.outcome for answer in expected} == {"allowed", "reduced", "refused"}


def test_a_rows_reason_is_the_earliest_one_in_the_order_of_reasons() -> None:
    chance = random.Random(5)  # noqa: S311 - likewise
    world = random_world(chance)
    each, rows = twin(world), twin(world)
    asked = random_requests(chance, world, 3_000)
    batch = rows.gate.decide_batch(rows.gate.batch(asked), per_field=True)
    for n, request in enumerate(asked):
        decision = each.gate.decide(request)
        codes = [NUMBER[r.reason] for r in decision.refused if r.reason != UNKNOWN_FIELD]
        if any(name in world.policy.fields for name in request.fields):
            assert int(batch.reason[n]) == min(codes, default=0)
        last = decision.path.rpartition("/")[2]
        if decision.refused:
            assert last == CODES[min(NUMBER[r.reason] for r in decision.refused)]
