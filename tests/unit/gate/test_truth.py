"""What apps got before and after the lock-downs, written by hand from what was announced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ombud.gate.plain import PlainConsent, World
from ombud.gate.policy import load_policy
from ombud.gate.request import AppStanding, ReadRequest
from tests.unit.gate.worlds import Twin, day, twin

QUIZ = datetime(2014, 3, 1, tzinfo=UTC)
LATER = datetime(2018, 6, 1, tzinfo=UTC)


def world(policy: str, at: datetime) -> Twin:
    """Return two people who are friends, a stranger, and apps of several standings."""
    started = at - timedelta(days=200)
    law = load_policy(policy)
    everything = frozenset(law.scopes)
    purposes = frozenset(law.purposes)

    def app(name: str, **more: object) -> AppStanding:
        values: dict[str, object] = {"registered_at": started, "last_active_at": at, "purposes": purposes, **more}
        return AppStanding(app=name, **values)  # type: ignore[arg-type]  # each value is of its field's type

    apps = [
        app("quiz"),
        app("reviewed", reviewed=everything),
        app("contracted", reviewed=everything, contract=True),
        app("examined", reviewed=everything, contract=True, status="under_review"),
        app("asleep", last_active_at=at - timedelta(days=91)),
        app("drowsy", last_active_at=at - timedelta(days=90)),
        app("suspended", status="suspended"),
        app("banned", status="banned"),
        app("signs-in", purposes=frozenset(["sign-in"])),
    ]
    today = day(at)
    consents = {(a.app, "ann"): PlainConsent(everything, today) for a in apps}
    consents["quiz", "eve"] = PlainConsent(everything, today - 91)
    consents["quiz", "fay"] = PlainConsent(everything, today - 90)
    consents["quiz", "gus"] = PlainConsent(frozenset(), today)
    consents["quiz", "hal"] = PlainConsent(everything, today, revoked=True)
    consents["quiz", "ida"] = PlainConsent(everything, today)
    people = {"ann", "bob", "eve", "fay", "gus", "hal", "ida", "zoe"}
    friends = {frozenset(("ann", other)) for other in ("bob", "ida", "hal")} | {frozenset(("eve", "bob"))}
    return twin(World(law, {a.app: a for a in apps}, consents, people, friends))


# app, whose data, through whom, field, purpose, what happens before 2015, what happens from 2018 on ("" goes out)
CASES = [
    # own data: one's own consent opens it; from 2014 on a review is needed for more than the basics
    ("quiz", "ann", None, "name", "app-function", "", ""),
    ("quiz", "ann", None, "email", "app-function", "", ""),
    ("quiz", "ann", None, "likes", "app-function", "", "not-reviewed"),
    ("reviewed", "ann", None, "likes", "app-function", "", ""),
    # posts need a contract, too
    ("reviewed", "ann", None, "posts", "app-function", "", "no-contract"),
    ("contracted", "ann", None, "posts", "app-function", "", ""),
    # the public profile shrank in 2018: gender and age range need a review
    ("quiz", "ann", None, "gender", "app-function", "", "not-reviewed"),
    ("reviewed", "ann", None, "gender", "app-function", "", ""),
    # what closed for every app on 4 April 2018
    ("contracted", "ann", None, "religion-politics", "app-function", "", "closed"),
    ("contracted", "ann", None, "relationships", "app-function", "", "closed"),
    ("contracted", "ann", None, "friend-lists", "app-function", "", "closed"),
    ("contracted", "ann", None, "messages", "app-function", "", "closed"),
    # friends' data: 270,000 installers opened 87 million people; from 30 April 2015 on, nobody else's
    ("quiz", "bob", "ann", "likes", "research", "", "friend-not-in-app"),
    ("quiz", "bob", "ann", "birthday", "research", "", "friend-not-in-app"),
    ("quiz", "ida", "ann", "likes", "research", "", "closed-through-friends"),
    ("quiz", "ida", "ann", "name", "research", "", ""),
    ("quiz", "hal", "ann", "name", "research", "", "friend-not-in-app"),
    ("quiz", "bob", "ann", "email", "research", "closed-through-friends", "friend-not-in-app"),
    # nobody's friend cannot be read through anybody, and a stranger looks like one who is no friend
    ("quiz", "zoe", "ann", "name", "research", "not-a-friend", "not-a-friend"),
    ("quiz", "nobody", "ann", "name", "research", "not-a-friend", "not-a-friend"),
    ("quiz", "bob", "zoe", "name", "research", "not-a-friend", "not-a-friend"),
    # no consent, no data; also for those whom the gate does not know
    ("quiz", "bob", None, "name", "app-function", "no-consent", "no-consent"),
    ("quiz", "nobody", None, "name", "app-function", "no-consent", "no-consent"),
    ("quiz", "hal", None, "name", "app-function", "consent-revoked", "consent-revoked"),
    # 90 days without use end a consent from 2018 on, not before; the ninetieth day still counts
    ("quiz", "eve", None, "name", "app-function", "", "consent-unused"),
    ("quiz", "fay", None, "name", "app-function", "", ""),
    ("quiz", "bob", "eve", "name", "research", "", "consent-unused"),
    # an app that was idle for 90 days
    ("asleep", "ann", None, "name", "app-function", "", "app-idle"),
    ("drowsy", "ann", None, "name", "app-function", "", ""),
    # standing
    ("suspended", "ann", None, "name", "app-function", "app-suspended", "app-suspended"),
    ("banned", "ann", None, "name", "app-function", "app-banned", "app-banned"),
    ("examined", "ann", None, "name", "app-function", "", ""),
    ("examined", "ann", None, "likes", "app-function", "", "app-under-review"),
    ("ghost", "ann", None, "name", "app-function", "unknown-app", "unknown-app"),
    # unticked: the basic scope stays, the rest does not
    ("quiz", "gus", None, "name", "app-function", "", ""),
    ("quiz", "gus", None, "email", "app-function", "not-granted", "not-granted"),
    # purposes were not asked for before
    ("contracted", "ann", None, "email", "sign-in", "", ""),
    ("contracted", "ann", None, "likes", "sign-in", "", "not-for-purpose"),
    ("contracted", "ann", None, "link", "analytics", "", "not-for-purpose"),
    ("contracted", "ann", None, "name", "advertising", "", "not-for-purpose"),
    ("contracted", "ann", None, "name", "world-domination", "", "unknown-purpose"),
    ("signs-in", "ann", None, "name", "app-function", "", "purpose-not-declared"),
    # names
    ("contracted", "ann", None, "shoe-size", "app-function", "unknown-field", "unknown-field"),
    ("ghost", "nobody", "zoe", "shoe-size", "nothing", "unknown-field", "unknown-field"),
    # through oneself is one's own
    ("reviewed", "ann", "ann", "likes", "app-function", "", ""),
    # the telephone number was never open
    ("contracted", "ann", None, "phone", "app-function", "closed", "closed"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "at", "column"),
    [("before-2015", QUIZ, 5), ("locked-down", LATER, 6)],
    ids=["before-2015", "locked-down"],
)
def test_the_table(policy: str, at: datetime, column: int) -> None:
    gate = world(policy, at).gate
    wrong = []
    for case in CASES:
        app, person, through, field, purpose = case[:5]
        request = ReadRequest(app, person, (field,), purpose, through, at, "PL")
        decision = gate.decide(request)
        got = decision.refused[0].reason if decision.refused else ""
        if got != case[column]:
            wrong.append((case, got))
        assert decision.allowed == (() if got else (field,))
        assert decision.outcome == ("refused" if got else "allowed")
    assert not wrong


def test_the_ninety_days_end_with_the_utc_day() -> None:
    gate = world("locked-down", LATER).gate
    last = ReadRequest("quiz", "fay", ("name",), "app-function", at=LATER + timedelta(hours=23, minutes=59))
    assert gate.decide(last).outcome == "allowed"
    after = ReadRequest("quiz", "fay", ("name",), "app-function", at=LATER + timedelta(hours=24))
    assert gate.decide(after).refused[0].reason == "consent-unused"


def test_a_new_app_may_read_a_tenth_in_its_first_week() -> None:
    both = world("locked-down", LATER)
    apps = dict(both.world.apps)
    apps["quiz"] = AppStanding("quiz", LATER - timedelta(days=6), purposes=frozenset(["app-function"]))
    budgets = load_policy("locked-down").budgets
    assert (budgets.people_an_hour, budgets.first_week and budgets.first_week.share) == (20_000, 0.1)
    both.world.apps = apps
    both.compiled_again(both.world.policy)
    table, index = both.gate.consents, both.gate.compiled.app_index["quiz"]
    both.gate.people = {f"p{n}": n + 1_000 for n in range(2_100)}
    for n in range(2_100):
        table.put(index, n + 1_000, 0, day(LATER))
    decisions = [
        both.gate.decide(ReadRequest("quiz", f"p{n}", ("name",), "app-function", at=LATER)) for n in range(2_100)
    ]
    assert [d.outcome for d in decisions] == ["allowed"] * 2_000 + ["refused"] * 100
    assert {r.reason for d in decisions[2_000:] for r in d.refused} == {"first-week"}


def test_consent_given_before_2015_opens_no_friend_after_it() -> None:
    # all friends_* permissions were removed on 30 April 2015, also from those who had given them
    both = world("before-2015", QUIZ)
    request = ReadRequest("quiz", "bob", ("likes", "name"), "research", "ann", QUIZ, "PL")
    assert both.gate.decide(request).outcome == "allowed"
    both.compiled_again(load_policy("locked-down"))
    after = both.gate.decide(request)
    assert (after.outcome, {r.reason for r in after.refused}) == ("refused", {"friend-not-in-app"})
    both.compiled_again(load_policy("before-2015"))
    assert both.gate.decide(request).outcome == "allowed"
