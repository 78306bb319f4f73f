"""Pages about apps and the policy: what everybody may see, what staff see, and that neither names a person."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ombud.gate.policy import load_policy
from ombud.gate.policy.language import Budgets, Expiry, Field, FirstWeek, Friends, Policy, Purpose, Scope
from ombud.model import clock
from ombud.records import outbox
from ombud.web.policy_changes import change_lines
from ombud.web.policy_words import (
    budget_lines,
    expiry_sentences,
    field_lines,
    friend_sentences,
    open_fields,
    purpose_lines,
    scope_lines,
)
from tests.web.client import Browser as Own
from tests.web.conftest import EVERYBODY, NOBODY
from tests.web.gate_seed import BANNED, CHAT, IDLE, JON, MARA, PLAIN, QUIZ

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI

    from tests.web.client import Browser
    from tests.web.seeding import World

PEOPLE = (MARA, JON, "friend_0", "friend_23")


class TestApp:
    def test_what_it_may_read_and_why(self, signed_in: dict[str, Browser]) -> None:
        page = signed_in[NOBODY].get(f"/apps/{CHAT}.json").json()
        by_scope = {item["scope"]: item for item in page["permissions"]}
        assert by_scope["user_posts"]["usable"]
        assert by_scope["user_posts"]["needs"] == "It passed a review, and there is a contract."
        assert by_scope["user_posts"]["reason"] == "It shows posts to friends."
        assert by_scope["user_likes"]["approved_until"] is not None
        assert by_scope["user_photos"]["needs"] == "It needs a review that the app has not passed."
        assert not by_scope["user_photos"]["usable"]
        usable = [item["usable"] for item in page["permissions"]]
        assert usable == sorted(usable, reverse=True), "what it may not use comes last"

    def test_standing(self, signed_in: dict[str, Browser]) -> None:
        def standing(app: str) -> dict[str, object]:
            found: dict[str, object] = signed_in[NOBODY].get(f"/apps/{app}.json").json()["standing"]
            return found

        quiz = standing(QUIZ)
        assert (quiz["status"], quiz["brake"], quiz["idle"]) == ("under_review", "slowed", False)
        assert standing(BANNED)["status"] == "banned"
        assert standing(IDLE)["idle"] is True
        assert standing(CHAT)["brake"] is None
        permissions = signed_in[NOBODY].get(f"/apps/{QUIZ}.json").json()["permissions"]
        assert next(p for p in permissions if p["scope"] == "user_likes")["needs"].endswith("under review.")
        assert not any(p["usable"] for p in signed_in[NOBODY].get(f"/apps/{BANNED}.json").json()["permissions"])

    def test_what_it_read_is_counted_as_the_lake_has_it(self, signed_in: dict[str, Browser]) -> None:
        read = signed_in["analyst"].get(f"/console/apps/{QUIZ}.json").json()["read"]
        assert (read["reads"], read["people"], read["through_friends"], read["consenting"]) == (26, 26, 25, 1)
        assert {line["field"]: line["reads"] for line in read["fields"]} == {"likes": 26, "name": 25}
        chat = signed_in["analyst"].get(f"/console/apps/{CHAT}.json").json()["read"]
        assert (chat["reads"], chat["refused"], chat["people"]) == (84, 1, 25)
        assert {line["reason"]: line["requests"] for line in chat["reasons"]} == {"not-granted": 60, "closed": 1}
        assert [line["limit"] for line in chat["budgets"]] == [20_000, 200_000, 200_000, 2_000_000]

    def test_everybody_hears_of_no_small_numbers_of_people(self, signed_in: dict[str, Browser]) -> None:
        page = signed_in[NOBODY].get(f"/apps/{PLAIN}.json").json()
        assert page["read"]["people"] is None
        assert page["people"] == 0
        assert signed_in[NOBODY].get(f"/apps/{CHAT}.json").json()["people"] is None
        assert "fewer than 10" in signed_in[NOBODY].get(f"/apps/{CHAT}").text
        assert signed_in["auditor"].get(f"/console/apps/{PLAIN}.json").json()["read"]["people"] == 1

    @pytest.mark.parametrize("who", EVERYBODY)
    def test_no_page_about_an_app_names_a_person(self, signed_in: dict[str, Browser], who: str) -> None:
        paths = [f"/apps/{app}" for app in (QUIZ, CHAT, IDLE, BANNED, PLAIN)] + ["/apps", "/policy", "/policy/history"]
        if who not in {NOBODY, "person"}:
            paths += [f"/console/apps/{app}" for app in (QUIZ, CHAT)] + ["/console/apps", "/console"]
        for path in paths:
            for text in (signed_in[who].get(path).text, signed_in[who].get(f"{path}.json").text):
                assert not [name for name in PEOPLE if name in text], path

    def test_staff_see_who_approved_and_others_do_not(self, signed_in: dict[str, Browser]) -> None:
        assert "C-17" in signed_in["reviewer"].get(f"/console/apps/{CHAT}").text
        for who in (NOBODY, "person"):
            for path in (f"/apps/{CHAT}", f"/apps/{CHAT}.json", "/policy/history", f"/consent/{CHAT}.json"):
                text = signed_in[who].get(path).text
                assert "C-17" not in text
                assert "Some admin" not in text, path

    def test_staff_see_breakers_findings_and_history(self, signed_in: dict[str, Browser]) -> None:
        page = signed_in["analyst"].get(f"/console/apps/{QUIZ}.json").json()
        assert [(b["state"], b["holds"], b["finding"]) for b in page["brakes"]] == [("slowed", True, "finding_quiz")]
        assert [f["id"] for f in page["findings"]] == ["finding_quiz"]
        assert [e["kind"] for e in page["history"]] == ["slowed", "status", "review", "registered"]
        assert {s["app"] for s in page["siblings"]} == {CHAT, IDLE, BANNED}

    def test_hostile_names_stay_text(self, signed_in: dict[str, Browser]) -> None:
        for path in ("/apps", f"/apps/{PLAIN}", f"/consent/{PLAIN}"):
            text = signed_in[NOBODY].get(path).text
            assert "<script>alert" not in text
            assert "&lt;script&gt;" in text
        assert "<script>alert" not in signed_in["admin"].get(f"/console/apps/{PLAIN}").text

    def test_lists_filter_and_page(self, signed_in: dict[str, Browser]) -> None:
        def rows(query: str) -> list[str]:
            return [row["app"] for row in signed_in[NOBODY].get(f"/apps.json?{query}").json()["rows"]]

        assert rows("status=banned") == [BANNED]
        assert rows("q=digital") == [QUIZ]
        assert rows("q=idle-app") == [IDLE]
        assert rows("q=%25") == []
        assert signed_in[NOBODY].get("/apps?status=odd").status_code == 422
        assert signed_in[NOBODY].get("/apps/none").status_code == 404
        assert signed_in["analyst"].get("/console/apps/none").status_code == 404

    def test_counts_are_kept_for_a_minute_and_no_longer(
        self, app: FastAPI, signed_in: dict[str, Browser], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seconds = [10_000.0]
        monkeypatch.setattr("ombud.web.app_words.time.monotonic", lambda: seconds[0])
        app.state.house.readings.clear()
        first = signed_in[NOBODY].get(f"/apps/{QUIZ}.json").json()["read"]["as_of"]
        seconds[0] += 59
        assert signed_in[NOBODY].get(f"/apps/{QUIZ}.json").json()["read"]["as_of"] == first
        seconds[0] += 2
        assert signed_in[NOBODY].get(f"/apps/{QUIZ}.json").json()["read"]["as_of"] > first
        app.state.house.readings.clear()


class TestPolicyPages:
    def test_the_document_has_the_hash_that_is_shown(self, signed_in: dict[str, Browser], world: World) -> None:
        for path in ("/policy.json", f"/policy/{world.older}.json"):
            page = signed_in[NOBODY].get(path).json()
            digest = hashlib.sha256(rfc8785.dumps(page["document"])).hexdigest()
            assert digest == page["policy"]["hash"] == page["version"]["hash"]

    def test_the_finding_stands_first(self, signed_in: dict[str, Browser], world: World) -> None:
        assert "Apps may read 17 of 24\u00a0things about a person, 2 of them through a friend" in re.sub(
            r"\s+(?=<)", "", signed_in[NOBODY].get("/policy").text
        )
        older = signed_in[NOBODY].get(f"/policy/{world.older}").text
        assert "Apps could read" in older
        assert "This policy was replaced" in older

    def test_history_says_what_changed_and_where_it_stands_on_the_ledger(
        self, signed_in: dict[str, Browser], world: World
    ) -> None:
        newest, oldest = signed_in[NOBODY].get("/policy/history.json").json()["versions"]
        assert (newest["hash"], newest["state"], newest["before"]) == (world.policy, "in force", world.older)
        assert (oldest["hash"], oldest["state"], oldest["changes"]) == (world.older, "past", [])
        assert newest["ledger"] == 7
        assert oldest["until"] == newest["active_from"]
        assert any("photos" in line["sentence"] for line in newest["changes"] if line["effect"] == "closes")

    @pytest.mark.parametrize("digest", ["0" * 64, "x", "A" * 64, "0" * 63])
    def test_a_policy_that_never_was(self, signed_in: dict[str, Browser], digest: str) -> None:
        assert signed_in[NOBODY].get(f"/policy/{digest}").status_code in {404, 422}

    def test_a_policy_to_come(self, own_app: FastAPI) -> None:
        from ombud.gate.registry import activate  # noqa: PLC0415 - for this test alone

        later = msgspec.structs.replace(load_policy("locked-down"), name="stricter", friends=Friends(must_use_app=True))
        with own_app.state.house.records.begin() as tx:
            activate(tx, later, "Some admin", "From next week.", active_from=clock.now() + timedelta(days=7))
        browser = Own(own_app)
        assert browser.get("/policy.json").json()["policy"]["name"] == "locked-down"
        coming = browser.get(f"/policy/{later.hash}").text
        assert "Not yet in force" in coming
        assert "Apps will be able to read" in coming
        states = [line["state"] for line in browser.get("/policy/history.json").json()["versions"]]
        assert states == ["to come", "in force", "past"]
        browser.close()


class TestWords:
    def test_before_2015_and_after(self) -> None:
        before, after = load_policy("before-2015"), load_policy("locked-down")
        assert open_fields(before)[2] == 18
        assert open_fields(after) == (24, 17, 2)
        assert "whether or not that friend has ever heard of the app" in friend_sentences(before)[1]
        assert expiry_sentences(before) == [
            "Never: what was allowed once stays allowed until the person takes it back."
        ]
        assert expiry_sentences(after)[0].replace("\u00a0", " ").endswith("for 90 days, it gets nothing more.")
        assert [line.limit for line in budget_lines(before)] == [None] * 4
        assert budget_lines(after)[0].first_week == 2_000
        assert {line.name: line.every for line in purpose_lines(after)}["advertising"] is False
        closed = [line.name for line in field_lines(after) if not line.own and not line.friends]
        assert {"messages", "phone", "religion-politics"} <= set(closed)
        assert scope_lines(after)[0].basic

    def test_several_of_a_kind_are_said_once(self) -> None:
        lines = [line.sentence for line in change_lines(load_policy("before-2015"), load_policy("locked-down"))]
        assert len(lines) == len(set(lines)) < 40
        assert lines[0] == (
            "No app can read interests, education-work, relationships, religion-politics, messages and friend-lists"
            " of a person any more."
        )
        assert not any("{}" in line for line in lines)

    @given(
        unused=st.none() | st.integers(1, 999),
        share=st.floats(0.01, 1.0),
        limit=st.none() | st.integers(1, 10**9),
        must=st.booleans(),
    )
    def test_any_change_is_said_and_none_when_there_is_none(
        self,
        unused: int | None,
        share: float,
        limit: int | None,
        must: bool,  # noqa: FBT001 - hypothesis gives it
    ) -> None:
        policy = _small(Expiry(unused_days=unused), Budgets(people_a_day=limit, first_week=FirstWeek(7, share)), must)
        assert change_lines(policy, policy) == []
        other = msgspec.structs.replace(policy, expiry=Expiry(unused_days=(unused or 0) + 1))
        said = change_lines(policy, other)
        assert len(said) == 1
        assert str((unused or 0) + 1) in said[0].sentence

    @given(st.lists(st.sampled_from(["a", "b", "c", "d"]), unique=True, min_size=1))
    def test_fields_that_close_are_all_named(self, closed: list[str]) -> None:
        before = _small(Expiry(), Budgets(), must=True)
        scope = before.scopes["all"]
        left = tuple(name for name in scope.opens if name not in closed)
        after = msgspec.structs.replace(
            before, scopes={**before.scopes, "all": msgspec.structs.replace(scope, opens=left)}
        )
        first = change_lines(before, after)[0]
        assert first.effect == "closes"
        assert set(re.findall(r"\b[abcd]\b", first.sentence.replace("of a person", ""))) == set(closed)


def _small(expiry: Expiry, budgets: Budgets, must: bool) -> Policy:  # noqa: FBT001 - one of three parts
    return Policy(
        name="small",
        version="1",
        fields={name: Field("personal") for name in "abcd"},
        scopes={"all": Scope(opens=("a", "b", "c", "d"), basic=True, removable=False)},
        purposes={"any": Purpose(("*",))},
        expiry=expiry,
        budgets=budgets,
        friends=Friends(must_use_app=must),
    )


class TestToday:
    def test_the_gate_on_the_first_page(self, signed_in: dict[str, Browser]) -> None:
        gate = signed_in["analyst"].get("/console.json").json()["gate"]
        assert gate["policy"] == "locked-down"
        assert gate["apps"] == {"live": 3, "under_review": 1, "banned": 1}
        assert [(b["app"], b["state"]) for b in gate["braked"]] == [(QUIZ, "slowed")]
        coverage = gate["coverage"]
        assert (coverage["share"], coverage["of"], coverage["ledger"]) == (0.998, 500, 9)
        assert 0.98 < coverage["low"] < coverage["share"]
        assert (coverage["egress"], coverage["missing"]) == (0.97, 1)
        assert [(h["host"], h["waiting"], h["up_to_date"]) for h in gate["hosts"]] == [("gate-1", 2, True)]
        text = signed_in["analyst"].get("/console").text
        assert "The gate holds back 1\u00a0app" in text
        assert "99.8\u00a0%" in text
        assert "of 500\u00a0test reads on record, so at least 98.9\u00a0% of all; 97\u00a0%" in text
        assert "1\u00a0batch missing" in text

    @pytest.mark.parametrize(
        "said",
        [
            {},
            {"share": None},
            {"share": True, "canaries": 5},
            {"share": 7, "canaries": "x"},
            {"share": 1, "canaries": 0},
        ],
    )
    def test_a_coverage_that_says_little_breaks_nothing(self, own_app: FastAPI, said: dict[str, object]) -> None:
        with own_app.state.house.records.begin() as tx:
            outbox.published(tx, {outbox.append(tx, "coverage", said): 11})
        browser = Own(own_app).sign_in("analyst")
        coverage = browser.get("/console.json").json()["gate"]["coverage"]
        assert (coverage["ledger"], coverage["low"]) == (11, None)
        assert browser.get("/console").status_code == 200
        browser.close()

    def test_a_gate_that_is_silent_is_seen(self, browse: Callable[[], Browser]) -> None:
        browser = browse().sign_in("analyst")
        assert browser.get("/console.json").json()["gate"]["hosts"][0]["lives"] in {True, False}
        with clock.frozen(clock.now() + timedelta(hours=1)):
            assert browser.get("/console.json").json()["gate"]["hosts"][0]["lives"] is False
