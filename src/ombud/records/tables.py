"""The tables of the records: what Ombud and its people concluded and set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, Column, Double, ForeignKey, Index, Integer, MetaData, Table, UniqueConstraint

from ombud.records.columns import Json, Moment, Number, Words

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

__all__ = ["metadata"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _must(name: str, kind: TypeEngine[Any] | type[TypeEngine[Any]]) -> Column[Any]:
    return Column(name, kind, nullable=False)


def _may(name: str, kind: TypeEngine[Any] | type[TypeEngine[Any]]) -> Column[Any]:
    return Column(name, kind, nullable=True)


def _id() -> Column[str]:
    return Column("id", Words, primary_key=True)


def _serial() -> Column[int]:
    return Column("id", Number, primary_key=True, autoincrement=True)


def _of(name: str, target: str, *, required: bool = True, cascade: bool = False, key: bool = False) -> Column[Any]:
    """Return a column that points at another table's row."""
    link = ForeignKey(target, ondelete="CASCADE" if cascade else None)
    return Column(name, Words, link, nullable=not required, primary_key=key)


meta = Table("meta", metadata, Column("key", Words, primary_key=True), _may("value", Json), _must("updated_at", Moment))

counter = Table(
    "counter",
    metadata,
    Column("name", Words, primary_key=True),
    _must("next", Number),
    comment="The next free number of each dictionary and of the cases.",
)

# What lies in the lake -------------------------------------------------------

lake_file = Table(
    "lake_file",
    metadata,
    Column("path", Words, primary_key=True),
    _must("table_name", Words),
    _may("day", Words),
    _must("rows", Number),
    _may("first", Moment),
    _may("last", Moment),
    _must("bytes", Number),
    _must("sha256", Words),
    _may("import_id", Words),
    _must("attached", Boolean),
    _may("mapping", Json),
    _must("created_at", Moment),
    Index(None, "table_name", "day"),
)

import_run = Table(
    "import_run",
    metadata,
    _id(),
    _must("format", Words),
    _must("source_name", Words),
    _must("source_sha256", Words),
    _must("options_hash", Words),
    _must("state", Words),
    _must("started_at", Moment),
    _may("finished_at", Moment),
    _must("counts", Json),
    Index(None, "source_sha256", "format", "options_hash"),
)

ledger_outbox = Table(
    "ledger_outbox",
    metadata,
    _serial(),
    _must("type", Words),
    _must("payload", Json),
    _must("created_at", Moment),
    _may("published_at", Moment),
    _may("ledger_index", Number),
    Index(None, "published_at", "id"),
    sqlite_autoincrement=True,
)

entity_merge = Table(
    "entity_merge",
    metadata,
    Column("kind", Words, primary_key=True),
    Column("alias", Words, primary_key=True),
    Column("entity", Words, primary_key=True),
    _must("reason", Words),
    _must("score", Double),
    _must("status", Words),
    _may("decided_by", Words),
    _must("decided_at", Moment),
    Index(None, "kind", "status"),
)

# What tools said -------------------------------------------------------------

finding = Table(
    "finding",
    metadata,
    _id(),
    _must("says", Words),
    _must("subject_kind", Words),
    _must("subject", Words),
    _must("title", Words),
    _must("score", Double),
    _may("q", Double),
    _must("calibration", Words),
    _must("reasons", Json),
    _must("explanations", Json),
    _must("query", Words),
    _must("tool", Words),
    _must("tool_version", Words),
    _must("settings", Json),
    _must("found_at", Moment),
    _must("detail", Json),
    Index(None, "subject_kind", "subject"),
    Index(None, "says", "score"),
)

finding_row = Table(
    "finding_row",
    metadata,
    _of("finding_id", "finding.id", cascade=True, key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _must("table_name", Words),
    _must("row_id", Words),
    Index(None, "table_name", "row_id"),
)

figure = Table(
    "figure",
    metadata,
    _id(),
    _must("name", Words),
    _may("value", Json),
    _must("unit", Words),
    _must("query", Words),
    _must("parameters", Json),
    _must("inputs", Json),
    _must("ledger", Json),
    _may("subject", Words),
    _must("saved_at", Moment),
    Index(None, "subject"),
)

finding_figure = Table(
    "finding_figure",
    metadata,
    _of("finding_id", "finding.id", cascade=True, key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _of("figure_id", "figure.id"),
    Index(None, "figure_id"),
)

# What people do about it -----------------------------------------------------

case_file = Table(
    "case_file",
    metadata,
    _id(),
    _must("number", Number),
    _must("kind", Words),
    _must("title", Words),
    _must("folded", Words),
    _must("state", Words),
    _must("opened_at", Moment),
    _must("updated_at", Moment),
    UniqueConstraint("number"),
    Index(None, "state", "kind"),
)

case_finding = Table(
    "case_finding",
    metadata,
    _of("case_id", "case_file.id", key=True),
    _of("finding_id", "finding.id", key=True),
    _must("added_at", Moment),
    UniqueConstraint("finding_id"),
)

case_event = Table(
    "case_event",
    metadata,
    _serial(),
    _of("case_id", "case_file.id"),
    _must("happened_at", Moment),
    _must("kind", Words),
    _may("author", Words),
    _must("text", Words),
    Index(None, "case_id", "id"),
    sqlite_autoincrement=True,
)

staff = Table(
    "staff",
    metadata,
    _id(),
    _must("name", Words),
    _must("folded", Words),
    _must("role", Words),
    _must("password_hash", Words),
    _must("created_at", Moment),
    _may("disabled_at", Moment),
    UniqueConstraint("folded"),
)

staff_session = Table(
    "staff_session",
    metadata,
    Column("token_sha256", Words, primary_key=True),
    _of("staff_id", "staff.id", cascade=True),
    _must("opened_at", Moment),
    _must("expires_at", Moment),
    Index(None, "staff_id"),
    Index(None, "expires_at"),
)

look = Table(
    "look",
    metadata,
    _serial(),
    _must("happened_at", Moment),
    _of("staff_id", "staff.id"),
    _must("what", Words),
    _must("subject", Words),
    _must("purpose", Words),
    Index(None, "staff_id"),
    Index(None, "subject"),
    sqlite_autoincrement=True,
)

decision = Table(
    "decision",
    metadata,
    _id(),
    _of("case_id", "case_file.id"),
    _of("decided_by", "staff.id"),
    _must("decided_at", Moment),
    _must("outcome", Words),
    _must("reason_code", Words),
    _must("text", Words),
    _may("subject_kind", Words),
    _may("subject", Words),
    _of("reverses", "decision.id", required=False),
    Index(None, "case_id"),
)

action = Table(
    "action",
    metadata,
    _id(),
    _of("decision_id", "decision.id"),
    _must("kind", Words),
    _must("subject_kind", Words),
    _must("subject", Words),
    _must("parameters", Json),
    _must("state", Words),
    _must("created_at", Moment),
    _of("approved_by", "staff.id", required=False),
    _may("applied_at", Moment),
    _may("undone_at", Moment),
    Index(None, "decision_id"),
    Index(None, "subject_kind", "subject"),
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    _id(),
    _of("action_id", "action.id", required=False),
    _must("url", Words),
    _must("body", Json),
    _must("state", Words),
    _must("attempts", Integer),
    _must("created_at", Moment),
    _may("next_at", Moment),
    _may("delivered_at", Moment),
    _may("last_status", Integer),
    _may("last_error", Words),
    Index(None, "state", "next_at"),
)

# Work in the background ------------------------------------------------------

job = Table(
    "job",
    metadata,
    _id(),
    _must("kind", Words),
    _must("payload", Json),
    _may("key", Words),
    _must("state", Words),
    _must("run_at", Moment),
    _must("attempts", Integer),
    _must("max_attempts", Integer),
    _may("leased_by", Words),
    _may("leased_until", Moment),
    _must("created_at", Moment),
    _may("finished_at", Moment),
    _may("result", Json),
    _may("error", Words),
    UniqueConstraint("key"),
    Index(None, "state", "run_at"),
)
