"""`ombud import`: the report, rejects and their limit, mappings proposed and used."""

from __future__ import annotations

import json
import sqlite3
import tomllib
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Done, Planted

    Ombud = Callable[..., Done]

GOOD = "post,account,happened_at,text\n" + "".join(
    f"p{n},a{n % 3},2016-09-0{n % 9 + 1}T10:00:00Z,hello\n" for n in range(20)
)
BAD = """post,account,happened_at,text
p1,a1,2016-09-01T10:00:00Z,fine
p2,,2016-09-01T10:00:00Z,nobody
p3,a2,never,no time
"""


def test_the_report_counts_what_came_and_what_was_there(ombud: Ombud, root: Path, here: Path) -> None:
    (here / "posts.csv").write_text(GOOD)
    words = ("import", "table", "posts.csv", "--table", "posts", "--workspace", root)
    first = ombud(*words, "--json").document
    assert (first["format"], first["rejects_file"]) == ("table", None)
    assert first["tables"] == {"posts": {"read": 20, "accepted": 20, "skipped": 0, "rejected": 0, "flagged": 0}}
    again = ombud(*words, "--json").document["tables"]["posts"]
    assert (again["accepted"], again["skipped"]) == (0, 20)
    assert ombud("lake", "list", "--json", "--workspace", root).document["tables"][0]["rows"] == 20


def test_people_read_the_same_counts(ombud: Ombud, root: Path, here: Path) -> None:
    (here / "posts.csv").write_text(GOOD)
    done = ombud("import", "table", "posts.csv", "--table", "posts", "--workspace", root)
    title, head, row = done.out.rstrip().splitlines()[:3]
    assert title.strip() == "Imported table"
    assert head.split() == ["table", "read", "accepted", "skipped", "rejected", "flagged"]
    assert row.split() == ["posts", "20", "20", "0", "0", "0"]


def test_rejected_rows_are_kept_with_line_and_reason(ombud: Ombud, root: Path, here: Path) -> None:
    (here / "posts.csv").write_text(BAD)
    document = ombud("import", "table", "posts.csv", "--table", "posts", "--json", "--workspace", root).document
    counts = document["tables"]["posts"]
    assert (counts["read"], counts["accepted"], counts["rejected"]) == (3, 1, 2)
    kept = [json.loads(line) for line in Path(document["rejects_file"]).read_text().splitlines()]
    assert [row["line"] for row in kept] == [3, 4]
    assert "account" in kept[0]["reason"]
    assert "happened_at" in kept[1]["reason"]


@pytest.mark.parametrize(("limit", "code"), [(None, 0), ("2", 0), ("1", 1), ("0", 1)])
def test_more_rejects_than_allowed_are_exit_code_1(
    ombud: Ombud, root: Path, here: Path, limit: str | None, code: int
) -> None:
    (here / "posts.csv").write_text(BAD)
    words = ["import", "table", "posts.csv", "--table", "posts", "--workspace", root]
    done = ombud(*words, *(["--max-rejects", limit] if limit else []))
    assert done.code == code
    assert "Rejected rows, with line and reason: " in done.out


def test_a_proposed_mapping_can_be_used_as_it_is(ombud: Ombud, root: Path, here: Path) -> None:
    text = GOOD.replace("post,account,happened_at", "post_id,user_name,created_at")
    (here / "theirs.csv").write_text(text)
    words = ("import", "table", "theirs.csv", "--suggest-mapping", "--table", "posts", "--workspace", here / "none")
    done = ombud(*words)
    assert tomllib.loads(done.out)["columns"]["account"] == "user_name"
    (here / "mapping.toml").write_text(done.out)
    report = ombud("import", "table", "theirs.csv", "--mapping", "mapping.toml", "--json", "--workspace", root).document
    assert report["tables"]["posts"]["accepted"] == 20
    proposed = ombud(*words, "--json").document
    assert proposed["table"] == "posts"
    assert {p["column"]: p["source"] for p in proposed["proposals"]}["post"] == "post_id"


def test_a_mapping_is_proposed_from_one_file_so_that_there_is_one_document(ombud: Ombud, planted: Planted) -> None:
    done = ombud("import", "table", planted.file, planted.file, "--suggest-mapping", "--json")
    assert done.code == 2
    assert "one file" in done.document["error"]["message"]


def test_ads_in_the_lake_announce_the_archive(ombud: Ombud, root: Path, here: Path, examples: Path) -> None:
    (here / "ads.db").write_bytes((examples / "ira-facebook-ads" / "russian-ads.db").read_bytes())
    with closing(sqlite3.connect(here / "ads.db")) as source:
        source.execute("DELETE FROM ads WHERE id NOT IN (SELECT id FROM ads ORDER BY id LIMIT 5)")
        source.commit()
    done = ombud("import", "ira-ads", "ads.db", "--workspace", root)
    assert "`ombud archive build` does it now." in done.out
    assert ombud("archive", "totals", "--json", "--workspace", root).document["ads"] == 5
    assert "archive build" not in ombud("import", "ira-ads", "ads.db", "--workspace", root).out


def test_posts_alone_ask_for_no_archive(ombud: Ombud, root: Path, here: Path) -> None:
    (here / "posts.csv").write_text(GOOD)
    done = ombud("import", "table", "posts.csv", "--table", "posts", "--workspace", root)
    assert "archive" not in done.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nope", "posts.csv"), "no import format `nope`"),
        (("table", "posts.csv"), "needs --table or --mapping"),
        (("table", "posts.csv", "--table", "nope"), "no table `nope`"),
        (("table", "missing.csv", "--table", "posts"), "missing.csv"),
        (("table", "posts.csv", "--mapping", "missing.toml"), "missing.toml"),
        (("table", "posts.csv", "--mapping", "posts.csv"), "posts.csv is not TOML"),
        (("table", "missing.csv", "--suggest-mapping"), "missing.csv"),
        (("table", "posts.csv", "--table", "posts", "--max-rejects", "-1"), "--max-rejects"),
        (("ira-ads", "posts.csv"), "posts.csv"),
        (("table",), "Missing argument"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_comes_in(
    ombud: Ombud, root: Path, here: Path, words: tuple[str, ...], said: str
) -> None:
    (here / "posts.csv").write_text(GOOD)
    done = ombud("import", *words, "--json", "--workspace", root)
    assert done.code == 2
    assert said in done.document["error"]["message"]
    assert done.document["error"]["hint"]
    assert ombud("lake", "list", "--json", "--workspace", root).document == {"tables": []}
