"""Drawings keep the numbers and stay inside their boxes, whatever the network."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.model.findings import NetworkDetail, TimelineBin
from ombud.web.charts import graph, sentences, timeline
from tests.web.seeding import network

START = datetime(2016, 6, 1, tzinfo=UTC)
DETAIL = network(np.random.default_rng(1))


def _with(bins: list[TimelineBin], unit: str = "day") -> NetworkDetail:
    return msgspec.structs.replace(DETAIL, timeline=bins, timeline_unit=unit)


counts = st.dictionaries(st.sampled_from(["link", "text", "repost"]), st.integers(0, 10**6), max_size=3)
days = st.dictionaries(st.integers(0, 3_000), counts, min_size=1, max_size=60)


class TestTimeline:
    @given(days, st.sampled_from([350.0, 1120.0]), st.sampled_from(["day", "hour"]))
    def test_nothing_is_lost_and_nothing_leaves_the_box(
        self, shares: dict[int, dict[str, int]], width: float, unit: str
    ) -> None:
        step = timedelta(days=1) if unit == "day" else timedelta(hours=1)
        detail = _with([TimelineBin(START + n * step, c) for n, c in shares.items()], unit)
        chart = timeline.draw(detail, width)
        drawn = {lane.trace: sum(bar.value for bar in lane.bars) for lane in chart.lanes}
        totals = {t: sum(c.get(t, 0) for c in shares.values()) for t in {t for c in shares.values() for t in c}}
        assert drawn == {trace: total for trace, total in totals.items() if total}
        for lane in chart.lanes:
            assert lane.total == drawn[lane.trace]
            for bar in lane.bars:
                assert 0 <= bar.x <= width
                assert bar.x + bar.width <= width + 1.6
                assert lane.top <= bar.y < lane.base <= chart.height
        assert all(0 <= tick.x <= width for tick in chart.ticks)

    def test_bars_of_a_long_time_are_joined_until_they_can_be_seen(self) -> None:
        detail = _with([TimelineBin(START + timedelta(hours=n), {"link": 1}) for n in range(5_000)], "hour")
        chart = timeline.draw(detail, 350)
        assert chart.bin_seconds > 3600
        assert chart.bin_seconds % 3600 == 0
        assert len(chart.lanes[0].bars) <= 350 / 2.5 + 1

    def test_no_time_line_at_all(self) -> None:
        chart = timeline.draw(_with([]), 350)
        assert chart.lanes == []
        assert sentences.timeline_sentence(_with([])) == "When they acted together"

    @pytest.mark.parametrize("hours", [1, 5, 30, 24 * 9, 24 * 70, 24 * 400, 24 * 4_000, 24 * 36_500])
    @pytest.mark.parametrize("most", [3, 10])
    def test_axis_has_few_round_steps(self, hours: int, most: int) -> None:
        end = START + timedelta(hours=hours)
        found = timeline.steps(START, end, most)
        assert len(found) <= max(most, 1)
        assert found == sorted(set(found))
        assert all(START <= moment < end and moment.minute == 0 for moment in found)


class TestGraph:
    def test_every_member_is_a_dot_inside_the_box(self) -> None:
        chart = graph.draw(DETAIL, 640, 520)
        assert len(chart.dots) == len(DETAIL.members)
        assert all(0 < dot.x < 640 and 0 < dot.y < 520 for dot in chart.dots)
        pairs = {frozenset((e.a, e.b)) for e in DETAIL.edges}
        assert len(chart.lines) == chart.lines_total == len(pairs)
        assert 0 < sum(line.strong for line in chart.lines) <= len(pairs) // 10 + 1

    def test_more_co_acts_larger_dot(self) -> None:
        chart = graph.draw(DETAIL, 640, 520)
        by_acts = sorted(chart.dots, key=lambda dot: DETAIL.members[dot.index].co_acts)
        assert [d.radius for d in by_acts] == sorted(d.radius for d in by_acts)
        assert sum(dot.label is not None for dot in chart.dots) == graph.MOST_LABELS

    def test_members_in_one_place_and_none_at_all(self) -> None:
        same = [msgspec.structs.replace(m, x=0.5, y=0.5, co_acts=0) for m in DETAIL.members]
        assert len(graph.draw(msgspec.structs.replace(DETAIL, members=same), 350, 350).dots) == len(same)
        nobody = msgspec.structs.replace(DETAIL, members=[], edges=[], members_total=0)
        assert graph.draw(nobody, 350, 350).dots == []
        assert sentences.graph_sentence(nobody) == "Who they are"


class TestSentences:
    def test_busiest_day_is_named(self) -> None:
        bins = [TimelineBin(START + timedelta(days=n), {"link": 100 if n == 3 else 1}) for n in range(20)]
        said = sentences.timeline_sentence(_with(bins)).replace("\u00a0", " ")
        assert said == "Half of their joint acts or more fall on 2 days, most on 4 June 2016"

    def test_a_single_day(self) -> None:
        said = sentences.timeline_sentence(_with([TimelineBin(START, {"link": 3})]))
        assert said.replace("\u00a0", " ") == "All of it happened on 1 June 2016"

    def test_spread_evenly(self) -> None:
        bins = [TimelineBin(START + timedelta(days=n), {"link": 5}) for n in range(20)]
        assert sentences.timeline_sentence(_with(bins)).startswith("They acted together on 20")

    @pytest.mark.parametrize(
        ("partners", "ending"),
        [
            ([4, 4, 4, 3, 3], "at least half of them are linked with all the others"),
            ([3, 3, 3, 1, 1], "at least half of them are linked with 3 others"),
            ([4, 2, 2, 1, 1], "half of them are linked with 2 or more others, one with 4"),
            ([4, 4, 4, 4, 4], "each linked with all the others"),
        ],
    )
    def test_no_sentence_says_a_number_twice(self, partners: list[int], ending: str) -> None:
        members = [msgspec.structs.replace(DETAIL.members[i], partners=n) for i, n in enumerate(partners)]
        five = msgspec.structs.replace(DETAIL, members=members, members_total=5)
        assert sentences.graph_sentence(five).endswith(ending)

    def test_ties(self) -> None:
        said = sentences.graph_sentence(DETAIL).replace("\u00a0", " ")
        assert said.startswith("24 accounts: half of them are linked with")
        assert said.endswith(str(max(m.partners for m in DETAIL.members)))

    def test_everybody_tied_to_everybody(self) -> None:
        all_of = [msgspec.structs.replace(m, partners=3) for m in DETAIL.members[:4]]
        said = sentences.graph_sentence(msgspec.structs.replace(DETAIL, members=all_of, members_total=4))
        assert said.replace("\u00a0", " ") == "4 accounts, each linked with all the others"
        two = [msgspec.structs.replace(m, partners=1) for m in DETAIL.members[:2]]
        said = sentences.graph_sentence(msgspec.structs.replace(DETAIL, members=two, members_total=2))
        assert said.replace("\u00a0", " ") == "2 accounts, each linked with the other"

    def test_a_pair_linked_by_three_traces_is_one_pair(self) -> None:
        two = [msgspec.structs.replace(m, partners=1) for m in DETAIL.members[:2]]
        detail = msgspec.structs.replace(DETAIL, members=two, members_total=2, edges_total=3)
        assert sentences.linked_pairs(detail) == "1 of 1"
        assert sentences.linked_pairs(msgspec.structs.replace(detail, members_total=4)) == "1 or more of 6"

    def test_order_of_tables(self) -> None:
        ranked = sentences.members_ranked(DETAIL)
        assert [m.co_acts for _, m in ranked] == sorted((m.co_acts for m in DETAIL.members), reverse=True)
        assert all(DETAIL.members[index] is member for index, member in ranked)
        edges = sentences.edges_ranked(DETAIL)
        assert [(e.q, -e.co_acts) for e in edges] == sorted((e.q, -e.co_acts) for e in DETAIL.edges)
        assert sentences.trace_codes(DETAIL) == ["link", "text"]
