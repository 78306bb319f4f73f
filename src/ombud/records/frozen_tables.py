"""The tables of audits of one app: what an audit showed, and the sets of affected people that were frozen."""

from __future__ import annotations

from sqlalchemy import Index, Table

from ombud.records.columns import Json, Moment, Number, Words
from ombud.records.metadata import identity, metadata, must

__all__ = ["metadata"]

app_audit = Table(
    "app_audit",
    metadata,
    identity(),
    must("app", Words),
    must("made_at", Moment),
    must("since", Moment),
    must("until", Moment),
    must("document", Json),
    Index(None, "app", "made_at"),
)

frozen_set = Table(
    "frozen_set",
    metadata,
    identity(),
    must("app", Words),
    must("reason", Words),
    must("author", Words),
    must("frozen_at", Moment),
    must("since", Moment),
    must("until", Moment),
    must("people", Number),
    must("direct", Number),
    must("via", Number),
    must("root", Words),
    must("padded", Number),
    must("pad_seed", Words),
    must("outbox", Number),
    Index(None, "app", "frozen_at"),
)
