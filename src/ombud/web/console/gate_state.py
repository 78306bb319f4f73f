"""The gate on the console's first page: which gates live, by which policy, how apps stand, how much is on record."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from ombud.gate.coverage import share
from ombud.model import clock
from ombud.records import apps, brakes, gate_hosts, outbox, policies

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["GateState", "gate_state"]

_LIVES = timedelta(seconds=30)
"""A gate notes every five seconds that it lives."""


class HostLine(msgspec.Struct, frozen=True):
    """One gate."""

    host: Annotated[str, Meta(description="Its name.")]
    lives: Annotated[bool, Meta(description="Whether it was heard of in the last half minute.")]
    seen_at: Annotated[datetime, Meta(description="When it was last heard of.")]
    waiting: Annotated[int, Meta(description="Its batches of reads that are not in the lake yet.")]
    up_to_date: Annotated[bool, Meta(description="Whether it decides by the policy in force.")]


class BrakedApp(msgspec.Struct, frozen=True):
    """One app that a breaker slowed or stopped."""

    app: Annotated[str, Meta(description="Its id at the platform.")]
    name: Annotated[str, Meta(description="Its name.")]
    state: Annotated[str, Meta(description="slowed or stopped.")]
    since: Annotated[datetime, Meta(description="Since when.")]


class CoverageFigure(msgspec.Struct, frozen=True):
    """How much of what left the platform is on record, as it was measured last."""

    share: Annotated[float | None, Meta(description="Of the test reads that must appear, those on record; 0 to 1.")]
    of: Annotated[int | None, Meta(description="How many test reads there were; null when it was not stated.")]
    low: Annotated[float | None, Meta(description="Lower end of the share's 95 % interval; null without test reads.")]
    egress: Annotated[float | None, Meta(description="Of what the platform's own counters say; null without them.")]
    missing: Annotated[int | None, Meta(description="Batches of reads that are missing; null when it was not stated.")]
    at: Annotated[datetime, Meta(description="When it was measured.")]
    ledger: Annotated[int, Meta(description="The entry of the ledger that says so.")]


class GateState(msgspec.Struct, frozen=True):
    """How the gate is."""

    policy: Annotated[str | None, Meta(description="Name of the policy in force; null before the first.")]
    apps: Annotated[dict[str, int], Meta(description="Apps by status.")]
    braked: Annotated[list[BrakedApp], Meta(description="Apps that are slowed or stopped now.")]
    hosts: Annotated[list[HostLine], Meta(description="Gates, by name.")]
    coverage: Annotated[CoverageFigure | None, Meta(description="The last measured coverage; null if never.")]


def _coverage(tx: Connection) -> CoverageFigure | None:
    last = None
    for entry, index in outbox.listing(tx, "coverage"):
        last = (entry, index)
    if last is None:
        return None
    said = last[0].payload
    found, of = _share(said.get("share")), said.get("canaries")
    of = of if isinstance(of, int) and of > 0 else None
    return CoverageFigure(
        share=found,
        of=of,
        low=share(round(found * of), of).low if found is not None and of else None,
        egress=_share(said.get("egress")),
        missing=said.get("missing_batches") if isinstance(said.get("missing_batches"), int) else None,
        at=last[0].created_at,
        ledger=last[1],
    )


def _share(value: object) -> float | None:
    fine = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    return float(value) if fine else None  # type: ignore[arg-type]  # a number, as was just seen


def gate_state(tx: Connection) -> GateState | None:
    """Return how the gate is; None while it is not in use: no app, no policy, no gate."""
    counts = {status: apps.count(tx, status=status) for status in apps.STATUSES}
    policy, hosts = policies.current(tx), gate_hosts.every(tx)
    if policy is None and not hosts and not any(counts.values()):
        return None
    now = clock.now()
    return GateState(
        policy=policy.name if policy else None,
        apps={status: count for status, count in counts.items() if count},
        braked=[BrakedApp(b.app, apps.get(tx, b.app).name, b.state, b.since) for b in brakes.in_force(tx)],
        hosts=[
            HostLine(
                host=item.host,
                lives=now - item.seen_at < _LIVES,
                seen_at=item.seen_at,
                waiting=max(0, item.sequence - item.flushed),
                up_to_date=policy is None or item.policy == policy.hash,
            )
            for item in hosts
        ],
        coverage=_coverage(tx),
    )
