"""Imports: started, finished, and found again by their bytes and options."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from ombud.model import clock
from ombud.model.errors import NotFoundError
from ombud.records import imports

if TYPE_CHECKING:
    from ombud.records import Records

NOON = datetime(2016, 11, 8, 12, tzinfo=UTC)


def test_only_a_finished_import_is_found(records: Records) -> None:
    with records.begin() as tx:
        with clock.frozen(NOON):
            run = imports.start(tx, "ira-tweets", "tweets.csv.gz", "ab", "cd")
        assert run.state == "running"
        assert imports.find_done(tx, "ira-tweets", "ab", "cd") is None
        with clock.frozen(NOON + timedelta(seconds=3)):
            done = imports.finish(tx, run.id, {"posts": {"read": 5, "accepted": 4, "rejected": 1}})
        assert imports.find_done(tx, "ira-tweets", "ab", "cd") == done == imports.get(tx, run.id)
    assert done.finished_at == NOON + timedelta(seconds=3)
    assert done.counts["posts"]["accepted"] == 4


@pytest.mark.parametrize("other", [("table", "ab", "cd"), ("ira-tweets", "xx", "cd"), ("ira-tweets", "ab", "xx")])
def test_other_bytes_or_options_are_another_import(records: Records, other: tuple[str, str, str]) -> None:
    with records.begin() as tx:
        imports.finish(tx, imports.start(tx, "ira-tweets", "t", "ab", "cd").id, {})
        assert imports.find_done(tx, *other) is None


def test_a_failed_import_is_not_done(records: Records) -> None:
    with records.begin() as tx:
        run = imports.start(tx, "table", "t", "ab", "cd", import_id="import_mine")
        assert imports.finish(tx, run.id, {}, state="failed").state == "failed"
        assert imports.find_done(tx, "table", "ab", "cd") is None
        assert run.id == "import_mine"


def test_listing_begins_with_the_newest(records: Records) -> None:
    with records.begin() as tx:
        for n in range(3):
            with clock.frozen(NOON + timedelta(seconds=n)):
                imports.start(tx, "table", f"file {n}", "ab", "cd")
        assert [run.source_name for run in imports.listing(tx, limit=2)] == ["file 2", "file 1"]
        assert [run.source_name for run in imports.listing(tx, limit=2, offset=2)] == ["file 0"]


def test_unknown(records: Records) -> None:
    with records.begin() as tx:
        with pytest.raises(NotFoundError, match="import_x"):
            imports.get(tx, "import_x")
        with pytest.raises(NotFoundError, match="import_x"):
            imports.finish(tx, "import_x", {})
