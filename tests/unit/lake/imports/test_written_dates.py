"""Dates as people and old interfaces write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from ombud.lake import Lake, open_lake
from ombud.lake.imports import import_files, load_mapping, suggest_mapping
from ombud.model.errors import InputError
from ombud.records import migrate, open_records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ombud.model.workspace import Workspace


@pytest.fixture
def lake(workspace: Workspace) -> Iterator[Lake]:
    migrate(workspace.records_url)
    with open_records(workspace) as records:
        yield open_lake(workspace, records)


def write(file: Path, dates: list[str]) -> Path:
    rows = [f'p{n},u{n % 3},"{date}",words\n' for n, date in enumerate(dates)]
    file.write_text("id,user,created_at,text\n" + "".join(rows))
    return file


def times(lake: Lake) -> list[datetime]:
    micros = lake.read("posts", ["happened_at"])["happened_at"].cast(pa.int64()).to_pylist()
    return sorted(datetime.fromtimestamp(m / 1e6, UTC) for m in micros if m is not None)


@pytest.mark.parametrize(
    ("dates", "pattern", "first"),
    [
        (
            ["Wed Oct 10 20:19:24 +0200 2018", "Thu Oct 25 01:02:03 +0000 2018"],
            "%a %b %d %H:%M:%S %z %Y",
            datetime(2018, 10, 10, 18, 19, 24, tzinfo=UTC),
        ),
        (["31/10/2018 23:59", "01/11/2018 00:00"], "%d/%m/%Y %H:%M", datetime(2018, 10, 31, 23, 59, tzinfo=UTC)),
        (["10/31/2018", "11/01/2018"], "%m/%d/%Y", datetime(2018, 10, 31, tzinfo=UTC)),
        (
            ["31.10.2018 01:02:03", "01.11.2018 04:05:06"],
            "%d.%m.%Y %H:%M:%S",
            datetime(2018, 10, 31, 1, 2, 3, tzinfo=UTC),
        ),
        (
            ["Oct 31, 2018 01:05 PM", "Nov 01, 2018 12:00 AM"],
            "%b %d, %Y %I:%M %p",
            datetime(2018, 10, 31, 13, 5, tzinfo=UTC),
        ),
    ],
)
def test_a_pattern_is_proposed_and_read(
    lake: Lake, tmp_path: Path, dates: list[str], pattern: str, first: datetime
) -> None:
    file = write(tmp_path / "posts.csv", dates)
    mapping = suggest_mapping(file, "posts").mapping
    assert mapping.columns["happened_at"].moments == pattern
    assert load_mapping(mapping.to_toml()) == mapping
    report = import_files(lake, "table", [file], mapping=mapping)
    assert report.tables["posts"].accepted == 2
    assert times(lake)[0] == first


def test_day_and_month_that_cannot_be_told_apart_are_said_with_less_confidence(tmp_path: Path) -> None:
    open_question = suggest_mapping(write(tmp_path / "a.csv", ["01/02/2020", "03/04/2020"]), "posts")
    clear = suggest_mapping(write(tmp_path / "b.csv", ["28/02/2020", "03/04/2020"]), "posts")
    doubtful, certain = (next(p for p in one.proposals if p.column == "happened_at") for one in (open_question, clear))
    assert "%d/%m/%Y or %m/%d/%Y" in doubtful.reason
    assert doubtful.confidence < certain.confidence


def test_a_date_that_does_not_fit_the_pattern_is_a_reject_with_its_line(lake: Lake, tmp_path: Path) -> None:
    file = write(tmp_path / "posts.csv", ["31/10/2018", "2018-10-31", "32/10/2018"])
    mapping = load_mapping(
        {
            "table": "posts",
            "columns": {"post": "id", "account": "user", "happened_at": {"from": "created_at", "as": "%d/%m/%Y"}},
        }
    )
    counts = import_files(lake, "table", [file], mapping=mapping).tables["posts"]
    assert (counts.accepted, counts.rejected) == (1, 2)


@pytest.mark.parametrize("pattern", ["%Q", "%d/%m/%", "days", "%Y'); DROP TABLE posts; --%k"])
def test_a_pattern_that_is_none_is_refused_by_name(pattern: str) -> None:
    with pytest.raises(InputError, match="cannot be read as") as caught:
        load_mapping({"table": "posts", "columns": {"happened_at": {"from": "t", "as": pattern}}})
    assert "%Y" in (caught.value.hint or "")


def test_a_quote_in_a_pattern_is_a_quote(lake: Lake, tmp_path: Path) -> None:
    file = write(tmp_path / "posts.csv", ["10 o'clock 31.10.2018"])
    mapping = load_mapping(
        {
            "table": "posts",
            "columns": {
                "post": "id",
                "account": "user",
                "happened_at": {"from": "created_at", "as": "%H o'clock %d.%m.%Y"},
            },
        }
    )
    assert import_files(lake, "table", [file], mapping=mapping).tables["posts"].accepted == 1
    assert times(lake) == [datetime(2018, 10, 31, 10, tzinfo=UTC)]
