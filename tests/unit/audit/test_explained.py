"""Sessions, reads that should not be, and innocent explanations: a made-up app for each, in one lake."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ombud.audit.dossier.checks import checks
from ombud.audit.dossier.innocent import innocent
from ombud.audit.dossier.inquiry import Inquiry, inquiry
from ombud.audit.dossier.sessions import LISTED, sessions
from ombud.audit.dossier.span import span_of
from tests.unit.audit.one_app import START, make_lake, read, write, write_reads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ombud.audit.dossier.inquiry import Number
    from ombud.lake import Lake

DAY = 24 * 60.0
Row = dict[str, Any]


def _of(app: str, rows: list[Row]) -> list[Row]:
    return [{**row, "app": app} for row in rows]


def _game() -> list[Row]:
    """Show each of ten players which friends play, by name and picture."""
    rows = [read(f"p{n}", n * DAY) for n in range(10)]
    return rows + [
        read(f"p{(n + m) % 10}", n * DAY + m, through=f"p{n}", fields=["name", "picture"])
        for n in range(10)
        for m in range(1, 5)
    ]


def _resync() -> list[Row]:
    """Read a person or two a day, and after ten days without a read all of them within a minute."""
    rows = [read(f"p{n}", n * DAY) for n in range(20)]
    return rows + [read(f"p{n}", 31 * DAY + n / 60) for n in range(20)]


def _launch() -> list[Row]:
    return [read(f"p{n}", 2 * DAY + n) for n in range(30)]


def _copy() -> list[Row]:
    wide = ["name", "picture", "likes", "posts", "photos", "events"]
    return [read(f"p{n}", n * DAY, fields=wide) for n in range(10)]


def _crawl() -> list[Row]:
    """Read forty people through two of them, three a minute, and stop for an hour in between."""
    rows = [read(f"p{n}", n / 3, through=f"p{n % 2}", key=f"key-{n % 2}") for n in range(2, 42)]
    return rows + [read(f"p{n}", 100 + n / 3, through="p0", key="key-0") for n in range(10)]


def _odd() -> list[Row]:
    day = 3 * DAY
    twice = read("p1", day + 5)
    return [
        read("p0", -DAY),
        read("p1", day, purpose="something-else"),
        twice,
        dict(twice),
        read("stranger", day + 9),
        read("p5", day + 10),
        read("p6", day + 11),
    ]


APPS = {"game": _game(), "resync": _resync(), "launch": _launch(), "copy": _copy(), "crawl": _crawl(), "odd": _odd()}
BARE = [read("p1", 0), read("p2", 1)]


def _registered(app: str, **more: object) -> Row:
    row = {"app": app, "developer": f"dev-{app}", "name": app, "happened_at": START, "purpose": "research", "hosts": []}
    return {**row, **more}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    made = make_lake(tmp_path_factory.mktemp("explained") / "w")
    write_reads(made, [row for app, rows in APPS.items() for row in _of(app, rows)] + _of("bare", BARE))
    write(made, "accounts", [{"account": f"p{n}", "happened_at": START} for n in range(50)])
    shared = ["cdn.example"]
    write(made, "apps", [
        _registered("game", hosts=shared), _registered("crawl", hosts=["crawl.example"]),
        *(_registered(f"other-{n}", hosts=shared) for n in range(3)), _registered("odd"),
    ])  # fmt: skip
    grants = [
        {"app": "launch", "person": f"p{n}", "scope": "basic", "happened_at": START + timedelta(days=2)}
        for n in range(30)
    ]
    grants += [{"app": "crawl", "person": "p0", "scope": "basic", "happened_at": START - timedelta(days=50)}]
    odd = [("p0", None), ("p1", None), ("stranger", None), ("p5", START + timedelta(days=1))]
    grants += [
        {"app": "odd", "person": who, "scope": "basic", "happened_at": START - timedelta(days=9), "ended_at": end}
        for who, end in odd
    ]  # fmt: skip
    write(made, "grants", grants)
    yield made
    made.records.close()


def _asked(lake: Lake, app: str) -> Any:  # noqa: ANN401 - a context that opens an inquiry
    return inquiry(lake, app, span_of(lake, app))


class TestSessions:
    def test_half_an_hour_without_a_read_ends_one_and_keys_are_apart(self, lake: Lake) -> None:
        with _asked(lake, "crawl") as asked:
            found = sessions(asked)
        assert found.total.value == 3
        assert [(one.key, one.people, one.reads) for one in found.listed] == [
            ("key-0", 20, 20), ("key-1", 20, 20), ("key-0", 10, 10),
        ]  # fmt: skip
        largest = found.listed[0]
        assert largest.first == START + timedelta(minutes=2 / 3)
        assert largest.through_friends == 20
        assert largest.people_a_minute == pytest.approx(20 / (38 / 3))
        assert (largest.networks, largest.network) == (0, None)

    def test_refused_requests_make_no_session(self, lake: Lake) -> None:
        with _asked(lake, "odd") as asked:
            asked.duck.execute("UPDATE mine SET went = false")
            assert sessions(asked).total.value == 0

    def test_the_largest_are_listed(self, lake: Lake) -> None:
        with _asked(lake, "resync") as asked:
            found = sessions(asked)
        assert (found.total.value, len(found.listed), found.listed[0].people) == (21, LISTED, 20)


class TestChecks:
    def test_each_kind_is_counted(self, lake: Lake) -> None:
        with _asked(lake, "odd") as asked:
            counted = {one.code: one.number.value for one in checks(asked)}
        assert counted == {
            "before-the-app": 1,
            "after-consent": 1,
            "without-consent": 1,
            "off-purpose": 1,
            "unknown-people": 1,
            "twice": 1,
        }

    def test_what_the_lake_cannot_say_is_not_known(self, lake: Lake) -> None:
        with _asked(lake, "bare") as asked:
            counted = {one.code: one.number.value for one in checks(asked)}
        assert counted["before-the-app"] is None
        assert counted["after-consent"] is None
        assert counted["without-consent"] is None
        assert counted["off-purpose"] is None
        assert (counted["unknown-people"], counted["twice"]) == (0, 0)


class TestInnocent:
    @pytest.mark.parametrize(
        ("app", "code", "applies"),
        [
            ("game", "shows-friends", "yes"),
            ("crawl", "shows-friends", "no"),
            ("copy", "shows-friends", "no"),
            ("resync", "re-sync", "yes"),
            ("launch", "re-sync", "no"),
            ("launch", "launch", "yes"),
            ("crawl", "launch", "no"),
            ("game", "launch", "unknown"),
            ("copy", "own-copy", "yes"),
            ("launch", "own-copy", "partly"),
            ("crawl", "own-copy", "no"),
            ("game", "shared-host", "yes"),
            ("crawl", "shared-host", "no"),
            ("copy", "shared-host", "unknown"),
            ("copy", "its-users", "yes"),
            ("crawl", "its-users", "no"),
        ],
    )
    def test_by_its_own_number(self, lake: Lake, app: str, code: str, applies: str) -> None:
        found = _explained(lake, app)
        assert found[code] == applies, found

    def test_a_holiday_is_told_by_all_other_apps(self, lake: Lake) -> None:
        with _asked(lake, "launch") as asked:
            lines = {one.code: one for one in innocent(asked, ["name"], _amplification(asked))}
        holiday = lines["holiday"]
        others = [row["happened_at"].date() for app, rows in APPS.items() if app != "launch" for row in rows]
        others = [day for day in others if START.date() + timedelta(days=2) == day]
        assert holiday.number.value == 1.0, "only one day of the others lies in the time of this app's reads"
        assert others
        assert holiday.applies == "no"

    def test_nothing_read_is_explained_by_nothing(self, lake: Lake) -> None:
        with inquiry(
            lake, "bare", span_of(lake, "bare", START + timedelta(days=9), START + timedelta(days=10))
        ) as asked:
            lines = {one.code: one.applies for one in innocent(asked, ["name"], _amplification(asked))}
        assert set(lines.values()) == {"no", "unknown"}


def _amplification(asked: Inquiry) -> Number:
    people = "SELECT count(DISTINCT person) / nullif(count(DISTINCT consenting), 0) FROM mine WHERE went"
    return asked.count("people for each", "people", people)


def _explained(lake: Lake, app: str) -> dict[str, str]:
    with _asked(lake, app) as asked:
        return {one.code: one.applies for one in innocent(asked, ["name", "picture"], _amplification(asked))}
