"""Whose grants opened their friends' data to an app: by the policies on record, and by none other.

A grant opens friends' data while it is in force under a policy that gives one of its scopes, or the scope that comes
with every grant, any field of friends. Of a time before the first policy on record nobody can say; no policy that
ships with Ombud is taken for the one in force then.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, islice, pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyroaring import BitMap

from ombud.audit.people.bits import from_numbers
from ombud.gate.registry import policy_of
from ombud.lake.engines.sql import queries
from ombud.lake.faults import duck_faults
from ombud.records import consents, policies

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ombud.gate.policy.language import Policy
    from ombud.lake import Lake

__all__ = ["Opening", "Reign", "opening", "openings", "reigns"]

_ROWS = 100_000
_NUMBERED = """
CREATE TEMP VIEW told AS SELECT a.id AS app, p.id AS person, s.scope, s.since, s.until
FROM said AS s JOIN app_ids AS a ON a.name = s.app JOIN account_ids AS p ON p.name = s.name
"""
_SAID = pa.schema(
    [(name, pa.string()) for name in ("app", "name", "scope")] + [(name, pa.int64()) for name in ("since", "until")]
)
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


def openings(lake: Lake, apps: Sequence[int]) -> dict[int, Opening]:
    """Return what the grants and consents of apps (their numbers) opened of friends; the grants are read once."""
    law = reigns(lake)
    wanted = set(apps)
    found = {app: _opening(law, rows) for app, rows in _grants(lake, min(apps), max(apps)) if app in wanted}
    nobody = Opening(BitMap(), BitMap(), BitMap())
    return {app: found.get(app, nobody) for app in apps}


def opening(lake: Lake, app: int) -> Opening:
    """Return what the grants and consents of one app opened of friends."""
    return openings(lake, [app])[app]


def _opening(law: Sequence[Reign], rows: pa.Table) -> Opening:
    columns: Any = {name: rows[name] for name in rows.column_names}
    person, since = (columns[name].to_numpy().astype(np.int64) for name in ("person", "since"))
    until = columns["until"].fill_null(_EVER).to_numpy().astype(np.int64)
    scope: Any = pa.concat_arrays(columns["scope"].chunks).dictionary_encode()
    names, codes = scope.dictionary.to_pylist(), scope.indices.to_numpy(zero_copy_only=False)
    friends, users = BitMap(), BitMap()
    for reign in law:
        opens = np.array([_opens_friends(reign.policy, name) for name in names], dtype=bool)
        chosen = person[(since < _micros(reign.until)) & (until > _micros(reign.since)) & opens[codes]]
        (users if reign.policy.friends.must_use_app else friends).update(from_numbers(chosen))
    first = _micros(law[0].since) if law else _EVER
    return Opening(friends, users, from_numbers(person[since < first]))


def _opens_friends(policy: Policy, scope: str) -> bool:
    """Say whether a grant of this scope opened anything of friends: by itself, or by what comes with every grant."""
    return any(one.opens_of_friends for name, one in policy.scopes.items() if name == scope or one.basic)


def _grants(lake: Lake, first: int, last: int) -> Iterator[tuple[int, pa.Table]]:
    """Yield the grants of each app in a range of numbers, and every state of a consent on record; apps in order."""
    with lake.duck(["grants"]) as duck, duck_faults(lake.folder, "`grants`"):
        only = duck.execute("SELECT name FROM app_ids WHERE id = $app", {"app": first}).fetchone()
        duck.execute("CREATE TEMP TABLE said (app VARCHAR, name VARCHAR, scope VARCHAR, since BIGINT, until BIGINT)")
        with lake.records.read() as tx:
            rows = _told(consents.told(tx, only[0] if only is not None and first == last else None))
            while some := list(islice(rows, _ROWS)):
                duck.register(
                    "some_rows", pa.table(dict(zip(_SAID.names, zip(*some, strict=True), strict=True)), _SAID)
                )
                duck.execute("INSERT INTO said SELECT app, name, scope, since, until FROM some_rows")
                duck.unregister("some_rows")
        duck.execute(_NUMBERED)
        query = queries("ombud.audit.exposure")["grants_of_apps"].on("duckdb")
        reader = duck.sql(query, params={"first_app": first, "last_app": last}).to_arrow_reader(_ROWS)
        held: list[pa.RecordBatch] = []
        current = -1
        for batch in reader:
            apps: Any = batch.column("app").to_numpy(zero_copy_only=False)
            cuts = [0, *(np.flatnonzero(np.diff(apps)) + 1).tolist(), len(apps)]
            for start, end in pairwise(cuts):
                if held and apps[start] != current:
                    yield current, pa.Table.from_batches(held)
                    held = []
                current = int(apps[start])
                held.append(batch.slice(start, end - start))
        if held:
            yield current, pa.Table.from_batches(held)


def _told(events: Iterable[consents.Told]) -> Iterator[tuple[str, str, str, int, int | None]]:
    """Yield what people allowed, by scope: from one change of a consent to the next."""
    for event, following in pairwise(chain(events, [None])):
        if event is not None:
            same = following is not None and (following.app, following.person) == (event.app, event.person)
            until = _micros(following.at) if same and following is not None else None
            for scope in event.scopes:
                yield event.app, event.person, scope, _micros(event.at), until


def _micros(moment: datetime | None) -> int:
    if moment is None:
        return int(_EVER)
    span = moment - _EPOCH
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds
