"""Coverage: how much of what left the platform is on record. A log proves what is in it, not what was left out.

Three measures, none of which the gate can flatter by itself:

- **canaries**: reads that somebody makes on purpose through the platform's own
  path, without a word to the gate; each must be on record when it is due.
- **egress**: the platform's own counters of what went out to each app, hour by
  hour, beside what is on record for that hour.
- **sequence**: each gate numbers its batches; a number that is missing was lost.
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from scipy.special import betaincinv

from ombud.gate.rows import asked_fields
from ombud.model import clock
from ombud.model.errors import InputError
from ombud.model.findings import Figure, SourceFile
from ombud.model.ids import derived_id
from ombud.records import canary_reads, egress, figures, gate_hosts, outbox
from ombud.records.egress import EgressCount

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ombud.lake import Lake
    from ombud.records.canary_reads import CanaryRead
    from ombud.records.gate_hosts import GateHost

__all__ = [
    "Coverage",
    "EgressLine",
    "Gap",
    "HostState",
    "Share",
    "egress_from_csv",
    "find_canaries",
    "measure",
    "missing_batches",
    "publish",
    "share",
]

SILENT = timedelta(minutes=1)
"""A gate that was not heard of for so long is silent."""
_EARLY = timedelta(minutes=1)
"""How much before a canary was noted its read may be on record: clocks differ."""
_RECORDED = """\
SELECT date_trunc('hour', r.happened_at) AS hour, a.name AS app, count(*) AS reads,
       count(DISTINCT r.person) AS people, sum(len(r.fields)) AS fields
FROM reads AS r JOIN app_ids AS a ON a.id = r.app
WHERE r.happened_at >= $start AND r.happened_at < $end AND r.decision <> 'refused'
GROUP BY ALL"""
_LIKE_CANARY = """\
SELECT r.read, r.fields, r.decision, r.reason
FROM reads AS r JOIN app_ids AS a ON a.id = r.app JOIN account_ids AS p ON p.id = r.person
WHERE a.name = $app AND p.name = $person AND r.happened_at >= $start AND r.happened_at <= $end
ORDER BY r.happened_at, r.read"""


class Share(msgspec.Struct, frozen=True):
    """A rate with its 95 % interval (Clopper and Pearson, 1934); null for nothing of nothing."""

    hits: int
    of: int
    value: float | None
    low: float | None
    high: float | None


class EgressLine(msgspec.Struct, frozen=True):
    """One app in one hour: what the platform counted going out, and what is on record."""

    hour: datetime
    app: str
    counted: int | None
    """answers with a person's data, over all hosts; null when it does not count them"""
    recorded: int
    missing: int
    """answers that were counted and are not on record"""
    counted_people: tuple[int, int] | None
    """distinct people: at least, at most, since a person may be counted at several hosts"""
    recorded_people: int
    counted_fields: int | None
    recorded_fields: int


class Gap(msgspec.Struct, frozen=True):
    """Numbers of batches that a gate used and that are not in the lake."""

    host: str
    first: int
    last: int


class HostState(msgspec.Struct, frozen=True):
    """One gate."""

    host: str
    seen_at: datetime
    silent: bool
    batches: int
    """in the lake"""
    waiting: int
    """batches in its journal, on their way"""


class Coverage(msgspec.Struct, frozen=True):
    """What was measured over a stretch of time."""

    start: datetime
    end: datetime
    canaries: Share
    missing_canaries: list[str]
    """ids of canaries that are due and not on record"""
    egress: list[EgressLine]
    egress_share: float | None
    """of what the platform counted, what is on record; null without counters. All of it is counted: no interval"""
    gaps: list[Gap]
    hosts: list[HostState]
    unpublished: int
    """batches in the lake whose root is not on the ledger yet"""
    sentences: list[str]


def share(hits: int, of: int) -> Share:
    """Return a rate with its interval: none missing of ten still leaves room for three in ten."""
    if not of:
        return Share(0, 0, None, None, None)
    low = 0.0 if hits == 0 else float(betaincinv(hits, of - hits + 1, 0.025))
    high = 1.0 if hits == of else float(betaincinv(hits + 1, of - hits, 0.975))
    return Share(hits, of, hits / of, low, high)


def find_canaries(lake: Lake) -> int:
    """Look for the canaries that are due and were not found before; return how many were found now.

    A read is a canary's when app and person agree, it was made in the
    canary's time, and the canary's fields were asked for; each read counts once.
    """
    with lake.records.read() as tx:
        waiting = canary_reads.due(tx)
        taken = {one.read for one in canary_reads.between(tx, datetime(1970, 1, 1, tzinfo=UTC), clock.now())}
    found: dict[str, str | None] = {}
    with lake.duck(["reads"]) as duck:
        for canary in waiting:
            given = {"app": canary.app, "person": canary.person, "start": canary.made_at - _EARLY, "end": canary.due_at}
            rows = duck.execute(_LIKE_CANARY, given).fetchall()
            mine = (row[0] for row in rows if row[0] not in taken and _asks(canary, row[1], row[2], row[3]))
            found[canary.id] = read = next(mine, None)
            taken.add(read)
    with lake.records.begin() as tx:
        canary_reads.checked(tx, found)
    return sum(read is not None for read in found.values())


def measure(lake: Lake, start: datetime, end: datetime) -> Coverage:
    """Return the coverage of the hours from `start` on and before `end`, after looking for canaries that are due."""
    find_canaries(lake)
    now = clock.now()
    with lake.records.read() as tx:
        due = [one for one in canary_reads.between(tx, start, end) if one.due_at <= now]
        counted = egress.between(tx, start, end)
        hosts = gate_hosts.every(tx)
    canaries = share(sum(one.read is not None for one in due), len(due))
    lines = _egress(lake, counted, start, end)
    numbers, unpublished = _batches(lake)
    gaps = _all_gaps(hosts, numbers)
    states = [
        HostState(
            host.host, host.seen_at, now - host.seen_at > SILENT, len(numbers.get(host.host, [])),
            max(host.sequence - host.flushed, 0),
        )
        for host in hosts
    ]  # fmt: skip
    known = [line for line in lines if line.counted is not None]
    total = sum(line.counted or 0 for line in known)
    part = None if not total else 1 - sum(line.missing for line in known) / total
    missing = [one.id for one in due if one.read is None]
    said = _sentences(canaries, total, part, gaps)
    return Coverage(start, end, canaries, missing, lines, part, gaps, states, unpublished, said)


def missing_batches(lake: Lake) -> list[Gap]:
    """Return the numbers of batches that gates used and that are not in the lake."""
    with lake.records.read() as tx:
        hosts = gate_hosts.every(tx)
    return _all_gaps(hosts, _batches(lake)[0])


def publish(lake: Lake, coverage: Coverage) -> list[Figure]:
    """Keep the figures of a measurement for `ombud explain`, and put them on the ledger; return them."""
    span = {"start": coverage.start.isoformat(), "end": coverage.end.isoformat()}
    inputs = [SourceFile(file.path, file.sha256) for file in lake.files("reads") if not file.attached]
    values: list[tuple[str, float | int | None, str]] = [
        ("canary reads on record", coverage.canaries.value, "share"),
        ("counted answers on record", coverage.egress_share, "share"),
        ("missing batches", sum(gap.last - gap.first + 1 for gap in coverage.gaps), "batches"),
    ]
    made = [
        Figure(
            id=derived_id("figure", "coverage", name, *span.values()), name=name, value=value, unit=unit,
            query="ombud.gate.coverage.measure", parameters=span, inputs=inputs, subject="coverage",
        )
        for name, value, unit in values
    ]  # fmt: skip
    with lake.records.begin() as tx:
        figures.save_all(tx, made)
        body = {"share": coverage.canaries.value, "canaries": coverage.canaries.of, "egress": coverage.egress_share}
        outbox.append(tx, "coverage", body | span | {"missing_batches": made[2].value})
    return made


def egress_from_csv(lines: Iterable[str], source: str) -> list[EgressCount]:
    """Read the platform's counters: columns host, hour and app, and any of reads, people, fields and bytes.

    Raises `InputError` with the line that is wrong.
    """
    reader = csv.DictReader(lines)
    if not {"host", "hour", "app"} <= set(reader.fieldnames or ()):
        raise InputError(f"{source} lacks a column host, hour or app.", hint="Name the columns in its first line.")
    out = []
    for number, row in enumerate(reader, 2):
        try:
            hour = datetime.fromisoformat(row["hour"])
            counts = {name: int(row[name]) for name in ("reads", "people", "fields", "bytes") if row.get(name)}
        except (ValueError, TypeError):
            raise InputError(f"Line {number} of {source} has no hour, or a count that is no number.") from None
        hour = hour if hour.tzinfo else hour.replace(tzinfo=UTC)
        out.append(EgressCount(host=row["host"], hour=hour, app=row["app"], source=source, **counts))
    return out


def _asks(canary: CanaryRead, fields: list[str], decision: str, reason: str | None) -> bool:
    return set(canary.fields) <= set(asked_fields(fields, decision, reason))


def _egress(lake: Lake, counted: list[EgressCount], start: datetime, end: datetime) -> list[EgressLine]:
    """Return each app and hour that the platform counted, beside what is on record."""
    groups: dict[tuple[datetime, str], list[EgressCount]] = {}
    for one in counted:
        groups.setdefault((one.hour, one.app), []).append(one)
    if not groups:
        return []
    with lake.duck(["reads"]) as duck:
        rows = duck.sql(_RECORDED, params={"start": start, "end": end}).to_arrow_table().to_pylist()
    recorded = {
        (row["hour"].astimezone(UTC), row["app"]): (int(row["reads"]), int(row["people"]), int(row["fields"]))
        for row in rows
    }
    out = []
    for (hour, app), items in sorted(groups.items()):
        reads, people, fields = recorded.get((hour, app), (0, 0, 0))
        sent = _sum([item.reads for item in items])
        each = [item.people for item in items if item.people is not None]
        out.append(
            EgressLine(
                hour=hour,
                app=app,
                counted=sent,
                recorded=reads,
                missing=max((sent or 0) - reads, 0),
                counted_people=(max(each), sum(each)) if each else None,
                recorded_people=people,
                counted_fields=_sum([item.fields for item in items]),
                recorded_fields=fields,
            )
        )
    return out


def _sum(counts: list[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _batches(lake: Lake) -> tuple[dict[str, list[int]], int]:
    """Return the numbers of the batches in the lake by gate, and how many are not on the ledger yet."""
    with lake.duck(["batches"]) as duck:
        rows = duck.execute("SELECT host, list(sequence) FROM batches GROUP BY host").fetchall()
        waiting = duck.execute("SELECT outbox FROM batches WHERE ledger_index IS NULL").fetchall()
    with lake.records.read() as tx:
        unpublished = sum(row[0] is None or outbox.index_of(tx, int(row[0])) is None for row in waiting)
    return {host: sorted(numbers) for host, numbers in rows}, unpublished


def _all_gaps(hosts: list[GateHost], numbers: dict[str, list[int]]) -> list[Gap]:
    upto = dict.fromkeys(numbers, 0) | {host.host: host.flushed for host in hosts}
    return [gap for host, flushed in sorted(upto.items()) for gap in _gaps(host, numbers.get(host, []), flushed)]


def _gaps(host: str, numbers: list[int], upto: int) -> list[Gap]:
    """Return the numbers from 1 to `upto` that are missing."""
    gaps, expected = [], 1
    for number in [*numbers, max(upto, numbers[-1] if numbers else 0) + 1]:
        if number > expected:
            gaps.append(Gap(host, expected, number - 1))
        expected = number + 1
    return gaps


def _sentences(canaries: Share, counted: int, part: float | None, gaps: list[Gap]) -> list[str]:
    """Say what was found, the gravest first."""
    out = []
    if gaps:
        lost = sum(gap.last - gap.first + 1 for gap in gaps)
        out.append(f"{lost:,} batches of reads are missing from the record.")
    if part is None:
        out.append("The platform's own counters were not given, so nothing can be held against the record.")
    else:
        out.append(f"Of {counted:,} answers that the platform counted, {part:.2%} are on record.")
    if canaries.value is None or canaries.low is None:
        out.append("No canary read was due, so nobody has tested whether reads get on record.")
    else:
        out.append(
            f"{canaries.hits:,} of {canaries.of:,} canary reads are on record; the true share is at least"
            f" {canaries.low:.1%} (95 % interval)."
        )
    return out
