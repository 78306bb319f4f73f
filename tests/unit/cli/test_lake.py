"""`ombud lake`: list, read, check, compact and attach, for people and for scripts."""

from __future__ import annotations

import csv
import json
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Done, Planted

    Ombud = Callable[..., Done]

POSTS = """id,who,at,thing,links
p1,anna,1472688000,,https://a.example/1 https://b.example/2
p2,böse [b],1472774400,t1,
p3,anna,1472860800,t2,https://a.example/3
"""
MAPPING = """table = "posts"

[columns]
post = "id"
account = "who"
happened_at = { from = "at", as = "unix-seconds" }
original = "thing"
links = { from = "links", split = " " }
"""


@pytest.fixture
def small(ombud: Ombud, root: Path, tmp_path: Path) -> Path:
    """Return a workspace with three posts on three days."""
    (tmp_path / "posts.csv").write_text(POSTS)
    (tmp_path / "mapping.toml").write_text(MAPPING)
    words = ("import", "table", tmp_path / "posts.csv", "--mapping", tmp_path / "mapping.toml")
    assert ombud(*words, "--workspace", root).code == 0
    return root


def test_list_says_what_is_held(ombud: Ombud, small: Path) -> None:
    (posts,) = ombud("lake", "list", "--json", "--workspace", small).document["tables"]
    assert (posts["table"], posts["rows"], posts["files"], posts["attached"]) == ("posts", 3, 3, 0)
    assert posts["bytes"] == sum(file.stat().st_size for file in (small / "lake" / "posts").rglob("*.parquet"))
    assert (posts["first"], posts["last"]) == ("2016-09-01T00:00:00Z", "2016-09-03T00:00:00Z")
    title, head, row = ombud("lake", "list", "--workspace", small).out.rstrip().splitlines()
    assert title.strip() == "The lake"
    assert head.split() == ["table", "rows", "files", "attached", "MB", "from", "to"]
    assert row.split() == ["posts", "3", "3", "0", "0.0", "2016-09-01", "2016-09-03"]


def test_an_empty_lake_says_how_to_fill_it(ombud: Ombud, bare: Path) -> None:
    assert ombud("lake", "list", "--workspace", bare).out == (
        "The lake is empty. `ombud import FORMAT FILE...` fills it.\n"
    )
    assert ombud("lake", "list", "--json", "--workspace", bare).document == {"tables": []}


def test_read_prints_a_row_a_line_as_imported(ombud: Ombud, small: Path) -> None:
    done = ombud("lake", "read", "posts", "--workspace", small)
    rows = sorted((json.loads(line) for line in done.out.splitlines()), key=lambda row: row["post"])
    assert [row["account"] for row in rows] == ["anna", "böse [b]", "anna"]
    assert rows[0]["links"] == ["https://a.example/1", "https://b.example/2"]
    assert rows[1]["happened_at"] == "2016-09-02T00:00:00Z"
    assert rows[1]["links"] is None


def test_read_takes_columns_a_condition_and_a_limit(ombud: Ombud, small: Path) -> None:
    words = ("lake", "read", "posts", "--workspace", small)
    done = ombud(*words, "--columns", "post, original", "--where", "original = 't2'")
    assert [json.loads(line) for line in done.out.splitlines()] == [{"post": "p3", "original": "t2"}]
    assert len(ombud(*words, "--limit", "2").out.splitlines()) == 2
    assert ombud(*words, "--where", "false").out == ""


def test_numbers_stand_for_the_same_account_everywhere(ombud: Ombud, small: Path) -> None:
    words = ("lake", "read", "posts", "--columns", "post,account", "--workspace", small)
    named = {r["post"]: r["account"] for r in map(json.loads, ombud(*words).out.splitlines())}
    dense = {r["post"]: r["account"] for r in map(json.loads, ombud(*words, "--numbers").out.splitlines())}
    assert all(isinstance(number, int) for number in dense.values())
    assert dense["p1"] == dense["p3"] != dense["p2"]
    assert named["p1"] == named["p3"] == "anna"


@pytest.mark.parametrize("ending", ["csv", "parquet", "ndjson"])
def test_read_writes_the_same_rows_into_each_kind_of_file(
    ombud: Ombud, small: Path, tmp_path: Path, ending: str
) -> None:
    file = tmp_path / f"out.{ending}"
    words = ("lake", "read", "posts", "--columns", "post,account,links", "--workspace", small)
    done = ombud(*words, "--output", file)
    assert (done.code, done.out) == (0, "")
    rows: list[dict[str, object]]
    if ending == "csv":
        with file.open(newline="", encoding="utf-8") as text:
            rows = [{**row, "links": row["links"].split() or None} for row in csv.DictReader(text)]
    elif ending == "parquet":
        rows = pq.read_table(file).to_pylist()
    else:
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert sorted(rows, key=lambda row: str(row["post"])) == sorted(
        (json.loads(line) for line in ombud(*words).out.splitlines()), key=lambda row: row["post"]
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nope",), "no table `nope`"),
        (("posts", "--columns", "post,nope"), "`posts` has no column `nope`"),
        (("posts", "--where", "nope = 3"), "nope"),
        (("posts", "--where", "'unclosed"), "posts"),
        (("posts", "--limit", "0"), "--limit"),
        (("posts", "--output", "out.txt"), "out.txt ends in neither"),
        (("posts", "--output", "no/such/folder/out.csv"), "Cannot write no/such/folder/out.csv"),
        (("posts", "--output", "no/such/folder/out.parquet"), "Cannot write no/such/folder/out.parquet"),
        (("posts", "--output", "folder.ndjson"), "Cannot write folder.ndjson"),
    ],
)
def test_read_names_what_is_wrong(ombud: Ombud, small: Path, here: Path, words: tuple[str, ...], said: str) -> None:
    (here / "folder.ndjson").mkdir()
    done = ombud("lake", "read", *words, "--json", "--workspace", small)
    assert done.code == 2
    assert said in done.document["error"]["message"]
    assert done.document["error"]["hint"]
    assert not (here / "out.txt").exists()


def test_check_finds_nothing_wrong_with_a_sound_lake(ombud: Ombud, small: Path) -> None:
    done = ombud("lake", "check", "--workspace", small)
    assert (done.code, done.out) == (0, "Every file is there, unchanged, and says what the records say of it.\n")
    assert ombud("lake", "check", "--json", "--workspace", small).document == {"ok": True, "problems": []}


def test_check_names_a_file_that_is_gone_and_one_that_changed(ombud: Ombud, small: Path) -> None:
    first, second, _ = sorted((small / "lake" / "posts").rglob("*.parquet"))
    first.unlink()
    second.chmod(0o644)
    second.write_bytes(second.read_bytes()[:-9])
    done = ombud("lake", "check", "--json", "--workspace", small)
    assert done.code == 1
    assert not done.document["ok"]
    assert {p["kind"] for p in done.document["problems"] if p["path"].endswith(first.name)} == {"missing"}
    assert [p for p in done.document["problems"] if p["path"].endswith(second.name)]
    shown = ombud("lake", "check", "--workspace", small)
    assert shown.code == 1
    assert shown.out.startswith(f"{len(done.document['problems'])} problems\n")
    assert first.name in shown.out


def test_compact_says_what_it_put_together(ombud: Ombud, planted: Planted, tmp_path: Path) -> None:
    root = shutil.copytree(planted.root, tmp_path / "copy")
    mapping = planted.file.with_name("mapping.toml")
    extra = tmp_path / "extra.csv"
    extra.write_text("id,who,at,thing\nextra,user1,1472700000,thing1\n")
    ombud("import", "table", extra, "--mapping", mapping, "--workspace", root)
    before = ombud("lake", "list", "--json", "--workspace", root).document["tables"][0]
    done = ombud("lake", "compact", "posts", "--json", "--workspace", root).document["tables"][0]
    after = ombud("lake", "list", "--json", "--workspace", root).document["tables"][0]
    assert (done["files_before"], done["files_after"]) == (before["files"], after["files"])
    assert after["files"] < before["files"]
    assert after["rows"] == before["rows"] == 20_001
    assert ombud("lake", "check", "--workspace", root).code == 0


def test_nothing_to_compact_is_one_line(ombud: Ombud, bare: Path) -> None:
    assert ombud("lake", "compact", "--workspace", bare).out == "Nothing to put together.\n"
    assert ombud("lake", "compact", "nope", "--workspace", bare).code == 2


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """Return a folder of the platform's own Parquet."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    days = [datetime(2016, 1, n, tzinfo=UTC) for n in (1, 2)]
    pq.write_table(pa.table({"id": ["a", "b"], "user_id": ["u1", "u2"], "created": days}), folder / "part.parquet")
    return folder


RULES = ("--column", "post=id", "--column", "account = user_id", "--column", "happened_at=created")


def test_attached_files_are_read_where_they_lie(ombud: Ombud, root: Path, theirs: Path) -> None:
    done = ombud("lake", "attach", "posts", theirs, *RULES, "--workspace", root)
    assert done.code == 0
    assert done.out.splitlines()[0] == "1 files with 2 rows are part of `posts` now, where they lie."
    rows = [json.loads(line) for line in ombud("lake", "read", "posts", "--workspace", root).out.splitlines()]
    assert sorted((row["post"], row["account"]) for row in rows) == [("a", "u1"), ("b", "u2")]
    (posts,) = ombud("lake", "list", "--json", "--workspace", root).document["tables"]
    assert (posts["rows"], posts["attached"]) == (2, 1)


def test_attach_answers_scripts_with_one_document(ombud: Ombud, root: Path, theirs: Path) -> None:
    document = ombud("lake", "attach", "posts", theirs, *RULES, "--json", "--workspace", root).document
    assert (document["table"], document["files"], document["rows"]) == ("posts", 1, 2)


@pytest.mark.usefixtures("theirs", "here")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("posts", "missing", "--column", "post=id"), "missing"),
        (("posts", "theirs", "--column", "post"), "`post` is no mapping"),
        (("posts", "theirs", "--column", "post="), "`post=` is no mapping"),
        (("posts", "theirs", "--column", "nope=id"), "no column nope"),
        (("posts", "theirs", "--column", "post=SELECT 1"), "post"),
        (("nope", "theirs", "--column", "post=id"), "no table `nope`"),
    ],
)
def test_attach_names_what_is_wrong(ombud: Ombud, root: Path, words: tuple[str, ...], said: str) -> None:
    done = ombud("lake", "attach", *words, "--json", "--workspace", root)
    assert done.code == 2
    assert said in done.document["error"]["message"]
    assert ombud("lake", "list", "--json", "--workspace", root).document == {"tables": []}
