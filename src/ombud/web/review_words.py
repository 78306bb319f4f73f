"""The review of every app as pages show it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from ombud.audit.review.figures import figure_ids
from ombud.model import clock
from ombud.records.review_progress import STAGES

if TYPE_CHECKING:
    from ombud.audit.review.funnel import Funnel
    from ombud.audit.review.rules import ReviewRules
    from ombud.records.review_progress import Progress

__all__ = [
    "OUTCOMES", "STAGE_WORDS", "FunnelView", "ReviewLine", "RuleLine", "StageLine", "funnel_view", "review_line",
    "rule_lines",
]  # fmt: skip

STAGE_WORDS = {
    "all": "Not looked at yet",
    "looked at": "Looked at",
    "questioned": "Questioned",
    "audited": "Audited",
    "cleared": "Cleared",
    "acted on": "Acted on",
}
OUTCOMES = {"limited": "Limited", "suspended": "Suspended", "banned": "Banned"}
_EVER = {
    "all": "All apps",
    "looked at": "Looked at by a person",
    "questioned": "Developer asked",
    "audited": "Audited",
    "cleared": "Cleared",
    "acted on": "Acted on",
}


class StageLine(msgspec.Struct, frozen=True):
    """One stage of the funnel."""

    stage: Annotated[str, Meta(description="all, looked at, questioned, audited, cleared or acted on.")]
    words: Annotated[str, Meta(description="The stage as people read it.")]
    reached: Annotated[int, Meta(description="Apps that ever came so far.")]
    now: Annotated[int, Meta(description="Apps that are there now.")]
    share: Annotated[float, Meta(description="Share of all apps that ever came so far, 0 to 1.")]
    reached_figure: Annotated[str, Meta(description="The figure of those that came so far.")]
    now_figure: Annotated[str, Meta(description="The figure of those that are there now.")]


class FunnelView(msgspec.Struct, frozen=True):
    """How far the review of all apps is."""

    apps: Annotated[int, Meta(description="Apps in the review.")]
    stages: Annotated[list[StageLine], Meta(description="The stages, in order.")]
    since: Annotated[datetime | None, Meta(description="When the review began; null before.")]
    ended: Annotated[int, Meta(description="Reviews that are over.")]
    median_days: Annotated[float | None, Meta(description="Median of the days that they took; null before the first.")]
    median_figure: Annotated[str, Meta(description="The figure of that median.")]
    ended_figure: Annotated[str, Meta(description="The figure of reviews that are over.")]


class ReviewLine(msgspec.Struct, frozen=True):
    """One app in the order of review."""

    app: Annotated[str, Meta(description="The app's id at the platform.")]
    name: Annotated[str, Meta(description="Its name.")]
    rank: Annotated[int | None, Meta(description="Its place in the ranking; null when it was never ranked.")]
    signal: Annotated[str | None, Meta(description="The first reason for that place.")]
    stage: Annotated[str, Meta(description="How far its review is.")]
    stage_words: Annotated[str, Meta(description="The stage as people read it.")]
    outcome: Annotated[str | None, Meta(description="limited, suspended or banned, once acted on.")]
    owner: Annotated[str | None, Meta(description="Who has it; null for nobody.")]
    deadline: Annotated[datetime | None, Meta(description="Until when the stage should be over.")]
    late: Annotated[bool, Meta(description="Whether that has passed.")]
    moved_at: Annotated[datetime, Meta(description="When it last moved.")]


class RuleLine(msgspec.Struct, frozen=True):
    """One rule of the review in words."""

    words: Annotated[str, Meta(description="The rule as a sentence.")]


def funnel_view(found: Funnel) -> FunnelView:
    """Return the funnel as pages show it."""
    ids = figure_ids()
    total = found.reached["all"]
    return FunnelView(
        apps=total,
        stages=[
            StageLine(
                stage=stage,
                words=_EVER[stage],
                reached=found.reached[stage],
                now=found.counts[stage],
                share=round(found.reached[stage] / total, 4) if total else 0.0,
                reached_figure=ids[f"apps ever {stage}"],
                now_figure=ids[f"apps {stage} now"],
            )
            for stage in STAGES
        ],
        since=found.since,
        ended=found.ended,
        median_days=found.median_days,
        median_figure=ids["median days of a review"],
        ended_figure=ids["reviews ended"],
    )


def review_line(item: Progress) -> ReviewLine:
    """Return an app as a line."""
    return ReviewLine(
        app=item.app,
        name=item.name,
        rank=item.rank,
        signal=item.signals[0] if item.signals else None,
        stage=item.stage,
        stage_words=STAGE_WORDS[item.stage],
        outcome=item.outcome,
        owner=item.owner,
        deadline=item.deadline,
        late=item.deadline is not None and item.deadline <= clock.now(),
        moved_at=item.moved_at,
    )


def rule_lines(rules: ReviewRules) -> list[RuleLine]:
    """Return the rules of the review as sentences."""
    late = ", ".join(f"{STAGE_WORDS[stage].lower()} within {days} days" for stage, days in rules.deadlines.items())
    terms = rules.certification
    return [
        RuleLine("Every app is looked at by a person, in the order of what the record shows it could and did take."),
        RuleLine(
            "Nothing is done about an app before its developer was asked and answered, or the deadline passed."
            f" They have {rules.questions.answer_days} days."
        ),
        RuleLine(rules.silence.says),
        RuleLine("To limit, suspend or ban an app, and to undo that, takes two people, and a reason that is kept."),
        RuleLine(
            f"Apps after the first {rules.bulk.never_first:,} of the ranking can be looked at together,"
            f" at most {rules.bulk.most:,} at once, by two people."
        ),
        RuleLine(f"What each field is needed for is stated again every {terms.valid_days} days. {terms.says}"),
        RuleLine(f"A stage should be over in time ({late}); what is late is listed, and nothing happens by itself."),
    ]
