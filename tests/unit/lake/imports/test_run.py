"""`import_files`: into the lake, once, with a record and a report."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from ombud.lake.imports import Mapping, Rule, import_files
from ombud.model.errors import InputError
from ombud.records import imports, outbox

if TYPE_CHECKING:
    from ombud.lake import Lake
    from ombud.lake.imports import ImportReport

HEAD = "post,account,happened_at,text\n"
ROWS = "1,a,2016-01-01,x\n2,b,2016-01-02,y\n3,,2016-01-02,z\n"


@pytest.fixture
def posts(tmp_path: Path) -> Path:
    path = tmp_path / "posts.csv"
    path.write_text(HEAD + ROWS)
    return path


def counts(report: ImportReport, table: str = "posts") -> tuple[int, ...]:
    c = report.tables[table]
    assert c.read == c.accepted + c.skipped + c.rejected
    return (c.read, c.accepted, c.skipped, c.rejected, c.flagged)


def rows(lake: Lake) -> list[tuple[str, str, str]]:
    table = lake.read("posts", ["post", "account", "text"], names=True).to_pylist()
    return sorted((r["post"], r["account"], r["text"]) for r in table)


def test_rows_are_in_the_lake_and_rejects_in_their_file(lake: Lake, posts: Path) -> None:
    report = import_files(lake, "table", [posts], table="posts")
    assert counts(report) == (3, 2, 0, 1, 0)
    assert rows(lake) == [("1", "a", "x"), ("2", "b", "y")]
    assert report.rejects_file is not None
    kept = Path(report.rejects_file)
    assert kept.parent == lake.workspace.rejects_dir
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert msgspec.json.decode(kept.read_bytes()) == {
        "line": 4,
        "table": "posts",
        "reason": "account: missing",
        "row": "3,,2016-01-02,z",
    }


def test_the_document_has_the_fields_that_others_script_against(lake: Lake, posts: Path) -> None:
    document = msgspec.to_builtins(import_files(lake, "table", [posts], table="posts"))
    assert document["format"] == "table"
    assert set(document["tables"]["posts"]) == {"read", "accepted", "skipped", "rejected", "flagged"}
    assert document["rejects_file"].endswith(".ndjson")
    assert document["files"][0]["state"] == "imported"


def test_the_same_file_again_is_skipped_by_its_hash(lake: Lake, posts: Path, tmp_path: Path) -> None:
    first = import_files(lake, "table", [posts], table="posts")
    copy = tmp_path / "copy.csv"
    copy.write_bytes(posts.read_bytes())
    again = import_files(lake, "table", [copy, posts], table="posts")
    assert [f.state for f in again.files] == ["skipped", "skipped"]
    assert counts(again) == (6, 0, 4, 2, 0)
    assert again.rejects_file == first.rejects_file
    assert len(rows(lake)) == 2
    assert len(lake.files("posts")) == 2


def test_another_mapping_is_another_import_and_keys_are_skipped(lake: Lake, posts: Path) -> None:
    import_files(lake, "table", [posts], table="posts")
    columns = {n: Rule(source=n) for n in ("post", "account", "happened_at")}
    again = import_files(lake, "table", [posts], mapping=Mapping("posts", columns))
    assert counts(again) == (3, 0, 2, 1, 0)
    assert again.files[0].state == "imported"


def test_rows_that_repeat_a_key_are_skipped(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "twice.csv"
    path.write_text(HEAD + "1,a,2016-01-01,x\n1,a,2016-01-01,x\n")
    assert counts(import_files(lake, "table", [path], table="posts")) == (2, 1, 1, 0, 0)


def test_the_record_says_who_when_and_how_many(lake: Lake, posts: Path) -> None:
    report = import_files(lake, "table", [posts], table="posts")
    with lake.records.read() as tx:
        record = imports.get(tx, report.files[0].import_id)
        queued = outbox.pending(tx, 10)
    assert (record.state, record.format, record.source_name) == ("done", "table", "posts.csv")
    assert record.source_sha256 == report.files[0].sha256
    assert record.counts["tables"]["posts"]["accepted"] == 2
    assert queued
    found = lake.read("posts", ["import_id"]).column("import_id").unique().to_pylist()
    assert found == [record.id]


def test_a_folder_stands_for_its_files(lake: Lake, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}.csv").write_text(HEAD + f"{i},a,2016-01-01,x\n")
    (folder / ".hidden").write_text("x")
    report = import_files(lake, "table", [folder, folder / "0.csv"], table="posts")
    assert counts(report) == (3, 3, 0, 0, 0)
    assert [Path(f.path).name for f in report.files] == ["0.csv", "1.csv", "2.csv"]


def test_files_before_a_bad_one_stay_in(lake: Lake, posts: Path, tmp_path: Path) -> None:
    bad = tmp_path / "z.csv"
    bad.write_bytes(b"\x1f\x8bxx")
    with pytest.raises(InputError, match="not what its name says"):
        import_files(lake, "table", [posts, bad], table="posts")
    assert len(rows(lake)) == 2
    with lake.records.read() as tx:
        assert [i.state for i in imports.listing(tx)] == ["done"]
    assert not list(lake.workspace.rejects_dir.glob("*.part"))


def test_a_file_that_cannot_be_read_leaves_nothing(lake: Lake, tmp_path: Path) -> None:
    bad = tmp_path / "z.csv.gz"
    bad.write_bytes(b"\x1f\x8b\x08\x00broken")
    with pytest.raises(InputError, match="damaged"):
        import_files(lake, "table", [bad], table="posts")
    assert lake.files("posts") == []
    assert list(lake.workspace.rejects_dir.iterdir()) == []


@pytest.mark.parametrize(
    ("format", "paths", "says"),  # the command's words
    [
        ("tables", ["x.csv"], "no import format"),
        ("table", ["nothing.csv"], "There is no file"),
        ("table", [], "No file was named"),
    ],
)
def test_wrong_calls_are_refused(
    lake: Lake,
    format: str,  # noqa: A002 - the command's word
    paths: list[str],
    says: str,
) -> None:
    with pytest.raises(InputError, match=says) as raised:
        import_files(lake, format, paths, table="posts")
    assert raised.value.hint


def test_an_empty_folder_and_a_missing_table_are_refused(lake: Lake, posts: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="folder without files"):
        import_files(lake, "table", [tmp_path / "empty"], table="posts")
    with pytest.raises(InputError, match="Which table"):
        import_files(lake, "table", [posts])
    mapping = Mapping("posts", {n: Rule(source=n) for n in ("post", "account", "happened_at")})
    with pytest.raises(InputError, match="The mapping is for posts, not for ads"):
        import_files(lake, "table", [posts], table="ads", mapping=mapping)


@pytest.mark.parametrize(("limit", "over"), [(None, False), (1, False), (0, True)])
def test_too_many_rejects_are_said_but_stop_nothing(lake: Lake, posts: Path, limit: int | None, *, over: bool) -> None:
    report = import_files(lake, "table", [posts], table="posts", max_rejects=limit)
    assert report.too_many_rejects is over
    assert len(rows(lake)) == 2


def test_progress_is_reported(lake: Lake, posts: Path) -> None:
    said: list[str] = []
    import_files(lake, "table", [posts], table="posts", progress=lambda _done, _total, what: said.append(what))
    assert said == ["looking through posts.csv", "writing posts"]


def test_flags_reach_the_lake(lake: Lake, tmp_path: Path) -> None:
    path = tmp_path / "ads.ndjson"
    path.write_text('{"ad": 1, "happened_at": "1816-01-01", "space": "p"}\n')
    report = import_files(lake, "table", [path], table="ads")
    assert counts(report, "ads") == (1, 1, 0, 0, 1)
    assert lake.read("ads", ["quality"]).to_pylist() == [{"quality": ["happened_at:out of range"]}]


def test_a_stream_is_refused_instead_of_waited_for(lake: Lake, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match="stream") as caught:
        import_files(lake, "table", [tmp_path / "pipe.csv"], table="posts")
    assert caught.value.hint


def test_a_name_that_is_not_utf_8_is_said(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "caf\udce9.csv").write_text(HEAD + ROWS)
    with pytest.raises(InputError, match="not UTF-8"):
        import_files(lake, "table", [tmp_path / "inside"], table="posts")
    assert rows(lake) == []
