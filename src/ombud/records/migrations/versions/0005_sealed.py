"""Sealed files: old logs whose hash went on record on the day they were found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "sealed_source",
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("sealed_at", MOMENT, nullable=False),
        sa.Column("outbox", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_sealed_source")),
    )
    op.create_index(op.f("ix_sealed_source_sealed_at"), "sealed_source", ["sealed_at"], unique=False)
