"""A small platform whose apps are reviewed: three registered apps and one that only old logs know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert

from ombud.audit.review import funnel, questionnaire
from ombud.audit.review.facts import AppFacts
from ombud.model import clock
from ombud.records import apps
from ombud.records.review_progress import Progress
from ombud.records.tables import staff as staff_table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ombud.audit.review.questionnaire import Sent

NOON = datetime(2018, 3, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
FACTS = AppFacts(
    people=87_000,
    people_via=86_730,
    installers=270,
    fields=["likes", "name"],
    purposes=["research"],
    first=datetime(2013, 11, 1, tzinfo=UTC),
    last=datetime(2014, 5, 1, tzinfo=UTC),
)
WHY = "It read about far more people than used it."
STAFF = {"Ada": "admin", "Ann": "analyst", "Rea": "reviewer", "Rob": "reviewer", "Uri": "auditor"}


def progress(app: str, rank: int | None = None, **more: Any) -> Progress:  # noqa: ANN401 - any field
    """Return an app as it enters the review."""
    values: dict[str, Any] = {
        "app": app,
        "name": app.title(),
        "rank": rank,
        "entered_at": NOON,
        "moved_at": NOON,
        **more,
    }
    return Progress(**values)


def platform(tx: Connection, *, staff: bool = True) -> None:
    """Register apps, enter four of them into the review, and let staff in."""
    with clock.frozen(NOON):
        for app in ("quiz", "chat", "maps"):
            item = apps.App(
                app=app, developer="acme", name=app.title(), purposes=["research"], registered_at=NOON - 900 * DAY
            )
            apps.register(tx, item)
        entries = [
            progress("quiz", 1, score=9.5, signals=["It read 322 people for each installer."]),
            progress("chat", 2),
        ]
        funnel.enter(tx, [*entries, progress("maps", 140), progress("old-log", 150)], "Ada")
        if staff:  # nobody signs in here, so no password is hashed
            rows = [{"id": f"user_{name}", "name": name, "folded": name.casefold()} for name in STAFF]
            same = {"created_at": NOON, "password_hash": "none"}
            tx.execute(insert(staff_table), [row | same | {"role": STAFF[row["name"]]} for row in rows])


def look(tx: Connection, app: str = "quiz") -> None:
    """Look at an app."""
    funnel.move(tx, app, "looked at", "Ann", WHY)


def ask(tx: Connection, app: str = "quiz", **more: Any) -> Sent:  # noqa: ANN401 - as asking takes them
    """Ask its developer."""
    return questionnaire.ask(tx, app, "Ann", FACTS, platform="Example", **more)


def answers(sent: Sent, text: str = "We needed it for research.") -> dict[str, str]:
    """Return an answer to each question."""
    return {one.code: f"{text} ({one.code})" for one in sent.questionnaire.questions}
