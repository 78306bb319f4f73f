"""Every app in numbers, and groups of apps that belong together: one pass over the reads, block after block."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ombud.audit.people import walking
from ombud.audit.ranking.asked import Asked, asked_by_app
from ombud.audit.ranking.described import Described, describe
from ombud.audit.ranking.shapes import NEVER, Consents, Reads, Shape, shape_of
from ombud.audit.ranking.together import Together, joined, things_of
from ombud.lake.engines.duckdb import DuckEngine
from ombud.lake.engines.sql import queries
from ombud.lake.faults import duck_faults
from ombud.records import consents as kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import duckdb
    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from ombud.audit.ranking.together import Tying
    from ombud.lake import Lake

    Ints = NDArray[np.int64]
    Progress = Callable[[int, int | None, str], None]

__all__ = ["Measured", "keys_by_app", "measure"]

_BATCH = 500_000
_NOBODY = Consents(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
_ZERO: Ints = np.zeros(0, dtype=np.int64)
_NONE = Reads(_ZERO, _ZERO, _ZERO, np.zeros(0, dtype=np.bool_))


@dataclass(frozen=True, slots=True)
class Measured:
    """What the lake's reads, grants and ties say of every app."""

    described: dict[int, Described]
    shapes: dict[int, Shape]
    asked: dict[int, Asked]
    groups: list[Together]
    together: list[Shape]
    """by group: its apps taken as one"""
    things: dict[tuple[Tying, str], frozenset[int]]
    """by developer, host and key: the apps that have it"""
    consents: bool
    """whether any consent is on record"""
    recorded: bool
    """whether some of them are in the records, and not in the lake"""
    ties: bool
    """whether any friendship is"""
    unknown: frozenset[str]
    """fields that were read and that no catalogue knows"""

    @property
    def group_of(self) -> dict[int, int]:
        """Return by app the place of its group in `groups`; alone in none."""
        return {app: number for number, group in enumerate(self.groups) for app in group.apps}


def measure(lake: Lake, progress: Progress | None = None) -> Measured:
    """Measure every app of the lake."""
    say = progress or (lambda _done, _total, _what: None)
    with lake.duck(["reads", "grants", "apps"]) as duck, duck_faults(lake.folder, "the reads"):
        engine = DuckEngine(duck, queries("ombud.audit.ranking"))
        described = describe(lake, duck)
        with lake.records.read() as tx:
            asked, unknown = asked_by_app(tx, engine.run("asked_by_app"), described)
            recorded = _on_record(duck, tx)
            consents = _consents(engine.run("consents_ended"), recorded)
        things = things_of(described, keys_by_app(engine))
        groups = joined(things)
        degree = _degrees(lake)
        total = sum(file.rows for file in lake.files("reads"))
        shapes, together = _shapes(
            engine, described, consents, groups, degree, lambda done: say(done, total, "reading")
        )
    return Measured(
        described, shapes, asked, groups, together, things, bool(consents), bool(recorded), degree is not None, unknown
    )


def _shapes(  # noqa: PLR0917 - the parts of one pass
    engine: DuckEngine,
    described: Mapping[int, Described],
    consents: Mapping[int, Consents],
    groups: list[Together],
    degree: Ints | None,
    say: Callable[[int], None],
) -> tuple[dict[int, Shape], list[Shape]]:
    """Return the shape of every app, and of every group taken as one app."""
    blocks = [group.apps for group in groups]
    grouped = {app for block in blocks for app in block}
    blocks += [(app,) for app in sorted(described) if app not in grouped]
    table = pa.table(
        {
            "block": pa.array([n for n, block in enumerate(blocks) for _ in block], pa.int64()),
            "app": pa.array([app for block in blocks for app in block], pa.int64()),
        }
    )
    shapes: dict[int, Shape] = {}
    together: dict[int, Shape] = {}
    done = 0
    reads_of = _by_block(engine, table)
    block, parts = next(reads_of, (None, {}))
    for number, apps in enumerate(blocks):
        mine: dict[int, Reads] = {}
        if block == number:
            mine = parts
            block, parts = next(reads_of, (None, {}))
        for app in apps:
            given = consents.get(app, _NOBODY)
            shapes[app] = shape_of(mine.get(app, _NONE), given, degree)
        if number < len(groups):
            given = Consents.joined([consents.get(app, _NOBODY) for app in apps])
            together[number] = shape_of(Reads.joined([mine.get(app, _NONE) for app in apps]), given, degree)
        done += sum(map(len, mine.values()))
        say(done)
    return shapes, [together[number] for number in range(len(groups))]


def _by_block(engine: DuckEngine, blocks: pa.Table) -> Iterator[tuple[int, dict[int, Reads]]]:
    """Yield each block that has reads, in order, with the reads of each of its apps in order of time."""
    engine.duck.register("blocks", blocks)
    sql = engine.queries["reads_by_block"].on("duckdb")
    held: list[dict[str, Any]] = []
    for batch in engine.duck.sql(sql).to_arrow_reader(_BATCH):
        if not batch.num_rows:
            continue
        part = _columns(batch)
        cuts = [0, *(np.flatnonzero(np.diff(part["block"])) + 1).tolist(), batch.num_rows]
        for low, high in pairwise(cuts):
            piece = {name: column[low:high] for name, column in part.items()}
            if held and held[0]["block"][0] != piece["block"][0]:
                yield _block(held)
                held = []
            held.append(piece)
    if held:
        yield _block(held)


def _columns(batch: pa.RecordBatch) -> dict[str, Any]:
    through = batch["through"].fill_null(-1).to_numpy(zero_copy_only=False)
    via = batch["via"].to_numpy(zero_copy_only=False)
    return {
        "block": batch["block"].to_numpy(zero_copy_only=False),
        "app": batch["app"].to_numpy(zero_copy_only=False),
        "person": batch["person"].to_numpy(zero_copy_only=False),
        "through": np.where(via, np.where(through >= 0, through, -2), -1),
        "second": batch["second"].to_numpy(zero_copy_only=False),
        "given": batch["given"].to_numpy(zero_copy_only=False),
    }


def _block(pieces: list[dict[str, Any]]) -> tuple[int, dict[int, Reads]]:
    whole = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    app = whole["app"]
    cuts = [0, *(np.flatnonzero(np.diff(app)) + 1).tolist(), len(app)]
    reads = {
        int(app[low]): Reads(*(whole[name][low:high] for name in ("person", "through", "second", "given")))
        for low, high in pairwise(cuts)
    }
    return int(whole["block"][0]), reads


def keys_by_app(engine: DuckEngine) -> list[tuple[int, str]]:
    """Return each app (its number) with each key that it used."""
    return [(row["app"], row["key"]) for row in engine.run("keys_by_app").to_pylist()]


def _consents(grants: pa.Table, recorded: Mapping[int, Consents]) -> dict[int, Consents]:
    """Return who allowed each app anything, and until when, by the lake's grants and the records' consents."""
    app, person = (grants[name].to_numpy() for name in ("app", "person"))
    ended = np.asarray(grants["until"].to_numpy(), dtype=np.float64) // 1_000_000
    until = np.where(np.isnan(ended), NEVER, np.nan_to_num(ended).astype(np.int64))
    cuts = np.searchsorted(app, np.append(np.unique(app), NEVER)).tolist()
    out = {int(app[low]): Consents(person[low:high], until[low:high]) for low, high in pairwise(cuts) if high > low}
    for number, more in recorded.items():
        out[number] = Consents.joined([out.get(number, _NOBODY), more])
    return out


def _on_record(duck: duckdb.DuckDBPyConnection, tx: Connection) -> dict[int, Consents]:
    """Return the consents of the records, of the apps and people that the lake has numbers for."""
    last, rows = 0, []
    while found := kept.since(tx, last):
        last = found[-1].change
        for item in found:
            ends = [moment for moment in (item.revoked_at, item.expires_at) if moment is not None]
            rows.append((item.app, item.person, int(min(ends).timestamp()) if ends else NEVER))
    if not rows:
        return {}
    names = pa.table({name: [row[at] for row in rows] for at, name in enumerate(("app", "person", "until"))})
    duck.register("_consents", names)
    numbered = duck.sql(
        "SELECT a.id AS app, p.id AS person, c.until FROM _consents AS c"
        " JOIN app_ids AS a ON a.name = c.app JOIN account_ids AS p ON p.name = c.person ORDER BY 1, 2"
    ).fetchall()
    duck.unregister("_consents")
    by: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for app, person, until in numbered:
        by[app].append((person, until))
    return {app: Consents(*np.array(pairs, dtype=np.int64).T) for app, pairs in by.items()}


def _degrees(lake: Lake) -> Ints | None:
    """Return by person how many friends they have; null when the lake has no ties."""
    if not lake.files("ties"):
        return None
    return np.diff(walking.build(lake).starts)
