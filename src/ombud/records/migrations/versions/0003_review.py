"""The review of every app: how far it is, what developers were asked and said, who holds what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(sa.Text(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the review's tables."""
    op.create_table(
        "review_progress",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("round", NUMBER, nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("deadline", MOMENT, nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("status_before", sa.Text(), nullable=True),
        sa.Column("rank", NUMBER, nullable=True),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("signals", JSON, nullable=False),
        sa.Column("entered_at", MOMENT, nullable=False),
        sa.Column("moved_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("app", name=op.f("pk_review_progress")),
    )
    op.create_index(op.f("ix_review_progress_rank_app"), "review_progress", ["rank", "app"], unique=False)
    op.create_index(op.f("ix_review_progress_stage_rank"), "review_progress", ["stage", "rank"], unique=False)
    op.create_table(
        "review_line",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("round", NUMBER, nullable=False),
        sa.Column("happened_at", MOMENT, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("stage_from", sa.Text(), nullable=True),
        sa.Column("stage_to", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("second", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["review_progress.app"], name=op.f("fk_review_line_app_review_progress")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_line")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_review_line_app_id"), "review_line", ["app", "id"], unique=False)
    op.create_index(op.f("ix_review_line_kind_stage_to"), "review_line", ["kind", "stage_to"], unique=False)
    op.create_table(
        "review_proposal",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("apps", JSON, nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("proposed_by", sa.Text(), nullable=False),
        sa.Column("proposed_at", MOMENT, nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("answered_by", sa.Text(), nullable=True),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_proposal")),
    )
    op.create_index(
        op.f("ix_review_proposal_answered_at_proposed_at"),
        "review_proposal",
        ["answered_at", "proposed_at"],
        unique=False,
    )
    op.create_table(
        "questionnaire",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("round", NUMBER, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("told", JSON, nullable=False),
        sa.Column("questions", JSON, nullable=False),
        sa.Column("consequence", sa.Text(), nullable=False),
        sa.Column("leads_to", sa.Text(), nullable=True),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("asked_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("answered_at", MOMENT, nullable=True),
        sa.Column("version", NUMBER, nullable=False),
        sa.Column("withdrawn_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["app"], ["review_progress.app"], name=op.f("fk_questionnaire_app_review_progress")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_questionnaire")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_questionnaire_token_sha256")),
    )
    op.create_index(op.f("ix_questionnaire_app_asked_at"), "questionnaire", ["app", "asked_at"], unique=False)
    op.create_index(op.f("ix_questionnaire_due_at"), "questionnaire", ["due_at"], unique=False)
    op.create_table(
        "developer_answer",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("questionnaire_id", sa.Text(), nullable=False),
        sa.Column("version", NUMBER, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("answered_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["questionnaire_id"], ["questionnaire.id"], name=op.f("fk_developer_answer_questionnaire_id_questionnaire")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_developer_answer")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_developer_answer_questionnaire_id_version"),
        "developer_answer",
        ["questionnaire_id", "version"],
        unique=False,
    )
    op.create_table(
        "certification",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("certified_by", sa.Text(), nullable=False),
        sa.Column("certified_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("questionnaire_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["questionnaire_id"], ["questionnaire.id"], name=op.f("fk_certification_questionnaire_id_questionnaire")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certification")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_certification_app_scope_field"), "certification", ["app", "scope", "field"], unique=False)
    op.create_table(
        "known_transfer",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("from_holder", sa.Text(), nullable=True),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("happened", sa.Text(), nullable=True),
        sa.Column("still_held", sa.Text(), nullable=True),
        sa.Column("known_by", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("learned_at", MOMENT, nullable=False),
        sa.Column("questionnaire_id", sa.Text(), nullable=True),
        sa.Column("withdrawn_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(
            ["questionnaire_id"], ["questionnaire.id"], name=op.f("fk_known_transfer_questionnaire_id_questionnaire")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_transfer")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_known_transfer_app_learned_at"), "known_transfer", ["app", "learned_at"], unique=False)
