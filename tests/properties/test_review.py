"""Whatever staff and developers do in whatever order, nobody is acted on unheard or by one person alone."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ombud.audit.review import funnel, proposals, questionnaire
from ombud.audit.review.answering import take_in
from ombud.audit.review.rules import OUTCOMES
from ombud.model import clock
from ombud.model.errors import OmbudError
from ombud.records import apps, migrate, outbox, questionnaires, review_progress, review_proposals
from ombud.records.database import open_url
from ombud.records.review_progress import ENDED, STAGES
from tests.unit.audit.reviewing import NOON, STAFF, WHY, answers, ask, look, platform

if TYPE_CHECKING:
    from ombud.records import Records

APPS = st.sampled_from(["quiz", "maps", "old-log"])
NAMES = st.sampled_from(["Rea", "Rob", "Ada", "Ann", "Uri", "Nobody"])
STATUS = {"limited": "under_review", "suspended": "suspended", "banned": "banned"}


class Review(RuleBasedStateMachine):
    """Staff and developers at work; most of what they try is refused, and what is done keeps the rules."""

    records: Records

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        url = f"sqlite:///{Path(self.folder.name) / 'records.sqlite'}"
        migrate(url)
        self.records = open_url(url)
        self.now = NOON
        self.lines = 0
        with self.records.begin() as tx:
            platform(tx)
            for app in ("quiz", "maps"):  # so that most of what follows is about what comes after
                look(tx, app)
            with clock.frozen(self.now):
                ask(tx)

    def teardown(self) -> None:
        if hasattr(self, "records"):
            self.records.close()
            self.folder.cleanup()

    @rule(days=st.integers(1, 30))
    def wait(self, days: int) -> None:
        self.now += timedelta(days=days)

    @rule(app=APPS, stage=st.sampled_from(STAGES), by=NAMES, second=NAMES, outcome=st.sampled_from([None, *OUTCOMES]))
    def move(self, app: str, stage: str, by: str, second: str, outcome: str | None) -> None:
        with suppress(OmbudError), self.records.begin() as tx, clock.frozen(self.now):
            before = review_progress.get(tx, app)
            made = funnel.move(tx, app, stage, by, WHY, second=second, outcome=outcome)
            assert made.stage in funnel.MOVES[before.stage]
            assert STAFF[by] in {"admin", "reviewer"} or (STAFF[by] == "analyst" and stage not in ENDED)

    @rule(app=APPS, days=st.sampled_from([0, 22]), outcome=st.sampled_from(OUTCOMES))
    def two_reviewers_act(self, app: str, days: int, outcome: str) -> None:
        self.now += timedelta(days=days)
        with suppress(OmbudError), self.records.begin() as tx, clock.frozen(self.now):
            assert funnel.move(tx, app, "acted on", "Rea", WHY, second="Rob", outcome=outcome).outcome == outcome

    @rule(app=APPS, by=NAMES)
    def ask(self, app: str, by: str) -> None:
        with suppress(OmbudError), self.records.begin() as tx, clock.frozen(self.now):
            sent = ask(tx, app)
            assert review_progress.get(tx, app).stage == "questioned"
            assert len([one for one in questionnaires.of_app(tx, app) if one.state == "open"]) == 1
            assert questionnaire.renew(tx, sent.questionnaire.id, "Ann").token != sent.token
            funnel.take(tx, app, by, "Ann")

    @rule(app=APPS, text=st.sampled_from(["Yes.", "No."]), version=st.integers(0, 2))
    def answer(self, app: str, text: str, version: int) -> None:
        with suppress(OmbudError), self.records.begin() as tx, clock.frozen(self.now):
            for item in questionnaires.of_app(tx, app)[:1]:
                kept = take_in(tx, item, answers(questionnaire.Sent(item, ""), text), [], version)
                assert self.now < item.due_at
                assert kept.version in {item.version, item.version + 1}

    @rule(app=APPS, by=NAMES)
    def withdraw(self, app: str, by: str) -> None:
        with suppress(OmbudError), self.records.begin() as tx, clock.frozen(self.now):
            for item in questionnaires.of_app(tx, app)[:1]:
                assert questionnaire.withdraw(tx, item.id, by, WHY).state == "withdrawn"

    @rule(app=APPS, by=NAMES, outcome=st.sampled_from(OUTCOMES))
    def propose(self, app: str, by: str, outcome: str) -> None:
        with suppress(OmbudError), self.records.begin() as tx, clock.frozen(self.now):
            stage = review_progress.get(tx, app).stage
            if stage == "acted on":
                proposals.propose_undo(tx, app, by, WHY)
            else:
                proposals.propose_act(tx, app, outcome, by, WHY)
            assert review_progress.get(tx, app).stage == stage

    @rule(by=NAMES, yes=st.booleans())
    def answer_proposal(self, by: str, *, yes: bool) -> None:
        with suppress(OmbudError), self.records.begin() as tx, clock.frozen(self.now):
            for item in review_proposals.waiting(tx)[:1]:
                if yes:
                    proposals.agree(tx, item.id, by)
                    assert by != item.proposed_by
                else:
                    proposals.refuse(tx, item.id, by, WHY)

    @rule(app=APPS, by=NAMES, second=NAMES)
    def reopen(self, app: str, by: str, second: str) -> None:
        with suppress(OmbudError), self.records.begin() as tx, clock.frozen(self.now):
            before = review_progress.get(tx, app)
            made = funnel.reopen(tx, app, by, WHY, second=second)
            assert before.stage in ENDED
            assert made.ended_at is None

    @invariant()
    def nobody_is_acted_on_unheard_or_by_one_alone(self) -> None:
        if not hasattr(self, "records"):
            return
        with self.records.read() as tx, clock.frozen(self.now):
            for item in review_progress.listing(tx):
                lines = [line for line in review_progress.history(tx, item.app) if line.stage_to is not None]
                assert lines[-1].stage_to == item.stage
                assert (item.stage == "acted on") is (item.outcome is not None)
                assert (item.stage in ENDED) is (item.ended_at is not None)
                for line in lines:
                    if line.stage_to != "acted on":
                        continue
                    assert line.second not in {None, line.author}
                    asked = [
                        one
                        for one in questionnaires.of_app(tx, item.app, round_=line.round)
                        if one.asked_at <= line.happened_at and one.state != "withdrawn"
                    ]
                    assert any(
                        one.due_at <= line.happened_at or (one.answered_at or self.now) <= line.happened_at
                        for one in asked
                    )
                if item.outcome is not None and item.status_before is not None:
                    assert apps.get(tx, item.app).status == STATUS[item.outcome]

    @invariant()
    def the_counts_add_up_and_no_line_goes(self) -> None:
        if not hasattr(self, "records"):
            return
        with self.records.read() as tx, clock.frozen(self.now):
            found = funnel.funnel(tx)
            lines = sum(len(review_progress.history(tx, app)) for app in ("quiz", "chat", "maps", "old-log"))
            assert sum(found.counts.values()) == found.reached["all"] == 4
            assert all(found.reached[stage] >= found.counts[stage] for stage in STAGES)
            assert lines >= self.lines
            self.lines = lines
            told = [one for one in outbox.pending(tx) if "line" in one.payload]
            known = {
                review_progress.commitment(line)
                for app in ("quiz", "chat", "maps", "old-log")
                for line in review_progress.history(tx, app)
            }
            assert {one.payload["line"] for one in told} <= known


TestReview = Review.TestCase
TestReview.settings = settings(max_examples=8, stateful_step_count=25, deadline=None)
