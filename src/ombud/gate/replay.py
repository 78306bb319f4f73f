"""Recorded reads decided again, under other rules: what a change of policy breaks, before it does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ombud.gate.batch import NO_TIES, Batch, decide_rows, empty_decisions
from ombud.gate.budgets import Budgets
from ombud.gate.history import GrantHistory
from ombud.gate.policy.compiled import compile_policy
from ombud.gate.policy.scope_bits import ScopeBits
from ombud.gate.reasons import CODES, FIELD, NUMBER, UNKNOWN_FIELD
from ombud.gate.request import AppStanding
from ombud.lake.engines.duckdb import DuckEngine
from ombud.lake.engines.sql import queries

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import duckdb

    from ombud.gate.batch import Decisions
    from ombud.gate.policy.compiled import CompiledPolicy
    from ombud.gate.policy.language import Policy
    from ombud.lake import Lake

__all__ = ["AppLoss", "FieldLoss", "Only", "Replay", "replay"]

Ints = NDArray[np.int64]
Masks = NDArray[np.uint64]

_ROWS = 65_536
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ALWAYS = datetime(9999, 1, 1, tzinfo=UTC)
_COLUMNS = ("number", "app", "person", "field", "reason")
_LOST: pa.Schema = pa.schema(
    [pa.field(name, pa.string() if name in {"field", "reason"} else pa.int64()) for name in _COLUMNS]
)


class FieldLoss(msgspec.Struct, frozen=True):
    """One field that went out to an app under the old rules and would not under the new ones, for one reason."""

    field: str
    reason: str
    reads: int
    people: int
    """distinct people whose field it is"""


class AppLoss(msgspec.Struct, frozen=True):
    """What one app would lose."""

    app: str
    reads: int
    """reads on record"""
    reads_touched: int
    """of those, reads that lose at least one field"""
    people: int
    """distinct people of whom a field is lost"""
    fields: tuple[FieldLoss, ...]
    """most people first"""


class Replay(msgspec.Struct, frozen=True):
    """What recorded reads would have been refused."""

    old: str
    """hash of the older policy, or `recorded` for what in fact went out"""
    new: str
    reads: int
    reads_touched: int
    first: datetime | None
    last: datetime | None
    apps: tuple[AppLoss, ...]
    """apps that lose something, most people first"""


class Only(msgspec.Struct, frozen=True):
    """Which reads are decided again: those of one app, from `since` on and before `until`."""

    app: int
    """its number in the dictionary"""
    since: datetime
    until: datetime

    def narrow(self, duck: duckdb.DuckDBPyConnection) -> None:
        """Make the views `reads` and `grants` of a connection show nothing else."""
        span = f"happened_at >= '{self.since.isoformat()}' AND happened_at < '{self.until.isoformat()}'"
        for view, where in (("reads", f"app = {self.app} AND {span}"), ("grants", f"app = {self.app}")):
            duck.execute(f"ALTER VIEW {view} RENAME TO every_{view}")
            duck.execute(f"CREATE VIEW {view} AS SELECT * FROM every_{view} WHERE {where}")  # noqa: S608 - our own numbers and times


def replay(
    lake: Lake,
    old: Policy | None,
    new: Policy,
    *,
    standings: Sequence[AppStanding] | None = None,
    purpose: str | None = None,
    region: str | None = None,
    only: Only | None = None,
    progress: Callable[[int, int | None, str], None] | None = None,
) -> Replay:
    """Decide the lake's reads under both policies, and count what only the old one lets out.

    Without `old` it is what the log says went out: this is observe mode, over
    imported or attached logs (a read that was `reduced` counts as given whole).
    `standings` are the apps' as they are today; without them every app is live,
    passed no review, signed nothing, declared what the lake says (anything,
    where it says nothing) and is never idle. `purpose` and `region` stand for
    those that a log does not name; `only` leaves out the reads of other apps
    and times. Friendships are believed. Memory holds the
    grants and one batch of reads; DuckDB spills the rest.
    """
    with lake.duck(["reads", "grants", "apps"]) as duck, duck.cursor() as reader:
        if only is not None:
            only.narrow(duck)
        engine = DuckEngine(duck, queries("ombud.gate"))
        known = engine.run("apps_known").to_pylist()
        names = {row["app"]: row["name"] for row in known if row["name"] is not None}
        laws = [law for law in (old, new) if law is not None]
        bits = ScopeBits(name for law in laws for name in law.scopes)
        apps = _standings(known, laws) if standings is None else list(standings)
        ids = {name: number for number, name in names.items()}
        apps = [standing for standing in apps if standing.app in ids]
        judges = [_Judge(law, apps, bits, ids, purpose, region) for law in laws]
        scope_bits = {name: 1 << bits.bit(name) for name in bits.names}
        history = GrantHistory(engine.run("grants_in_order"), scope_bits)
        counter = _Counter()
        duck.execute("CREATE TEMP TABLE lost (number BIGINT, app BIGINT, person BIGINT, field VARCHAR, reason VARCHAR)")
        reads = reader.sql(engine.queries["reads_in_order"].on("duckdb")).to_arrow_reader(_ROWS)
        for rows in reads:
            lost = _lost(_Rows(rows, counter.reads), judges, history, observed=old is None)
            duck.register("_lost", lost)
            duck.execute("INSERT INTO lost SELECT number, app, person, field, reason FROM _lost")
            counter.add(rows)
            if progress:
                progress(counter.reads, None, "reads decided again")
        return Replay(
            old=old.hash if old else "recorded",
            new=new.hash,
            reads=counter.reads,
            reads_touched=sum(row["reads"] for row in engine.run("lost_apps").to_pylist()),
            first=counter.first,
            last=counter.last,
            apps=_losses(engine, names, counter),
        )


def _standings(known: list[dict[str, Any]], laws: list[Policy]) -> list[AppStanding]:
    """Return standings from what the lake knows of its apps, in their favour where it knows nothing."""
    everything = frozenset(name for law in laws for name in law.purposes)
    return [
        AppStanding(
            app=row["name"],
            registered_at=_EPOCH if row["since"] is None else _EPOCH + timedelta(microseconds=row["since"]),
            purposes=everything if row["purpose"] is None else frozenset([row["purpose"]]),
            last_active_at=_ALWAYS,
        )
        for row in known
        if row["name"] is not None
    ]


class _Counter:
    """What was read until now."""

    def __init__(self) -> None:
        self.reads = 0
        self.by_app: dict[int, int] = {}
        self.first: datetime | None = None
        self.last: datetime | None = None

    def add(self, rows: pa.RecordBatch) -> None:
        if rows.num_rows:
            moments = rows["moment"].to_numpy()
            self.first = self.first or _EPOCH + timedelta(microseconds=int(moments[0]))
            self.last = _EPOCH + timedelta(microseconds=int(moments[-1]))
        for app, count in zip(*np.unique(rows["app"].to_numpy(), return_counts=True), strict=True):
            self.by_app[int(app)] = self.by_app.get(int(app), 0) + int(count)
        self.reads += rows.num_rows


class _Rows:
    """One batch of reads as arrays; the names of fields are numbered within it."""

    def __init__(self, rows: pa.RecordBatch, first: int) -> None:
        self.first = first
        self.app: Ints = rows["app"].to_numpy()
        self.person: Ints = rows["person"].to_numpy()
        self.through: Ints = rows["through"].fill_null(-1).to_numpy()
        self.moment: Ints = rows["moment"].to_numpy()
        self.given: NDArray[np.bool_] = np.isin(
            rows["decision"].to_numpy(zero_copy_only=False), np.array(["allowed", "reduced"], dtype=object)
        )
        self.purposes: Any = rows["purpose"].dictionary_encode()
        lists: Any = rows["fields"]
        flat = lists.flatten().dictionary_encode()
        self.names: list[str] = flat.dictionary.to_pylist()
        self.name: Ints = flat.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        self.row: Ints = np.repeat(np.arange(len(lists)), lists.value_lengths().to_numpy(zero_copy_only=False))

    def masks(self, bits: dict[str, int]) -> Masks:
        """Return the mask of each row's fields, by a policy's bits."""
        by_name = np.array([bits.get(name, 0) for name in self.names], dtype=np.uint64)
        masks = np.zeros(len(self.app), dtype=np.uint64)
        np.bitwise_or.at(masks, self.row, by_name[self.name] if len(self.name) else np.zeros(0, dtype=np.uint64))
        return masks


class _Judge:
    """One policy with its own budgets."""

    def __init__(  # noqa: PLR0917 - all of them make one judge
        self,
        policy: Policy,
        apps: list[AppStanding],
        bits: ScopeBits,
        ids: dict[str, int],
        purpose: str | None,
        region: str | None,
    ) -> None:
        self.compiled: CompiledPolicy = compile_policy(policy, apps, bits, ids)
        self.budgets = Budgets(self.compiled)
        self._purpose = purpose
        self._region = self.compiled.region(region) % len(self.compiled.region_refuses)

    def decide(self, rows: _Rows, history: GrantHistory) -> Decisions:
        """Decide a batch at its own times."""
        count = len(rows.app)
        codes = self.compiled.purposes
        missing = codes.get(self._purpose or "", -1)
        by_name = np.array([*(codes.get(name, -1) for name in rows.purposes.dictionary.to_pylist()), missing])
        purpose = by_name[rows.purposes.indices.fill_null(len(by_name) - 1).to_numpy(zero_copy_only=False)]
        batch = Batch(
            rows.app,
            rows.person,
            rows.through,
            rows.masks(self.compiled.field_bits),
            purpose.astype(np.int64),
            rows.moment // 1_000_000,
            np.full(count, self._region, dtype=np.int64),
        )
        out = empty_decisions(count, "", per_field=True)
        given = history.at(batch, rows.moment, self.compiled)
        stopped = np.zeros(0, dtype=np.bool_)
        decide_rows(self.compiled.arrays, self.budgets, batch, 0, count, given, stopped, NO_TIES, out)
        return out


def _lost(rows: _Rows, judges: list[_Judge], history: GrantHistory, *, observed: bool) -> pa.Table:
    """Return a row for each field that went out and would not: number of the read, app, person, field, reason."""
    new = judges[-1].decide(rows, history)
    bits = judges[-1].compiled.field_bits
    bit = np.array([bits.get(name, 0) for name in rows.names], dtype=np.uint64)[rows.name] if rows.names else _NOTHING
    if observed:
        went: NDArray[np.bool_] = rows.given[rows.row]
    else:
        before, old_bits = judges[0].decide(rows, history), judges[0].compiled.field_bits
        old_bit = np.array([old_bits.get(name, 0) for name in rows.names], dtype=np.uint64)
        went = (before.allowed[rows.row] & (old_bit[rows.name] if rows.names else _NOTHING)) != 0
    gone = np.flatnonzero(went & ((new.allowed[rows.row] & bit) == 0))
    row, name, bit = rows.row[gone], rows.name[gone], bit[gone]
    reason = np.where(new.budget[row] > 0, new.budget[row], new.reason[row]).astype(np.int64)
    for step, code in reversed(list(enumerate(FIELD))):
        reason[(new.refused[row, step] & bit) != 0] = NUMBER[code]
    reason[bit == 0] = NUMBER[UNKNOWN_FIELD]
    once = np.unique(row * (len(rows.names) + 1) + name, return_index=True)[1]
    row, name, reason = row[once], name[once], reason[once]
    return pa.table(
        [
            pa.array(rows.first + row),
            pa.array(rows.app[row]),
            pa.array(rows.person[row]),
            pa.array(rows.names, pa.string()).take(name),
            pa.array(CODES).take(reason),
        ],
        schema=_LOST,
    )


_NOTHING: Masks = np.zeros(0, dtype=np.uint64)


def _losses(engine: DuckEngine, names: dict[int, str], counter: _Counter) -> tuple[AppLoss, ...]:
    fields: dict[int, list[FieldLoss]] = {}
    for row in engine.run("lost_fields").to_pylist():
        loss = FieldLoss(row["field"], row["reason"], row["reads"], row["people"])
        fields.setdefault(row["app"], []).append(loss)

    def most(app: int) -> tuple[FieldLoss, ...]:
        return tuple(sorted(fields[app], key=lambda loss: (-loss.people, loss.field, loss.reason)))

    losses = [
        AppLoss(
            names.get(row["app"], "erased"), counter.by_app[row["app"]], row["reads"], row["people"], most(row["app"])
        )
        for row in engine.run("lost_apps").to_pylist()
    ]
    return tuple(sorted(losses, key=lambda loss: (-loss.people, loss.app)))
