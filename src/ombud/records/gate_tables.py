"""The tables of the gate: apps, reviews, consents, policies, hosts, what coverage is measured by, brakes."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table

from ombud.records.columns import Json, Moment, Number, Words
from ombud.records.metadata import identity, may, metadata, must, of, serial

__all__ = ["metadata"]

# Apps ------------------------------------------------------------------------

app_registration = Table(
    "app_registration",
    metadata,
    Column("app", Words, primary_key=True),
    must("developer", Words),
    may("developer_name", Words),
    must("name", Words),
    may("category", Words),
    must("purposes", Json),
    must("hosts", Json),
    must("relay", Boolean),
    must("status", Words),
    must("registered_at", Moment),
    may("last_active_at", Moment),
    Index(None, "developer"),
    Index(None, "status"),
)

app_event = Table(
    "app_event",
    metadata,
    serial(),
    of("app", "app_registration.app"),
    must("happened_at", Moment),
    must("kind", Words),
    may("author", Words),
    must("text", Words),
    Index(None, "app", "id"),
    sqlite_autoincrement=True,
)

app_review = Table(
    "app_review",
    metadata,
    identity(),
    of("app", "app_registration.app"),
    must("scope", Words),
    must("approved_by", Words),
    must("approved_at", Moment),
    may("contract", Words),
    must("reason", Words),
    may("expires_at", Moment),
    may("withdrawn_at", Moment),
    Index(None, "app", "scope"),
)

# People ----------------------------------------------------------------------

consent = Table(
    "consent",
    metadata,
    Column("app", Words, primary_key=True),
    Column("person", Words, primary_key=True),
    must("scopes", Json),
    must("granted_at", Moment),
    may("last_used_at", Moment),
    may("expires_at", Moment),
    may("revoked_at", Moment),
    may("forget_at", Moment),
    must("change", Number),
    Index(None, "person"),
    Index(None, "change"),
)

consent_event = Table(
    "consent_event",
    metadata,
    serial(),
    must("app", Words),
    must("person", Words),
    must("happened_at", Moment),
    must("kind", Words),
    must("scopes", Json),
    must("author", Words),
    must("salt", Words),
    must("pad_seed", Words),
    must("outbox", Number),
    Index(None, "person", "app", "id"),
    sqlite_autoincrement=True,
)

# Policies --------------------------------------------------------------------

policy_version = Table(
    "policy_version",
    metadata,
    serial(),
    must("hash", Words),
    must("name", Words),
    must("text", Words),
    must("active_from", Moment),
    must("author", Words),
    must("reason", Words),
    must("created_at", Moment),
    Index(None, "hash"),
    Index(None, "active_from", "id"),
    sqlite_autoincrement=True,
)

# Gates and what their record is measured by ------------------------------------

gate_host = Table(
    "gate_host",
    metadata,
    Column("host", Words, primary_key=True),
    must("started_at", Moment),
    must("seen_at", Moment),
    must("sequence", Number),
    must("flushed", Number),
    must("rows", Number),
    may("policy", Words),
)

canary_read = Table(
    "canary_read",
    metadata,
    identity(),
    must("app", Words),
    must("person", Words),
    must("fields", Json),
    may("purpose", Words),
    must("made_at", Moment),
    must("due_at", Moment),
    may("read", Words),
    may("checked_at", Moment),
    Index(None, "made_at"),
)

egress_count = Table(
    "egress_count",
    metadata,
    Column("host", Words, primary_key=True),
    Column("hour", Moment, primary_key=True),
    Column("app", Words, primary_key=True),
    may("reads", Number),
    may("people", Number),
    may("fields", Number),
    may("bytes", Number),
    must("source", Words),
    must("counted_at", Moment),
    Index(None, "hour"),
)

# Brakes ------------------------------------------------------------------------

app_brake = Table(
    "app_brake",
    metadata,
    identity(),
    must("app", Words),
    must("state", Words),
    must("since", Moment),
    may("until", Moment),
    of("finding_id", "finding.id", required=False),
    must("reason", Words),
    may("released_at", Moment),
    may("released_by", Words),
    may("note", Words),
    Index(None, "app", "released_at"),
)

spent_token = Table(
    "spent_token",
    metadata,
    Column("token_sha256", Words, primary_key=True),
    must("expires_at", Moment),
    Index(None, "expires_at"),
)
