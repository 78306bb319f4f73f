"""Small worlds with everything in them, and the same world as the compiled gate sees it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from ombud.gate.budgets import Budgets
from ombud.gate.consents import NEVER, ConsentTable
from ombud.gate.decide import Gate
from ombud.gate.plain import PlainConsent, Tally, World
from ombud.gate.policy import Policy, compile_policy, parse_policy
from ombud.gate.request import AppStanding, ReadRequest, Status
from ombud.gate.ties import Ties

if TYPE_CHECKING:
    import random

__all__ = ["DAY_ZERO", "EVERYTHING", "Twin", "day", "random_requests", "random_world", "twin"]

DAY_ZERO = datetime(2018, 6, 1, tzinfo=UTC)

EVERYTHING = parse_policy("""
ombud-policy = 1
name = "everything"
version = "1"

[expiry]
unused-days = 90
idle-app-days = 90

[budgets]
people-an-hour = 3
people-a-day = 60
fields-an-hour = 9
fields-a-day = 70
[budgets.first-week]
days = 7
share = 0.4
[budgets.app.wide]
fields-a-day = 100_000
[budgets.app.limitless]
[budgets.app.a0]
fields-an-hour = 3
[budgets.app.a3]
fields-a-day = 20
people-a-day = 40
[budgets.app.a4]
people-a-day = 12

[fields]
name = { sensitivity = "public" }
email = { sensitivity = "private" }
friends = { sensitivity = "personal" }
likes = { sensitivity = "sensitive" }
posts = { sensitivity = "private" }
photos = { sensitivity = "private" }
town = { sensitivity = "personal" }
mailbox = { sensitivity = "private" }

[scopes]
basic = { opens = ["name"], opens-of-friends = ["name"], basic = true, removable = false }
contact = { opens = ["email"] }
friends = { opens = ["friends"], opens-of-friends = ["name", "town"] }
taste = { opens = ["likes", "town"], review = true }
writing = { opens = ["posts", "photos"], review = true, contract = true }
album = { opens = ["photos"], contract = true, opens-of-friends = ["photos"] }

[purposes]
sign-in = { fields = ["name", "email"] }
function = { fields = ["*"] }
study = { fields = ["likes", "town", "name", "photos"] }

[[regions]]
name = "one"
codes = ["DE", "FR"]
refuses = ["likes"]
[[regions]]
name = "two"
codes = ["US-CA"]
refuses = ["*"]
""")


@dataclass
class Twin:
    """A world twice: in plain Python, and compiled."""

    world: World
    gate: Gate

    def compiled_again(self, policy: Policy) -> None:
        """Give both another policy."""
        self.world.policy = policy
        index = self.gate.compiled.app_index
        apps = list(self.world.apps.values())
        self.gate.replace(compile_policy(policy, apps, self.gate.consents.scopes, index))

    def put(self, app: str, person: str, consent: PlainConsent) -> None:
        """Set a consent in both."""
        self.world.consents[app, person] = consent
        table = self.gate.consents
        table.put(
            self.gate.compiled.app_index[app],
            self.gate.people[person],
            table.scopes.mask(sorted(consent.scopes)),
            consent.last_used,
            NEVER if consent.expires is None else consent.expires,
            revoked=consent.revoked,
        )


def day(moment: datetime) -> int:
    """Return the UTC day since 1970."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)).days


def twin(world: World, *, ghosts: int = 0) -> Twin:
    """Compile a world; `ghosts` leaves dense ids of apps unused in front."""
    table = ConsentTable(capacity=16)
    apps = list(world.apps.values())
    index = {app.app: n + ghosts for n, app in enumerate(apps)}
    compiled = compile_policy(world.policy, apps, table.scopes, index)
    people = {person: n for n, person in enumerate(sorted(world.people))}
    ties = None
    if world.friends is not None:
        pairs = np.array([[people[p] for p in sorted(pair)] for pair in world.friends], dtype=np.int64).reshape(-1, 2)
        ties = Ties(pairs[:, 0], pairs[:, 1], len(people))
    made = Twin(world, Gate(compiled, table, people, Budgets(compiled), ties=ties))
    for (app, person), consent in list(world.consents.items()):
        made.put(app, person, consent)
    return made


def random_world(chance: random.Random, policy: Policy = EVERYTHING, *, friends: bool = True) -> World:
    """Return a world with apps of every standing and consents of every kind."""
    people = [f"p{n}" for n in range(40)]
    statuses: list[Status] = ["live", "live", "live", "live", "live", "under_review", "under_review"]
    names = [*(f"a{n}" for n in range(9)), "wide", "limitless"]
    apps = {}
    for n, name in enumerate(names):
        registered = DAY_ZERO - timedelta(days=chance.choice([0, 400, 400]) if n % 2 else [6, 7][n // 2 % 2])
        active = {1: DAY_ZERO - timedelta(days=95), 2: DAY_ZERO - timedelta(days=88), 6: None}
        apps[name] = AppStanding(
            app=name,
            registered_at=registered,
            status="suspended" if n == 7 else "banned" if n == 8 else statuses[n % len(statuses)],
            reviewed=frozenset(chance.sample(["taste", "writing", "gone"], chance.randint(1, 3))),
            contract=chance.random() < 0.5,
            purposes=frozenset({"function", *chance.sample(["sign-in", "study", "gone"], chance.randint(1, 3))}),
            last_active_at=active.get(n, DAY_ZERO),
        )
    consents = {(app, person): random_consent(chance) for app in names for person in people if chance.random() < 0.9}
    for person in people[:12]:
        consents["wide", person] = PlainConsent(frozenset({"basic", "contact", "friends"}), day(DAY_ZERO))
    pairs = {frozenset(chance.sample(people, 2)) for _ in range(500)} if friends else None
    return World(policy, apps, consents, set(people), pairs, tally=Tally())


def random_consent(chance: random.Random) -> PlainConsent:
    """Return a consent of some kind, mostly a live one."""
    scopes = ["basic", "contact", "friends", "taste", "writing", "album"]
    today = day(DAY_ZERO)
    return PlainConsent(
        frozenset(chance.sample(scopes, chance.randint(1, 6))),
        today - chance.choice([0, 0, 0, 0, 0, 0, 1, 60, 88, 91]),
        None if chance.random() < 0.9 else today + chance.randint(-1, 5),
        chance.random() < 0.07,
    )


def random_requests(chance: random.Random, world: World, count: int, *, hours: float = 72) -> list[ReadRequest]:
    """Return requests in the order of time, a few of them late."""
    apps = [
        *world.apps,
        *[name for name, app in world.apps.items() if app.status == "live" and name != "a1"] * 3,
        "nobody",
    ]
    people = [*sorted(world.people), "stranger"]
    fields = [*world.policy.fields, "shoe-size"]
    purposes = [*["function"] * 12, *["study"] * 3, *["sign-in"] * 2, "gone"]
    regions = [*["PL"] * 8, "PL-KR", "US", "US", "DE", "DE-BY", "US-CA", "usa", None]
    friends = {p: [next(iter(pair - {p})) for pair in world.friends or () if p in pair] or people for p in people}
    out = []
    for n in range(count):
        late = chance.random() < 0.02
        at = DAY_ZERO + timedelta(hours=hours * n / count - (5 if late else 0), seconds=chance.randint(0, 59))
        app = chance.choice(apps)
        person = chance.choice(people)
        through = None
        if chance.random() < 0.25:
            through = chance.choice([*friends[person], *friends[person], *people[-3:], person])
        out.append(
            ReadRequest(
                app=app,
                person=person,
                fields=tuple(chance.choices(fields, k=chance.choice([0, 1, 1, 1, 1, 2, 2, 3]))),
                purpose=chance.choice(purposes),
                through=through,
                at=at,
                region=chance.choice(regions),
            )
        )
    return out
