"""Coverage: canaries that must appear, counters that must agree, numbers that must not be missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import pytest

from ombud.gate import coverage, registry
from ombud.gate.coverage import Gap, egress_from_csv, find_canaries, measure, publish, share
from ombud.gate.flush import flush
from ombud.gate.journal import Journal
from ombud.gate.observe import observe
from ombud.gate.policy import load_policy
from ombud.gate.recorder import Recorder
from ombud.gate.sinks import OutboxSink
from ombud.lake.publisher import publish_all
from ombud.model import clock
from ombud.model.errors import InputError
from ombud.records import apps, canary_reads, egress, figures, gate_hosts, outbox
from ombud.records.apps import App
from tests.unit.gate.recording import Paper, row

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.lake import Lake

NOON = datetime(2014, 4, 30, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=3)


def record(lake: Lake, rows: list[bytes], name: str = "g") -> None:
    with Recorder(Journal(lake.workspace.journal_dir / name), Paper()) as recorder:
        for one in rows:
            recorder.record([one])
    flush(lake)


def at(minutes: int) -> str:
    return f"{(NOON + timedelta(minutes=minutes)).isoformat(timespec='microseconds').removesuffix('+00:00')}Z"


def canary(lake: Lake, person: str, minutes: int = 0, fields: tuple[str, ...] = ("likes",)) -> str:
    made = NOON + timedelta(minutes=minutes)
    with lake.records.begin() as tx:
        return canary_reads.expect(tx, "quiz", person, fields, made_at=made, due_at=made + timedelta(minutes=10)).id


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(0, 10, 0.0, 0.3085), (10, 10, 0.6915, 1.0), (5, 10, 0.1871, 0.8129), (300, 300, 0.9878, 1.0)],
)
def test_a_share_has_its_interval(hits: int, of: int, low: float, high: float) -> None:
    """Against the tables of Clopper and Pearson."""
    found = share(hits, of)
    assert found.low == pytest.approx(low, abs=1e-4)
    assert found.high == pytest.approx(high, abs=1e-4)
    assert share(0, 0).value is None


def test_canaries_that_are_on_record_and_one_that_is_not(lake: Lake) -> None:
    record(lake, [row(1, "t1", at=at(0)), row(2, "t2", at=at(30)), row(3, "t3", at=at(0), fields=["name"])])
    found, late, other, never = canary(lake, "t1"), canary(lake, "t2"), canary(lake, "t3"), canary(lake, "t4")
    with clock.frozen(LATER):
        assert find_canaries(lake) == 1
        done = measure(lake, NOON, LATER)
        assert set(done.missing_canaries) == {late, other, never}
        assert found not in done.missing_canaries
        assert (done.canaries.hits, done.canaries.of, done.canaries.value) == (1, 4, 0.25)
        assert any("1 of 4 canary reads" in sentence for sentence in done.sentences)


def test_a_canary_that_was_refused_is_on_record_too(lake: Lake) -> None:
    record(lake, [
        row(1, "t1", at=at(1), decision="refused", reason="no-consent", fields=["likes", "name"]),
        row(2, "t2", at=at(1), decision="reduced", reason="region:likes", fields=["name"]),
    ])  # fmt: skip
    for person in ("t1", "t2"):
        canary(lake, person, fields=("likes", "name"))
    with clock.frozen(LATER):
        assert find_canaries(lake) == 2


def test_one_read_is_one_canary(lake: Lake) -> None:
    record(lake, [row(1, "t1", at=at(5))])
    canary(lake, "t1", 3)
    canary(lake, "t1", 4)
    with clock.frozen(LATER):
        assert find_canaries(lake) == 1
        assert find_canaries(lake) == 0
        record(lake, [row(2, "t1", at=at(6))])
        assert find_canaries(lake) == 1


def test_what_is_not_due_does_not_count(lake: Lake) -> None:
    canary(lake, "t1")
    with clock.frozen(NOON + timedelta(minutes=9)):
        done = measure(lake, NOON, LATER)
        assert (done.canaries.of, done.missing_canaries) == (0, [])
        assert any("nobody has tested" in sentence for sentence in done.sentences)


def test_counters_beside_the_record(lake: Lake) -> None:
    record(lake, [row(n, f"p{n % 3}", at=at(n)) for n in range(6)] + [row(9, "p", at=at(70))])
    record(lake, [row(20, "x", at=at(2), decision="refused", reason="no-consent")], "h")
    lines = [
        "host,hour,app,reads,people,fields,bytes",
        f"www1,{NOON.isoformat()},quiz,5,2,5,1000",
        f"www2,{NOON.isoformat()},quiz,3,2,3,",
        "www1,2014-04-30T13:00:00,quiz,1,,,",
        f"www1,{NOON.isoformat()},chess,2,,,",
    ]
    with lake.records.begin() as tx:
        egress.count(tx, egress_from_csv(lines, "counters.csv"))
    with clock.frozen(LATER):
        done = measure(lake, NOON, LATER)
    by_line = {(line.hour.hour, line.app): line for line in done.egress}
    first = by_line[12, "quiz"]
    assert (first.counted, first.recorded, first.missing) == (8, 6, 2)
    assert (first.counted_people, first.recorded_people) == ((2, 4), 3)
    assert (first.counted_fields, first.recorded_fields) == (8, 6)
    assert by_line[13, "quiz"].missing == 0
    assert (by_line[12, "chess"].recorded, by_line[12, "chess"].missing) == (0, 2)
    assert done.egress_share == pytest.approx(7 / 11)
    assert any("Of 11 answers" in sentence for sentence in done.sentences)


@pytest.mark.parametrize(
    "lines",
    [["a,b"], ["host,hour,app,reads", "w,soon,quiz,1"], ["host,hour,app,reads", "w,2014-04-30T12:00:00,quiz,many"]],
)
def test_counters_that_cannot_be_read(lines: list[str]) -> None:
    with pytest.raises(InputError, match=r"counters\.csv"):
        egress_from_csv(lines, "counters.csv")


@pytest.mark.parametrize(
    ("numbers", "upto", "gaps"),
    [([], 0, []), ([1, 2, 3], 3, []), ([1, 3, 6], 6, [(2, 2), (4, 5)]), ([2], 2, [(1, 1)]), ([1], 4, [(2, 4)])],
)
def test_missing_numbers(numbers: list[int], upto: int, gaps: list[tuple[int, int]]) -> None:
    assert coverage._gaps("h", numbers, upto) == [Gap("h", *gap) for gap in gaps]


def test_a_batch_that_is_gone_from_the_lake_is_noticed(lake: Lake) -> None:
    record(lake, [row(n, "p", at=at(n)) for n in range(3)])
    with clock.frozen(LATER):
        assert measure(lake, NOON, LATER).gaps == []
        with lake.records.begin() as tx:
            (host,) = gate_hosts.every(tx)
            gate_hosts.flushed(tx, host.host, 5, 0)
        done = measure(lake, NOON, LATER)
    assert done.gaps == [Gap(host.host, 4, 5)]
    assert done.sentences[0] == "2 batches of reads are missing from the record."


def test_gates_that_are_silent_or_wait(lake: Lake) -> None:
    with lake.records.begin() as tx, clock.frozen(NOON):
        gate_hosts.start(tx, "quiet")
        gate_hosts.beat(tx, "quiet", 7, None)
    with clock.frozen(NOON + timedelta(seconds=30)):
        (state,) = measure(lake, NOON, LATER).hosts
        assert (state.silent, state.waiting) == (False, 7)
    with clock.frozen(LATER):
        assert measure(lake, NOON, LATER).hosts[0].silent


def test_roots_that_are_not_on_the_ledger_yet(lake: Lake) -> None:
    with Recorder(Journal(lake.workspace.journal_dir / "g"), OutboxSink(lake.records)) as recorder:
        recorder.record([row(1)])
    flush(lake)
    assert measure(lake, NOON, LATER).unpublished == 1
    publish_all(lake.workspace, lake.records)
    assert measure(lake, NOON, LATER).unpublished == 0


def test_figures_can_be_explained_and_go_to_the_ledger(lake: Lake) -> None:
    record(lake, [row(1, "t1", at=at(0))])
    canary(lake, "t1")
    with clock.frozen(LATER):
        made = publish(lake, measure(lake, NOON, LATER))
    assert [(figure.name, figure.value) for figure in made] == [
        ("canary reads on record", 1.0), ("counted answers on record", None), ("missing batches", 0),
    ]  # fmt: skip
    with lake.records.read() as tx:
        assert figures.get(tx, made[0].id) == made[0]
        assert outbox.pending(tx)[-1].type == "coverage"
    assert publish_all(lake.workspace, lake.records).waiting == 0


# Observe mode --------------------------------------------------------------------


def logs(lake: Lake) -> None:
    columns: dict[str, list[Any]] = {
        "read": ["1", "2", "3"], "app": ["quiz", "quiz", "chess"], "person": ["a", "b", "a"],
        "through": [None, "a", None], "happened_at": [NOON] * 3, "fields": [["name"], ["likes"], ["name"]],
        "decision": ["allowed"] * 3, "purpose": ["app-function"] * 3,
    }  # fmt: skip
    grants: dict[str, list[Any]] = {
        "app": ["quiz", "chess"], "person": ["a", "a"], "scope": ["public_profile"] * 2,
        "happened_at": [NOON - timedelta(days=1)] * 2,
    }  # fmt: skip
    with lake.writing() as batch:
        batch.write("reads", pa.table(columns), "import_1")
        batch.write("grants", pa.table(grants), "import_1")


def test_what_the_policy_would_have_refused(lake: Lake, tmp_path: Path) -> None:
    del tmp_path
    assert observe(lake).sentence == "There are no reads in the lake yet."
    logs(lake)
    locked = observe(lake, load_policy("locked-down"))
    assert (locked.policy, locked.replay.reads, locked.replay.reads_touched) == ("locked-down", 3, 1)
    assert [app.app for app in locked.replay.apps] == ["quiz"]
    assert "1 of 3 reads" in locked.sentence
    with lake.records.read() as tx:
        assert outbox.waiting(tx) == len(outbox.pending(tx))
    assert len(lake.read("reads")) == 3  # nothing was changed


def test_by_the_policy_in_force_and_the_apps_as_they_stand(lake: Lake) -> None:
    logs(lake)
    with lake.records.begin() as tx, clock.frozen(NOON):
        old = load_policy("before-2015")
        registry.activate(tx, old, "Mara", "As it was.")
        for name in ("quiz", "chess"):
            apps.register(tx, App(app=name, developer="d", name=name, registered_at=NOON - timedelta(days=9)))
    assert observe(lake).policy == "before-2015"
    with lake.records.begin() as tx:
        apps.set_status(tx, "chess", "banned", None, "x")
    touched = {app.app for app in observe(lake).replay.apps}
    assert "chess" in touched
    assert "chess" not in {app.app for app in observe(lake, registered=False).replay.apps}
    assert msgspec.to_builtins(observe(lake))
