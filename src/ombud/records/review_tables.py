"""The tables of the review of every app: how far it is, what developers were asked and said, who holds what."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, Table, UniqueConstraint

from ombud.records.columns import Json, Moment, Number, Words
from ombud.records.metadata import identity, may, metadata, must, of, serial

__all__ = ["metadata"]

review_progress = Table(
    "review_progress",
    metadata,
    Column("app", Words, primary_key=True),
    must("name", Words),
    must("folded", Words),
    must("stage", Words),
    must("round", Number),
    may("owner", Words),
    may("deadline", Moment),
    must("reason", Words),
    may("outcome", Words),
    may("status_before", Words),
    may("rank", Number),
    may("score", Double),
    must("signals", Json),
    must("entered_at", Moment),
    must("moved_at", Moment),
    may("ended_at", Moment),
    Index(None, "stage", "rank"),
    Index(None, "rank", "app"),
)

review_line = Table(
    "review_line",
    metadata,
    serial(),
    of("app", "review_progress.app"),
    must("round", Number),
    must("happened_at", Moment),
    must("kind", Words),
    may("stage_from", Words),
    may("stage_to", Words),
    must("author", Words),
    may("second", Words),
    must("text", Words),
    must("salt", Words),
    Index(None, "app", "id"),
    Index(None, "kind", "stage_to"),
    sqlite_autoincrement=True,
)

review_proposal = Table(
    "review_proposal",
    metadata,
    identity(),
    must("stage", Words),
    may("outcome", Words),
    must("apps", Json),
    must("reason", Words),
    must("proposed_by", Words),
    must("proposed_at", Moment),
    may("answer", Words),
    may("answered_by", Words),
    may("answered_at", Moment),
    Index(None, "answered_at", "proposed_at"),
)

questionnaire = Table(
    "questionnaire",
    metadata,
    identity(),
    of("app", "review_progress.app"),
    must("round", Number),
    must("kind", Words),
    must("told", Json),
    must("questions", Json),
    must("consequence", Words),
    may("leads_to", Words),
    must("policy", Words),
    must("asked_by", Words),
    must("asked_at", Moment),
    must("due_at", Moment),
    must("token_sha256", Words),
    may("answered_at", Moment),
    must("version", Number),
    may("withdrawn_at", Moment),
    UniqueConstraint("token_sha256"),
    Index(None, "app", "asked_at"),
    Index(None, "due_at"),
)

developer_answer = Table(
    "developer_answer",
    metadata,
    serial(),
    of("questionnaire_id", "questionnaire.id"),
    must("version", Number),
    must("code", Words),
    must("text", Words),
    must("answered_at", Moment),
    Index(None, "questionnaire_id", "version"),
    sqlite_autoincrement=True,
)

certification = Table(
    "certification",
    metadata,
    serial(),
    must("app", Words),
    must("scope", Words),
    must("field", Words),
    must("purpose", Words),
    must("certified_by", Words),
    must("certified_at", Moment),
    must("expires_at", Moment),
    of("questionnaire_id", "questionnaire.id", required=False),
    Index(None, "app", "scope", "field"),
    sqlite_autoincrement=True,
)

known_transfer = Table(
    "known_transfer",
    metadata,
    serial(),
    must("app", Words),
    may("from_holder", Words),
    must("holder", Words),
    must("fields", Words),
    may("happened", Words),
    may("still_held", Words),
    must("known_by", Words),
    must("source", Words),
    must("author", Words),
    must("learned_at", Moment),
    of("questionnaire_id", "questionnaire.id", required=False),
    may("withdrawn_at", Moment),
    Index(None, "app", "learned_at"),
    sqlite_autoincrement=True,
)
