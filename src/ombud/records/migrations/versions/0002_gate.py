"""The gate: apps and their reviews, consents, policies, hosts, canary reads, egress counts, brakes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(sa.Text(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the gate's tables."""
    op.create_table(
        "app_registration",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("developer", sa.Text(), nullable=False),
        sa.Column("developer_name", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=True),
        sa.Column("purposes", JSON, nullable=False),
        sa.Column("hosts", JSON, nullable=False),
        sa.Column("relay", sa.Boolean(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("registered_at", MOMENT, nullable=False),
        sa.Column("last_active_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("app", name=op.f("pk_app_registration")),
    )
    op.create_index(op.f("ix_app_registration_developer"), "app_registration", ["developer"], unique=False)
    op.create_index(op.f("ix_app_registration_status"), "app_registration", ["status"], unique=False)
    op.create_table(
        "canary_read",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("fields", JSON, nullable=False),
        sa.Column("purpose", sa.Text(), nullable=True),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("read", sa.Text(), nullable=True),
        sa.Column("checked_at", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_canary_read")),
    )
    op.create_index(op.f("ix_canary_read_made_at"), "canary_read", ["made_at"], unique=False)
    op.create_table(
        "consent",
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("granted_at", MOMENT, nullable=False),
        sa.Column("last_used_at", MOMENT, nullable=True),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("revoked_at", MOMENT, nullable=True),
        sa.Column("forget_at", MOMENT, nullable=True),
        sa.Column("change", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("app", "person", name=op.f("pk_consent")),
    )
    op.create_index(op.f("ix_consent_change"), "consent", ["change"], unique=False)
    op.create_index(op.f("ix_consent_person"), "consent", ["person"], unique=False)
    op.create_table(
        "consent_event",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("happened_at", MOMENT, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("scopes", JSON, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("salt", sa.Text(), nullable=False),
        sa.Column("pad_seed", sa.Text(), nullable=False),
        sa.Column("outbox", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_event")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_consent_event_person_app_id"), "consent_event", ["person", "app", "id"], unique=False)
    op.create_table(
        "egress_count",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("hour", MOMENT, nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("reads", NUMBER, nullable=True),
        sa.Column("people", NUMBER, nullable=True),
        sa.Column("fields", NUMBER, nullable=True),
        sa.Column("bytes", NUMBER, nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("counted_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("host", "hour", "app", name=op.f("pk_egress_count")),
    )
    op.create_index(op.f("ix_egress_count_hour"), "egress_count", ["hour"], unique=False)
    op.create_table(
        "gate_host",
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.Column("sequence", NUMBER, nullable=False),
        sa.Column("flushed", NUMBER, nullable=False),
        sa.Column("rows", NUMBER, nullable=False),
        sa.Column("policy", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_gate_host")),
    )
    op.create_table(
        "policy_version",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("active_from", MOMENT, nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_version")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_policy_version_active_from_id"), "policy_version", ["active_from", "id"], unique=False)
    op.create_index(op.f("ix_policy_version_hash"), "policy_version", ["hash"], unique=False)
    op.create_table(
        "spent_token",
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("token_sha256", name=op.f("pk_spent_token")),
    )
    op.create_index(op.f("ix_spent_token_expires_at"), "spent_token", ["expires_at"], unique=False)
    op.create_table(
        "app_brake",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=True),
        sa.Column("finding_id", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("released_at", MOMENT, nullable=True),
        sa.Column("released_by", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["finding_id"], ["finding.id"], name=op.f("fk_app_brake_finding_id_finding")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_brake")),
    )
    op.create_index(op.f("ix_app_brake_app_released_at"), "app_brake", ["app", "released_at"], unique=False)
    op.create_table(
        "app_event",
        sa.Column("id", NUMBER, autoincrement=True, nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("happened_at", MOMENT, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["app"], ["app_registration.app"], name=op.f("fk_app_event_app_app_registration")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_event")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_app_event_app_id"), "app_event", ["app", "id"], unique=False)
    op.create_table(
        "app_review",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("approved_by", sa.Text(), nullable=False),
        sa.Column("approved_at", MOMENT, nullable=False),
        sa.Column("contract", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=True),
        sa.Column("withdrawn_at", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["app"], ["app_registration.app"], name=op.f("fk_app_review_app_app_registration")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_review")),
    )
    op.create_index(op.f("ix_app_review_app_scope"), "app_review", ["app", "scope"], unique=False)
