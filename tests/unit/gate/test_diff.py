"""What changes between two policies, in words; and the words hold: what only closes lets nothing more out."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from ombud.gate.diff import diff
from ombud.gate.plain import reason_against
from ombud.gate.policy import load_policy, parse_policy
from ombud.gate.policy.language import Apps, Expiry, FirstWeek, Friends, Limits
from ombud.gate.policy.language import Budgets as BudgetRules
from tests.unit.gate.test_policy import GOOD
from tests.unit.gate.worlds import EVERYTHING, random_requests, random_world

if TYPE_CHECKING:
    from ombud.gate.policy import Policy

BASE = parse_policy(GOOD)


def said(a: Policy, b: Policy) -> list[tuple[str, str, str]]:
    return [(change.effect, change.key, change.sentence) for change in diff(a, b).changes]


def test_a_policy_does_not_differ_from_itself_nor_by_its_remarks() -> None:
    assert diff(BASE, BASE).changes == ()
    other = parse_policy(GOOD.replace("what they like", "liked pages").replace('version = "1"', 'version = "2"'))
    assert other.hash != BASE.hash
    assert diff(BASE, other).changes == ()
    assert (diff(BASE, other).a, diff(BASE, other).b) == (BASE.hash, other.hash)


@pytest.mark.parametrize(
    ("old", "new", "forth", "back"),
    [
        ("review = true", "",
         ("opens", "taste.review", "An app no longer needs a review for taste."),
         ("closes", "taste.review", "An app needs a review for taste.")),
        ("review = true", "review = true\ncontract = true",
         ("closes", "taste.contract", "An app's developer must sign a contract for taste."),
         ("opens", "taste.contract", "No contract is needed for taste any more.")),
        ("review = true", "review = true\nremovable = false",
         ("opens", "taste.removable", "A person can no longer untick taste."),
         ("closes", "taste.removable", "A person may untick taste.")),
        ('opens = ["likes"]', "opens = []",
         ("closes", "likes", "No app can read likes of a person any more."),
         ("opens", "likes", "Apps can read likes of a person, by taste.")),
        ("review = true", 'review = true\nopens-of-friends = ["likes"]',
         ("opens", "likes", "Apps can read likes of a friend, by taste."),
         ("closes", "likes", "No app can read likes of a friend any more.")),
        ('opens = ["name"]', 'opens = ["name", "likes"]',
         ("opens", "likes", "likes of a person is opened by basic, taste instead of taste."),
         ("closes", "likes", "likes of a person is opened by taste instead of basic, taste.")),
        ("unused-days = 90", "unused-days = 30",
         ("closes", "unused-days", "A consent ends 30 days after the person last used the app."),
         ("opens", "unused-days", "A consent ends 90 days after the person last used the app.")),
        ("unused-days = 90", "",
         ("opens", "unused-days", "unused-days is without end."),
         ("closes", "unused-days", "A consent ends 90 days after the person last used the app.")),
        ("people-an-hour = 5", "people-an-hour = 4",
         ("closes", "people-an-hour", "For every app: 4 people an hour."),
         ("opens", "people-an-hour", "For every app: 5 people an hour.")),
        ("fields-a-day = 9", "",
         ("opens", "the app big.fields-a-day", "For the app big: as many fields as it likes a day."),
         ("closes", "the app big.fields-a-day", "For the app big: 9 fields a day.")),
        ('fields = ["*"]', 'fields = ["name"]',
         ("closes", "function", "For function, apps no longer ask for likes."),
         ("opens", "function", "For function, apps may ask for likes.")),
        ('codes = ["AA"]', 'codes = ["CC"]',
         ("closes", "CC", "In CC, likes is refused."),
         ("closes", "AA", "In AA, likes is refused.")),
        ('sensitivity = "public"', 'sensitivity = "personal"',
         ("changes", "name", "name counts as personal instead of public."),
         ("changes", "name", "name counts as public instead of personal.")),
        ("[expiry]", '[apps]\npurpose = "known"\n[expiry]',
         ("opens", "purpose", "An app needs a purpose."),
         ("closes", "purpose", "An app needs a purpose that it declared.")),
        ("[expiry]", '[apps]\nunder-review = "none"\n[expiry]',
         ("closes", "under-review", "An app under review gets nothing."),
         ("opens", "under-review", "An app under review keeps scopes without review.")),
        ("[expiry]", "[friends]\nmust-use-app = false\n[expiry]",
         ("opens", "must-use-app", "A friend must no longer use the app, too."),
         ("closes", "must-use-app", "A friend must use the app, too.")),
        ("[fields]", "[budgets.first-week]\nshare = 0.25\n[fields]",
         ("closes", "first-week", "A new app has 25% of the budget for 7 days."),
         ("opens", "first-week", "New apps start in full.")),
        ('version = "1"', 'version = "1"\ncedar = "permit (principal, action, resource);"',
         ("changes", "cedar", "The Cedar rules beyond reading change."),
         ("changes", "cedar", "The Cedar rules beyond reading change.")),
    ],
)  # fmt: skip
def test_a_change_is_said_both_ways(
    old: str, new: str, forth: tuple[str, str, str], back: tuple[str, str, str]
) -> None:
    assert old in GOOD
    other = parse_policy(GOOD.replace(old, new, 1))
    assert forth in said(BASE, other)
    assert back in said(other, BASE)
    assert len(said(BASE, other)) == len(said(other, BASE)) <= 2


def test_what_comes_and_goes_is_named() -> None:
    more = parse_policy(
        GOOD.replace("[scopes.taste]", "[scopes.taste2]")
        .replace("[purposes.function]", "[purposes.other]")
        .replace("likes = {", "liked = {")
        .replace('"likes"', '"liked"')
    )
    sentences = {sentence for _, _, sentence in said(BASE, more)}
    assert {
        "The scope taste is gone, also for those who ticked it.",
        "There is a new scope, taste2.",
        "function is no purpose any more.",
        "other is a purpose.",
        "The catalogue no longer names likes.",
        "The catalogue names liked.",
    } <= sentences


def test_what_closes_comes_first() -> None:
    changes = diff(load_policy("before-2015"), load_policy("locked-down")).changes
    effects = [change.effect for change in changes]
    assert effects == sorted(effects, key=("closes", "opens", "changes").index)
    closed = [change.key for change in changes if change.part == "friends" and change.after is None]
    assert {"likes", "birthday", "religion-politics", "photos"} <= set(closed)
    assert not {"name", "picture"} & set(closed)


CLOSING: list[dict[str, Any]] = [
    {"expiry": Expiry(unused_days=30, idle_app_days=90)},
    {"apps": Apps(under_review="none")},
    {"scopes": {n: msgspec.structs.replace(s, review=not s.basic) for n, s in EVERYTHING.scopes.items()}},
    {"scopes": {n: s for n, s in EVERYTHING.scopes.items() if n != "friends"}},
    {"purposes": {**EVERYTHING.purposes, "function": msgspec.structs.replace(EVERYTHING.purposes["study"])}},
    {"regions": (*EVERYTHING.regions, msgspec.structs.replace(EVERYTHING.regions[0], codes=("PL",)))},
    {"budgets": BudgetRules(people_an_hour=1, first_week=FirstWeek(share=0.1), app={"wide": Limits(fields_a_day=1)})},
]


@pytest.mark.parametrize("number", range(len(CLOSING)))
def test_a_policy_that_only_closes_lets_nothing_out_that_was_closed(number: int) -> None:
    chance = random.Random(number)  # noqa: S311 - a test's chance, not a secret
    base = msgspec.structs.replace(EVERYTHING, friends=Friends(), budgets=BudgetRules())
    other = msgspec.structs.replace(base, **CLOSING[number])
    changes = diff(base, other).changes
    assert changes
    assert {change.effect for change in changes} == {"closes"}
    world = random_world(chance)
    fewer = 0
    for request in random_requests(chance, world, 1_500):
        for name in set(request.fields):
            world.policy = base
            before = reason_against(world, request, name)
            world.policy = other
            after = reason_against(world, request, name)
            assert before is None or after is not None
            fewer += before is None and after is not None
    assert fewer > 0 or "budgets" in CLOSING[number]
