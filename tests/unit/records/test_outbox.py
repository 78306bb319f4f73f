"""The outbox, repeated jobs and figures without a place on the ledger, on both databases."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from ombud.model import clock
from ombud.model.findings import Figure, SourceFile
from ombud.records import figures, jobs, outbox

if TYPE_CHECKING:
    from ombud.records import Records

FILE = SourceFile("posts/a.parquet", "ab" * 32)


def figure(number: int, *files: SourceFile, ledger: tuple[int, ...] = ()) -> Figure:
    return Figure(id=f"figure_{number}", name="n", value=1, unit="", query="", inputs=list(files), ledger=list(ledger))


def test_what_waits_and_what_is_furthest(records: Records) -> None:
    with records.begin() as tx:
        rows = [outbox.append(tx, kind, {"n": kind}) for kind in ("erase", "import", "erase")]
        assert (outbox.waiting(tx), outbox.last_published(tx)) == (3, None)
        outbox.published(tx, {rows[0]: 9, rows[1]: 4})
    between = clock.now()
    with records.begin() as tx:
        assert outbox.waiting(tx) == 1
        last = outbox.last_published(tx)
        assert last is not None
        assert (last[0].id, last[0].payload, last[1]) == (rows[0], {"n": "erase"}, 9)
        assert outbox.last_published(tx, between) is None
        outbox.published(tx, {rows[2]: 1})
        newest = outbox.last_published(tx, between)
        assert newest is not None
        assert (newest[0].id, newest[1]) == (rows[2], 1)
        assert [(entry.id, index) for entry, index in outbox.listing(tx, "erase")] == [(rows[0], 9), (rows[2], 1)]
        assert [entry.payload for entry, _ in outbox.listing(tx, "import")] == [{"n": "import"}]


def test_figures_that_lack_their_place_are_found_and_told(records: Records) -> None:
    with records.begin() as tx:
        figures.save_all(tx, [figure(1, FILE), figure(2), figure(3, FILE, ledger=(5,))])
        assert figures.not_on_ledger(tx) == {"figure_1": [FILE]}
        figures.put_on_ledger(tx, {"figure_1": [3, 7]})
        assert figures.not_on_ledger(tx) == {}
        assert figures.get(tx, "figure_1").ledger == [3, 7]
        assert figures.get(tx, "figure_2").ledger == []


def test_jobs_that_come_again_are_forgotten_once_they_are_done(records: Records) -> None:
    with records.begin() as tx:
        for kind in ("again", "again", "other"):
            jobs.enqueue(tx, kind, {})
        for _ in range(2):
            item = jobs.claim(tx, "w", 60, kinds=["again", "other"])
            assert item is not None
            jobs.finish(tx, item)
        assert jobs.forget(tx, "again", clock.now() - timedelta(minutes=1)) == 0
        assert jobs.forget(tx, "again", clock.now() + timedelta(minutes=1)) == 2
        assert jobs.count(tx) == 1
