"""Cases: purposes and looks, notes, lists, evidence, downloads; hostile texts stay text."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.records import looks
from ombud.web.console.outlines import BARS, outline_of
from tests.web.seeding import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI

    from tests.web.client import Browser
    from tests.web.seeding import World

ESCAPED = "&lt;script&gt;alert("


def _looks(app: FastAPI) -> list[looks.Look]:
    with app.state.house.records.read() as tx:
        return looks.listing(tx, limit=5)


def _last(app: FastAPI) -> int:
    return max((look.id for look in _looks(app)), default=0)


class TestPurpose:
    def test_people_are_shown_only_after_a_purpose_and_each_look_is_logged(
        self, app: FastAPI, browse: Callable[[], Browser], world: World
    ) -> None:
        browser = browse().sign_in("reviewer")
        path = f"/console/cases/{world.case}"
        before = _last(app)
        asked = browser.get(path).text
        assert "Why do you look" in asked
        assert "user_00_patriot" not in asked
        assert asked.count('name="purpose"') == 5
        assert " checked" not in asked.partition("<main")[2]  # a purpose is said, not accepted
        assert browser.get(f"{path}/evidence/1.json").status_code == 403
        led = browser.get(f"{path}/evidence/1", headers={"accept": "text/html"})
        assert (led.status_code, led.headers["location"]) == (303, path)
        assert _last(app) == before
        assert browser.send(f"{path}/purpose", {"purpose": "curiosity"}).status_code == 422
        browser.give_purpose(world.case, "second")
        assert "user_00_patriot" in browser.get(path).text
        (look, *_) = _looks(app)
        assert (look.user, look.subject, look.what) == ("Some reviewer", f"case {world.case}", "the case's page")
        assert look.purpose == "A colleague asked me for a second look"
        browser.get(f"{path}/evidence/2")
        assert _looks(app)[0].what == "posts of evidence 2"
        browser.get(f"{path}/members.csv")
        assert _looks(app)[0].what == "the members as CSV"
        assert _last(app) == before + 3

    def test_a_figure_of_a_case_is_a_look_too(self, app: FastAPI, browse: Callable[[], Browser], world: World) -> None:
        """Its parameters name the accounts."""
        browser = browse().sign_in("analyst")
        led = browser.get(f"/explain/{world.figure}", headers={"accept": "text/html"})
        assert led.headers["location"] == f"/console/cases/{world.case}"
        assert browser.get(f"/explain/{world.figure}.json").status_code == 403
        browser.give_purpose(world.case)
        assert "SELECT count(*)" in browser.get(f"/explain/{world.figure}").text
        assert _looks(app)[0].what == "how a figure was computed"

    def test_no_name_is_in_the_twin_before_the_purpose(self, browse: Callable[[], Browser], world: World) -> None:
        """A figure's parameters list the accounts, and an explanation may quote their names."""
        browser = browse().sign_in("analyst")
        path = f"/console/cases/{world.case}.json"
        told = browser.get(path)
        assert told.json()["purpose"] is None
        assert told.json()["finding"]["figures"] == told.json()["finding"]["explanations"] == []
        assert "user_00_patriot" not in told.text
        browser.give_purpose(world.case)
        (figure,) = browser.get(path).json()["finding"]["figures"]
        assert "user_00_patriot" in figure["parameters"]["accounts"]

    def test_a_purpose_holds_for_its_case_and_its_sign_in(self, browse: Callable[[], Browser], world: World) -> None:
        browser = browse().sign_in("analyst").give_purpose(world.case)
        assert "Why do you look" in browser.get(f"/console/cases/{world.hostile_case}").text
        kept = browser.http.cookies["ombud_purposes"]
        other = browse().sign_in("analyst")
        other.http.cookies.set("ombud_purposes", kept, domain="127.0.0.1")
        assert "Why do you look" in other.get(f"/console/cases/{world.case}").text

    @pytest.mark.parametrize("cookie", ["1-case.x", ".", "x", "1-case_2-case." + "0" * 43, "é.é"])
    def test_a_forged_purpose_does_not_count(self, browse: Callable[[], Browser], world: World, cookie: str) -> None:
        browser = browse().sign_in("analyst")
        session = browser.http.cookies["ombud_session"]
        headers = {"cookie": f"ombud_session={session}; ombud_purposes={cookie}".encode()}
        assert "Why do you look" in browser.get(f"/console/cases/{world.case}", headers=headers).text


class TestCasePage:
    def test_the_finding_is_the_headline_and_everything_follows(
        self, signed_in: dict[str, Browser], world: World
    ) -> None:
        text = signed_in["analyst"].get(f"/console/cases/{world.case}").text
        assert "<h1>24 accounts shared the same 140 links within minutes of each other" in text
        assert "If the null model is right, <strong>at most 4 in a billion</strong>" in text
        order = [
            "How sure this is",
            "What speaks against it",
            'id="when"',
            'id="who"',
            "Evidence, heaviest",
            "Notes and",
        ]
        places = [text.rindex(part) for part in order]
        assert places == sorted(places)
        assert text.count("<svg") >= 5
        assert f"/explain/{world.figure}" in text

    def test_an_uncalibrated_finding_says_so(self, signed_in: dict[str, Browser], world: World) -> None:
        text = signed_in["analyst"].get(f"/console/cases/{world.hostile_case}").text
        assert "no calibrated probability" in text
        assert "not known" in text

    def test_notes_are_added_and_escaped(self, signed_in: dict[str, Browser], world: World) -> None:
        path = f"/console/cases/{world.case}"
        answer = signed_in["analyst"].send(f"{path}/notes", {"text": f"Look: {HOSTILE}\nsecond line"})
        assert answer.headers["location"] == f"{path}#history"
        text = signed_in["analyst"].get(path).text
        assert f"Look: {ESCAPED}" in text
        assert "<script>alert" not in text
        assert signed_in["analyst"].send(f"{path}/notes", {"text": "   "}).status_code == 400
        assert signed_in["analyst"].send(f"{path}/notes", {"text": ""}).status_code == 422

    @pytest.mark.parametrize("number", ["999999", "0", "-1", "1e3", "abc", "99999999999999999999"])
    def test_a_case_that_is_none(self, signed_in: dict[str, Browser], number: str) -> None:
        assert signed_in["analyst"].get(f"/console/cases/{number}").status_code in {404, 422}


class TestEvidence:
    def test_posts_come_from_the_lake_with_their_language(self, signed_in: dict[str, Browser], world: World) -> None:
        text = signed_in["analyst"].get(f"/console/cases/{world.case}/evidence/1").text
        assert "Keep your eyes on example.org/rally-0" in text
        assert 'lang="ru"' in text
        assert "1\u00a0row of this evidence is no longer in the lake" in text
        page = signed_in["analyst"].get(f"/console/cases/{world.case}/evidence/1.json").json()
        assert (page["shown"], page["missing"]) == (2, 1)

    def test_a_part_of_the_posts_says_that_it_is_one(self, signed_in: dict[str, Browser], world: World) -> None:
        """The finding keeps the first rows only; the heading counts all."""
        path = f"/console/cases/{world.case}"
        assert "the first 3 of 9\u00a0posts" in signed_in["analyst"].get(f"{path}/evidence/1").text
        case = signed_in["analyst"].get(path).text
        assert "Show the first 3\u00a0posts" in case
        assert "Show the 7\u00a0posts" in case  # of evidence 5, whole
        assert "the first" not in signed_in["analyst"].get(f"{path}/evidence/5").text.partition("<main")[2]

    def test_beyond_the_last(self, signed_in: dict[str, Browser], world: World) -> None:
        answer = signed_in["analyst"].get(f"/console/cases/{world.case}/evidence/9")
        assert answer.status_code == 404
        assert "8 lines of evidence" in answer.text

    @pytest.mark.parametrize("name", ["timeline", "members", "pairs", "evidence"])
    def test_downloads_are_tables_that_run_nothing(
        self, signed_in: dict[str, Browser], world: World, name: str
    ) -> None:
        answer = signed_in["analyst"].get(f"/console/cases/{world.case}/{name}.csv")
        assert answer.headers["content-disposition"] == f'attachment; filename="case-{world.case}-{name}.csv"'
        rows = list(csv.reader(io.StringIO(answer.text)))
        assert len(rows) > 5
        assert {len(row) for row in rows} == {len(rows[0])}
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "@"))]

    def test_graph_in_columns(self, signed_in: dict[str, Browser], world: World) -> None:
        data = signed_in["analyst"].get(f"/console/cases/{world.case}/graph.json").json()
        assert len(data["names"]) == len(data["x"]) == len(data["co_acts"]) == 24
        assert len(data["source"]) == len(data["target"]) == len(data["weight"])
        assert all(a < b for a, b in zip(data["source"], data["target"], strict=True))


class TestList:
    def test_filters_search_sort_and_pages(self, signed_in: dict[str, Browser]) -> None:
        ask = signed_in["analyst"].get
        everything = ask("/console/cases.json").json()
        assert everything["paging"]["total"] == 32
        assert everything["paging"]["pages"] == 2
        assert len(everything["rows"]) == 25
        assert len(ask(everything["paging"]["next"].replace("cases?", "cases.json?")).json()["rows"]) == 7
        scores = [row["score"] for row in everything["rows"]]
        assert scores == sorted(scores, reverse=True)
        waiting = ask("/console/cases.json?state=waiting").json()["rows"]
        assert [row["number"] for row in waiting] == [3]
        assert ask("/console/cases.json?q=HOSTILE").json()["paging"]["total"] == 1
        assert ask("/console/cases.json?q=2&sort=oldest").json()["rows"][0]["number"] == 1
        oldest = ask("/console/cases.json?sort=oldest").json()["rows"]
        assert [row["number"] for row in oldest[:3]] == [1, 2, 3]

    def test_empty_states_say_what_to_do(self, signed_in: dict[str, Browser]) -> None:
        assert "Show all cases" in signed_in["analyst"].get("/console/cases?q=zzzz").text
        assert signed_in["analyst"].get("/console/cases?page=999").status_code == 200

    def test_wrong_filters_are_refused_in_words(self, signed_in: dict[str, Browser]) -> None:
        answer = signed_in["analyst"].get("/console/cases?state=lost&page=0")
        assert answer.status_code == 422
        assert "page, state" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/console/cases?q={h}", "/archive?q={h}", "/archive?page={h}", "/archive?category={h}", "/archive?term={h}",
        "/archive/pages?q={h}", "/archive/ads/{h}", "/archive/pages/{h}", "/explain/{h}", "/console/cases?kind={h}",
        "/sign-in?next={h}", "/first-run?given={h}", "/archive?q=%22", "/archive?q=*", "/archive?q=-",
        "/archive?q=a%00b",
        "/archive?since=2016-13-40", "/archive?q=NEAR(", "/archive?q=%F0%9F%98%80%E2%80%AE",
    ],
)  # fmt: skip
def test_hostile_addresses_stay_text(signed_in: dict[str, Browser], path: str) -> None:
    from urllib.parse import quote  # noqa: PLC0415 - only here

    answer = signed_in["admin"].get(path.replace("{h}", quote(HOSTILE, safe="")))
    assert answer.status_code < 500
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text
    assert "49" not in answer.text.partition("{{7*7")[0][-3:]


def test_hostile_rows_stay_text(signed_in: dict[str, Browser], world: World) -> None:
    for path in ("/archive", "/archive/ads/3", f"/console/cases/{world.hostile_case}", "/console/cases", "/console"):
        text = signed_in["admin"].get(path).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
    assert ESCAPED in signed_in["admin"].get("/archive/ads/3").text
    assert ESCAPED in signed_in["admin"].get(f"/console/cases/{world.hostile_case}").text


class TestOutlines:
    def test_a_list_tells_networks_apart_without_naming_anybody(
        self, signed_in: dict[str, Browser], world: World
    ) -> None:
        rows = signed_in["analyst"].get("/console/cases.json").json()["rows"]
        line = next(row for row in rows if row["number"] == world.case)
        outline = line["outline"]
        assert (outline["accounts"], outline["platforms"], outline["traces"]) == (24, ["twitter"], ["link", "text"])
        assert len(outline["bars"]) == BARS
        assert max(outline["bars"]) == 100
        text = signed_in["analyst"].get("/console/cases").text
        assert "24\u00a0accounts on twitter" in text
        assert "Most on " in text
        assert "user_00_patriot" not in text

    @given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 10**6)), max_size=40), st.integers(0, 500))
    def test_bars_keep_every_joint_act_inside_the_span(self, acts: list[tuple[int, int]], days: int) -> None:
        start = datetime(2016, 6, 1, tzinfo=UTC)
        timeline = [{"start": start + timedelta(days=day), "co_acts": {"link": n}} for day, n in acts if day <= days]
        part = {"members_total": 2, "members": [{}], "traces": [], "timeline": timeline, "first": start,
                "last": start + timedelta(days=days)}  # fmt: skip
        shown = outline_of(msgspec.json.encode(part))
        assert shown is not None
        assert len(shown.bars) == BARS
        assert all(0 <= bar <= 100 for bar in shown.bars)
        assert (max(shown.bars) == 100) is any(n for day, n in acts if day <= days)
        assert shown.busiest is None or start <= shown.busiest <= shown.last

    @pytest.mark.parametrize("text", ["{}", "[]", "null", '{"members_total": "two"}', "not json"])
    def test_what_is_no_network_has_no_outline(self, text: str) -> None:
        assert outline_of(text.encode()) is None


class TestSayings:
    def test_the_same_words_stand_once(self, signed_in: dict[str, Browser], world: World) -> None:
        text = signed_in["analyst"].get(f"/console/cases/{world.case}/evidence/2").text
        assert text.count("Keep your eyes on example.org/rally-1") == 2, "once in Russian, once in English"
        assert "4\u00a0posts say 2\u00a0different things" in text
        assert text.count("<li><strong><bdi>") == 4

    def test_the_case_quotes_the_first_post_of_each_line(self, signed_in: dict[str, Browser], world: World) -> None:
        page = signed_in["analyst"].get(f"/console/cases/{world.case}.json").json()
        assert page["samples"][0] == "Keep your eyes on example.org/rally-0"
        assert len(page["samples"]) == len(page["detail"]["evidence"])
        assert "Keep your eyes on example.org/rally-4" in signed_in["analyst"].get(f"/console/cases/{world.case}").text

    def test_without_a_purpose_nothing_is_quoted(self, browse: Callable[[], Browser], world: World) -> None:
        browser = browse().sign_in("analyst")
        assert browser.get(f"/console/cases/{world.case}.json").json()["samples"] == []
        assert "Keep your eyes" not in browser.get(f"/console/cases/{world.case}").text
