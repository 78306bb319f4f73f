"""How many people an app reached: proved, and possible; what is not known is said."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from ombud.audit.exposure.breakdown import RegionExposure, Span, by_region, by_span, policy_spans
from ombud.audit.exposure.counts import Count, Exposure, exposure, exposures, through_how_many
from ombud.audit.exposure.opening import opening
from ombud.audit.people.sets import open_sets
from ombud.gate.policy import load_policy
from ombud.gate.registry import activate
from ombud.model import clock
from ombud.records import consents
from ombud.records.consents import Commitment, Consent
from tests.unit.audit.exposing import START, read, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ombud.lake import Lake

HOUR = timedelta(hours=1)


def grant(person: str, app: str = "quiz", scope: str = "friends_likes", **others: object) -> dict[str, Any]:
    return {"app": app, "person": person, "scope": scope, "happened_at": START} | others


def friends(*pairs: str) -> list[dict[str, Any]]:
    """Return ties: `ab` makes a and b friends."""
    return [{"account": pair[0], "other": pair[1], "tie": "friend"} for pair in pairs]


def number(lake: Lake, name: str, kind: str = "account") -> int:
    found = lake.ids(kind, [name])[0]
    assert found is not None
    return found


def of(lake: Lake, app: str = "quiz") -> Exposure:
    return exposure(lake, open_sets(lake.workspace, lake), number(lake, app, "app"))


def names(lake: Lake, numbers: Sequence[int]) -> str:
    return "".join(sorted(lake.names("account", list(numbers))))


def put_in_force(lake: Lake, policy: str, at: datetime) -> None:
    """Put a policy in force at a moment of the past, as a gate did that ran then."""
    with clock.frozen(at), lake.records.begin() as tx:
        activate(tx, load_policy(policy), "tests", "to see what it opens")


def test_without_grants_only_what_is_proved_is_known(lake: Lake) -> None:
    write(lake, "reads", [read(0, "quiz", "a"), read(1, "quiz", "b", "a")])
    found = of(lake)
    assert (found.direct.proved, found.via.proved, found.people.proved) == (1, 1, 2)
    assert found.direct.possible is found.via.possible is found.people.possible is None
    assert found.people.why is not None
    assert "nobody can say" in found.people.why
    assert (found.installers, found.amplification, found.amplification_possible) == (0, None, None)
    assert (found.direct_without_grant, found.through_without_grant) == (1, 1)


def test_without_ties_the_friends_are_not_known(lake: Lake) -> None:
    write(lake, "reads", [read(0, "quiz", "a"), read(1, "quiz", "b", "a")])
    write(lake, "grants", [grant("a"), grant("c")])
    found = of(lake)
    assert found.direct == Count(1, 2)
    assert (found.via.proved, found.via.possible) == (1, None)
    assert "Friendships" in (found.via.why or "")
    assert found.people.possible is None
    assert found.amplification == 1.0
    assert found.said == ()


def test_without_a_policy_on_record_all_friends_are_the_upper_bound(lake: Lake) -> None:
    write(lake, "grants", [grant("a", scope="email"), grant("b")])
    write(lake, "ties", friends("ac", "ad", "bd", "be", "xy"))
    write(lake, "reads", [read(0, "quiz", "a"), read(1, "quiz", "c", "a"), read(2, "quiz", "x")])
    found = of(lake)
    assert found.direct == Count(2, 3)  # a and b granted, x was read
    assert (found.via.proved, found.via.possible) == (1, 3)  # c, d, e
    assert "no policy is on record" in (found.via.why or "")
    assert (found.people.proved, found.people.possible) == (3, 6)  # all but y
    assert found.installers == 2
    assert (found.amplification, found.amplification_possible) == (1.5, 3.0)
    assert found.said == ("1 person was read as by their own grant, but no grant of theirs is on record.",)


def test_a_policy_on_record_says_whose_friends_were_open(lake: Lake) -> None:
    put_in_force(lake, "before-2015", START - HOUR)
    put_in_force(lake, "locked-down", START + 10 * HOUR)
    later = START + 20 * HOUR
    write(
        lake,
        "grants",
        [
            grant("a", ended_at=START + HOUR),  # under the first policy: all friends
            grant("b", scope="user_friends", happened_at=later),  # under the second: friends who use the app, too
            grant("c", scope="email", happened_at=later),  # opens nothing of friends
            grant("d", happened_at=START - 3 * HOUR, ended_at=START - 2 * HOUR),  # before any policy on record
        ],
    )
    write(lake, "ties", friends("ax", "by", "bc", "cz", "dv"))
    app = number(lake, "quiz", "app")
    opened = opening(lake, app)
    assert names(lake, list(opened.friends)) == "a"
    assert names(lake, list(opened.users)) == "b"
    assert names(lake, list(opened.unsaid)) == "d"
    found = of(lake)
    assert found.via.possible == 3  # x of a, c of b, v of d
    assert found.people.possible == 4 + 2
    assert [span.policy for span in policy_spans(lake)] == [
        None,
        "before-2015 2014-04-29",
        "locked-down 2018-05-01",
    ]


def test_policies_that_cover_all_grants_leave_no_doubt(lake: Lake) -> None:
    put_in_force(lake, "locked-down", START - HOUR)
    write(lake, "grants", [grant("a", scope="email"), grant("b", scope="friends_likes")])
    write(lake, "ties", friends("ax", "by", "ab"))
    found = of(lake)
    assert found.via == Count(0, 0, "The policies on record opened nothing of friends to these grants.")
    write(lake, "grants", [grant("b", scope="user_friends", happened_at=START + HOUR)])
    found = of(lake)
    assert found.via == Count(0, 1, "By the policies on record, all friends whom the grants opened are counted.")


def test_whoever_was_read_through_without_a_grant_widens_the_bound(lake: Lake) -> None:
    put_in_force(lake, "locked-down", START - HOUR)
    write(lake, "grants", [grant("a", scope="email")])
    write(lake, "ties", friends("bx", "by", "az"))
    write(lake, "reads", [read(0, "quiz", "x", "b")])
    found = of(lake)
    assert (found.via.proved, found.via.possible) == (1, 2)
    assert found.through_without_grant == 1
    assert found.said == ("The grants of 1 person were used to read others, but no such grant is on record.",)


def test_many_apps_at_once_are_each_as_alone(lake: Lake) -> None:
    put_in_force(lake, "before-2015", START + HOUR)
    apps = [f"app{n}" for n in range(6)]
    grants = [grant(f"p{n}{m}", app=app) for n, app in enumerate(apps[:4]) for m in range(n + 1)]
    write(lake, "grants", [*grants, grant("q", app=apps[2], scope="email", happened_at=START + 2 * HOUR)])
    write(lake, "ties", [{"account": f"p{n}0", "other": f"f{m}", "tie": "friend"} for n in range(4) for m in range(n)])
    write(lake, "apps", [{"app": app, "happened_at": START + 3 * HOUR} for app in apps[:2]])
    write(lake, "reads", [read(n, app, f"f{n}", f"p{n}0") for n, app in enumerate(apps)])
    sets = open_sets(lake.workspace, lake)
    every = sets.apps()
    assert len(every) == 6
    assert list(exposures(lake, sets, [])) == []
    together = list(exposures(lake, sets, every[::-1]))
    assert together == [exposure(lake, sets, app) for app in every[::-1]]
    assert len({(one.installers, one.via.possible) for one in together}) > 3
    assert sum(one.reads_before_app for one in together) == 2


def test_reads_from_before_the_app_existed_count_and_are_said(lake: Lake) -> None:
    write(lake, "apps", [{"app": "quiz", "happened_at": START + 2 * HOUR}])
    write(lake, "reads", [read(0, "quiz", "a"), read(1, "quiz", "a"), read(2, "quiz", "b")])
    found = of(lake)
    assert found.people.proved == 2
    assert found.reads_before_app == 2
    assert found.said[1:] == ("2 reads of 1 person are dated before the app was registered; they count.",)


def test_consents_of_the_records_are_grants_too(lake: Lake) -> None:
    put_in_force(lake, "before-2015", START - HOUR)
    write(lake, "reads", [read(0, "quiz", "a")])
    write(lake, "ties", friends("ax", "bx"))
    sets = open_sets(lake.workspace, lake)
    app = number(lake, "quiz", "app")
    assert not sets.installers(app)

    def consent(person: str, app_name: str = "quiz") -> None:
        given = Consent(app_name, person, ["friends_likes"], START, None, None, None, 0)
        with lake.records.begin() as tx:
            consents.change(tx, given, "granted", "person", Commitment("00", "00", 1))

    for person in ("a", "b", "never-read"):
        consent(person)
    consent("a", "an app that the lake knows nothing of")
    assert names(lake, list(sets.installers(app))) == "ab"
    assert sets.unnumbered(app) == 1
    found = of(lake)
    assert found.installers == 3
    assert found.direct == Count(1, 3)
    assert found.via.possible == 1
    assert found.people.possible == 4
    assert found.said == ("1 person consents to it of whom the lake knows nothing, so not their friends either.",)
    with lake.records.begin() as tx:
        consents.forget(tx, "b")
    assert names(lake, list(sets.installers(app))) == "a"


def test_through_how_many_installers(lake: Lake) -> None:
    write(lake, "grants", [grant("a"), grant("b"), grant("c", app="other")])
    write(lake, "ties", friends("ax", "bx", "ay", "xa", "ab", "cz"))
    people, counts = through_how_many(lake, open_sets(lake.workspace, lake), number(lake, "quiz", "app"))
    known = dict(zip(lake.names("account", people.tolist()), counts.tolist(), strict=True))
    assert known == {"a": 1, "b": 1, "x": 2, "y": 1}


def test_by_country_everybody_is_somewhere(lake: Lake) -> None:
    write(lake, "accounts", [{"account": "a", "region": "PL"}, {"account": "b", "region": "PL"}, {"account": "c"}])
    write(
        lake,
        "reads",
        [
            read(0, "quiz", "a"),
            read(1, "quiz", "a", "b"),
            read(2, "quiz", "b", "a"),
            read(3, "quiz", "c"),
            read(4, "quiz", "stranger", "a"),
        ],
    )
    found = by_region(lake, open_sets(lake.workspace, lake), number(lake, "quiz", "app"))
    assert found == [
        RegionExposure("PL", known=True, people=2, direct=1, via=2),
        RegionExposure(None, known=False, people=1, direct=0, via=1),
        RegionExposure(None, known=True, people=1, direct=1, via=0),
    ]


def test_before_and_after_each_policy(lake: Lake) -> None:
    reads = [read(0, "quiz", "a"), read(2, "quiz", "b", "a"), read(3, "quiz", "b", "a"), read(4, "quiz", "b")]
    write(lake, "reads", [*reads, read(9, "quiz", "z", decision="refused")])
    app = number(lake, "quiz", "app")
    (whole,) = by_span(lake, app)
    assert (whole.span, whole.reads, whole.people, whole.direct, whole.via) == (Span(None, None), 4, 2, 2, 1)
    put_in_force(lake, "before-2015", START + HOUR)
    put_in_force(lake, "locked-down", START + 4 * HOUR)
    assert [(one.reads, one.people, one.direct, one.via) for one in by_span(lake, app)] == [
        (1, 1, 1, 0),
        (2, 1, 0, 1),
        (1, 1, 1, 0),
    ]
    cut = START + 100 * HOUR
    own = by_span(lake, app, [Span(None, cut), Span(cut, None)])
    assert [(one.reads, one.people) for one in own] == [(4, 2), (0, 0)]
