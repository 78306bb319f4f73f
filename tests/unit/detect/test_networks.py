"""From posts in a lake to findings, figures and cases."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from ombud.detect import NetworkRun, detect_networks, record_networks
from ombud.detect.figures import co_act_sql, command
from ombud.model import clock
from ombud.model.errors import UsageError
from ombud.model.findings import Finding, NetworkDetail
from ombud.records import cases, figures, findings

if TYPE_CHECKING:
    from ombud.lake import Lake

MEMBERS = [f"press_{n}" for n in range(6)]


@pytest.fixture
def run(lake: Lake) -> NetworkRun:
    with clock.frozen(datetime(2026, 1, 1, tzinfo=UTC)):
        return detect_networks(lake)


@pytest.fixture
def finding(run: NetworkRun) -> Finding:
    return run.findings[0]


@pytest.fixture
def page(finding: Finding) -> NetworkDetail:
    return msgspec.convert(finding.detail, NetworkDetail)


def test_the_planted_network_is_the_only_one(run: NetworkRun) -> None:
    assert [n.accounts for n in run.networks] == [MEMBERS]
    network = run.networks[0]
    assert network.q < 0.01
    assert {"repost", "image", "text"} <= set(network.traces)
    assert network.traces["repost"] >= 30 * 15
    assert network.id.startswith("network_")
    assert run.accounts == 400


def test_the_document_has_the_promised_keys(run: NetworkRun) -> None:
    document = msgspec.to_builtins(run)
    assert {"networks", "settings", "version"} <= set(document)
    assert {"id", "accounts", "q", "traces", "first", "last"} <= set(document["networks"][0])
    assert document["settings"]["fdr"] == 0.01


def test_the_same_rows_give_the_same_run(lake: Lake, run: NetworkRun) -> None:
    with clock.frozen(datetime(2026, 1, 1, tzinfo=UTC)):
        assert msgspec.json.encode(detect_networks(lake)) == msgspec.json.encode(run)


def test_the_finding_says_coordinated_and_nothing_more(finding: Finding) -> None:
    assert finding.says == "coordinated"
    assert finding.subject_kind == "network"
    assert "6 accounts" in finding.title
    assert "30" in finding.title
    for word in ("inauthentic", "fake", "troll", "bot"):
        assert word not in msgspec.json.encode([finding.title, finding.reasons]).decode()
    assert "Yekutieli" in finding.calibration


def test_the_page_is_complete(page: NetworkDetail, finding: Finding) -> None:
    assert sorted(m.account for m in page.members) == MEMBERS
    assert page.members_total == 6
    assert page.edges_total == len(page.edges) > 0
    assert all(0 <= m.x <= 1 and 0 <= m.y <= 1 for m in page.members)
    assert len({(m.x, m.y) for m in page.members}) == 6
    assert all(m.partners == 5 and m.platform == "x" and m.co_acts <= m.acts for m in page.members)
    assert page.first < page.last
    assert page.co_acts == sum(t.co_acts for t in page.traces)
    assert page.expected < page.co_acts / 2
    assert sum(n for b in page.timeline for n in b.co_acts.values()) == page.co_acts
    starts = [b.start for b in page.timeline]
    step = timedelta(hours=1 if page.timeline_unit == "hour" else 24)
    assert all(b - a == step for a, b in itertools.pairwise(starts))
    assert {r.table for r in finding.rows} == {"posts"}
    assert len({r.id for r in finding.rows}) == len(finding.rows) >= 360


def test_evidence_lines_hold_against_the_rows(lake: Lake, page: NetworkDetail) -> None:
    line = next(e for e in page.evidence if e.trace == "repost")
    rows = lake.read("posts", ["post", "account", "happened_at"], "original = $o", {"o": line.object}, names=True)
    inside = [r for r in rows.to_pylist() if r["account"] in MEMBERS]
    assert line.times == len(inside)
    assert line.outsiders == len(rows) - len(inside)
    assert sorted(r.id for r in line.rows) == sorted(r["post"] for r in inside)
    assert set(line.accounts) == {r["account"] for r in inside}
    assert abs(line.first - min(r["happened_at"] for r in inside)) < timedelta(seconds=1)


def test_every_figure_is_computed_again_by_its_query(lake: Lake, finding: Finding) -> None:
    tried = 0
    with lake.duck() as duck:
        for figure in finding.figures:
            assert figure.subject == finding.subject
            assert figure.inputs
            if figure.query.startswith("WITH"):
                row = duck.execute(figure.query, figure.parameters).fetchone()
                assert row is not None
                assert row[0] == figure.value
                tried += 1
            else:
                assert figure.query == command(finding.settings)
    assert tried == 2


def test_the_runs_document_has_every_number_that_names_it_as_its_source(run: NetworkRun, finding: Finding) -> None:
    """A page that says `this command gives this number` must be right."""
    (network,) = run.networks
    told = {
        "accounts": len(network.accounts),
        "q": network.q,
        "q of the links": network.q_link,
        "median gap of co-acts": network.median_gap,
        "co-acts": network.co_acts,
        "co-acts expected innocently": network.expected,
    }
    told |= {
        f"co-acts by {t} within {s} s": n for t, n in network.traces.items() for s in (60, 600, 3_600, 21_600, 86_400)
    }
    by_command = [f for f in finding.figures if not f.query.startswith("WITH")]
    assert len(by_command) >= 7
    for figure in by_command:
        assert figure.value == told[figure.name]


def test_reasons_point_at_figures(finding: Finding) -> None:
    known = {f.id for f in finding.figures}
    assert len(finding.reasons) >= 5
    assert all(r.figure in known for r in finding.reasons)


def test_innocent_explanations_are_all_considered(finding: Finding) -> None:
    found = {e.code: e for e in finding.explanations}
    assert set(found) == {
        "shared-tool",
        "news-burst",
        "fan-community",
        "same-organisation",
        "automation",
        "time-zone",
        "quotation",
    }
    assert found["same-organisation"].applies == "yes"
    assert "press_" in found["same-organisation"].sentence
    assert found["news-burst"].applies == "no"
    assert found["quotation"].applies == "no"


def test_recording_opens_one_case_each_and_twice_is_once(lake: Lake, run: NetworkRun) -> None:
    for _ in range(2):
        assert record_networks(lake, lake.records, run) == run.findings
    with lake.records.read() as tx:
        assert findings.count(tx) == 1
        listed = cases.listing(tx, kind="network")
        assert len(listed) == 1
        assert listed[0].title == run.findings[0].title
        assert findings.get(tx, run.findings[0].id).detail == run.findings[0].detail
        assert figures.get(tx, run.findings[0].figures[0].id).value == 6


def test_a_period_is_kept_to(lake: Lake, run: NetworkRun) -> None:
    first, last = run.networks[0].first, run.networks[0].last
    assert detect_networks(lake, since=last + timedelta(days=200)).posts == 0
    half = detect_networks(lake, until=first + (last - first) / 2)
    assert 0 < half.posts < run.posts
    assert all(n.last < first + (last - first) / 2 for n in half.networks)


def test_one_trace_alone(lake: Lake) -> None:
    assert [set(n.traces) for n in detect_networks(lake, traces=["repost"]).networks] == [{"repost"}]


def test_where_nobody_else_shares_anything_nothing_can_be_unusual(lake: Lake) -> None:
    # only the planted accounts post images here, so by images alone they are the crowd
    assert detect_networks(lake, traces=["image"]).networks == []


@pytest.mark.parametrize("traces", [[], ["smell"], ["link", "smell"]])
def test_a_trace_that_is_not_one_is_refused(lake: Lake, traces: list[str]) -> None:
    with pytest.raises(UsageError, match=r"smell|No trace"):
        detect_networks(lake, traces=traces)


def test_progress_is_told(lake: Lake) -> None:
    told: list[tuple[int, int | None, str]] = []
    detect_networks(lake, progress=lambda done, total, what: told.append((done, total, what)))
    assert told[0][0] == 0
    assert told[-1][:2] == (4, 4)


def test_texts_and_links_have_no_sql_but_a_command() -> None:
    settings = {"traces": ["text"], "since": "2016-01-01T00:00:00+00:00", "until": None, "fdr": 0.01}
    assert co_act_sql("text", settings) is None
    assert co_act_sql("link", settings) is None
    assert "happened_at >= '2016-01-01" in str(co_act_sql("repost", settings))
    assert command(settings).startswith("ombud detect networks --fdr 0.01 --trace text --since 2016")
