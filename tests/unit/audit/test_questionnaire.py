"""Developers are asked by a link that is theirs alone, and heard; purposes are stated again, holders are named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from ombud.audit.people.sets import open_sets
from ombud.audit.review import certification, funnel, holders, proposals, questionnaire
from ombud.audit.review.answering import take_in
from ombud.audit.review.enrolling import known_apps
from ombud.audit.review.facts import AppFacts, facts_of, sentences
from ombud.audit.review.questionnaire import HolderSaid
from ombud.audit.review.questions import Template, fill, load_questions
from ombud.audit.review.rules import load_rules, rules_of
from ombud.gate.policy import load_policy
from ombud.model import clock, schema
from ombud.model.errors import AccessError, InputError, NotFoundError, RefusedError, UsageError
from ombud.records import known_transfers, outbox, questionnaires, review_progress, review_proposals, reviews
from tests.unit.audit.reviewing import DAY, FACTS, NOON, WHY, answers, ask, look, platform, progress

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection

    from ombud.lake import Lake
    from ombud.records import Records

POLICY = load_policy("locked-down")


def asked(tx: Connection, **more: Any) -> questionnaire.Sent:  # noqa: ANN401 - as asking takes them
    """Return questions about the quiz as they were just sent."""
    platform(tx)
    look(tx)
    return ask(tx, "quiz", **more)


def test_questions_are_filled_with_the_apps_own_figures(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        sent = asked(tx, more=["Who is your partner?", " "])
        item = sent.questionnaire
        texts = {one.code: one.text for one in item.questions}
        assert texts["friends"].startswith("86,730 people never used Quiz")
        assert texts["amplification"].startswith("For each person who used Quiz it read about 322 people")
        assert texts["field:likes"] == "What is `likes` needed for?"
        assert [one.code for one in item.questions][-2:] == ["own:1", "else"]
        assert item.told[-1] == "It read 322 people for each installer."
        assert (item.due_at, item.leads_to, item.state) == (NOON + 21 * DAY, "suspended", "open")
        assert item.policy == load_rules().hash
        assert review_progress.get(tx, "quiz").stage == "questioned"


def test_what_is_not_known_is_not_asked() -> None:
    templates = load_questions().review
    bare = fill(templates, {"platform": "X", "app": "Y", "people_via": None}, {"fields": []})
    assert [one.code for one in bare] == ["data", "passed-on", "deleted", "else"]
    assert fill([Template("a", "{unknown}?")], {}, {}) == []
    assert sentences("Y", AppFacts(limits=["Old logs."])) == [
        "The record shows no read of people's data by Y.",
        "Old logs.",
    ]
    assert AppFacts(people=10, installers=9).amplification is None
    assert "gave no purpose" in sentences("Y", AppFacts(people=1, fields=["name"]))[-1]


def test_the_token_is_nowhere_in_the_records_and_opens_until_the_deadline(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        sent = asked(tx)
        assert len(sent.token) >= 43
        assert questionnaires.by_link(tx, sent.token) == sent.questionnaire
        for wrong in ("", sent.token[:-1], sent.token + "a", "\udcff"):
            assert questionnaires.by_link(tx, wrong) is None
        dumped = str(tx.exec_driver_sql("SELECT * FROM questionnaire").all())
        assert sent.token not in dumped
        renewed = questionnaire.renew(tx, sent.questionnaire.id, "Ann")
        assert questionnaires.by_link(tx, sent.token) is None
        assert questionnaires.by_link(tx, renewed.token) is not None
    with records.read() as tx, clock.frozen(NOON + 21 * DAY):
        assert questionnaires.by_link(tx, renewed.token) is None
        assert questionnaires.get(tx, sent.questionnaire.id).state == "silent"
        assert [one.app for one in questionnaires.listing(tx, silent=True)] == ["quiz"]
        with pytest.raises(RefusedError, match="takes no answers"):
            questionnaires.renew(tx, sent.questionnaire.id)


def test_who_may_be_asked_and_when(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        platform(tx)
        with pytest.raises(RefusedError, match="Look at it first"):
            ask(tx)
        look(tx)
        with pytest.raises(AccessError):
            questionnaire.ask(tx, "quiz", "Uri", FACTS, platform="X")
        with pytest.raises(InputError, match="passed already"):
            ask(tx, due_at=NOON)
        sent = ask(tx)
        with pytest.raises(RefusedError, match="questions open until"):
            ask(tx)
        assert questionnaire.withdraw(tx, sent.questionnaire.id, "Ann", "Too early.").state == "withdrawn"
        with pytest.raises(RefusedError, match="is withdrawn"):
            questionnaire.withdraw(tx, sent.questionnaire.id, "Ann", "Again.")
        funnel.move(tx, "quiz", "audited", "Ann", WHY)
        with pytest.raises(RefusedError, match="was not heard"):
            funnel.move(tx, "quiz", "acted on", "Rea", WHY, second="Rob", outcome="limited")
        assert ask(tx).questionnaire.state == "open"
        with pytest.raises(NotFoundError):
            questionnaires.get(tx, "questions_none")


def test_answers_are_kept_in_versions_and_the_receipt_is_on_the_ledger(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        sent = asked(tx)
        named = [HolderSaid(" Partner ", "name", "2014", "yes")]
        first = take_in(tx, sent.questionnaire, answers(sent), named, 0)
        assert (first.version, first.state) == (1, "answered")
        assert outbox.pending(tx)[-1].payload["line"] == questionnaire.receipt_of(tx, first)
        assert take_in(tx, first, answers(sent), named, 1).version == 1
    with records.begin() as tx, clock.frozen(NOON + DAY):
        second = take_in(tx, first, answers(sent, "I was wrong."), [], 1)
        assert (second.version, second.answered_at) == (2, NOON)
        with pytest.raises(RefusedError, match="sent by this link meanwhile"):
            take_in(tx, first, answers(sent, "A third."), [], 1)
        assert questionnaires.present(questionnaires.answers(tx, first.id))["data"] == "I was wrong. (data)"
        assert len({one.version for one in questionnaires.answers(tx, first.id)}) == 2
        assert known_transfers.of_app(tx, "quiz") == []
        (before,) = known_transfers.of_app(tx, "quiz", withdrawn=True)
        assert (before.holder, before.withdrawn_at, before.author) == ("Partner", NOON + DAY, "developer")
    with records.begin() as tx, clock.frozen(NOON + 21 * DAY), pytest.raises(RefusedError, match="deadline has passed"):
        take_in(tx, second, answers(sent, "Late."), [], 2)


def test_answers_that_do_not_fit_change_nothing(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        sent = asked(tx)
        item, whole = sent.questionnaire, answers(sent)
        for texts, named, said in (
            (whole | {"data": " "}, [], "Not answered yet: 1"),
            (whole | {"data": "x" * 5_001}, [], "longer than 5,000"),
            (whole, [HolderSaid("", "name")], "has no name"),
            (whole, [HolderSaid("x" * 501)], "500 characters"),
            (whole, [HolderSaid("x")] * 51, "More than 50"),
        ):
            with pytest.raises(InputError, match=said):
                take_in(tx, item, texts, named, 0)
        assert questionnaires.get(tx, item.id).version == 0
        assert take_in(tx, item, {k: v for k, v in whole.items() if k != "else"}, [], 0).version == 1


def test_purposes_are_due_a_year_after_they_were_stated(records: Records) -> None:
    with records.begin() as tx:
        platform(tx)
        with clock.frozen(NOON):
            look(tx)
            reviews.approve(tx, "quiz", "user_likes", "Ada", "It suggests rooms.")
            assert certification.due(tx, POLICY) == []
            (one,) = certification.due(tx, POLICY, every=True)
            assert (one.field, one.state, one.purpose) == ("likes", "current", None)
        for days, state in ((335, "due"), (365, "overdue"), (395, "lapsed")):
            with clock.frozen(NOON + days * DAY):
                assert [item.state for item in certification.due(tx, POLICY, app="quiz")] == [state]
                assert certification.due(tx, POLICY, app="chat") == []
        with clock.frozen(NOON + 366 * DAY):
            with pytest.raises(NotFoundError, match="no approval of `user_posts`"):
                certification.certify(tx, "quiz", "user_posts", "posts", purpose="x", by="Ann", policy=POLICY)
            with pytest.raises(InputError, match="needs the purpose"):
                certification.certify(tx, "quiz", "user_likes", "likes", purpose=" ", by="Ann", policy=POLICY)
            made = certification.certify(tx, "quiz", "user_likes", "likes", purpose="Rooms.", by="Ann", policy=POLICY)
            assert made.expires_at == NOON + 731 * DAY
            assert certification.due(tx, POLICY) == []


def test_a_lapse_is_a_persons_act_after_the_developer_was_asked(records: Records) -> None:
    with records.begin() as tx:
        platform(tx)
        with clock.frozen(NOON):
            look(tx)
            reviews.approve(tx, "quiz", "user_likes", "Ada", "It suggests rooms.")
        why = {"by": "Rea", "reason": "Nobody says what for.", "policy": POLICY}
        with clock.frozen(NOON + 366 * DAY), pytest.raises(RefusedError, match="has lapsed"):
            certification.withdraw_lapsed(tx, "quiz", "user_likes", **why)  # type: ignore[arg-type]
        with clock.frozen(NOON + 396 * DAY):
            with pytest.raises(RefusedError, match="was not asked"):
                certification.withdraw_lapsed(tx, "quiz", "user_likes", **why)  # type: ignore[arg-type]
            sent = certification.ask(tx, "quiz", "Ann", POLICY, platform="X")
            assert [one.code for one in sent.questionnaire.questions] == ["purpose:user_likes:likes"]
            assert review_progress.get(tx, "quiz").stage == "looked at"
            with pytest.raises(RefusedError, match="was not asked for it and given time"):
                certification.withdraw_lapsed(tx, "quiz", "user_likes", **why)  # type: ignore[arg-type]
            with pytest.raises(NotFoundError, match="No purpose of `chat`"):
                certification.ask(tx, "chat", "Ann", POLICY, platform="X")
        with clock.frozen(NOON + 420 * DAY):
            with pytest.raises(AccessError):
                certification.withdraw_lapsed(tx, "quiz", "user_likes", by="Ann", reason="x", policy=POLICY)
            assert certification.withdraw_lapsed(tx, "quiz", "user_likes", **why) == 1  # type: ignore[arg-type]
            assert reviews.in_force(tx) == []
            assert review_progress.history(tx, "quiz")[-1].kind == "lapsed"


def test_an_answer_certifies_and_not_needed_ends_it_at_once(records: Records) -> None:
    with records.begin() as tx:
        platform(tx)
        with clock.frozen(NOON):
            look(tx)
            reviews.approve(tx, "quiz", "user_likes", "Ada", "It suggests rooms.")
        with clock.frozen(NOON + 340 * DAY):
            sent = certification.ask(tx, "quiz", "Ann", POLICY, platform="X")
            code = sent.questionnaire.questions[0].code
            kept = take_in(tx, sent.questionnaire, {code: "It suggests rooms still."}, [], 0)
            assert certification.due(tx, POLICY) == []
            kept = take_in(tx, kept, {code: "Not needed."}, [], kept.version)
            (one,) = certification.due(tx, POLICY)
            assert (one.state, one.purpose) == ("overdue", "Not needed.")
        with clock.frozen(NOON + 341 * DAY):
            reviews.approve(tx, "quiz", "user_likes", "Ada", "It needs them after all.")
            assert certification.due(tx, POLICY) == []


def test_low_ranks_are_looked_at_together_and_the_first_are_not(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        platform(tx)
        rules = load_rules()
        assert proposals.lowest(tx, 9) == ["old-log", "maps"]
        assert proposals.low_ones(tx, rules) == 2
        for apps, said in (([], "low enough"), (["quiz"], "by itself"), (["maps", "chat"], "by itself")):
            with pytest.raises((InputError, RefusedError), match=said):
                proposals.propose_look(tx, apps, "Ann", "They read nobody.")
        funnel.enter(tx, [progress("unranked")], "Ada")
        with pytest.raises(RefusedError, match="not known"):
            proposals.propose_look(tx, ["unranked"], "Ann", "x")
        with pytest.raises(RefusedError, match="too many"):
            proposals.propose_look(tx, [f"a{n}" for n in range(rules.bulk.most + 1)], "Ann", "x")
        made = proposals.propose_look(tx, ["maps", "old-log"], "Ann", "They read nobody.")
        with pytest.raises(RefusedError, match="waits already"):
            proposals.propose_look(tx, ["maps"], "Ann", "x")
        for second in ("Ann", "Uri", ""):
            with pytest.raises(AccessError):
                proposals.agree(tx, made.id, second)
        moved = proposals.agree(tx, made.id, "Rea")
        assert [item.stage for item in moved] == ["looked at", "looked at"]
        assert review_progress.history(tx, "maps")[-1].second == "Rea"
        with pytest.raises(RefusedError, match="answered already"):
            proposals.agree(tx, made.id, "Rob")
        with pytest.raises(RefusedError, match="`looked at` already"):
            proposals.propose_look(tx, ["maps"], "Ann", "x")


def test_proposals_say_at_once_what_stands_against_them(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        platform(tx)
        with pytest.raises(UsageError, match="cannot be"):
            proposals.propose_act(tx, "quiz", "shot", "Rea", WHY)
        with pytest.raises(RefusedError, match="cannot become"):
            proposals.propose_act(tx, "quiz", "banned", "Rea", WHY)
        with pytest.raises(RefusedError, match="Nothing was done"):
            proposals.propose_undo(tx, "quiz", "Rea", WHY)
        with pytest.raises(NotFoundError):
            proposals.agree(tx, "proposal_none", "Rea")
        look(tx)
        ask(tx)
    with records.begin() as tx, clock.frozen(NOON + 30 * DAY):
        with pytest.raises(RefusedError, match="Silence alone"):
            proposals.propose_act(tx, "quiz", "banned", "Rea", WHY)
        with pytest.raises(InputError, match="reason"):
            proposals.propose_act(tx, "quiz", "suspended", "Rea", " ")
        made = proposals.propose_act(tx, "quiz", "suspended", "Rea", WHY)
        assert proposals.refuse(tx, made.id, "Rea", "I was too quick.").answer == "withdrawn"
        made = proposals.propose_act(tx, "quiz", "suspended", "Rea", WHY)
        assert proposals.refuse(tx, made.id, "Rob", "Wait for it.").answer == "refused"
        made = proposals.propose_act(tx, "quiz", "suspended", "Rea", WHY)
        assert proposals.agree(tx, made.id, "Rob")[0].outcome == "suspended"
        made = proposals.propose_undo(tx, "quiz", "Rob", "They wrote.")
        assert proposals.agree(tx, made.id, "Rea")[0].stage == "audited"
        assert review_proposals.waiting(tx) == []


def _table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    door = schema.table(name).door
    return pa.Table.from_pylist(rows, schema=pa.schema([door.field(column) for column in rows[0]]))


def test_the_picture_says_who_has_the_data_and_how_we_know(lake: Lake) -> None:
    moment = datetime(2014, 6, 1, tzinfo=UTC)
    with lake.writing() as batch:
        two = [
            {"app": app, "developer": "acme", "name": app.title(), "happened_at": moment} for app in ("quiz", "quiz-2")
        ]
        batch.write("apps", _table("apps", two), "import_a")
        batch.write(
            "developers", _table("developers", [{"developer": "acme", "name": "Acme", "country": "GB"}]), "import_a"
        )
        batch.write("holders", _table("holders", [{"holder": "h1", "name": "Buyer", "known_by": "court"},
            {"holder": "h2", "name": "Next", "known_by": None}]), "import_a")  # fmt: skip
        first: dict[str, Any] = {
            "app": "quiz",
            "from_holder": None,
            "holder": "h1",
            "happened_at": moment,
            "fields": ["likes"],
            "known_by": "contract",
        }
        onward: dict[str, Any] = {
            "app": None,
            "from_holder": "h1",
            "holder": "h2",
            "happened_at": moment,
            "fields": None,
            "known_by": None,
        }
        back = onward | {"from_holder": "h2", "holder": "h1"}
        batch.write("transfers", _table("transfers", [first, onward, back]), "import_a")
    with lake.records.begin() as tx, clock.frozen(NOON):
        funnel.enter(tx, [progress("quiz", 1)], "Ada")
    before = holders.picture(lake, lake.records, "quiz")
    assert [(one.name, one.from_, one.known[0].known_by) for one in before.holders] == [
        ("Buyer", None, "contract"), ("Next", "Buyer", "not stated"), ("Buyer", "Next", "court"),
    ]  # fmt: skip
    assert before.developer is not None
    assert (before.developer.name, before.developer.country) == ("Acme", "GB")
    assert [one.app for one in before.developer.apps] == ["quiz", "quiz-2"]
    assert before.unknown[0] == "Its developer was never asked whom data was passed on to."
    with lake.records.begin() as tx, clock.frozen(NOON):
        funnel.move(tx, "quiz", "looked at", "Ann", WHY)
        sent = ask(tx)
    assert "has not answered" in holders.picture(lake, lake.records, "quiz").unknown[0]
    with lake.records.begin() as tx, clock.frozen(NOON):
        kept = take_in(tx, sent.questionnaire, answers(sent), [], 0)
    assert "That is their word" in holders.picture(lake, lake.records, "quiz").unknown[0]
    with lake.records.begin() as tx, clock.frozen(NOON):
        take_in(tx, kept, answers(sent), [HolderSaid("buyer", "likes, name", "2014", "no")], 1)
        with pytest.raises(InputError, match="known by `answer`"):
            holders.learn(tx, "quiz", "X", known_by="answer", source="s", by="Ann")
        holders.learn(tx, "quiz", "Buyer", known_by="press", source="a paper", by="Ann", fields="name")
    (buyer, *_) = holders.picture(lake, lake.records, "quiz").holders
    assert [how.known_by for how in buyer.known] == ["contract", "answer", "press"]
    assert (buyer.fields, buyer.still_held) == (["likes", "name"], "no")
    for ask_for in (holders.picture, holders.developer):
        with pytest.raises(NotFoundError, match="is known"):
            ask_for(lake, lake.records, "nobody")


def test_facts_and_enrolment_come_from_the_lake(lake: Lake) -> None:
    read = {
        "app": "quiz",
        "happened_at": NOON,
        "decision": "allowed",
        "purpose": "research",
        "fields": ["likes", "name"],
    }
    rows = [read | {"read": f"r{n}", "person": f"p{n}", "through": "p0" if n else None} for n in range(12)]
    grant = {"app": "quiz", "person": "p0", "scope": "user_likes", "happened_at": NOON - DAY}
    with lake.writing() as batch:
        batch.write("reads", _table("reads", rows), "import_a")
        batch.write("grants", _table("grants", [grant]), "import_a")
        batch.write("apps", _table("apps", [{"app": "silent", "developer": None, "name": None}]), "import_a")
    sets = open_sets(lake.workspace, lake)
    with clock.frozen(NOON + DAY):
        facts = facts_of(lake, sets, "quiz")
    assert (facts.people, facts.people_via, facts.installers, facts.amplification) == (12, 11, 1, 12.0)
    assert (facts.fields, facts.purposes) == (["likes", "name"], ["research"])
    assert facts.first is not None
    assert facts.first <= NOON < facts.first + timedelta(days=1)
    assert facts_of(lake, sets, "nothing") == AppFacts()
    found = {one.app: one for one in known_apps(lake)}
    assert set(found) == {"quiz", "silent"}
    assert found["quiz"].rank == 1


def test_rules_are_data_that_is_checked(tmp_path: Path, lake: Lake) -> None:
    shipped = load_rules()
    assert rules_of(lake.workspace).hash == shipped.hash
    own = lake.workspace.root / "review.toml"
    text = (load_rules.__defaults__ or (tmp_path,))[0].read_text()
    own.write_text(text.replace("answer_days = 21", "answer_days = 14"))
    assert rules_of(lake.workspace).questions.answer_days == 14
    assert rules_of(lake.workspace).hash != shipped.hash
    for broken in ("name = ", text.replace("audited", "gone"), text.replace('"suspended"  #', '"shot"  #')):
        own.write_text(broken)
        with pytest.raises(InputError):
            rules_of(lake.workspace)
    file = tmp_path / "questions.toml"
    for broken in ("[", 'name="x"\nreview=[{code="a",text="b"},{code="a",text="c"}]\ncertification=[]'):
        file.write_text(broken)
        with pytest.raises(InputError):
            load_questions(file)
