"""Attaching: which files are found, what a mapping may say, and what becomes of files that change."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ombud.model.errors import InputError, NotFoundError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ombud.lake import Lake

NOON = datetime(2016, 11, 7, 12, tzinfo=UTC)
MAPPING = {"post": "id", "account": "who", "happened_at": "seen"}


def put(path: Path, ids: list[str], **more: Any) -> Path:  # noqa: ANN401 - any column
    path.parent.mkdir(parents=True, exist_ok=True)
    columns: dict[str, Any] = {"id": ids, "who": [f"u{i}" for i in ids], "seen": [NOON] * len(ids), **more}
    pq.write_table(pa.table(columns), path)
    return path


def test_hidden_files_and_those_of_other_programs_are_left_out(lake: Lake, tmp_path: Path) -> None:
    for name in ("a.parquet", "deep/er/b.parquet", ".c.parquet", "_d.parquet", "_tmp/e.parquet", ".git/f.parquet"):
        put(tmp_path / "in" / name, [name])
    (tmp_path / "in" / "g.csv").write_text("no")
    done = lake.attach("posts", [tmp_path / "in"], MAPPING)
    assert done.files == 2
    assert lake.read("posts", ["post"]).sort_by("post")["post"].to_pylist() == ["a.parquet", "deep/er/b.parquet"]


def test_a_file_that_is_named_is_taken_once_whatever_it_is_called(lake: Lake, tmp_path: Path) -> None:
    path = put(tmp_path / "it's [odd] *" / "_hidden.pq", ["1", "2"])
    put(tmp_path / "it's o *" / "_hidden.pq", ["3"])  # what a pattern would find
    assert lake.attach("posts", [path, path, path.parent / ".." / path.parent.name / path.name], MAPPING).files == 1
    assert lake.read("posts", ["post"]).num_rows == 2
    assert lake.check() == []


def test_hive_folders_are_columns_and_keep_their_types(lake: Lake, tmp_path: Path) -> None:
    for day in ("2016-11-07", "2016-11-08"):
        for site in ("one", "two"):
            put(tmp_path / "in" / f"dt={day}" / f"site={site}" / "x.parquet", [f"{day}/{site}"])
    mapping = {**MAPPING, "happened_at": "CAST(dt AS TIMESTAMPTZ)", "platform": "upper(site)"}
    done = lake.attach("posts", [tmp_path / "in"], mapping)
    assert (done.files, done.rows) == (4, 4)
    rows = lake.read("posts", ["post", "happened_at", "platform"]).sort_by("post").to_pylist()
    assert rows[1] == {
        "post": "2016-11-07/two",
        "happened_at": datetime(2016, 11, 7, tzinfo=UTC),
        "platform": "TWO",
    }
    spans = {(f.first, f.last) for f in lake.files("posts")}
    assert {first.date() for first, _ in spans if first} == {date(2016, 11, 7), date(2016, 11, 8)}
    assert all(first == last for first, last in spans)
    assert all(f.day is None for f in lake.files("posts"))
    assert lake.check() == []


@pytest.mark.parametrize(
    "text",
    [
        "id WHERE id > '1'",
        "DISTINCT id",
        "id LIMIT 1",
        "id ORDER BY id",
        "id FROM other",
        "id, who",
        "(SELECT 1)",
        "id UNION SELECT who",
        "id; DROP TABLE x",
        "",
    ],
)
def test_a_mapping_is_an_expression_and_nothing_of_it_is_dropped(lake: Lake, tmp_path: Path, text: str) -> None:
    path = put(tmp_path / "x.parquet", ["1", "2"])
    with pytest.raises(InputError, match="The mapping of `post` must be one expression, not a query"):
        lake.attach("posts", [path], {**MAPPING, "post": text})
    assert lake.files("posts") == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id) AS x, (who", "is not an SQL expression"),
        ("nothing", "names the column `nothing`, which the file does not have"),
        ("max(id)", "The query for the file"),
        ("no_such(id)", "The query for the file"),
        ("CAST(who AS BIGINT)", "does not fit its column"),
    ],
)
def test_a_mapping_that_does_not_work_is_one_sentence(lake: Lake, tmp_path: Path, text: str, says: str) -> None:
    path = put(tmp_path / "x.parquet", ["1", "2"])
    with pytest.raises(InputError, match=says) as raised:
        lake.attach("posts", [path], {**MAPPING, "post": text})
    assert "u1" not in str(raised.value)  # no value of the platform's
    assert lake.files("posts") == []
    assert lake.ids("account", ["u1"]) == [None]


@pytest.mark.parametrize("text", ["id", "ID", '"id"', "id AS x", "CASE WHEN id > '' THEN id END", "id::VARCHAR || ''"])
def test_expressions_of_any_form_are_taken(lake: Lake, tmp_path: Path, text: str) -> None:
    path = put(tmp_path / "x.parquet", ["1", "2"])
    lake.attach("posts", [path], {**MAPPING, "post": text})
    assert lake.read("posts", ["post"]).sort_by("post")["post"].to_pylist() == ["1", "2"]


def test_rows_without_what_they_need_are_counted(lake: Lake, tmp_path: Path) -> None:
    path = put(tmp_path / "x.parquet", ["1", "2", "3"], gaps=["a", None, None])
    with pytest.raises(InputError, match=r"2 rows of .* have no `account`, which `posts` needs"):
        lake.attach("posts", [path], {**MAPPING, "account": "gaps"})
    assert lake.attach("posts", [path], {**MAPPING, "space": "gaps"}).rows == 3  # may be null
    spaces = lake.read("posts", ["post", "space"], names=True).sort_by("post")["space"].to_pylist()
    assert spaces == ["a", None, None]


def test_a_file_is_rows_of_one_table_only(lake: Lake, tmp_path: Path) -> None:
    path = put(tmp_path / "x.parquet", ["1"])
    lake.attach("posts", [path], MAPPING)
    with pytest.raises(InputError, match=f"{path} is attached to `posts` already") as raised:
        lake.attach("accounts", [path], {"account": "who"})
    assert "import it" in (raised.value.hint or "")
    assert [h.table for h in lake.holdings()] == ["posts"]


def test_attaching_again_replaces_the_mapping(lake: Lake, tmp_path: Path) -> None:
    path = put(tmp_path / "x.parquet", ["1"], words=["hello"])
    lake.attach("posts", [path], MAPPING)
    assert lake.read("posts", ["text"])["text"].to_pylist() == [None]
    lake.attach("posts", [path], {**MAPPING, "text": "words"})
    assert lake.read("posts", ["text"])["text"].to_pylist() == ["hello"]
    assert len(lake.files("posts")) == 1


def test_two_attachments_have_each_their_mapping(lake: Lake, tmp_path: Path) -> None:
    one = put(tmp_path / "one.parquet", ["1"], a=["x"])
    two = put(tmp_path / "two.parquet", ["2"], b=["y"])
    lake.attach("posts", [one], {**MAPPING, "text": "a"})
    lake.attach("posts", [two], {**MAPPING, "text": "b"})
    rows = lake.read("posts", ["text", "import_id"]).sort_by("text").to_pylist()
    assert [r["text"] for r in rows] == ["x", "y"]
    assert len({r["import_id"] for r in rows}) == 2
    assert all(r["import_id"].startswith("attach_") for r in rows)


def change_size(path: Path) -> None:
    put(path, ["1", "2", "3"])


def lose(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("change", [change_size, lose])
def test_a_file_that_is_no_longer_what_it_was_stops_every_reader(
    lake: Lake, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    path = put(tmp_path / "x.parquet", ["1"])
    put(tmp_path / "y.parquet", ["9"])
    lake.attach("posts", [tmp_path / "x.parquet", tmp_path / "y.parquet"], MAPPING)
    change(path)
    with pytest.raises(StorageError, match=str(path)):
        lake.read("posts")
    with pytest.raises(StorageError, match=str(path)), lake.writing() as batch:
        batch.write("posts", pa.table({"post": ["n"], "account": ["n"], "happened_at": [NOON]}), "import_1")
    assert lake.read("accounts").num_rows == 0  # other tables can be read
    assert [(p.kind, p.path) for p in lake.check()] == [("missing" if change is lose else "changed", str(path))]


def test_other_bytes_of_the_same_size_are_found_by_check(lake: Lake, tmp_path: Path) -> None:
    path = put(tmp_path / "x.parquet", ["1"])
    lake.attach("posts", [path], MAPPING)
    stat = path.stat()
    put(path, ["2"])
    os.utime(path, (stat.st_atime, stat.st_mtime))
    assert path.stat().st_size == stat.st_size
    assert [p.kind for p in lake.check()] == ["changed"]


def test_compaction_and_erasure_leave_attached_files_alone(lake: Lake, tmp_path: Path) -> None:
    path = put(tmp_path / "x.parquet", ["1", "2"])
    before = path.read_bytes()
    lake.attach("posts", [path], MAPPING)
    with lake.writing() as batch:
        batch.write("posts", pa.table({"post": ["3"], "account": ["u1"], "happened_at": [NOON]}), "import_1")
    lake.compact("posts")
    report = lake.erase("u1")
    assert [(e.table, e.removed) for e in report.tables] == [("posts", 1)]
    assert any("1 rows of attached files of `posts`" in text for text in report.remains)
    assert path.read_bytes() == before
    # The erased person's attached row is not shown; the others are.
    assert lake.read("posts", ["post", "account"], names=True).to_pylist() == [{"post": "2", "account": "u2"}]


def test_an_unknown_table_is_refused_before_anything_is_read(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no table `tweets`"):
        lake.attach("tweets", [tmp_path / "nothing"], {})
    with pytest.raises(InputError, match="There is no file or folder"):
        lake.attach("posts", [tmp_path / "nothing"], {})
    (tmp_path / "text.parquet").write_text("no parquet")
    with pytest.raises(InputError, match="cannot be read"):
        lake.attach("posts", [tmp_path / "text.parquet"], MAPPING)
