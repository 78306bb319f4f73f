"""What a detector or an audit says about a subject, and the rows it rests on."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

__all__ = [
    "CoAct",
    "Edge",
    "Explanation",
    "Figure",
    "Finding",
    "Member",
    "NetworkDetail",
    "Reason",
    "RowRef",
    "SourceFile",
    "TimelineBin",
    "TraceSummary",
]

Subject = Literal["account", "network", "app", "page", "ad", "post"]
Says = Literal["coordinated", "anomalous"]


class RowRef(msgspec.Struct, frozen=True):
    """One row of the lake: its table and the value of its key."""

    table: str
    id: str


class Reason(msgspec.Struct, frozen=True):
    """One sentence with its number, and the figure that explains it."""

    sentence: str
    figure: str | None = None


class Explanation(msgspec.Struct, frozen=True):
    """An innocent explanation that was considered, and what became of the finding under it."""

    code: str
    """shared-tool, news-burst, fan-community, same-organisation, automation, time-zone, or quotation"""
    sentence: str
    applies: Literal["yes", "partly", "no", "unknown"]


class SourceFile(msgspec.Struct, frozen=True):
    """A lake file that a number was computed from."""

    path: str
    sha256: str


class Figure(msgspec.Struct, frozen=True):
    """A number that is shown somewhere, with all that is needed to compute it again."""

    id: str
    name: str
    value: float | int | str | None
    unit: str
    query: str
    """SQL over the lake's views, or the command that computes it."""
    parameters: dict[str, Any] = {}
    inputs: list[SourceFile] = []
    ledger: list[int] = []
    subject: str | None = None


class Member(msgspec.Struct, frozen=True):
    """One account of a network, under the name it was imported with."""

    account: str
    acts: int
    """posts of the account in the period"""
    co_acts: int
    """of those, posts that are one half of a significant co-act"""
    partners: int
    """members with whom it is significantly linked"""
    platform: str | None = None
    x: float = 0.0
    """place in the drawn graph, 0 to 1"""
    y: float = 0.0


class Edge(msgspec.Struct, frozen=True):
    """A significant pair: `a` and `b` index the network's members."""

    a: int
    b: int
    trace: str
    scale: int
    """seconds"""
    co_acts: int
    expected: float
    """co-acts that the null model expects"""
    q: float


class TraceSummary(msgspec.Struct, frozen=True):
    """What a network shares by one trace at its most telling scale."""

    trace: str
    scale: int
    co_acts: int
    expected: float
    objects: int
    pairs: int
    median_gap: float
    """seconds between the two posts of a co-act"""


class TimelineBin(msgspec.Struct, frozen=True):
    """Co-acts of one day (or hour) by trace."""

    start: datetime
    co_acts: dict[str, int]


class CoAct(msgspec.Struct, frozen=True):
    """One object that members shared together: a line of the evidence table."""

    trace: str
    object: str
    """what was shared, readable: the link, the text, the hash"""
    accounts: list[str]
    times: int
    """posts of members that share it"""
    outsiders: int
    """posts by anybody else that share it too"""
    expected: float
    first: datetime
    last: datetime
    median_gap: float
    rows: list[RowRef]


class NetworkDetail(msgspec.Struct, frozen=True):
    """Everything a network's page shows; computed once, by the detector."""

    members: list[Member]
    edges: list[Edge]
    traces: list[TraceSummary]
    timeline: list[TimelineBin]
    timeline_unit: Literal["hour", "day"]
    evidence: list[CoAct]
    first: datetime
    last: datetime
    co_acts: int
    expected: float
    median_gap: float
    members_total: int
    edges_total: int
    """edges may be cut to the strongest; this is how many there are"""


class Finding(msgspec.Struct, frozen=True):
    """What a tool says of a subject. Its id derives from the tool, its settings and the rows."""

    id: str
    says: Says
    subject_kind: Subject
    subject: str
    """an id: a network's own id, or the account, app, page, ad or post as imported"""
    title: str
    """the finding in one sentence, with its number"""
    score: float
    q: float | None
    """bound on the share of false findings among all at least this strong; null if uncalibrated"""
    calibration: str
    """how the probability was calibrated, in a sentence"""
    reasons: list[Reason]
    explanations: list[Explanation]
    rows: list[RowRef]
    query: str
    tool: str
    tool_version: str
    settings: dict[str, Any]
    found_at: datetime
    detail: dict[str, Any] = {}
    """a `NetworkDetail` for networks, as builtins (`msgspec.to_builtins`)"""
    figures: list[Figure] = []
