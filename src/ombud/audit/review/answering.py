"""What happens when a developer's answer comes in: it is kept, and what it certifies counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.audit.review.certification import certify_answers
from ombud.audit.review.questionnaire import receive

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from ombud.audit.review.questionnaire import HolderSaid
    from ombud.audit.review.rules import ReviewRules
    from ombud.records.questionnaires import Questionnaire

__all__ = ["take_in"]


def take_in(
    tx: Connection,
    item: Questionnaire,
    texts: Mapping[str, str],
    holders: Sequence[HolderSaid],
    version: int,
    *,
    rules: ReviewRules | None = None,
) -> Questionnaire:
    """Keep a developer's answers as `questionnaire.receive` does; purposes in them are certified for another year."""
    kept = receive(tx, item, texts, holders, version, rules=rules)
    if item.kind == "certification" and kept.version != item.version:
        certify_answers(tx, kept, {code: text.strip() for code, text in texts.items()}, rules=rules)
    return kept
