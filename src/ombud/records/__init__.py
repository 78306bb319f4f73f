"""Records: what Ombud and its people concluded and set, on SQLite or PostgreSQL.

One module of functions per noun; each takes the transaction first and returns
frozen structs: `lake_files`, `imports`, `dictionaries`, `outbox`, `findings`,
`figures`, `cases`, `entities`, `users`, `looks`, `jobs`; of the gate `apps`,
`reviews`, `consents`, `policies`, `gate_hosts`, `canary_reads`, `egress`,
`brakes`, `spent_tokens`, and `changes`, by which a gate sees that any changed.
"""

from __future__ import annotations

from ombud.records.database import Records, open_records
from ombud.records.upgrades import migrate

__all__ = ["Records", "migrate", "open_records"]
