"""An audit of one app, against plain loops over the same rows; every number's own query gives it again."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ombud.audit.dossier.hindsight import Lost, LostTogether, together
from ombud.audit.dossier.whole import Dossier, dossier, keep, kept
from ombud.audit.people.sets import open_sets
from ombud.gate.policy import load_policy
from ombud.gate.registry import activate
from ombud.model import clock
from ombud.model.errors import InputError, NotFoundError
from ombud.model.findings import Finding
from ombud.records import app_audits, apps, cases, figures, findings
from tests.unit.audit.one_app import CHAT, QUIZ, START, affected_by, make_lake, read, walk, write, write_reads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ombud.lake import Lake

OTHERS = [read(f"friend-{n}", n * 60, app=CHAT, fields=["name"], purpose="chat", key="key-2") for n in range(40)]
ROWS = [
    *walk(),
    *OTHERS,
    read("friend-1", 90, through="friend-1"),
    read("friend-2", 91, through="installer-1", decision="reduced", fields=["name"]),
    read("friend-3", 92, through="installer-1", decision="refused"),
]


def audit(lake: Lake, app: str = QUIZ, **span: object) -> Dossier:
    return dossier(lake, lake.records, open_sets(lake.workspace, lake), app, **span)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    made = make_lake(tmp_path_factory.mktemp("dossier") / "w")
    write_reads(made, ROWS)
    people = sorted({row["person"] for row in ROWS})
    write(made, "accounts", [
        {"account": one, "happened_at": START - timedelta(days=900), "region": ("GB", "US", None)[n % 3]}
        for n, one in enumerate(people)
    ])  # fmt: skip
    write(made, "grants", [
        {"app": QUIZ, "person": f"installer-{n}", "scope": "friends_likes", "happened_at": START + timedelta(days=n)}
        for n in range(4)
    ])  # fmt: skip
    write(made, "ties", [
        {"account": f"installer-{n}", "other": f"friend-{m}", "tie": "friend"} for n in range(4) for m in range(26)
    ])  # fmt: skip
    write(made, "apps", [
        {"app": QUIZ, "developer": "gsr", "name": "A quiz", "category": "quizzes", "purpose": "research",
         "happened_at": START - timedelta(days=9), "hosts": ["quiz.example"]},
        {"app": CHAT, "developer": "chatco", "name": "Chat", "category": "chat", "purpose": "chat",
         "happened_at": START - timedelta(days=9), "hosts": ["chat.example"]},
    ])  # fmt: skip
    with made.records.begin() as tx:
        for name, day in (("before-2015", -99), ("locked-down", 2)):
            with clock.frozen(START + timedelta(days=day)):
                activate(tx, load_policy(name), "Some admin", "A test.")
    yield made
    made.records.close()


@pytest.fixture(scope="module")
def made(lake: Lake) -> Dossier:
    return audit(lake)


class TestCounts:
    def test_people_are_those_of_plain_loops(self, made: Dossier) -> None:
        mine = affected_by(ROWS)
        whom = made.reach
        assert whom.people.proved.value == len(mine)
        assert whom.direct.proved.value == sum(one[0] != "via" for one in mine.values())
        assert whom.via.proved.value == sum(one[0] != "direct" for one in mine.values())
        assert made.reads.value == sum(one[3] for one in mine.values())
        assert made.refused.value == 1
        assert whom.consenting.value == 5  # the four installers, and somebody through themselves
        assert whom.amplification.value == round(len(mine) / 5, 2)

    def test_possible_is_never_less_than_proved(self, made: Dossier) -> None:
        for bounds in (made.reach.direct, made.reach.via, made.reach.people):
            assert bounds.possible.value is not None
            assert bounds.possible.value >= (bounds.proved.value or 0)
        assert made.reach.via.possible.value == 26

    def test_through_how_many_installers(self, made: Dossier) -> None:
        ways: dict[str, set[str]] = {}
        for row in ROWS:
            if row["app"] == QUIZ and row["decision"] != "refused" and row["through"] not in {None, row["person"]}:
                ways.setdefault(row["person"], set()).add(row["through"])
        counted = {band.band: band.people for band in made.reach.through}
        assert sum(counted.values()) == len(ways) == made.reach.through_total.value
        assert counted["1"] == sum(len(some) == 1 for some in ways.values())
        assert counted["2"] == sum(len(some) == 2 for some in ways.values())

    def test_days_fields_and_countries(self, made: Dossier) -> None:
        days = {row["happened_at"].date() for row in ROWS if row["app"] == QUIZ}
        assert [day.day.date() for day in made.time.days] == sorted(days)
        assert sum(day.reads for day in made.time.days) == made.reads.value
        likes = next(line for line in made.time.fields if line.field == "likes")
        assert (likes.purpose, likes.people) == (
            "research",
            sum("likes" in one[4] for one in affected_by(ROWS).values()),
        )
        assert sum(one.people for one in made.time.countries) == made.reach.people.proved.value
        assert {one.country for one in made.time.countries} == {"GB", "US", ""}

    def test_before_and_after_each_policy(self, made: Dossier) -> None:
        (change,) = made.time.changes
        assert change.name == "locked-down"
        before = {r["person"] for r in ROWS if _mine(r) and r["happened_at"] < change.at}
        after = {r["person"] for r in ROWS if _mine(r) and r["happened_at"] >= change.at}
        assert (change.before.value, change.after.value) == (len(before), len(after))
        assert [line.hash for line in made.time.policies] == [None]

    def test_under_locked_down_every_friend_would_have_been_refused(self, made: Dossier) -> None:
        via = sum(_mine(row) and row["through"] not in {None, row["person"]} for row in ROWS)
        assert made.hindsight.touched.value is not None
        assert made.hindsight.touched.value >= via
        assert {"likes"} <= {line.field for line in made.hindsight.lost}
        assert "locked-down" in made.hindsight.sentence

    def test_equal_losses_stand_in_one_line(self) -> None:
        lost = [Lost("likes", "a", "A.", 3, 2), Lost("posts", "b", "B.", 3, 2), Lost("name", "a", "A.", 3, 2),
                Lost("email", "a", "A.", 3, 1)]  # fmt: skip
        assert together(lost) == [
            LostTogether(["likes", "name"], "A.", 3, 2),
            LostTogether(["posts"], "B.", 3, 2),
            LostTogether(["email"], "A.", 3, 1),
        ]
        assert together([]) == []

    def test_the_headline_states_the_finding(self, made: Dossier) -> None:
        people, via = made.reach.people.proved.value, made.reach.via.proved.value
        assert (
            made.headline == f"A quiz read about {people} people, by the consent of 5; {via} of them through a friend"
        )

    def test_no_person_is_named(self, made: Dossier) -> None:
        assert re.findall(r"(?:friend|installer)-\d", str(made)) == []


def _mine(row: dict[str, object]) -> bool:
    return row["app"] == QUIZ and row["decision"] != "refused"


class TestFigures:
    def test_every_query_gives_its_number_again(self, lake: Lake, made: Dossier) -> None:
        asked = [one for one in made.figures if one.query.startswith("WITH")]
        assert len(asked) > 25
        with lake.duck() as duck:
            for one in asked:
                assert duck.execute(one.query, one.parameters).fetchall()[0][0] == one.value, one.name

    def test_the_others_name_the_command(self, made: Dossier) -> None:
        others = [one for one in made.figures if not one.query.startswith("WITH")]
        assert {one.query.split(" --")[0] for one in others} == {"ombud audit app quiz"}

    def test_each_names_its_files(self, lake: Lake, made: Dossier) -> None:
        reads = {file.sha256 for file in lake.files("reads")}
        for one in made.figures:
            named = {file.sha256 for file in one.inputs}
            assert named & reads
            assert one.subject == "app:quiz"


class TestKeeping:
    def test_an_audit_is_kept_whole_and_once(self, lake: Lake, made: Dossier) -> None:
        item = keep(lake.records, made)
        assert keep(lake.records, made).id == item.id
        with lake.records.read() as tx:
            (found,) = app_audits.of_app(tx, QUIZ)
            assert app_audits.latest(tx, CHAT) is None
            assert kept(found) == made
            assert figures.get(tx, made.reads.figure).value == made.reads.value


class TestSpan:
    def test_a_span_counts_what_lies_in_it(self, lake: Lake) -> None:
        since, until = START + timedelta(days=1), START + timedelta(days=2)
        rows = [row for row in ROWS if since <= row["happened_at"] < until]
        found = audit(lake, since=since, until=until)
        assert (found.since, found.until) == (since, until)
        assert found.reach.people.proved.value == len(affected_by(rows))
        assert "are of the whole record" in found.limits[0]
        assert found.limits[1:] == audit(lake).limits

    def test_an_end_before_the_beginning_is_refused(self, lake: Lake) -> None:
        with pytest.raises(InputError, match="ends before"):
            audit(lake, since=START, until=START - timedelta(days=1))

    def test_an_unknown_app_is_said(self, lake: Lake) -> None:
        with pytest.raises(NotFoundError, match="Neither lake nor records know an app `nobody`"):
            audit(lake, "nobody")


class TestLittle:
    def test_an_app_without_a_read(self, lake: Lake) -> None:
        with lake.records.begin() as tx:
            apps.register(tx, apps.App(app="silent", developer="d", name="Silent", registered_at=START), "Some admin")
        found = audit(lake, "silent")
        assert found.headline == "Silent read nobody in this time"
        assert (found.reads.value, found.time.days, found.sessions.listed) == (0, [], [])
        assert found.app.status == "live"
        assert found.hindsight.touched.value == 0

    def test_an_app_with_one_read_and_a_case(self, made: Dossier, tmp_path_factory: pytest.TempPathFactory) -> None:
        lake = make_lake(tmp_path_factory.mktemp("one") / "w")
        write_reads(lake, [read("anna")])
        said = Finding(
            id="finding_one", says="anomalous", subject_kind="app", subject=QUIZ, title="One read", score=1.0, q=None,
            calibration="None.", reasons=[], explanations=[], rows=[], query="", tool="t", tool_version="1",
            settings={}, found_at=START,
        )  # fmt: skip
        with lake.records.begin() as tx:
            findings.save(tx, said)
            case = cases.open_for(tx, said.id, "app", "One read")
        found = audit(lake)
        assert found.headline == "quiz read about 1 person"
        assert found.app.case == case.number
        assert found.reach.people.possible.value is None
        assert "grant" in str(found.reach.people.why)
        assert found.until == START + timedelta(microseconds=1)
        ids = {one.id for one in found.figures}
        assert ids.isdisjoint({one.id for one in made.figures}), "figures of another lake have other ids"
        lake.records.close()
