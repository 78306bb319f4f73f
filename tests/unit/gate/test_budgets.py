"""Budgets: exact counts, whole windows, bounded memory, the same one by one and in batches."""

from __future__ import annotations

import threading
from datetime import timedelta

import msgspec
import numpy as np
import pytest

from ombud.gate.plain import PlainConsent, World
from ombud.gate.policy.language import Budgets as BudgetRules
from ombud.gate.policy.language import FirstWeek, Limits
from ombud.gate.request import AppStanding, ReadRequest
from tests.unit.gate.worlds import DAY_ZERO, EVERYTHING, Twin, day, twin

PEOPLE = 400


def limited(rules: BudgetRules, *, registered: int = 400) -> Twin:
    """Return one app that everybody consented to, with these budgets."""
    policy = msgspec.structs.replace(EVERYTHING, budgets=rules)
    started = DAY_ZERO - timedelta(days=registered)
    app = AppStanding("app", started, purposes=frozenset(["function"]), last_active_at=DAY_ZERO)
    people = {f"p{n:03}" for n in range(PEOPLE)}
    consent = PlainConsent(frozenset(["contact"]), day(DAY_ZERO))
    return twin(World(policy, {"app": app}, {("app", person): consent for person in people}, people))


def ask(each: Twin, person: int, hours: float = 0, *fields: str) -> str:
    """Return the reason against a read, empty if it goes out."""
    at = DAY_ZERO + timedelta(hours=hours)
    decision = each.gate.decide(
        ReadRequest("app", f"p{person:03}", fields or ("name",), "function", at=at, region="PL")
    )
    reasons = {refusal.reason for refusal in decision.refused}
    assert len(reasons) < 2
    return reasons.pop() if reasons else ""


def test_distinct_people_an_hour_are_counted_once_and_the_next_hour_begins_anew() -> None:
    each = limited(BudgetRules(people_an_hour=3))
    assert [ask(each, n % 3, 0.5) for n in range(9)] == [""] * 9
    assert ask(each, 3, 0.99) == "people-an-hour"
    assert ask(each, 1, 0.99) == ""
    assert ask(each, 3, 1.0) == ""
    assert each.gate.budgets.counts.tolist() == [[1, 4, 1, 11]]


def test_people_a_day_begin_anew_at_midnight_in_utc() -> None:
    each = limited(BudgetRules(people_an_hour=2, people_a_day=3))
    assert [ask(each, n, n) for n in range(5)] == ["", "", "", "people-a-day", "people-a-day"]
    assert ask(each, 0, 23.999) == ""
    assert ask(each, 9, 24) == ""


def test_fields_count_again_for_each_read_and_a_read_is_given_whole_or_not_at_all() -> None:
    each = limited(BudgetRules(fields_an_hour=5, fields_a_day=7))
    assert ask(each, 0, 0, "name", "email") == ask(each, 0, 0, "name", "email") == ""
    assert ask(each, 0, 0, "name", "email") == "fields-an-hour"
    assert ask(each, 0, 0, "name") == ""
    assert ask(each, 0, 1, "name", "email") == ""
    assert ask(each, 0, 2, "name") == "fields-a-day"


def test_what_is_refused_by_a_rule_does_not_count() -> None:
    each = limited(BudgetRules(fields_an_hour=1))
    for _ in range(5):
        assert ask(each, 0, 0, "mailbox") == "closed"
    assert ask(each, 0, 0, "name") == ""


def test_the_clock_never_goes_back() -> None:
    each = limited(BudgetRules(people_an_hour=1))
    assert ask(each, 0, 5) == ""
    assert ask(each, 1, 4) == "people-an-hour"
    assert ask(each, 1, 6) == ""


def test_a_new_app_has_a_share_and_the_whole_after_its_first_week() -> None:
    each = limited(BudgetRules(people_an_hour=10, first_week=FirstWeek(days=7, share=0.25)), registered=6)
    assert [ask(each, n, 1) for n in range(4)] == ["", "", "first-week", "first-week"]
    assert [ask(each, n, 25) for n in range(11)] == [""] * 10 + ["people-an-hour"]


def test_a_breaker_slows_and_lets_go() -> None:
    each = limited(BudgetRules(people_a_day=100))
    each.gate.budgets.slow("app", Limits(people_a_day=2))
    assert [ask(each, n) for n in range(3)] == ["", "", "slowed"]
    each.compiled_again(each.world.policy)
    assert ask(each, 2) == "slowed"
    each.gate.budgets.slow("app", None)
    assert ask(each, 2) == ""
    each.gate.budgets.slow("nobody", Limits(people_a_day=1))
    each.gate.stopped = frozenset(["app"])
    assert ask(each, 0) == "stopped"


def test_a_breaker_can_hold_an_app_that_has_no_limit() -> None:
    each = limited(BudgetRules())
    assert [ask(each, n) for n in range(20)] == [""] * 20
    assert len(each.gate.budgets.people) == 0
    each.gate.budgets.slow("app", Limits(people_an_hour=1))
    assert [ask(each, n) for n in range(2)] == ["", "slowed"]


def test_memory_is_bounded_by_what_the_budget_lets_through() -> None:
    each = limited(BudgetRules(people_a_day=20))
    for hour in range(20):
        for person in range(PEOPLE):
            ask(each, person, hour)
    assert len(each.gate.budgets.people) == 20
    ask(each, 0, 24)
    assert len(each.gate.budgets.people) == 1


def test_new_limits_count_what_was_counted_before() -> None:
    each = limited(BudgetRules(people_a_day=5))
    assert [ask(each, n) for n in range(4)] == [""] * 4
    each.compiled_again(msgspec.structs.replace(EVERYTHING, budgets=BudgetRules(people_a_day=4)))
    assert ask(each, 4) == "people-a-day"
    assert ask(each, 0) == ""


def test_batches_count_in_the_same_windows_as_single_reads() -> None:
    rules = BudgetRules(people_an_hour=30, people_a_day=90, fields_a_day=300)
    one, many = limited(rules), limited(rules)
    rng = np.random.default_rng(4)
    requests = [
        ReadRequest(
            "app", f"p{rng.integers(0, 60):03}", ("name", "email")[: 1 + n % 2], "function",
            at=DAY_ZERO + timedelta(minutes=n / 3), region="PL",
        )
        for n in range(6_000)
    ]  # fmt: skip
    for start in range(0, 6_000, 1_000):
        part = requests[start : start + 1_000]
        single = [one.gate.decide(request) for request in part]
        batch = many.gate.decide_batch(many.gate.batch(part[:600]))
        rest = [many.gate.decide(request) for request in part[600:]]
        masks = [one.gate.compiled.mask(decision.allowed) for decision in single]
        assert masks == [*batch.allowed.tolist(), *(many.gate.compiled.mask(d.allowed) for d in rest)]
        assert one.gate.budgets.counts.tolist() == many.gate.budgets.counts.tolist()
        assert len(one.gate.budgets.people) == len(many.gate.budgets.people)


def test_threads_together_give_out_exactly_the_budget() -> None:
    each = limited(BudgetRules(people_a_day=150))
    out: list[int] = []

    def work(offset: int) -> None:
        out.append(sum(ask(each, (n + offset) % PEOPLE) == "" for n in range(PEOPLE)))

    threads = [threading.Thread(target=work, args=(n * 50,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert each.gate.budgets.counts[0, 1] == len(each.gate.budgets.people) == 150
    assert sum(out) >= 150


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_of_nothing_and_of_everything(share: float) -> None:
    each = limited(BudgetRules(people_a_day=1, first_week=FirstWeek(days=7, share=share)), registered=0)
    assert ask(each, 0) == ("" if share else "first-week")
