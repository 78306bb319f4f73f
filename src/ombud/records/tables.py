"""The tables of the records: what Ombud and its people concluded and set."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, Index, Integer, Table, UniqueConstraint

from ombud.records import frozen_tables as _frozen  # noqa: F401 - so that `metadata` has them too
from ombud.records import gate_tables as _gate  # noqa: F401 - so that `metadata` has them too
from ombud.records import review_tables as _review  # noqa: F401 - likewise
from ombud.records import sealed_tables as _sealed  # noqa: F401 - likewise
from ombud.records.columns import Json, Moment, Number, Words
from ombud.records.metadata import identity, may, metadata, must, of, serial

__all__ = ["metadata"]

meta = Table("meta", metadata, Column("key", Words, primary_key=True), may("value", Json), must("updated_at", Moment))

counter = Table(
    "counter",
    metadata,
    Column("name", Words, primary_key=True),
    must("next", Number),
    comment="The next free number of each dictionary and of the cases.",
)

# What lies in the lake -------------------------------------------------------

lake_file = Table(
    "lake_file",
    metadata,
    Column("path", Words, primary_key=True),
    must("table_name", Words),
    may("day", Words),
    must("rows", Number),
    may("first", Moment),
    may("last", Moment),
    must("bytes", Number),
    must("sha256", Words),
    may("import_id", Words),
    must("attached", Boolean),
    may("mapping", Json),
    must("created_at", Moment),
    Index(None, "table_name", "day"),
)

import_run = Table(
    "import_run",
    metadata,
    identity(),
    must("format", Words),
    must("source_name", Words),
    must("source_sha256", Words),
    must("options_hash", Words),
    must("state", Words),
    must("started_at", Moment),
    may("finished_at", Moment),
    must("counts", Json),
    Index(None, "source_sha256", "format", "options_hash"),
)

ledger_outbox = Table(
    "ledger_outbox",
    metadata,
    serial(),
    must("type", Words),
    must("payload", Json),
    must("created_at", Moment),
    may("published_at", Moment),
    may("ledger_index", Number),
    Index(None, "published_at", "id"),
    sqlite_autoincrement=True,
)

entity_merge = Table(
    "entity_merge",
    metadata,
    Column("kind", Words, primary_key=True),
    Column("alias", Words, primary_key=True),
    Column("entity", Words, primary_key=True),
    must("reason", Words),
    must("score", Double),
    must("status", Words),
    may("decided_by", Words),
    must("decided_at", Moment),
    Index(None, "kind", "status"),
)

# What tools said -------------------------------------------------------------

finding = Table(
    "finding",
    metadata,
    identity(),
    must("says", Words),
    must("subject_kind", Words),
    must("subject", Words),
    must("title", Words),
    must("score", Double),
    may("q", Double),
    must("calibration", Words),
    must("reasons", Json),
    must("explanations", Json),
    must("query", Words),
    must("tool", Words),
    must("tool_version", Words),
    must("settings", Json),
    must("found_at", Moment),
    must("detail", Json),
    Index(None, "subject_kind", "subject"),
    Index(None, "says", "score"),
)

finding_row = Table(
    "finding_row",
    metadata,
    of("finding_id", "finding.id", cascade=True, key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    must("table_name", Words),
    must("row_id", Words),
    Index(None, "table_name", "row_id"),
)

figure = Table(
    "figure",
    metadata,
    identity(),
    must("name", Words),
    may("value", Json),
    must("unit", Words),
    must("query", Words),
    must("parameters", Json),
    must("inputs", Json),
    must("ledger", Json),
    may("subject", Words),
    must("saved_at", Moment),
    Index(None, "subject"),
)

finding_figure = Table(
    "finding_figure",
    metadata,
    of("finding_id", "finding.id", cascade=True, key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    of("figure_id", "figure.id"),
    Index(None, "figure_id"),
)

# What people do about it -----------------------------------------------------

case_file = Table(
    "case_file",
    metadata,
    identity(),
    must("number", Number),
    must("kind", Words),
    must("title", Words),
    must("folded", Words),
    must("state", Words),
    must("opened_at", Moment),
    must("updated_at", Moment),
    UniqueConstraint("number"),
    Index(None, "state", "kind"),
)

case_finding = Table(
    "case_finding",
    metadata,
    of("case_id", "case_file.id", key=True),
    of("finding_id", "finding.id", key=True),
    must("added_at", Moment),
    UniqueConstraint("finding_id"),
)

case_event = Table(
    "case_event",
    metadata,
    serial(),
    of("case_id", "case_file.id"),
    must("happened_at", Moment),
    must("kind", Words),
    may("author", Words),
    must("text", Words),
    Index(None, "case_id", "id"),
    sqlite_autoincrement=True,
)

staff = Table(
    "staff",
    metadata,
    identity(),
    must("name", Words),
    must("folded", Words),
    must("role", Words),
    must("password_hash", Words),
    must("created_at", Moment),
    may("disabled_at", Moment),
    UniqueConstraint("folded"),
)

staff_session = Table(
    "staff_session",
    metadata,
    Column("token_sha256", Words, primary_key=True),
    of("staff_id", "staff.id", cascade=True),
    must("opened_at", Moment),
    must("expires_at", Moment),
    Index(None, "staff_id"),
    Index(None, "expires_at"),
)

look = Table(
    "look",
    metadata,
    serial(),
    must("happened_at", Moment),
    of("staff_id", "staff.id"),
    must("what", Words),
    must("subject", Words),
    must("purpose", Words),
    Index(None, "staff_id"),
    Index(None, "subject"),
    sqlite_autoincrement=True,
)

decision = Table(
    "decision",
    metadata,
    identity(),
    of("case_id", "case_file.id"),
    of("decided_by", "staff.id"),
    must("decided_at", Moment),
    must("outcome", Words),
    must("reason_code", Words),
    must("text", Words),
    may("subject_kind", Words),
    may("subject", Words),
    of("reverses", "decision.id", required=False),
    Index(None, "case_id"),
)

action = Table(
    "action",
    metadata,
    identity(),
    of("decision_id", "decision.id"),
    must("kind", Words),
    must("subject_kind", Words),
    must("subject", Words),
    must("parameters", Json),
    must("state", Words),
    must("created_at", Moment),
    of("approved_by", "staff.id", required=False),
    may("applied_at", Moment),
    may("undone_at", Moment),
    Index(None, "decision_id"),
    Index(None, "subject_kind", "subject"),
)

webhook_delivery = Table(
    "webhook_delivery",
    metadata,
    identity(),
    of("action_id", "action.id", required=False),
    must("url", Words),
    must("body", Json),
    must("state", Words),
    must("attempts", Integer),
    must("created_at", Moment),
    may("next_at", Moment),
    may("delivered_at", Moment),
    may("last_status", Integer),
    may("last_error", Words),
    Index(None, "state", "next_at"),
)

# Work in the background ------------------------------------------------------

job = Table(
    "job",
    metadata,
    identity(),
    must("kind", Words),
    must("payload", Json),
    may("key", Words),
    must("state", Words),
    must("run_at", Moment),
    must("attempts", Integer),
    must("max_attempts", Integer),
    may("leased_by", Words),
    may("leased_until", Moment),
    must("created_at", Moment),
    may("finished_at", Moment),
    may("result", Json),
    may("error", Words),
    UniqueConstraint("key"),
    Index(None, "state", "run_at"),
)
