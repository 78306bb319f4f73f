"""A small world for the pages: a network with its posts, an ad archive, staff of every role; some of it hostile."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pyarrow as pa

from ombud.archive import build_archive
from ombud.audit.dossier.whole import dossier, keep
from ombud.audit.people.sets import open_sets
from ombud.gate.policy import load_policy
from ombud.lake import open_lake
from ombud.model import schema
from ombud.model.findings import (
    CoAct,
    Edge,
    Explanation,
    Figure,
    Finding,
    Member,
    NetworkDetail,
    Reason,
    RowRef,
    SourceFile,
    TimelineBin,
    TraceSummary,
)
from ombud.records import cases, findings, imports, migrate, open_records, users
from tests.web.gate_seed import CHAT, Platform, open_door, seed_gate
from tests.web.ledger_seed import write_ledger
from tests.web.review_seed import seed_review

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.model.workspace import Workspace

PASSWORD = "a long enough sentence"
HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&{{7*7}}"
START = datetime(2016, 8, 1, 9, tzinfo=UTC)
ROLES = ("admin", "analyst", "reviewer", "auditor")


@dataclass(frozen=True)
class World:
    """What was seeded."""

    workspace: Workspace
    case: int
    hostile_case: int
    figure: str
    public_figure: str
    ad: str
    page: str
    platform: Platform
    app: str
    policy: str
    older: str
    link: str
    answered: str


def _member_name(index: int) -> str:
    return HOSTILE if index == 7 else f"user_{index:02d}_patriot"


def network(rng: np.random.Generator, members: int = 24) -> NetworkDetail:
    """Return a network as a detector writes it: a tight core, a loose rim, two traces."""
    angle = np.linspace(0, 2 * math.pi, members, endpoint=False)
    radius = 0.15 + 0.3 * rng.random(members)
    co_acts = np.sort(rng.integers(8, 190, members))[::-1]
    people = [
        Member(
            account=_member_name(i),
            acts=int(co_acts[i] * rng.integers(3, 9)),
            co_acts=int(co_acts[i]),
            partners=0,
            platform="twitter",
            x=float(0.5 + radius[i] * math.cos(angle[i])),
            y=float(0.5 + radius[i] * math.sin(angle[i])),
        )
        for i in range(members)
    ]
    edges = [
        Edge(a, b, "link" if (a + b) % 3 else "text", 60 if a % 2 else 600, int(rng.integers(3, 60)), 0.2, 1e-9)
        for a in range(members)
        for b in range(a + 1, members)
        if rng.random() < (0.75 if b < 10 else 0.12)
    ]
    partners = [sum(1 for e in edges if i in {e.a, e.b}) for i in range(members)]
    people = [msgspec.structs.replace(m, partners=partners[i]) for i, m in enumerate(people)]
    timeline = [
        TimelineBin(START + timedelta(days=d), {"link": int(v), "text": int(v // 3)})
        for d, v in enumerate(rng.negative_binomial(1, 0.06, 96))
        if v
    ]
    evidence = [
        CoAct(
            trace="text" if k % 3 == 0 else "link",
            object=HOSTILE if k == 2 else f"example.org/rally-{k}",
            accounts=[people[j].account for j in range(3 + k % 6)],
            times=9 - k,
            outsiders=k,
            expected=0.04 * (k + 1),
            first=START + timedelta(days=k),
            last=START + timedelta(days=k, seconds=90),
            median_gap=41.0,
            rows=[RowRef("posts", f"p{k}-{j}") for j in range(3 + k % 6)],
        )
        for k in range(8)
    ]
    total = sum(sum(b.co_acts.values()) for b in timeline)
    return NetworkDetail(
        members=people,
        edges=edges,
        traces=[
            TraceSummary("link", 60, int(total * 0.75), 3.1, 140, len(edges) - 20, 38.0),
            TraceSummary("text", 600, int(total * 0.25), 0.4, 60, 20, 41.0),
        ],
        timeline=timeline,
        timeline_unit="day",
        evidence=evidence,
        first=START,
        last=START + timedelta(days=96),
        co_acts=total,
        expected=3.5,
        median_gap=41.0,
        members_total=members,
        edges_total=len(edges),
    )


def finding(detail: NetworkDetail, number: int, title: str, q: float | None = 4e-9) -> Finding:
    """Return a network finding around `detail`."""
    figure = Figure(
        id=f"figure_network{number}",
        name="co-acts",
        value=detail.co_acts,
        unit="",
        query="SELECT count(*) FROM co_acts WHERE network = $network",
        parameters={"network": f"net_{number}", "accounts": [member.account for member in detail.members]},
        inputs=[SourceFile("posts/day=2016-08-01/a.parquet", "ab" * 32)],
        subject=f"net_{number}",
    )
    return Finding(
        id=f"finding_{number}",
        says="coordinated",
        subject_kind="network",
        subject=f"net_{number}",
        title=title,
        score=100.0 - number,
        q=q,
        calibration="Benjamini-Hochberg over all pairs, traces and scales; checked on 1,000 null twins.",
        reasons=[Reason("They shared the same 140 links within a minute of each other.", figure.id)],
        explanations=[
            Explanation("shared-tool", "Six of the accounts name the same scheduling tool.", "partly"),
            Explanation("news-burst", "Not tied to one day of news: the acts fall on 71 days.", "no"),
            Explanation("same-organisation", "The source does not say who runs the accounts.", "unknown"),
        ],
        rows=[row for act in detail.evidence for row in act.rows],
        query="ombud detect networks --since 2016-08-01",
        tool="networks",
        tool_version="0.1.0",
        settings={"fdr": 0.01, "scales": [60, 600]},
        found_at=datetime(2016, 11, 3, 14, 5, tzinfo=UTC),
        detail=msgspec.to_builtins(detail),
        figures=[figure],
    )


def _posts(detail: NetworkDetail) -> pa.Table:
    rows = [
        {
            "post": row.id,
            "account": act.accounts[j],
            "space": None,
            "happened_at": act.first + timedelta(seconds=min(j * 20, 90)),
            "text": f"Keep your eyes on {act.object}",
            "language": "English" if j % 2 else "Russian",
            "links": [act.object],
            "platform": "twitter",
        }
        for k, act in enumerate(detail.evidence)
        for j, row in enumerate(act.rows)
        if (k, j) != (0, 2)  # one was erased
    ]
    return pa.Table.from_pylist(rows, schema=_partly("posts", list(rows[0])))


def _partly(table: str, columns: list[str]) -> pa.Schema:
    door = schema.table(table).door
    return pa.schema([door.field(name) for name in columns])


def _ads() -> pa.Table:
    rows = [
        {
            "ad": str(n),
            "space": ["https://www.facebook.com/Blacktivists/", "https://www.facebook.com/patriototus"][n % 2],
            "happened_at": None if n == 5 else START + timedelta(days=n),
            "ended_at": None if n % 4 == 0 else START + timedelta(days=n + 1),
            "text": None if n == 11 else HOSTILE if n == 3 else f"Stand up number {n}. Join us at the rally.",
            "landing": "https://www.facebook.com/events/1",
            "spend": Decimal("0.00") if n % 3 == 0 else Decimal(f"{n * 100}.50"),
            "currency": None if n % 3 == 0 else "RUB",
            "impressions": n * 1000,
            "clicks": n * 40,
            "targeting": ["age:18 - 65+", "people_who_match:interests:Malcolm X", f"interests:{HOSTILE}"][: 1 + n % 3],
            "document": f"P(1)000{n}.pdf",
            "quality": ["happened_at:out of range"] if n == 5 else None,
        }
        for n in range(1, 61)
    ]
    return pa.Table.from_pylist(rows, schema=_partly("ads", list(rows[0])))


def seed(workspace: Workspace, platform: Platform) -> World:
    """Fill the workspace; returns what tests need to find their way."""
    rng = np.random.default_rng(20161108)
    migrate(workspace.records_url)
    detail = network(rng)
    with open_records(workspace) as records:
        lake = open_lake(workspace, records)
        with records.begin() as tx:
            run = imports.start(tx, "ira-ads", "/data/russian-ads.db", "ab" * 32, "cd" * 32)
        with lake.writing() as batch:
            batch.write("posts", _posts(detail), run.id)
            batch.write("ads", _ads(), run.id)
        with records.begin() as tx:
            counts = {"ads": {"read": 60, "accepted": 60, "skipped": 0, "rejected": 0, "flagged": 1}}
            imports.finish(tx, run.id, counts)
            for role in ROLES:
                users.create(tx, f"Some {role}", PASSWORD, role)
            titles = [
                "24 accounts shared the same 140 links within minutes of each other, far more often than chance allows",
                f"Hostile {HOSTILE}",
                *(f"{n + 3} accounts passed on the same posts within an hour" for n in range(30)),
            ]
            numbers = []
            for n, title in enumerate(titles, start=1):
                item = finding(detail, n, title, q=None if n == 2 else 4e-9 * n)
                findings.save(tx, item)
                numbers.append(cases.open_for(tx, item.id, "network", title).number)
            first = cases.by_number(tx, numbers[0])
            cases.add_note(tx, first.id, "Some analyst", "The scheduling tool explains six of them, not the others.")
            cases.add_note(tx, first.id, HOSTILE, HOSTILE)
            cases.set_state(tx, cases.by_number(tx, numbers[2]).id, "waiting", "Some analyst")
        seed_gate(records, lake)
        link, answered = seed_review(records)
        keep(records, dossier(lake, records, open_sets(workspace, lake), CHAT))
        build_archive(lake)
    return World(
        workspace=workspace,
        case=numbers[0],
        hostile_case=numbers[1],
        figure="figure_network1",
        public_figure=_public_figure(workspace),
        ad="3",
        page=_page(workspace),
        platform=platform,
        app=CHAT,
        policy=load_policy("locked-down").hash,
        older=load_policy("before-2015").hash,
        link=link,
        answered=answered,
    )


def _public_figure(workspace: Workspace) -> str:
    from ombud.archive import Archive  # noqa: PLC0415 - only after it was built

    return Archive.open(workspace).totals().figures[0].id


def _page(workspace: Workspace) -> str:
    from ombud.archive import Archive  # noqa: PLC0415 - only after it was built

    return Archive.open(workspace).pages().rows[0].slug


def make_world(folder: Path) -> World:
    """Make and fill a workspace in `folder`."""
    from ombud.model.workspace import Workspace  # noqa: PLC0415 - imported for types above

    created = Workspace.create(folder)
    platform = open_door(created)
    return seed(write_ledger(created.root), platform)
