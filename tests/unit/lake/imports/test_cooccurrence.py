"""The German election set's shape: one row per post and object becomes one row per post."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ombud.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Protocol

    class Read(Protocol):
        """What the fixture `read` returns."""

        source_rows: int
        rows: dict[str, list[dict[str, Any]]]
        rejects: list[dict[str, Any]]

        def only(self, table: str, *columns: str) -> list[tuple[Any, ...]]: ...


HEAD = "account_id,post_id,url_id,hashtag_id,domain_id,phash_id,timestamp\n"
ROWS = [
    "fb_1,10,7,,3,,1629589836",
    "fb_1,10,8,,3,,1629589836",
    "fb_1,10,7,5,3,,1629589836",
    "tw_1,10,,5,,9,1629589900",
    "tw_2,11,,,4,,1629589900.0",
    "plain,11,7.0,,,,1629589901",
    "fb_9,,,,,,1629589901",
    "tw_3,12,,,,,soon",
]


def check(done: Read) -> None:
    assert done.only("posts", "post", "account", "links", "tags", "media", "platform") == [
        ("fb_10", "fb_1", ["7", "8"], ["5"], None, "facebook"),
        ("tw_10", "tw_1", None, ["5"], ["9"], "twitter"),
        ("tw_11", "tw_2", None, None, None, "twitter"),
        ("11", "plain", ["7"], None, None, None),
    ]
    assert done.rows["posts"][0]["happened_at"] == datetime.fromtimestamp(1629589836, UTC)
    assert [r["reason"] for r in done.rejects] == ["post_id: missing", "timestamp: no date that can be read"]
    assert {a for (a,) in done.only("accounts", "account")} == {"fb_1", "fb_9", "plain", "tw_1", "tw_2", "tw_3"}
    assert done.source_rows == 8


def test_a_csv_is_folded_into_posts_and_accounts(read: Callable[..., Any]) -> None:
    done = read((HEAD + "\n".join(ROWS)).encode(), format="cooccurrence")
    check(done)
    assert done.reasons() == [(8, "post_id: missing"), (9, "timestamp: no date that can be read")]


def test_parquet_with_gaps_gives_the_same(tmp_path: Path, read: Callable[..., Any]) -> None:
    columns = list(zip(*(row.split(",") for row in ROWS), strict=True))
    names = HEAD.strip().split(",")
    table = {
        name: pa.array([float(v) if v else None for v in values])
        if name in {"post_id", "url_id", "hashtag_id", "phash_id"}
        else pa.array([v or None for v in values])
        for name, values in zip(names, columns, strict=True)
    }
    pq.write_table(pa.table(table), tmp_path / "x.parquet")
    check(read(tmp_path / "x.parquet", format="cooccurrence"))


def test_columns_of_objects_may_be_missing(read: Callable[..., Any]) -> None:
    content = b"account_id,post_id,timestamp,url_id\na,1,1629589836,u\n"
    done = read(content, format="cooccurrence")
    assert done.only("posts", "post", "links", "tags") == [("1", ["u"], None)]


@pytest.mark.parametrize("missing", ["account_id", "post_id", "timestamp"])
def test_a_file_without_a_needed_column_is_refused(read: Callable[..., Any], missing: str) -> None:
    with pytest.raises(InputError, match=f"no column `{missing}`"):
        read(HEAD.replace(missing, "other").encode() + b"1,2,3,4,5,6,7\n", format="cooccurrence")
