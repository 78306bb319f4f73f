"""Whose grants opened their friends' data to an app: by the policies on record, and by none other.

A grant opens friends' data while it is in force under a policy that gives one of its scopes, or the scope that comes
with every grant, any field of friends. Of a time before the first policy on record nobody can say; no policy that
ships with Ombud is taken for the one in force then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyroaring import BitMap

from ombud.gate.registry import policy_of
from ombud.lake.engines.duckdb import DuckEngine
from ombud.lake.engines.sql import queries
from ombud.records import consents, policies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ombud.gate.policy.language import Policy
    from ombud.lake import Lake

__all__ = ["Opening", "Reign", "opening", "reigns"]

Numbers = NDArray[np.int64]

_NUMBERED = "SELECT p.id AS person, t.scope, t.since, t.until FROM told AS t JOIN account_ids AS p ON p.name = t.name"
_EVER = np.iinfo(np.int64).max
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Reign:
    """One policy on record and the time in which it was in force."""

    policy: Policy
    since: datetime
    until: datetime | None
    """null while it lasts"""


@dataclass(frozen=True, slots=True)
class Opening:
    """Installers, by whom their grants opened."""

    friends: BitMap
    """a policy on record opened all their friends"""
    users: BitMap
    """a policy on record opened those of their friends who use the app, too"""
    unsaid: BitMap
    """the grant was in force at a time for which no policy is on record"""


def reigns(lake: Lake) -> list[Reign]:
    """Return the policies on record in the order in which they came, each with its time."""
    with lake.records.read() as tx:
        found = policies.history(tx)[::-1]
    ends = [*(version.active_from for version in found[1:]), None][: len(found)]
    return [
        Reign(policy_of(version), version.active_from, end)
        for version, end in zip(found, ends, strict=True)
        if end != version.active_from
    ]


def opening(lake: Lake, app: int) -> Opening:
    """Return what the grants and consents of an app (its number) opened of friends."""
    law = reigns(lake)
    person, scope, since, until = _grants(lake, app)
    names = scope.dictionary.to_pylist()
    codes = scope.indices.to_numpy(zero_copy_only=False)
    out = Opening(BitMap(), BitMap(), BitMap())
    for reign in law:
        opens = np.array([_opens_friends(reign.policy, name) for name in names], dtype=bool)
        start, end = _micros(reign.since), _micros(reign.until)
        chosen = person[(since < end) & (until > start) & opens[codes]] if len(codes) else person
        (out.users if reign.policy.friends.must_use_app else out.friends).update(chosen.tolist())
    first = _micros(law[0].since) if law else _EVER
    out.unsaid.update(person[since < first].tolist())
    return out


def _opens_friends(policy: Policy, scope: str) -> bool:
    """Say whether a grant of this scope opened anything of friends: by itself, or by what comes with every grant."""
    return any(one.opens_of_friends for name, one in policy.scopes.items() if name == scope or one.basic)


def _grants(lake: Lake, app: int) -> tuple[Numbers, Any, Numbers, Numbers]:
    """Return person, scope, beginning and end of every grant in the lake and every state of a consent on record."""
    with lake.duck(["grants"]) as duck:
        rows = DuckEngine(duck, queries("ombud.audit")).run("grants_of_app", app=app)
        name = duck.execute("SELECT name FROM app_ids WHERE id = $app AND name IS NOT NULL", {"app": app}).fetchall()
        if name:
            with lake.records.read() as tx:
                told = _told(list(consents.told(tx, name[0][0])))
            duck.register("told", told)
            rows = pa.concat_tables([rows, duck.sql(_NUMBERED).to_arrow_table().cast(rows.schema)])
    columns: Any = {column: rows[column] for column in rows.column_names}
    ends = columns["until"].fill_null(_EVER)
    return (
        columns["person"].to_numpy().astype(np.int64),
        pa.concat_arrays(columns["scope"].chunks or [pa.array([], pa.string())]).dictionary_encode(),
        columns["since"].to_numpy().astype(np.int64),
        ends.to_numpy().astype(np.int64),
    )


def _told(events: Sequence[consents.Told]) -> pa.Table:
    """Return what people allowed, by scope: from one change of a consent to the next."""
    rows: list[tuple[str, str, int, int | None]] = []
    for n, event in enumerate(events):
        following = events[n + 1] if n + 1 < len(events) and events[n + 1].person == event.person else None
        until = None if following is None else _micros(following.at)
        rows += [(event.person, scope, _micros(event.at), until) for scope in event.scopes]
    fields = [("name", pa.string()), ("scope", pa.string()), ("since", pa.int64()), ("until", pa.int64())]
    columns = list(zip(*rows, strict=True)) or [()] * len(fields)
    return pa.table(
        [pa.array(column, type_) for column, (_, type_) in zip(columns, fields, strict=True)],
        names=[name for name, _ in fields],
    )


def _micros(moment: datetime | None) -> int:
    if moment is None:
        return int(_EVER)
    span = moment - _EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds
