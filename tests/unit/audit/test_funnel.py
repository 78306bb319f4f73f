"""The review's moves: which there are, who may make them, what they wait for, and what the ledger hears."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ombud.audit.review import funnel
from ombud.audit.review.answering import take_in
from ombud.audit.review.figures import figure_ids
from ombud.audit.review.rules import load_rules
from ombud.ledger.entries import encode_entry
from ombud.model import clock
from ombud.model.errors import AccessError, InputError, NotFoundError, RefusedError, UsageError
from ombud.records import apps, figures, outbox, review_progress
from ombud.records.review_progress import STAGES
from tests.unit.audit.reviewing import DAY, NOON, WHY, answers, ask, look, platform, progress

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ombud.records import Records


def silent(tx: Connection, app: str = "quiz") -> None:
    """Look at an app and ask its developer, who says nothing."""
    look(tx, app)
    ask(tx, app)


def test_entering_again_gives_a_new_rank_and_changes_no_stage(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        platform(tx)
        look(tx)
        again = [progress("quiz", 3, score=1.0, signals=["Less."]), progress("new", 1)]
        assert funnel.enter(tx, again, "Ada") == 1
        assert funnel.enter(tx, [progress("new")], "Ada") == 0
        quiz = review_progress.get(tx, "quiz")
        assert (quiz.stage, quiz.rank, quiz.score, quiz.signals) == ("looked at", 3, 1.0, ["Less."])
        assert review_progress.get(tx, "new").rank == 1
        assert [item.app for item in review_progress.listing(tx)] == ["new", "chat", "quiz", "maps", "old-log"]
        with pytest.raises(InputError, match="id and a name"):
            funnel.enter(tx, [progress(" ")], "Ada")
        with pytest.raises(NotFoundError, match="not in the review"):
            review_progress.get(tx, "nothing")


def test_every_move_has_who_and_why_and_a_deadline_by_the_rules(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        platform(tx)
        look(tx)
        made = review_progress.get(tx, "quiz")
        assert made.deadline == NOON + timedelta(days=load_rules().deadlines["looked at"])
        assert (made.reason, made.moved_at) == (WHY, NOON)
        for by, why, kind in (("", WHY, UsageError), ("Ann", "  ", InputError), ("Nobody", WHY, AccessError)):
            with pytest.raises(kind):
                funnel.move(tx, "quiz", "audited", by, why)
        with pytest.raises(AccessError, match="auditor"):
            funnel.move(tx, "quiz", "audited", "Uri", WHY)
        with pytest.raises(AccessError, match="analyst"):
            funnel.move(tx, "quiz", "cleared", "Ann", WHY)
        line = review_progress.history(tx, "quiz")[-1]
        assert (line.kind, line.stage_from, line.stage_to, line.author) == ("moved", "all", "looked at", "Ann")


def test_from_all_an_app_is_looked_at_and_nothing_else(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        platform(tx)
        for stage in set(STAGES) - {"looked at"}:
            with pytest.raises(RefusedError, match="cannot become"):
                funnel.move(tx, "quiz", stage, "Rea", WHY)


def test_words_that_are_no_stage_or_outcome(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        platform(tx)
        silent(tx)
        with pytest.raises(UsageError, match="no stage `gone`"):
            funnel.move(tx, "quiz", "gone", "Rea", WHY)
        with pytest.raises(UsageError, match="outcome goes with"):
            funnel.move(tx, "quiz", "cleared", "Rea", WHY, outcome="banned")
        with pytest.raises(UsageError, match="outcome goes with"):
            funnel.move(tx, "quiz", "acted on", "Rea", WHY)
    with records.begin() as tx, clock.frozen(NOON + 30 * DAY), pytest.raises(UsageError, match="cannot be `shot`"):
        funnel.move(tx, "quiz", "acted on", "Rea", WHY, second="Rob", outcome="shot")


def test_nobody_is_questioned_by_a_word_alone(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        platform(tx)
        look(tx)
        with pytest.raises(RefusedError, match="was not asked yet"):
            funnel.move(tx, "quiz", "questioned", "Ann", WHY)


def test_nobody_is_acted_on_unheard(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        platform(tx)
        look(tx)
        funnel.move(tx, "quiz", "audited", "Ann", WHY)
        with pytest.raises(RefusedError, match="was not heard"):
            funnel.move(tx, "quiz", "acted on", "Rea", WHY, second="Rob", outcome="banned")
        ask(tx)
        assert review_progress.get(tx, "quiz").stage == "questioned"
        for stage, outcome in (("acted on", "suspended"), ("cleared", None)):
            with pytest.raises(RefusedError, match="has until 2018-04-11 to answer"):
                funnel.move(tx, "quiz", stage, "Rea", WHY, second="Rob", outcome=outcome)
        assert apps.get(tx, "quiz").status == "live"


def test_silence_leads_to_what_was_said_and_nothing_harder(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        platform(tx)
        silent(tx)
    with records.begin() as tx, clock.frozen(NOON + 21 * DAY):
        with pytest.raises(RefusedError, match="Silence alone leads to `suspended` at most"):
            funnel.move(tx, "quiz", "acted on", "Rea", WHY, second="Rob", outcome="banned")
        made = funnel.move(tx, "quiz", "acted on", "Rea", WHY, second="Rob", outcome="suspended")
        assert (made.outcome, made.ended_at, made.deadline) == ("suspended", NOON + 21 * DAY, None)
        assert apps.get(tx, "quiz").status == "suspended"
        assert apps.history(tx, "quiz")[-1].text == f"live to suspended: {WHY}"


def test_who_answered_is_audited_before_anybody_acts(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        platform(tx)
        look(tx)
        sent = ask(tx)
        take_in(tx, sent.questionnaire, answers(sent), [], 0)
        with pytest.raises(RefusedError, match="answered"):
            funnel.move(tx, "quiz", "acted on", "Rea", WHY, second="Rob", outcome="limited")
        funnel.move(tx, "quiz", "audited", "Ann", WHY)
        funnel.move(tx, "quiz", "acted on", "Rea", WHY, second="Rob", outcome="banned")
        assert apps.get(tx, "quiz").status == "banned"
        assert outbox.pending(tx)[-1].payload["heard"] == "answered"


def test_acting_takes_a_second_person_who_is_another_and_may(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        platform(tx)
        silent(tx)
    with records.begin() as tx, clock.frozen(NOON + 30 * DAY):
        for second, said in (
            (None, "needs a second"),
            ("rea", "is the first"),
            ("Ann", "analyst"),
            ("Eve", "no member"),
        ):
            with pytest.raises(AccessError, match=said):
                funnel.move(tx, "quiz", "acted on", "Rea", WHY, second=second, outcome="limited")
        assert review_progress.get(tx, "quiz").stage == "questioned"
        assert apps.get(tx, "quiz").status == "live"
        funnel.move(tx, "quiz", "acted on", "Rea", WHY, second="Rob", outcome="limited")
        assert apps.get(tx, "quiz").status == "under_review"
        assert review_progress.history(tx, "quiz")[-1].second == "Rob"


def test_an_app_of_old_logs_alone_can_be_acted_on_without_a_gate(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        platform(tx)
        silent(tx, "old-log")
    with records.begin() as tx, clock.frozen(NOON + 30 * DAY):
        made = funnel.move(tx, "old-log", "acted on", "Rea", WHY, second="Rob", outcome="suspended")
        assert made.status_before is None
        assert funnel.reopen(tx, "old-log", "Rea", WHY, second="Rob").stage == "audited"


def test_acting_and_undoing_loosen_nothing_that_was_closed_otherwise(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        platform(tx)
        apps.set_status(tx, "quiz", "banned", "Ada", "A court said so.")
        silent(tx)
    with records.begin() as tx, clock.frozen(NOON + 30 * DAY):
        funnel.move(tx, "quiz", "acted on", "Rea", WHY, second="Rob", outcome="suspended")
        assert apps.get(tx, "quiz").status == "banned"
        funnel.reopen(tx, "quiz", "Rea", "It answered after all.", second="Ada")
        assert apps.get(tx, "quiz").status == "banned"


def test_what_was_banned_since_is_not_opened_by_undoing(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        platform(tx)
        silent(tx)
    with records.begin() as tx, clock.frozen(NOON + 30 * DAY):
        funnel.move(tx, "quiz", "acted on", "Rea", WHY, second="Rob", outcome="suspended")
        apps.set_status(tx, "quiz", "banned", "Ada", "A court said so.")
        funnel.reopen(tx, "quiz", "Rea", "It answered after all.", second="Ada")
        assert apps.get(tx, "quiz").status == "banned"


def test_undoing_gives_the_status_back_and_takes_two(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        platform(tx)
        apps.set_status(tx, "quiz", "under_review", "Ada", "A brake.")
        silent(tx)
    with records.begin() as tx, clock.frozen(NOON + 30 * DAY):
        funnel.move(tx, "quiz", "acted on", "Rea", WHY, second="Rob", outcome="suspended")
        with pytest.raises(AccessError, match="second person"):
            funnel.reopen(tx, "quiz", "Rea", "It answered after all.")
        made = funnel.reopen(tx, "quiz", "Rea", "It answered after all.", second="Ada")
        assert (made.stage, made.round, made.outcome, made.ended_at) == ("audited", 1, None, None)
        assert apps.get(tx, "quiz").status == "under_review"
        said = outbox.pending(tx)[-1]
        assert (said.type, said.payload["undone"], said.payload["people"]) == ("decision", "suspended", 2)


def test_a_cleared_app_that_is_opened_again_has_to_be_heard_again(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        platform(tx)
        look(tx)
        sent = ask(tx)
        take_in(tx, sent.questionnaire, answers(sent), [], 0)
        made = funnel.move(tx, "quiz", "cleared", "Rea", "The answer explains it.")
        assert made.ended_at == NOON
        with pytest.raises(RefusedError, match="reopen"):
            funnel.move(tx, "quiz", "audited", "Ann", WHY)
        with pytest.raises(RefusedError, match="is over"):
            funnel.take(tx, "quiz", "Ann", "Ann")
        with pytest.raises(RefusedError, match="no deadline"):
            funnel.set_deadline(tx, "quiz", NOON + DAY, "Ann", WHY)
        made = funnel.reopen(tx, "quiz", "Rea", "Somebody tipped us.")
        assert (made.stage, made.round) == ("looked at", 2)
        funnel.move(tx, "quiz", "audited", "Ann", WHY)
        with pytest.raises(RefusedError, match="was not heard"):
            funnel.move(tx, "quiz", "acted on", "Rea", WHY, second="Rob", outcome="limited")
        with pytest.raises(RefusedError, match="is not over"):
            funnel.reopen(tx, "quiz", "Rea", WHY)


def test_owners_and_deadlines(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        platform(tx)
        look(tx)
        assert funnel.take(tx, "quiz", "ann", "Ada").owner == "Ann"
        before = len(review_progress.history(tx, "quiz"))
        assert funnel.take(tx, "quiz", "Ann", "Ada").owner == "Ann"
        assert len(review_progress.history(tx, "quiz")) == before
        with pytest.raises(AccessError, match="auditor"):
            funnel.take(tx, "quiz", "Uri", "Ada")
        with pytest.raises(InputError, match="passed already"):
            funnel.set_deadline(tx, "quiz", NOON, "Ann", WHY)
        funnel.set_deadline(tx, "quiz", NOON + DAY, "Ann", "A court asks.")
        assert review_progress.overdue(tx) == []
    with records.begin() as tx, clock.frozen(NOON + 2 * DAY):
        assert [item.app for item in review_progress.overdue(tx)] == ["quiz"]
        assert review_progress.count(tx, late=True) == funnel.funnel(tx).overdue == 1
        assert funnel.funnel(tx).by_owner == {"": 3, "Ann": 1}
        assert [i.app for i in review_progress.listing(tx, owner="-", query="HA")] == ["chat"]
        assert [i.app for i in review_progress.listing(tx, owner="Ann", late=True, stage="looked at")] == ["quiz"]
        assert funnel.take(tx, "quiz", None, "Ada").owner is None


def test_the_ledger_hears_every_move_and_no_name_and_no_reason(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        platform(tx)
        silent(tx)
    with records.begin() as tx, clock.frozen(NOON + 30 * DAY):
        funnel.move(tx, "quiz", "acted on", "Rea", WHY, second="Rob", outcome="suspended")
        told = [entry for entry in outbox.pending(tx) if entry.type in {"review", "decision"}]
        said = [(entry.type, entry.payload["action"], entry.payload.get("to")) for entry in told]
        assert said == [
            ("review", "enter", None), ("review", "moved", "looked at"), ("review", "asked", None),
            ("review", "moved", "questioned"), ("decision", "moved", "acted on"),
        ]  # fmt: skip
        for entry in told:
            assert encode_entry(entry.type, entry.payload)
            words = json.dumps(entry.payload)
            assert not any(name in words for name in ("Ann", "Rea", "Rob", "Ada", WHY))
        line = review_progress.history(tx, "quiz")[-1]
        assert told[-1].payload["line"] == review_progress.commitment(line)
        assert told[-1].payload["people"] == 2


def test_the_funnel_counts_and_its_figures_say_the_same(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        assert funnel.funnel(tx).since is None
        platform(tx)
        for app in ("quiz", "chat", "maps"):
            look(tx, app)
        ask(tx)
    with records.begin() as tx, clock.frozen(NOON + 10 * DAY):
        funnel.move(tx, "chat", "cleared", "Rea", "Nothing there.")
    with records.begin() as tx, clock.frozen(NOON + 20 * DAY):
        funnel.move(tx, "maps", "cleared", "Rea", "Nothing there.")
        found = funnel.funnel(tx)
        assert found.counts == {"all": 1, "looked at": 0, "questioned": 1, "audited": 0, "cleared": 2, "acted on": 0}
        assert found.reached == {"all": 4, "looked at": 3, "questioned": 1, "audited": 0, "cleared": 2, "acted on": 0}
        assert (found.since, found.median_days, found.ended) == (NOON, 15.0, 2)
        kept = {name: figures.get(tx, one).value for name, one in figure_ids().items()}
        assert [kept[f"apps {stage} now"] for stage in STAGES] == list(found.counts.values())
        assert [kept[f"apps ever {stage}"] for stage in STAGES] == list(found.reached.values())
        assert (kept["median days of a review"], kept["reviews ended"]) == (15.0, 2)


def test_without_staff_on_record_names_are_believed(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        platform(tx, staff=False)
        funnel.move(tx, "quiz", "looked at", "Somebody", WHY)
        funnel.move(tx, "quiz", "cleared", "Somebody", WHY)
        assert review_progress.get(tx, "quiz").stage == "cleared"
