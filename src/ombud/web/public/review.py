"""How far the review of every app is, for everybody: counts, the rules, and the apps that were acted on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from ombud.audit.review.funnel import funnel
from ombud.audit.review.rules import rules_of
from ombud.records import review_progress
from ombud.web.access import PUBLIC
from ombud.web.pages import Pages
from ombud.web.review_words import OUTCOMES, FunnelView, RuleLine, funnel_view, rule_lines
from ombud.web.visit import VisitParameter

__all__ = ["ReviewSummary", "pages"]

pages = Pages()
SHOWN = 200
"""Apps acted on that the page names at most, the newest first."""


class ActedOn(msgspec.Struct, frozen=True):
    """One app about which something was done."""

    app: Annotated[str, Meta(description="The app's id at the platform.")]
    name: Annotated[str, Meta(description="Its name.")]
    outcome: Annotated[str, Meta(description="limited, suspended or banned.")]
    outcome_words: Annotated[str, Meta(description="The outcome as people read it.")]
    at: Annotated[datetime, Meta(description="When.")]


class ReviewSummary(msgspec.Struct, frozen=True):
    """The review of every app, as everybody may see it."""

    funnel: Annotated[FunnelView, Meta(description="How many apps came how far.")]
    acted_on: Annotated[list[ActedOn], Meta(description="Apps acted on, newest first; no other app is named.")]
    rules: Annotated[list[RuleLine], Meta(description="The rules of the review.")]
    rules_hash: Annotated[str, Meta(description="SHA-256 of the rules as canonical JSON.")]


@pages.page("/apps/review", shows=ReviewSummary, template="public/review.html", access=PUBLIC)
def review_summary(visit: VisitParameter) -> ReviewSummary:
    """Show how far the review of every app is; no app is named but those that were acted on."""
    rules = rules_of(visit.house.workspace)
    with visit.house.records.read() as tx:
        found = funnel(tx)
        acted = review_progress.listing(tx, stage="acted on", limit=None)
    newest = sorted(acted, key=lambda one: one.moved_at, reverse=True)[:SHOWN]
    return ReviewSummary(
        funnel=funnel_view(found),
        acted_on=[
            ActedOn(one.app, one.name, one.outcome or "", OUTCOMES[one.outcome or "limited"], one.moved_at)
            for one in newest
        ],
        rules=rule_lines(rules),
        rules_hash=rules.hash,
    )
