"""Whether an app's developer was heard: nobody is acted on before they were asked and answered, or let time run out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from ombud.audit.review.rules import OUTCOMES
from ombud.model.errors import RefusedError, UsageError
from ombud.records import questionnaires

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ombud.records.questionnaires import Questionnaire
    from ombud.records.review_progress import Progress

__all__ = ["Heard", "heard", "needs_hearing"]

Heard = Literal["answered", "silent", "open"]


def heard(tx: Connection, progress: Progress) -> Heard | None:
    """Say what became of the questions of this round: open while any waits, else the newest; null without any."""
    counted = _asked(tx, progress)
    if not counted:
        return None
    if any(item.state == "open" for item in counted):
        return "open"
    return "answered" if counted[0].state == "answered" else "silent"


def needs_hearing(tx: Connection, before: Progress, target: str, outcome: str | None) -> Heard | None:
    """Return how the developer was heard. Raises `RefusedError` when a review cannot end like this yet.

    To be acted on takes an answer or a deadline that passed. Without an audit, silence alone can lead to what the
    developer was told it would, and to nothing harder. While a question waits no review ends, in whatever way.
    """
    how = heard(tx, before)
    if how == "open":
        waits = max((item for item in _asked(tx, before) if item.state == "open"), key=lambda item: item.due_at)
        raise RefusedError(
            f"The developer of `{before.app}` has until {waits.due_at:%Y-%m-%d} to answer.",
            hint="Wait for it, or withdraw the questions.",
        )
    if target != "acted on":
        return how
    if how is None:
        raise RefusedError(
            f"The developer of `{before.app}` was not heard.",
            hint=f"Ask them with `ombud audit ask {before.app}`; their answer, or the deadline, comes first.",
        )
    if before.stage != "questioned":
        return how
    if how == "answered":
        raise RefusedError(f"The developer of `{before.app}` answered.", hint="Audit the app before acting on it.")
    if outcome not in OUTCOMES:
        raise UsageError(f"Acting on an app cannot be `{outcome}`.", hint=f"Say {', '.join(OUTCOMES)}.")
    most = next((one for one in OUTCOMES if one == _asked(tx, before)[0].leads_to), OUTCOMES[0])
    if OUTCOMES.index(outcome) > OUTCOMES.index(most):
        raise RefusedError(
            f"Silence alone leads to `{most}` at most, as the developer was told.",
            hint="Audit the app first, or choose that.",
        )
    return how


def _asked(tx: Connection, progress: Progress) -> list[Questionnaire]:
    """Return the questions of this round that count, newest first."""
    asked = questionnaires.of_app(tx, progress.app, kind="review", round_=progress.round)
    return [item for item in asked if item.state != "withdrawn"]
