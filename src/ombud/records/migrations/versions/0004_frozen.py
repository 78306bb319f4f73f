"""Audits of one app: what they showed, and the sets of affected people that were frozen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON().with_variant(sa.Text(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables of audits."""
    op.create_table(
        "app_audit",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("document", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_app_audit")),
    )
    op.create_index(op.f("ix_app_audit_app_made_at"), "app_audit", ["app", "made_at"], unique=False)
    op.create_table(
        "frozen_set",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("frozen_at", MOMENT, nullable=False),
        sa.Column("since", MOMENT, nullable=False),
        sa.Column("until", MOMENT, nullable=False),
        sa.Column("people", NUMBER, nullable=False),
        sa.Column("direct", NUMBER, nullable=False),
        sa.Column("via", NUMBER, nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("padded", NUMBER, nullable=False),
        sa.Column("pad_seed", sa.Text(), nullable=False),
        sa.Column("outbox", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_frozen_set")),
    )
    op.create_index(op.f("ix_frozen_set_app_frozen_at"), "frozen_set", ["app", "frozen_at"], unique=False)
