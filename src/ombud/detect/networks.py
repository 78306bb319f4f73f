"""Find networks in a lake and say so: the finding, its evidence, its page."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

import ombud
from ombud.detect import figures, wording
from ombud.detect.acts import Context, co_acts
from ombud.detect.detail import detail, evidence_rows
from ombud.detect.explanations import explanations
from ombud.detect.search import LINK_SHARE, Shares, search
from ombud.detect.traces import DEFAULT, read_posts
from ombud.model import clock
from ombud.model.findings import Finding, NetworkDetail, Reason
from ombud.model.ids import derived_id
from ombud.records import cases, findings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ombud.detect.search import Found, Search
    from ombud.detect.traces import Posts
    from ombud.lake import Lake
    from ombud.records import Records

__all__ = ["TOOL", "NetworkRun", "NetworkSummary", "detect_networks", "record_networks", "settings_of"]

TOOL = "detect.networks"
METHOD = 3
"""Raised when the method changes, so that findings of the old one keep their ids."""
_MOST_ROWS = 2_000


class NetworkSummary(msgspec.Struct, frozen=True):
    """One network of `ombud detect networks --json`."""

    id: str
    accounts: list[str]
    q: float
    traces: dict[str, int]
    """co-acts by trace"""
    first: datetime
    last: datetime
    title: str
    finding: str
    q_link: float
    """the weakest link that holds it together; part of q"""
    co_acts: int
    expected: float
    """co-acts that common interest, news and habits would give"""
    median_gap: float
    """seconds"""


class NetworkRun(msgspec.Struct, frozen=True):
    """What a run found. `networks` and `settings` are the document; `findings` goes to the records."""

    networks: list[NetworkSummary]
    settings: dict[str, Any]
    version: str
    posts: int
    accounts: int
    pairs_linked: dict[str, int]
    """by trace: pairs that share the same things more often than activity and popularity explain"""
    groups_tested: int
    """groups of such pairs whose timing was put to the test; the others were common interest at most"""
    crowds: dict[str, str]
    """by trace: own, or reference where the lake has no ordinary crowd to compare with"""
    findings: list[Finding]


def detect_networks(
    lake: Lake,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    traces: Sequence[str] = DEFAULT,
    fdr: float | None = None,
    progress: Callable[[int, int | None, str], None] | None = None,
) -> NetworkRun:
    """Find the networks among the posts from `since` to before `until`.

    The result rests on the lake's rows and the settings alone: the same rows
    give the same run. `fdr` is the workspace's setting unless given. Nothing is
    written; `record_networks` does that.
    """
    say = progress or (lambda _done, _total, _what: None)
    settings = settings_of(lake, since=since, until=until, traces=traces, fdr=fdr)
    level = settings["fdr"]
    say(0, 4, "reading posts")
    posts = read_posts(lake, traces, since, until)
    say(1, 4, "testing pairs, groups and scales")
    shares = {t: Shares(posts.account[s.post], s.object, posts.time[s.post]) for t, s in posts.traces.items()}
    result = search(shares, len(posts.accounts), fdr=level)
    say(2, 4, "gathering evidence")
    names, platforms = _known(lake, posts, result)
    found = [
        _finding(Context(network, acts, posts, result, names, platforms), settings)
        for network, acts in zip(result.networks, co_acts(result, len(posts.accounts)), strict=True)
    ]
    found.sort(key=lambda pair: (pair[0].q or 0.0, -len(pair[1].accounts), pair[0].id))
    say(4, 4, "done")
    return NetworkRun(
        [summary for _, summary in found],
        settings,
        ombud.__version__,
        len(posts.account),
        len(posts.accounts),
        {t: len(k.q) for t, k in result.links.items()},
        result.tested,
        {t: c.source for t, c in result.crowds.items()},
        [finding for finding, _ in found],
    )


def settings_of(
    lake: Lake,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    traces: Sequence[str] = DEFAULT,
    fdr: float | None = None,
) -> dict[str, Any]:
    """Return all that a run depends on besides the rows."""
    return {
        "traces": list(traces),
        "since": since.isoformat() if since else None,
        "until": until.isoformat() if until else None,
        "fdr": lake.workspace.settings.fdr if fdr is None else fdr,
        "link_share": LINK_SHARE,
        "method": METHOD,
    }


def record_networks(lake: Lake, records: Records, run: NetworkRun) -> list[Finding]:
    """Save the run's findings and open one case each; what is there already stays as it is."""
    del lake
    with records.begin() as tx:
        for finding in run.findings:
            findings.save(tx, finding)
            cases.open_for(tx, finding.id, "network", finding.title)
    return run.findings


def _known(lake: Lake, posts: Posts, result: Search) -> tuple[dict[int, str], dict[int, str | None]]:
    """Return name and platform of every member."""
    members = np.unique(np.concatenate([n.members for n in result.networks] or [np.empty(0, dtype=np.int64)]))
    if len(members) == 0:
        return {}, {}
    ids = posts.accounts[members].tolist()
    names = dict(zip(members.tolist(), lake.names("account", ids), strict=True))
    with lake.duck(["posts"]) as duck:
        rows = duck.execute(
            "SELECT account, min(platform) FROM posts WHERE list_contains($ids, account) GROUP BY account", {"ids": ids}
        ).fetchall()
    dense = dict(zip(ids, members.tolist(), strict=True))
    return names, {dense[account]: platform for account, platform in rows}


def _finding(context: Context, settings: dict[str, Any]) -> tuple[Finding, NetworkSummary]:
    network, names = context.network, context.names
    page = detail(context)
    members = sorted(names[int(m)] for m in network.members)
    subject = derived_id("network", members, settings)
    main = next(t for t in page.traces if t.trace == network.trace)
    title = wording.title(len(members), main.trace, main.objects, main.scale)
    numbers = figures.network_figures(subject, page, context, settings)
    finding = Finding(
        id=derived_id("finding", TOOL, subject),
        says="coordinated",
        subject_kind="network",
        subject=subject,
        title=title,
        score=round(float(-np.log10(max(network.q, 1e-300))), 3),
        q=network.q,
        calibration=_calibration(network, context.search),
        reasons=_reasons(page, network, numbers),
        explanations=explanations(context),
        rows=evidence_rows(context, _MOST_ROWS),
        query=figures.command(settings),
        tool=TOOL,
        tool_version=ombud.__version__,
        settings=settings,
        found_at=clock.now(),
        detail=msgspec.to_builtins(page),
        figures=list(numbers.values()),
    )
    summary = NetworkSummary(
        id=subject,
        accounts=members,
        q=network.q,
        traces={t.trace: t.co_acts for t in page.traces},
        first=page.first,
        last=page.last,
        title=title,
        finding=finding.id,
        q_link=network.q_link,
        co_acts=page.co_acts,
        expected=page.expected,
        median_gap=page.median_gap,
    )
    return finding, summary


def _calibration(network: Found, result: Search) -> str:
    crowd = result.crowds[network.trace]
    whom = (
        f"{crowd.episodes:,} things that strangers in this lake shared"
        if crowd.source == "own"
        else "a reference crowd (the German election of 2021), as nearly everybody who shares here is linked to others"
    )
    return (
        "q is the sum of two bounds of Benjamini and Yekutieli: on the pairs that hold the network together (over all "
        f"possible pairs and traces) and on its timing (over {result.tested:,} groups, all traces and scales), "
        f"where the timing is held against {whom}."
    )


def _reasons(page: NetworkDetail, network: Found, numbers: dict[str, Any]) -> list[Reason]:
    out = []
    for trace in page.traces:
        share = f"{wording.counted(trace.co_acts, 'pair')} of posts within {wording.span(trace.scale)}"
        expected = f"{trace.expected:,.0f}" if trace.expected >= 1 else "fewer than one"
        what = wording.thing(trace.trace, trace.objects)
        tells = "" if trace.co_acts > trace.expected else ", so this alone says nothing"
        sentence = f"{what}: {share} of each other; common interest, news and habits explain {expected}{tells}."
        out.append(Reason(sentence, numbers[f"co_acts.{trace.trace}"].id))
    apart = "in the same second" if page.median_gap < 1 else f"at most {wording.delay(page.median_gap)} apart"
    out.append(Reason(f"Half of these pairs of posts lie {apart}.", numbers["median_gap"].id))
    out.append(
        Reason(
            "They share the same things more often than activity and popularity explain: "
            f"the weakest link that holds the network together has q = {network.q_link:.2g}.",
            numbers["q_link"].id,
        )
    )
    return out
