"""The review of every app on its pages: what each role can do, what everybody sees, and a developer's link."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from ombud.audit.review import questionnaire
from ombud.model import clock
from ombud.records import apps, known_transfers, questionnaires, review_progress, review_proposals
from ombud.web.security.limits import ANSWERS_BYTES, BODY_BYTES, Attempts
from tests.web.client import Browser
from tests.web.gate_seed import BANNED, CHAT, HOSTILE, IDLE, QUIZ
from tests.web.review_seed import FACTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi import FastAPI

    from tests.web.seeding import World

WHY = "It explains the number."


@pytest.fixture
def people(own_app: FastAPI) -> Iterator[Callable[[str], Browser]]:
    """Return a maker of browsers on a copy of the workspace, signed in by role; an empty role is nobody."""
    opened: list[Browser] = []

    def enter(role: str) -> Browser:
        opened.append(Browser(own_app))
        return opened[-1].sign_in(role) if role else opened[-1]

    yield enter
    for browser in opened:
        browser.close()


def records(app: FastAPI) -> Any:  # noqa: ANN401 - the house's records
    return app.state.house.records


def form(browser: Browser, path: str, **more: object) -> dict[str, Any]:
    """Return the fields of a developer's page, each answer filled in."""
    text = browser.get(path).text
    count = len(re.findall(r'name="answer"', text))
    version = re.search(r'name="version" value="(\d+)"', text)
    lines = len(re.findall(r'name="who"', text))
    assert version is not None
    empty = [""] * lines
    fields = {"version": version.group(1), "answer": [f"Answer {n}" for n in range(count)]}
    return fields | {"who": empty, "fields": empty, "happened": empty, "held": ["unknown"] * lines} | more


def test_the_public_page_counts_everybody_and_names_only_whom_it_acted_on(browse: Callable[[], Browser]) -> None:
    nobody = browse()
    page = nobody.get("/apps/review")
    assert "Of 65\u00a0apps, 4 were looked at, the developers" in page.text
    assert page.headers["etag"]
    twin = nobody.get("/apps/review.json").json()
    assert [line["stage"] for line in twin["funnel"]["stages"]][-1] == "acted on"
    assert sum(line["now"] for line in twin["funnel"]["stages"]) == twin["funnel"]["apps"] == 65
    assert [item["app"] for item in twin["acted_on"]] == [BANNED]
    for text in (page.text, nobody.get("/apps/review.json").text):
        assert "Banned App" in text
        assert not any(name in text for name in ("Digital Quiz", "Chat With Friends", "Small App", "Some reviewer"))


def test_each_figure_of_the_funnel_can_be_followed_by_everybody(browse: Callable[[], Browser]) -> None:
    nobody = browse()
    stages = nobody.get("/apps/review.json").json()["funnel"]["stages"]
    for line in stages:
        found = nobody.get(f"/explain/{line['now_figure']}.json").json()["figure"]
        assert found["value"] == line["now"]
        assert found["query"] == "ombud audit funnel --json"
        assert nobody.get(f"/explain/{line['reached_figure']}.json").json()["figure"]["value"] == line["reached"]


def test_the_list_is_in_order_and_filtered_by_its_address(signed_in: dict[str, Browser]) -> None:
    reviewer = signed_in["reviewer"]
    ranks = [row["rank"] for row in reviewer.get("/console/review.json").json()["rows"]]
    assert ranks[:4] == [1, 2, 3, 4]
    assert len(ranks) == 50
    last = reviewer.get("/console/review.json?page=2").json()
    assert last["rows"][-1]["app"] == IDLE
    assert last["rows"][-1]["rank"] is None
    mine = reviewer.get("/console/review.json?owner=me").json()["rows"]
    assert [row["app"] for row in mine] == [QUIZ, CHAT]
    late = reviewer.get("/console/review.json?late=yes").json()
    assert [row["stage"] for row in late["rows"]] == ["looked at"]
    assert reviewer.get("/console/review.json?q=small app 5").json()["paging"]["total"] == 11
    assert "No app fits" in reviewer.get("/console/review?stage=audited").text
    assert [row["app"] for row in late["answered"]] == [CHAT]
    assert reviewer.get("/console/review?stage=gone").status_code == 422


def test_an_empty_review_says_how_it_begins(own_app: FastAPI, people: Callable[[str], Browser]) -> None:
    with records(own_app).begin() as tx:
        for table in ("developer_answer", "known_transfer", "questionnaire", "review_line", "review_proposal"):
            tx.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608 - names from above
        tx.exec_driver_sql("DELETE FROM review_progress")
    assert "ombud audit enrol" in people("analyst").get("/console/review").text
    assert "has not begun" in people("").get("/apps/review").text


@pytest.mark.parametrize(("role", "may_move", "may_decide"), [("auditor", 0, 0), ("analyst", 1, 0), ("reviewer", 1, 1)])
def test_what_a_page_offers_is_what_the_role_may_do(
    signed_in: dict[str, Browser], *, role: str, may_move: int, may_decide: int
) -> None:
    text = signed_in[role].get(f"/console/review/{CHAT}").text
    assert ("What you can do" in text) is bool(may_move)
    assert ("Propose to act on it" in text) is bool(may_decide)
    assert ("Cleared: nothing is left" in text) is bool(may_decide)
    shown = signed_in[role].get("/console/review").text
    assert ("Agree: do it" in shown) is bool(may_decide)
    if not may_decide:
        refused = signed_in[role].send(f"/console/review/{CHAT}/move", {"stage": "cleared", "reason": WHY})
        assert refused.status_code == 403


def test_the_page_of_an_app_shows_the_answers_and_who_has_its_data(signed_in: dict[str, Browser]) -> None:
    page = signed_in["auditor"].get(f"/console/review/{CHAT}.json").json()
    assert [one["state"] for one in page["asked"]] == ["answered"]
    assert page["asked"][0]["answers"][-2]["question"] == "Who is `Data Partner`?"
    partner = page["holders"][0]
    assert partner["name"] == "Data Partner"
    assert [how.split(":")[0] for how in partner["known"]] == ["answer", "contract"]
    text = signed_in["auditor"].get(f"/console/review/{CHAT}").text
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text
    assert signed_in["auditor"].get("/console/review/nothing").status_code == 404


def test_moves_go_by_forms(people: Callable[[str], Browser], own_app: FastAPI) -> None:
    analyst, reviewer = people("analyst"), people("reviewer")
    path = f"/console/review/{IDLE}"
    assert analyst.send(f"{path}/move", {"stage": "audited", "reason": WHY}).status_code == 409
    assert analyst.send(f"{path}/move", {"stage": "looked at", "reason": ""}).status_code == 422
    assert analyst.send(f"{path}/move", {"stage": "looked at", "reason": WHY}).status_code == 303
    assert analyst.send(f"{path}/take", {"owner": "me"}).status_code == 303
    day = (datetime.now(UTC) + timedelta(days=9)).strftime("%Y-%m-%d")
    assert analyst.send(f"{path}/deadline", {"day": day, "reason": WHY}).status_code == 303
    assert analyst.send(f"{path}/deadline", {"day": "2001-01-01", "reason": WHY}).status_code == 400
    for day in ("2027-02-31", "9999-12-31"):
        answer = analyst.send(f"{path}/deadline", {"day": day, "reason": WHY})
        assert (answer.status_code, f"There is no day {day}" in answer.text) == (400, True)
    assert reviewer.send(f"{path}/move", {"stage": "cleared", "reason": WHY}).status_code == 303
    assert "Open the review again" in reviewer.get(path).text
    assert reviewer.send(f"{path}/reopen", {"reason": WHY}).status_code == 303
    with records(own_app).read() as tx:
        item = review_progress.get(tx, IDLE)
        assert (item.stage, item.round, item.owner) == ("looked at", 2, "Some analyst")


def test_acting_takes_two_people_on_the_pages_too(people: Callable[[str], Browser], own_app: FastAPI) -> None:
    reviewer, admin = people("reviewer"), people("admin")
    path = f"/console/review/{CHAT}"
    assert reviewer.send(f"{path}/act", {"outcome": "banned", "reason": WHY}).status_code == 409
    assert reviewer.send(f"{path}/move", {"stage": "audited", "reason": WHY}).status_code == 303
    assert reviewer.send(f"{path}/act", {"outcome": "banned", "reason": WHY}).status_code == 303
    assert reviewer.send(f"{path}/act", {"outcome": "limited", "reason": WHY}).status_code == 409
    with records(own_app).read() as tx:
        (waits,) = review_proposals.of_app(tx, CHAT)
        assert apps.get(tx, CHAT).status == "live"
    door = f"/console/review-proposals/{waits.id}"
    assert "somebody else has to agree" in reviewer.get(path).text
    lines = reviewer.get("/console/review.json").json()["proposals"]
    (line,) = [one for one in lines if one["id"] == waits.id]
    assert re.fullmatch(
        r"Proposed for .+: banned", line["words"], re.DOTALL
    )  # nothing is done yet, and it does not sound so
    assert reviewer.send(door, {"answer": "agree"}).status_code == 403
    assert people("analyst").send(door, {"answer": "agree"}).status_code == 403
    assert admin.send(door, {"answer": "agree"}).status_code == 303
    assert admin.send(door, {"answer": "agree"}).status_code == 409
    with records(own_app).read() as tx:
        assert apps.get(tx, CHAT).status == "banned"
    assert "Chat With Friends" in people("").get("/apps/review").text
    assert admin.send(f"{path}/reopen", {"reason": WHY}).status_code == 303
    assert "Undo what was done about Chat With Friends" in admin.get(path).text
    with records(own_app).read() as tx:
        undo = review_proposals.of_app(tx, CHAT)[-1]
    assert reviewer.send(f"/console/review-proposals/{undo.id}", {"answer": "agree"}).status_code == 303
    assert "Chat With Friends" not in people("").get("/apps/review").text


def test_a_proposal_can_be_refused_with_a_reason(people: Callable[[str], Browser], own_app: FastAPI) -> None:
    with records(own_app).read() as tx:
        (waits,) = review_proposals.of_app(tx, BANNED)
    door, reviewer = f"/console/review-proposals/{waits.id}", people("reviewer")
    assert reviewer.send(door, {"answer": "refuse"}).status_code == 400
    assert reviewer.send(door, {"answer": "refuse", "reason": "Nothing new."}).status_code == 303
    assert "Nothing new." in reviewer.get(f"/console/review/{BANNED}").text


def test_many_of_low_rank_are_looked_at_together_by_two(people: Callable[[str], Browser], own_app: FastAPI) -> None:
    analyst, reviewer = people("analyst"), people("reviewer")
    assert analyst.send("/console/review-together", {"most": "20", "reason": "They read nobody."}).status_code == 303
    with records(own_app).read() as tx:
        (waits,) = [one for one in review_proposals.waiting(tx) if one.stage == "looked at"]
        assert len(waits.apps) == 20
        assert waits.apps[0] == "small-59"
    assert reviewer.send(f"/console/review-proposals/{waits.id}", {"answer": "agree"}).status_code == 303
    assert analyst.get("/console/review.json?stage=looked at").json()["paging"]["total"] == 21


def test_asking_shows_the_link_once_and_keeps_a_hash(people: Callable[[str], Browser], own_app: FastAPI) -> None:
    analyst = people("analyst")
    analyst.send(f"/console/review/{IDLE}/move", {"stage": "looked at", "reason": WHY})
    shown = analyst.send(f"/console/review/{IDLE}/ask", {"more": "Who are you?\n\nAnd why?"})
    assert shown.status_code == 200
    assert shown.headers["cache-control"] == "no-store"
    found = re.search(r"/developer/answer/([A-Za-z0-9_-]+)", shown.text)
    assert found is not None
    assert found.group(1) not in analyst.get(f"/console/review/{IDLE}").text
    developer = people("")
    asked = developer.get(found.group(0))
    assert "Who are you?" in asked.text
    assert asked.headers["cache-control"] == "no-store"
    assert "noindex" in asked.text
    with records(own_app).read() as tx:
        (item,) = questionnaires.of_app(tx, IDLE)
        stored = tx.exec_driver_sql("SELECT group_concat(token_sha256) FROM questionnaire").scalar_one()
        assert found.group(1) not in str(stored)
    again = analyst.send(f"/console/review-questions/{item.id}/link", {})
    assert again.status_code == 200
    assert developer.get(found.group(0)).status_code == 404
    assert analyst.send(f"/console/review-questions/{item.id}/withdraw", {"reason": WHY}).status_code == 303
    renewed = re.search(r"/developer/answer/[A-Za-z0-9_-]+", again.text)
    assert renewed is not None
    assert developer.get(renewed.group(0)).status_code == 404


def test_a_developer_answers_names_holders_gets_a_receipt_and_corrects(
    people: Callable[[str], Browser], own_app: FastAPI, world: World
) -> None:
    path, developer = f"/developer/answer/{world.link}", people("")
    fields = form(developer, path, who=["Partner", "", ""], fields=["name", "", ""], held=["yes", "unknown", "unknown"])
    sent = developer.send(path, fields)
    assert sent.status_code == 303
    assert sent.headers["location"] == f"{path}#receipt"
    page = developer.get(path).text
    receipt = re.search(r'class="id">([0-9a-f]{64})<', page)
    assert receipt is not None
    assert "Answer 0" in page
    assert 'value="Partner"' in page
    with records(own_app).read() as tx:
        line = review_progress.history(tx, QUIZ)[-1]
        assert (line.kind, line.author) == ("answered", "developer")
        assert review_progress.commitment(line) == receipt.group(1)
        assert [(one.holder, one.known_by) for one in known_transfers.of_app(tx, QUIZ)] == [("Partner", "answer")]
    corrected = form(developer, path)
    corrected["answer"][0] = "I was wrong.\r\nIt was more."
    assert developer.send(path, corrected).status_code == 303
    with records(own_app).read() as tx:
        (item, *_) = questionnaires.of_app(tx, QUIZ)
        assert item.version == 2
        assert questionnaires.present(questionnaires.answers(tx, item.id))["data"] == "I was wrong.\nIt was more."
        assert known_transfers.of_app(tx, QUIZ) == []
        assert len(known_transfers.of_app(tx, QUIZ, withdrawn=True)) == 1


def test_what_was_typed_is_not_lost_when_something_is_missing(
    people: Callable[[str], Browser], own_app: FastAPI, world: World
) -> None:
    path, developer = f"/developer/answer/{world.link}", people("")
    fields = form(developer, path, who=["", "", ""], fields=["name", "", ""])
    fields["answer"] = ["A long thought <b>", *[""] * (len(fields["answer"]) - 1)]
    answer = developer.send(path, fields)
    assert answer.status_code == 400
    assert "Not answered yet: 2, 3" in answer.text
    assert "A long thought &lt;b&gt;" in answer.text
    fields["answer"] = ["x"] * len(fields["answer"])
    assert "has no name" in developer.send(path, fields).text
    with records(own_app).read() as tx:
        assert questionnaires.of_app(tx, QUIZ)[0].version == 0


def test_an_old_form_sent_again_changes_nothing(
    people: Callable[[str], Browser], own_app: FastAPI, world: World
) -> None:
    path, developer = f"/developer/answer/{world.link}", people("")
    first = form(developer, path)
    assert developer.send(path, first).status_code == 303
    assert developer.send(path, first).status_code == 303  # the same again: nothing new
    other = form(developer, path) | {"version": "0"}
    other["answer"][0] = "Something else"
    assert developer.send(path, other).status_code == 409
    short = form(developer, path)
    short["answer"] = short["answer"][1:]
    assert developer.send(path, short).status_code == 400
    with records(own_app).read() as tx:
        assert questionnaires.of_app(tx, QUIZ)[0].version == 1


def test_a_link_opens_its_own_questions_and_no_others(
    people: Callable[[str], Browser], own_app: FastAPI, world: World
) -> None:
    developer = people("")
    assert "Digital Quiz" in developer.get(f"/developer/answer/{world.link}").text
    before = developer.get(f"/developer/answer/{world.answered}").text
    assert "Digital Quiz" not in before
    developer.send(
        f"/developer/answer/{world.link}", form(developer, f"/developer/answer/{world.link}") | {"app": CHAT}
    )
    assert developer.get(f"/developer/answer/{world.answered}").text.count("Because of data") == 1
    with records(own_app).read() as tx:
        assert questionnaires.of_app(tx, CHAT)[0].version == 1
        assert questionnaires.of_app(tx, QUIZ)[0].version == 1
    assert developer.get("/console/review").status_code == 303


def test_long_answers_to_all_questions_are_taken(people: Callable[[str], Browser], world: World) -> None:
    path, developer = f"/developer/answer/{world.link}", people("")
    fields = form(developer, path)
    long = "\u00dcber Daten, in vielen W\u00f6rtern: " + "\u00fc" * 4_900
    fields["answer"] = [long] * len(fields["answer"])
    assert BODY_BYTES < len(urlencode(fields, doseq=True)) < ANSWERS_BYTES
    assert developer.send(path, fields).status_code == 303
    assert long.strip() in developer.get(path).text


def test_a_link_ends_with_its_deadline(people: Callable[[str], Browser], world: World) -> None:
    path, developer = f"/developer/answer/{world.link}", people("")
    fields = form(developer, path)
    with clock.frozen(datetime.now(UTC) + timedelta(days=30)):
        assert developer.get(path).status_code == 404
        late = developer.send(path, fields)
        assert late.status_code == 404
        assert "counts no longer" in late.text
    with clock.frozen(datetime.now(UTC) + timedelta(days=15)):
        assert developer.get(path).status_code == 200


def test_guesses_are_counted_and_stopped_before_anything_is_read(
    people: Callable[[str], Browser], own_app: FastAPI, world: World
) -> None:
    own_app.state.house.links = Attempts(allowed=5)
    guesser = people("")
    for n in range(5):
        assert guesser.get(f"/developer/answer/{world.link[:-1]}{n}x").status_code == 404
    assert guesser.get("/developer/answer/another").status_code == 429
    stopped = guesser.get(f"/developer/answer/{world.link}")
    assert stopped.status_code == 429
    assert int(stopped.headers["retry-after"]) > 0
    assert "Digital Quiz" not in stopped.text
    own_app.state.house.links = Attempts(allowed=5)
    assert guesser.get(f"/developer/answer/{world.link}").status_code == 200


def test_a_form_without_its_token_or_from_elsewhere_is_refused(
    people: Callable[[str], Browser], own_app: FastAPI, world: World
) -> None:
    path, developer = f"/developer/answer/{world.link}", people("")
    fields = form(developer, path)
    assert developer.ask("POST", path, data=fields).status_code == 403
    elsewhere = {"sec-fetch-site": "cross-site"}
    stolen = {**fields, "token": developer.token()}
    assert developer.ask("POST", path, data=stolen, headers=elsewhere).status_code == 403
    other = people("")
    assert developer.ask("POST", path, data={**fields, "token": other.token()}).status_code == 403
    with records(own_app).read() as tx:
        assert questionnaires.of_app(tx, QUIZ)[0].version == 0


def test_answers_cannot_be_corrected_without_end(
    people: Callable[[str], Browser], own_app: FastAPI, world: World
) -> None:
    (own_app.state.house.workspace.root / "review.toml").write_text(_rules(corrections=1))
    path, developer = f"/developer/answer/{world.link}", people("")
    for n, status in enumerate((303, 303, 409)):
        fields = form(developer, path)
        fields["answer"][0] = f"Thought {n}"
        assert developer.send(path, fields).status_code == status


def test_purposes_are_asked_for_by_the_same_kind_of_link(people: Callable[[str], Browser], own_app: FastAPI) -> None:
    with records(own_app).begin() as tx, clock.frozen(datetime.now(UTC) + timedelta(days=250)):
        assert questionnaires.of_app(tx, CHAT, kind="certification") == []
    analyst, developer = people("analyst"), people("")
    with clock.frozen(datetime.now(UTC) + timedelta(days=260)):
        analyst = people("analyst")
        assert "has to be stated again" in analyst.get(f"/console/review/{CHAT}").text
        shown = analyst.send(f"/console/review/{CHAT}/ask", {"kind": "certification"})
        found = re.search(r"/developer/answer/[A-Za-z0-9_-]+", shown.text)
        assert found is not None
        page = developer.get(found.group(0)).text
        assert "What is <code>posts</code> needed for now?" in page
        assert 'name="who"' not in page
        assert developer.send(found.group(0), form(developer, found.group(0))).status_code == 303
        assert "Its one purpose counts" in analyst.get(f"/console/review/{CHAT}").text


def _rules(corrections: int) -> str:
    from ombud.audit.review import rules  # noqa: PLC0415 - for its file alone

    return rules._SHIPPED.read_text().replace("corrections = 20", f"corrections = {corrections}")


def test_the_facts_of_the_seed_are_those_that_the_developer_reads(signed_in: dict[str, Browser]) -> None:
    page = signed_in["auditor"].get(f"/console/review/{QUIZ}.json").json()
    told = page["asked"][0]["told"]
    assert told[0].startswith(f"The record shows that data about {FACTS.people} people")
    assert questionnaire.link("https://a.example/", "t") == "https://a.example/developer/answer/t"
