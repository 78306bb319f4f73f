"""What joins apps: developers, hosts, keys and names; and what is shared by too many to join anybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.audit.ranking.described import UNREGISTERED, Described, describe
from ombud.audit.ranking.links import Link, links_among, related
from ombud.audit.ranking.together import MOST, joined, things_of
from ombud.model import clock
from ombud.records import apps
from tests.unit.audit.ranked import fill, read, rows_of

if TYPE_CHECKING:
    from ombud.lake import Lake


def app(number: int, **said: object) -> Described:
    return Described(number=number, app=f"app-{number}", **said)  # type: ignore[arg-type]


def described(*items: Described) -> dict[int, Described]:
    return {item.number: item for item in items}


def test_apps_are_joined_over_steps() -> None:
    items = described(
        app(1, developer="a"), app(2, developer="a", hosts=("x.example",)), app(3, hosts=("X.example",)), app(4), app(5)
    )
    groups = joined(things_of(items, [(3, "k"), (4, "k"), (5, "other")]))
    assert [group.apps for group in groups] == [(1, 2, 3, 4)]
    assert groups[0].things == (("developer", "a"), ("host", "x.example"), ("key", "k"))
    assert groups[0].sentence == "one developer and one host and one key"


def test_what_very_many_share_joins_nobody_but_a_developer_does() -> None:
    cloud = described(*(app(n, hosts=("cloud.example",), developer=f"d-{n}") for n in range(MOST + 1)))
    assert joined(things_of(cloud, [(n, "library") for n in range(MOST + 1)])) == []
    agency = described(*(app(n, developer="agency") for n in range(MOST + 1)))
    assert len(joined(things_of(agency, []))[0].apps) == MOST + 1


def test_links_say_what_is_shared() -> None:
    items = described(
        app(1, developer="a", name="Your true self"), app(2, developer="a"), app(3, name="your  true selfs")
    )
    assert links_among(items, [(1, "k"), (3, "k")], 1) == [
        Link("app-2", "developer", "a", "Both are by the developer a."),
        Link("app-3", "key", "k", "Both ask with the key k."),
        Link("app-3", "text", "your  true selfs", "Its name is hard to tell from your  true selfs."),
    ]
    assert links_among(items, [], 9) == []


def test_a_former_name_is_a_name_and_a_template_is_none() -> None:
    items = described(app(1, name="Fresh start", names=("Your true self",)), app(2, name="Your True Self"))
    assert [link.kind for link in links_among(items, [], 1)] == ["text"]
    quizzes = described(*(app(n, name=f"Quiz number {n}") for n in range(30)))
    assert links_among(quizzes, [], 1) == []


def test_apps_are_described_by_the_lake_and_the_records(lake: Lake) -> None:
    fill(
        lake,
        {
            "apps": rows_of(
                "apps",
                [
                    {"app": "quiz", "developer": "maker", "name": "Old", "category": "quizzes", "purpose": "fun"},
                    {"app": "game", "developer": "maker", "hosts": ["g.example"]},
                ],
            ),
            "reads": rows_of("reads", [read(1, "unknown", "a", 1, key="k"), read(2, "quiz", "a", 1, key="k")]),
        },
    )
    item = apps.App(app="quiz", developer="maker", name="Old", registered_at=clock.now(), purposes=["research"])
    with lake.records.begin() as tx:
        apps.register(tx, item)
        apps.register(tx, apps.App(**{**{f: getattr(item, f) for f in item.__struct_fields__}, "name": "New"}))
        apps.set_status(tx, "quiz", "suspended", "eva", "A test.")
    with lake.duck(["apps"]) as duck:
        found = {item.app: item for item in describe(lake, duck).values()}
    assert set(found) == {"quiz", "game", "unknown"}
    quiz = found["quiz"]
    assert (quiz.name, quiz.names, quiz.status, quiz.category) == ("New", ("Old",), "suspended", "quizzes")
    assert quiz.purposes == {"fun", "research"}
    assert (found["game"].developer, found["game"].hosts, found["game"].status) == (
        "maker",
        ("g.example",),
        UNREGISTERED,
    )
    assert (found["unknown"].developer, found["unknown"].name) == (None, None)
    links = related(lake, quiz.number)
    assert [(link.other, link.kind) for link in links] == [("game", "developer"), ("unknown", "key")]
