"""Single decisions: ids, paths, edges of what is asked, and what compiled code refuses to look at."""

from __future__ import annotations

import os
import random
import threading
from datetime import UTC, datetime

import msgspec
import numpy as np
import pytest

from ombud.gate.batch import Batch, decide_batch, mask_batch
from ombud.gate.consents import ConsentTable
from ombud.gate.decide import DecisionIds
from ombud.gate.policy import compile_policy
from ombud.gate.policy.compiled import day_of
from ombud.gate.reasons import BUDGET, CODES, FIELD, NUMBER, REQUEST, SENTENCES, WIRE
from ombud.gate.request import ReadRequest
from ombud.gate.ties import Ties, tied
from ombud.model.clock import frozen
from ombud.model.errors import InputError
from tests.unit.gate.worlds import DAY_ZERO, EVERYTHING, Twin, day, random_requests, random_world, twin


@pytest.fixture
def both() -> Twin:
    return twin(random_world(random.Random(3)), ghosts=2)  # noqa: S311 - a test's chance, not a secret


def live(each: Twin) -> tuple[str, str]:
    """Return an app and a person with a live consent."""
    for (app, person), consent in sorted(each.world.consents.items()):
        if app == "wide" and not consent.revoked and consent.expires is None and consent.last_used == day(DAY_ZERO):
            return app, person
    raise AssertionError


def test_each_decision_has_its_own_id_and_names_the_policy(both: Twin) -> None:
    app, person = live(both)
    decisions = [both.gate.decide(ReadRequest(app, person, ("name",), "function", at=DAY_ZERO)) for _ in range(50)]
    assert len({decision.id for decision in decisions}) == 50
    assert {decision.policy for decision in decisions} == {EVERYTHING.hash}


def test_a_forked_process_draws_its_own_letters() -> None:
    ids = DecisionIds()
    mine = ids.next()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, ids.next().encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 100).decode()
    os.close(reading)
    os.close(writing)
    assert theirs.partition("-")[0] != mine.partition("-")[0]
    assert ids.next().partition("-")[0] == mine.partition("-")[0]


def test_ids_are_each_given_once_to_threads_that_pass_a_thousand() -> None:
    ids = DecisionIds()
    drawn: list[list[str]] = [[] for _ in range(4)]

    def draw(into: list[str]) -> None:
        into.extend(ids.next() for _ in range(2_500))

    threads = [threading.Thread(target=draw, args=(into,)) for into in drawn]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    every = [one for into in drawn for one in into]
    assert len(set(every)) == 10_000
    assert all(one.startswith(ids.prefix) and one.removeprefix(ids.prefix).isdecimal() for one in every)


def test_an_id_is_given_to_the_decision_after_the_last_of_a_thousand(both: Twin) -> None:
    app, person = live(both)
    ask = ReadRequest(app, person, ("name",), "function", at=DAY_ZERO, region="PL")
    decisions = [both.gate.decide(ask) for _ in range(2_100)]
    assert len({decision.id for decision in decisions}) == 2_100
    assert both.gate.budgets.counts[both.gate.compiled.app_index[app], 3] == 2_100  # each was counted once


def test_the_short_way_and_the_long_way_say_the_same_and_count_the_same() -> None:
    chance = random.Random(5)  # noqa: S311 - a test's chance, not a secret
    worlds = [random_world(random.Random(6)) for _ in range(2)]  # noqa: S311 - likewise
    short, long = (twin(world).gate for world in worlds)
    for request in random_requests(chance, worlds[0], 3_000):
        mine, theirs = short.decide(request), long._decide(request)
        assert msgspec.structs.replace(mine, id="") == msgspec.structs.replace(theirs, id="")
    assert short.budgets.counts.tolist() == long.budgets.counts.tolist()
    assert len(short.budgets.people) == len(long.budgets.people) > 0


def test_a_stopped_app_stays_stopped_under_another_policy_until_it_is_let_go(both: Twin) -> None:
    app, person = live(both)
    ask = ReadRequest(app, person, ("name",), "function", at=DAY_ZERO, region="PL")
    both.gate.stopped = frozenset([app, "an app that nobody knows"])
    assert both.gate.decide(ask).refused[0].reason == "stopped"
    both.compiled_again(msgspec.structs.replace(EVERYTHING, name="other"))
    assert both.gate.decide(ask).refused[0].reason == "stopped"
    both.gate.stopped -= {app}
    assert both.gate.decide(ask).outcome == "allowed"


def test_nothing_asked_is_refused_without_a_reason(both: Twin) -> None:
    app, person = live(both)
    decision = both.gate.decide(ReadRequest(app, person, (), "function", at=DAY_ZERO, region="PL"))
    assert (decision.outcome, decision.allowed, decision.refused, decision.path) == ("refused", (), (), "own/-")


def test_a_field_asked_twice_is_answered_once_in_the_order_of_the_request(both: Twin) -> None:
    app, person = live(both)
    asked = ("zip", "name", "mailbox", "name", "zip")
    decision = both.gate.decide(ReadRequest(app, person, asked, "function", at=DAY_ZERO, region="PL"))
    assert decision.allowed == ("name",)
    assert [(r.field, r.reason) for r in decision.refused] == [("zip", "unknown-field"), ("mailbox", "closed")]
    assert decision.outcome == "reduced"
    assert decision.path == "own/basic/unknown-field"


def test_the_path_names_the_scopes_that_opened_what_went_out(both: Twin) -> None:
    app, person = live(both)
    index, number = both.gate.compiled.app_index[app], both.gate.people[person]
    table = both.gate.consents
    table.put(index, number, table.scopes.mask(["contact", "friends"]), day(DAY_ZERO))
    ask = ReadRequest(app, person, ("email", "name"), "function", at=DAY_ZERO, region="PL")
    assert both.gate.decide(ask).path == "own/basic+contact"
    ask = msgspec.structs.replace(ask, fields=("email", "likes"))
    assert both.gate.decide(ask).path == "own/contact/not-granted"
    ask = msgspec.structs.replace(ask, app="nobody")
    assert both.gate.decide(ask).path == "own/-/unknown-app"
    ask = msgspec.structs.replace(ask, through="somebody")
    assert both.gate.decide(ask).path == "through/-/unknown-app"


def test_now_is_the_clocks_now(both: Twin) -> None:
    app, person = live(both)
    ask = ReadRequest(app, person, ("name",), "function", region="PL")
    with frozen(DAY_ZERO):
        assert both.gate.decide(ask).outcome == "allowed"
        assert both.gate.decide_batch(both.gate.batch([ask])).reason.tolist() == [0]
    assert both.gate.decide(ask).refused[0].reason in {"consent-unused", "app-idle"}


def test_a_moment_without_a_zone_is_refused(both: Twin) -> None:
    naive = datetime(2018, 6, 1)  # noqa: DTZ001 - that is what is tested
    with pytest.raises(InputError, match="time zone"):
        both.gate.decide(ReadRequest("wide", "p1", ("name",), "function", at=naive))
    with pytest.raises(InputError, match="time zone"):
        day_of(naive)
    assert day_of(datetime(1970, 1, 2, tzinfo=UTC)) == 1


def test_moments_before_1970_do_no_harm(both: Twin) -> None:
    early = datetime(1969, 12, 31, tzinfo=UTC)
    app, person = live(both)
    ask = ReadRequest(app, person, ("name",), "function", at=early, region="PL")
    assert both.gate.decide(ask).outcome == "allowed"
    assert both.gate.decide_batch(both.gate.batch([ask])).allowed.tolist() == [1]


def test_a_stale_table_refuses_everything_until_it_is_heard_of_again(both: Twin) -> None:
    app, person = live(both)
    ask = ReadRequest(app, person, ("name",), "function", at=DAY_ZERO, region="PL")
    clock = 100.0
    both.gate.monotonic = lambda: clock
    both.gate.consents.fresh_until = 101.0
    assert both.gate.decide(ask).outcome == "allowed"
    clock = 101.5
    assert both.gate.decide(ask).refused[0].reason == "stale"
    stale = both.gate.decide_batch(both.gate.batch([ask, ask]))
    assert (stale.allowed.tolist(), [CODES[n] for n in stale.reason]) == ([0, 0], ["stale", "stale"])
    both.gate.consents.fresh_until = 102.0
    assert both.gate.decide(ask).outcome == "allowed"


def test_a_revocation_counts_for_the_next_decision(both: Twin) -> None:
    app, person = live(both)
    ask = ReadRequest(app, person, ("name",), "function", at=DAY_ZERO, region="PL")
    assert both.gate.decide(ask).outcome == "allowed"
    both.gate.consents.revoke(both.gate.compiled.app_index[app], both.gate.people[person])
    assert both.gate.decide(ask).refused[0].reason == "consent-revoked"
    both.gate.consents.remove(both.gate.compiled.app_index[app], both.gate.people[person])
    assert both.gate.decide(ask).refused[0].reason == "no-consent"


@pytest.mark.parametrize(("region", "outcome"), [
    ("PL", "allowed"), ("PL-KR", "allowed"), ("US", "allowed"), ("US-NY", "allowed"), ("US-CA", "refused"),
    ("us-ca", "refused"), ("", "refused"), (None, "refused"), ("USA", "refused"), ("DE", "allowed"),
    ("DE-BY", "allowed"), ("\uff35\uff33", "refused"), ("PL\n", "refused"),
])  # fmt: skip
def test_a_place_that_is_no_place_gets_every_regions_rules(both: Twin, region: str | None, outcome: str) -> None:
    app, person = live(both)
    assert (
        both.gate.decide(ReadRequest(app, person, ("name",), "function", at=DAY_ZERO, region=region)).outcome == outcome
    )


def test_a_policy_compiled_for_other_consents_is_refused(both: Twin) -> None:
    compiled = compile_policy(EVERYTHING, list(both.world.apps.values()))
    with pytest.raises(InputError, match="not compiled for these consents"):
        both.gate.replace(compiled)


def test_memories_are_bounded(both: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ombud.gate.answers.REMEMBERED", 10)
    monkeypatch.setattr("ombud.gate.policy.compiled.REMEMBERED", 10)
    chance = random.Random(1)  # noqa: S311 - likewise
    for request in random_requests(chance, both.world, 2_000):
        both.gate.decide(request)
    machine = both.gate._machine
    for memory in (machine.asked, machine.paths, machine.parts, machine.regions, both.gate.compiled.opened):
        assert 0 < len(memory) <= 10
    assert sum(len(asked[4]) + len(asked[5]) for asked in machine.asked.values()) <= 10


def batch(**columns: list[int]) -> Batch:
    values = {"app": [2], "person": [0], "through": [-1], "purpose": [0], "second": [0], "region": [0], **columns}
    whole = {name: np.array(value, dtype=np.int64) for name, value in values.items()}
    return Batch(fields=np.ones(len(values["app"]), dtype=np.uint64), **whole)


@pytest.mark.parametrize("column", ["person", "through", "purpose", "region"])
@pytest.mark.parametrize("value", [-3, 2**40])
def test_ids_that_point_outside_are_refused(both: Twin, column: str, value: int) -> None:
    with pytest.raises(InputError, match=f"`{column}`"):
        both.gate.decide_batch(batch(**{column: [value]}))


def test_columns_must_be_of_one_length_and_may_be_empty(both: Twin) -> None:
    with pytest.raises(InputError, match="length"):
        both.gate.decide_batch(batch(person=[1, 2]))
    empty = both.gate.decide_batch(both.gate.batch([]))
    assert len(empty.allowed) == 0


def test_apps_without_standing_are_unknown_in_batches(both: Twin) -> None:
    found = both.gate.decide_batch(batch(app=[-1], person=[-1]))
    assert CODES[found.reason[0]] == "unknown-app"
    ghosts = both.gate.decide_batch(batch(app=[0]))
    assert CODES[ghosts.reason[0]] == "unknown-app"
    assert both.gate.decide_batch(batch(app=[10**6])).reason[0] == NUMBER["unknown-app"]


def test_ids_of_a_batch_are_unique_among_batches(both: Twin) -> None:
    first, second = (decide_batch(both.gate, batch(), "host-") for _ in range(2))
    assert first.id(0).startswith("host-b")
    assert len({first.id(0), first.id(1), second.id(0), second.id(1)}) == 4


def test_masks_alone_give_what_whole_decisions_give() -> None:
    chance = random.Random(8)  # noqa: S311 - likewise
    world = random_world(chance)
    policy = msgspec.structs.replace(EVERYTHING, regions=(), budgets=type(EVERYTHING.budgets)())
    world.policy = policy
    each = twin(world)
    asked = [
        r for r in random_requests(chance, world, 4_000, hours=1) if r.through is None and r.person in world.people
    ]
    asked = [msgspec.structs.replace(r, at=DAY_ZERO) for r in asked]
    today = day(DAY_ZERO)
    live = {pair for pair, c in world.consents.items() if not c.revoked and (c.expires is None or c.expires > today)}
    asked = [r for r in asked if (r.app, r.person) in live]
    columns = each.gate.batch(asked)
    consents = [world.consents[r.app, r.person] for r in asked]
    masks = mask_batch(
        each.gate.compiled.arrays,
        columns.app,
        np.array([each.gate.consents.scopes.mask(c.scopes) for c in consents], dtype=np.uint64),
        np.array([c.last_used for c in consents]),
        columns.fields,
        columns.purpose,
        day(DAY_ZERO),
    )
    assert masks.tolist() == each.gate.decide_batch(columns).allowed.tolist()
    assert len(asked) > 500
    assert masks.any()


def test_ties_are_found_both_ways() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 50, 200), rng.integers(0, 50, 200)
    ties = Ties(a, b, 50)
    pairs = {frozenset(pair) for pair in zip(a.tolist(), b.tolist(), strict=True)}
    for person in range(-1, 52):
        for other in range(-1, 52):
            expected = frozenset((person, other)) in pairs
            assert ((person, other) in ties) == expected == tied(ties.starts, ties.friends, person, other)
    nobody = Ties(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), 3)
    assert (0, 1) not in nobody


def test_every_reason_has_a_sentence_and_a_number() -> None:
    assert CODES[0] == ""
    assert [*REQUEST, *FIELD, *BUDGET, *WIRE] == list(SENTENCES)[1:]
    assert all(CODES[number] == code for code, number in NUMBER.items())
    assert all(text.endswith(".") for text in SENTENCES.values())
    assert len(CODES) < 256


def test_a_table_of_consents_brings_its_own_bits() -> None:
    table = ConsentTable()
    compiled = compile_policy(EVERYTHING, [], table.scopes)
    assert compiled.scopes is table.scopes
    assert table.scopes.names == tuple(EVERYTHING.scopes)
    assert compiled.names(compiled.mask(["likes", "name", "nothing"])) == ("name", "likes")
