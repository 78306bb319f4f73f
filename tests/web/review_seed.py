"""A review for the pages: apps at every stage, one developer asked, one answered, one silent; some of it hostile."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ombud.audit.review import funnel, holders, proposals, questionnaire
from ombud.audit.review.answering import take_in
from ombud.audit.review.facts import AppFacts
from ombud.audit.review.questionnaire import HolderSaid
from ombud.model import clock
from ombud.records.review_progress import Progress
from tests.web.gate_seed import BANNED, CHAT, HOSTILE, IDLE, PLAIN, QUIZ

if TYPE_CHECKING:
    from ombud.records import Records

FACTS = AppFacts(people=24, people_via=23, installers=2, fields=["likes", "name"], purposes=["app-function"])
WHO, SECOND = "Some reviewer", "Some admin"


def seed_review(records: Records) -> tuple[str, str]:
    """Fill the records with a review; return the links of an open questionnaire and of an answered one."""
    now = datetime.now(UTC)

    def item(app: str, name: str, rank: int | None, *signals: str) -> Progress:
        score = 10.0 / rank if rank else None
        return Progress(app=app, name=name, rank=rank, score=score, signals=list(signals), entered_at=now, moved_at=now)

    with records.begin() as tx, clock.frozen(now - timedelta(days=90)):
        entries = [
            item(QUIZ, "This Is Your Digital Quiz", 1, "It read about 12 people for each who used it."),
            item(CHAT, "Chat With Friends", 2, "It read about 25 people; apps of its size read about 20."),
            item(PLAIN, HOSTILE, 3, HOSTILE),
            item(BANNED, "Banned App", 4),
            item(IDLE, "Left Alone", None),
            *(item(f"small-{n}", f"Small App {n}", 100 + n) for n in range(60)),
        ]
        funnel.enter(tx, entries, SECOND)
        for app in (BANNED, CHAT, PLAIN):
            funnel.move(tx, app, "looked at", WHO, "It ranks high.")
        funnel.take(tx, CHAT, WHO, SECOND)
        questionnaire.ask(tx, BANNED, WHO, FACTS, platform="Example")
    with records.begin() as tx, clock.frozen(now - timedelta(days=60)):
        funnel.move(tx, BANNED, "acted on", WHO, "Its developer never answered.", second=SECOND, outcome="suspended")
    with records.begin() as tx, clock.frozen(now - timedelta(days=5)):
        asked = questionnaire.ask(tx, CHAT, WHO, FACTS, platform="Example", more=["Who is `Data Partner`?"])
        answers = {one.code: f"Because of {one.code}. {HOSTILE}" for one in asked.questionnaire.questions}
        named = [HolderSaid("Data Partner", "name, likes", "in 2014", "yes"), HolderSaid(HOSTILE, HOSTILE)]
        take_in(tx, asked.questionnaire, answers, named, 0)
        holders.learn(tx, CHAT, "Data Partner", known_by="contract", source="contract C-17", by=WHO)
        funnel.move(tx, QUIZ, "looked at", WHO, f"It read through friends. {HOSTILE}")
        funnel.take(tx, QUIZ, WHO, WHO)
        open_ = questionnaire.ask(tx, QUIZ, WHO, FACTS, platform="Example")
        proposals.propose_undo(tx, BANNED, SECOND, "Its developer wrote to us after all.")
    return open_.token, asked.token
