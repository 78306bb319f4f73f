"""A small lake with one planted network among ordinary accounts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from ombud.lake import Lake, open_lake
from ombud.model import schema
from ombud.records import migrate, open_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ombud.model.workspace import Workspace

START = datetime(2016, 9, 1, tzinfo=UTC)
MEMBERS = 6
ACCOUNTS = 400


def generated() -> list[dict[str, Any]]:
    """Return posts of 400 accounts; the first six pass on 30 posts and images of their own within seconds."""
    rng = np.random.default_rng(3)
    posts: list[dict[str, Any]] = []

    def post(account: int, at: float, **what: Any) -> None:  # noqa: ANN401 - any column
        moment = START + timedelta(seconds=float(at))
        name = f"press_{account}" if account < MEMBERS else f"person{account}"
        posts.append({"post": f"p{len(posts):05}", "account": name, "happened_at": moment, "platform": "x", **what})

    weights = rng.pareto(1.5, 700) + 0.3
    for account in range(ACCOUNTS):
        for thing in rng.choice(700, 12, p=weights / weights.sum()):
            at = 3_000 * int(thing) + 10_000 * rng.lognormal(0, 1.5)
            post(account, at, original=f"o{thing}")
            if thing % 3 == 0:
                post(account, at + 60, links=[f"https://www.site{thing % 5}.example/{thing}/?utm_source=x"])
    for n in range(30):
        begin = 60_000 * n + 7_013 * (n % 7)
        for account in range(MEMBERS):
            post(account, begin + 20 * rng.random(), original=f"campaign{n}", media=[f"image{n}"])
            words = f"Vote early and often says report number {n} of our county {'today' if account % 2 else 'now'}"
            post(
                account, begin + 100 + 20 * rng.random(), text=f"{words} on the old bridge https://t.example/{account}"
            )
    return posts


@pytest.fixture(scope="session")
def planted() -> pa.Table:
    """Return the posts as door rows."""
    door = schema.table("posts").door
    return pa.Table.from_pylist(generated(), schema=pa.schema([pa.field(f.name, f.type) for f in door]))


@pytest.fixture
def lake(workspace: Workspace, planted: pa.Table) -> Iterator[Lake]:
    """Return a lake that holds the posts."""
    migrate(workspace.records_url)
    with open_records(workspace) as records:
        lake = open_lake(workspace, records)
        with lake.writing() as batch:
            batch.write("posts", planted, "import_test")
        yield lake
