"""Recorded reads under other rules: the same counts as the plain rules give, read by read."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pytest

from ombud.gate import plain
from ombud.gate.plain import PlainConsent, World
from ombud.gate.policy import load_policy
from ombud.gate.replay import Only, Replay, replay
from ombud.gate.request import AppStanding, ReadRequest
from ombud.model import schema
from tests.unit.gate.worlds import EVERYTHING, day

if TYPE_CHECKING:
    from ombud.gate.policy import Policy
    from ombud.lake import Lake

START = datetime(2014, 3, 1, tzinfo=UTC)
OLD, NEW = load_policy("before-2015"), load_policy("locked-down")
Rows = list[dict[str, Any]]


def fill(lake: Lake, **tables: Rows) -> None:
    with lake.writing() as batch:
        for name, rows in tables.items():
            door = pa.schema([pa.field(f.name, f.type) for f in schema.table(name).door])
            batch.write(name, pa.Table.from_pylist(rows, schema=door), import_id="test")


def read(number: int, app: str, person: str, *fields: str, **more: object) -> dict[str, Any]:
    values: dict[str, Any] = {"through": None, "purpose": "app-function", "decision": "allowed"}
    moment = START + timedelta(minutes=number)
    return (
        values
        | {"read": f"r{number}", "app": app, "person": person, "fields": list(fields), "happened_at": moment}
        | more
    )


def grant(app: str, person: str, scope: str, **more: object) -> dict[str, Any]:
    return {"app": app, "person": person, "scope": scope, "happened_at": START - timedelta(days=1)} | more


def test_an_empty_lake_loses_nothing(lake: Lake) -> None:
    assert replay(lake, OLD, NEW) == Replay(OLD.hash, NEW.hash, 0, 0, None, None, ())
    assert replay(lake, None, NEW).old == "recorded"


def quiz(lake: Lake) -> None:
    """Two people install a quiz, which reads both and three friends."""
    grants = [grant("quiz", who, scope) for who in ("ann", "eve") for scope in ("public_profile", "friends_likes")]
    friends = [("bob", "ann"), ("cid", "ann"), ("cid", "eve"), ("dan", "eve"), ("eve", "ann")]
    reads = [read(n, "quiz", who, "name", "likes", through=by) for n, (who, by) in enumerate(friends)]
    reads += [read(10 + n, "quiz", who, "name", purpose="research") for n, who in enumerate(("ann", "eve"))]
    fill(lake, apps=[{"app": "quiz", "happened_at": START - timedelta(days=60)}], grants=grants, reads=reads)


def test_the_quiz_of_2014_loses_its_friends(lake: Lake) -> None:
    quiz(lake)
    found = replay(lake, OLD, NEW)
    assert (found.reads, found.reads_touched) == (7, 5)
    assert (found.first, found.last) == (START, START + timedelta(minutes=11))
    (app,) = found.apps
    assert (app.app, app.reads, app.reads_touched, app.people) == ("quiz", 7, 5, 4)
    losses = {(loss.field, loss.reason): (loss.reads, loss.people) for loss in app.fields}
    assert losses == {
        ("name", "friend-not-in-app"): (4, 3),
        ("likes", "friend-not-in-app"): (4, 3),
        ("likes", "closed-through-friends"): (1, 1),
        ("name", "not-granted"): (1, 1),
    }


def test_the_same_policy_twice_loses_nothing(lake: Lake) -> None:
    quiz(lake)
    assert replay(lake, OLD, OLD).apps == ()
    assert replay(lake, NEW, NEW).apps == ()
    assert replay(lake, NEW, OLD).reads == 7


def test_observe_mode_asks_what_would_have_been_refused_of_what_went_out(lake: Lake) -> None:
    fill(
        lake,
        apps=[{"app": "app", "happened_at": None, "purpose": "sign-in"}],
        grants=[grant("app", "ann", "email")],
        reads=[
            read(1, "app", "ann", "email", "name", "shoe-size", purpose=None),
            read(2, "app", "ann", "email", decision="refused"),
            read(3, "app", "bob", "email", decision="reduced"),
            read(4, "other", "ann", "email", "email"),
        ],
    )
    found = replay(lake, None, NEW, purpose="sign-in")
    assert found.old == "recorded"
    by_app = {app.app: {(loss.field, loss.reason, loss.reads) for loss in app.fields} for app in found.apps}
    assert by_app == {
        "app": {("shoe-size", "unknown-field", 1), ("email", "purpose-not-declared", 1)},
        "other": {("email", "no-consent", 1)},
    }
    without = replay(lake, None, NEW)
    reasons = {loss.reason for app in without.apps for loss in app.fields if app.app == "app"}
    assert reasons == {"unknown-field", "unknown-purpose", "purpose-not-declared"}


def test_standings_of_today_can_be_given(lake: Lake) -> None:
    fill(
        lake,
        apps=[{"app": name, "happened_at": START} for name in ("good", "bad", "unheard-of")],
        grants=[grant(app, "ann", "user_likes") for app in ("good", "bad", "unheard-of")],
        reads=[read(n, app, "ann", "likes") for n, app in enumerate(("good", "bad", "unheard-of"))],
    )
    purposes = frozenset(["app-function"])
    standings = [
        AppStanding("good", START, reviewed=frozenset(["user_likes"]), purposes=purposes),
        AppStanding("bad", START, status="banned", purposes=purposes),
        AppStanding("not in the lake", START),
    ]
    found = replay(lake, None, NEW, standings=standings)
    assert {(app.app, loss.reason) for app in found.apps for loss in app.fields} == {
        ("bad", "app-banned"),
        ("unheard-of", "unknown-app"),
    }


def oracle(grants: Rows, reads: Rows, a: Policy, b: Policy, apps: dict[str, AppStanding]) -> dict[Any, Any]:
    """Count with the plain rules what only the first policy lets out."""
    people = {row["person"] for row in [*grants, *reads]} | {row["through"] for row in reads if row["through"]}
    worlds = [World(law, apps, {}, people) for law in (a, b)]
    lost: dict[Any, Any] = defaultdict(list)
    for row in sorted(reads, key=lambda one: (one["happened_at"], one["read"])):
        moment = row["happened_at"]
        consents = {}
        for pair in {(g["app"], g["person"]) for g in grants}:
            begun = [g for g in grants if (g["app"], g["person"]) == pair and g["happened_at"] <= moment]
            live = [g for g in begun if g["ended_at"] is None or g["ended_at"] > moment]
            used = [min(moment, g["last_used_at"] or g["happened_at"]) for g in live]
            if begun:
                scopes = frozenset(g["scope"] for g in live)
                consents[pair] = PlainConsent(scopes, day(max(used, default=START)), revoked=not live)
        request = ReadRequest(
            row["app"], row["person"], tuple(row["fields"]), row["purpose"], row["through"], moment, "PL"
        )
        answers = []
        for world in worlds:
            world.consents = consents
            answers.append(plain.decide(world, request))
        why = {refusal.field: refusal.reason for refusal in answers[1].refused}
        for name in answers[0].allowed:
            if name in why:
                lost[row["app"], name, why[name]].append((row["read"], row["person"]))
    return {key: (len(hits), len({person for _, person in hits})) for key, hits in lost.items()}


def test_random_reads_are_counted_as_the_plain_rules_count_them(lake: Lake) -> None:
    chance = random.Random(11)  # noqa: S311 - a test's chance, not a secret
    names, people = ["a0", "a1", "wide"], [f"p{n}" for n in range(12)]
    scopes = ["basic", "contact", "friends", "taste", "writing", "album", "old-scope"]
    grants: Rows = []
    for app in names:
        for person in people:
            for scope in chance.sample(scopes, chance.randint(0, 4)):
                begin = START + timedelta(hours=chance.choice([-92 * 24, -24, 30]))
                used = chance.choice([None, begin + timedelta(hours=chance.randint(0, 400))])
                ended = chance.choice([None, None, begin + timedelta(hours=chance.randint(1, 4_000))])
                grants.append(grant(app, person, scope, happened_at=begin, last_used_at=used, ended_at=ended))
    fields = [*EVERYTHING.fields, "shoe-size"]
    reads = [
        read(
            n * 3,
            chance.choice(names),
            chance.choice(people),
            *chance.sample(fields, chance.randint(0, 3)),
            through=chance.choice([*[None] * 12, *people]),
            purpose=chance.choice([*["function"] * 8, "study", "gone"]),
        )
        for n in range(1_200)
    ]
    wide = msgspec.structs.replace(EVERYTHING.friends, must_use_app=False)
    loose = msgspec.structs.replace(
        EVERYTHING,
        name="loose",
        scopes={n: msgspec.structs.replace(s, review=False, contract=False) for n, s in EVERYTHING.scopes.items()},
        friends=wide,
        expiry=type(EVERYTHING.expiry)(),
        budgets=type(EVERYTHING.budgets)(fields_a_day=200),
        apps=type(EVERYTHING.apps)(purpose="any", under_review="all"),
        regions=(),
    )
    tight = msgspec.structs.replace(EVERYTHING, budgets=type(EVERYTHING.budgets)(fields_a_day=15, people_an_hour=4))
    standings = {
        name: AppStanding(
            name,
            START - timedelta(days=3 if name == "a1" else 30),
            reviewed=frozenset(["taste"]),
            contract=name == "a0",
            purposes=frozenset(["function", "study"] if name != "a1" else ["function"]),
            last_active_at=START + timedelta(days=3),
        )
        for name in names
    }
    fill(lake, apps=[{"app": name} for name in names], grants=grants, reads=reads)
    found = replay(lake, loose, tight, standings=list(standings.values()), region="PL")
    expected = oracle(grants, reads, loose, tight, standings)
    got = {(a.app, loss.field, loss.reason): (loss.reads, loss.people) for a in found.apps for loss in a.fields}
    assert got == expected
    assert len({reason for _, _, reason in expected}) >= 8
    assert len(expected) > 20


@pytest.mark.parametrize("size", [1, 7])
def test_batches_of_any_size_count_the_same(lake: Lake, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    quiz(lake)
    whole = replay(lake, OLD, NEW)
    seen: list[int] = []
    monkeypatch.setattr("ombud.gate.replay._ROWS", size)
    assert replay(lake, OLD, NEW, progress=lambda done, _total, _what: seen.append(done)) == whole
    assert seen[-1] == 7


def test_one_app_in_one_time_alone(lake: Lake) -> None:
    quiz(lake)
    fill(lake, reads=[read(90, "chat", "ann", "likes", through="eve"), read(99, "quiz", "dan", "likes", through="ann")])
    number = lake.ids("app", ["quiz"])[0]
    assert number is not None
    found = replay(lake, None, NEW, only=Only(number, START, START + timedelta(minutes=99)))
    whole = replay(lake, None, NEW)
    assert [one.app for one in found.apps] == ["quiz"]
    assert (found.reads, whole.reads) == (7, 9)
    assert found.last is not None
    assert found.last < START + timedelta(minutes=99)
