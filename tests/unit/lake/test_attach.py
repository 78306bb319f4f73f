"""Attaching a platform's own files: read in place, under our names, refused when they change."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ombud.model.errors import InputError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.lake import Lake

MAPPING = {"post": "CAST(tweet_id AS VARCHAR)", "account": "'u' || who", "happened_at": "created", "platform": "site"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a platform's folder of two hive partitions, 5 rows each."""
    for site in ("one", "two"):
        place = tmp_path / "warehouse" / f"site={site}"
        place.mkdir(parents=True)
        base = 0 if site == "one" else 5
        table = pa.table(
            {
                "tweet_id": [base + i for i in range(5)],
                "who": [str(i % 2) for i in range(5)],
                "created": [datetime(2016, 11, 8, base + i, tzinfo=UTC) for i in range(5)],
                "language": ["en"] * 5,
            }
        )
        pq.write_table(table, place / "part-0.parquet")
    return tmp_path / "warehouse"


def test_attached_rows_read_like_our_own(lake: Lake, folder: Path, posts: pa.Table) -> None:
    with lake.writing() as batch:
        batch.write("posts", posts, "import_1")
    done = lake.attach("posts", [folder], MAPPING)
    assert (done.files, done.rows) == (2, 10)
    assert done.mapping["language"] == '"language"'
    assert lake.read("posts").num_rows == 70
    own = lake.read("posts", ["post", "account", "platform", "language"], "post = '6'", names=True)
    assert own.to_pylist() == [{"post": "6", "account": "u1", "platform": "two", "language": "en"}]
    assert lake.ids("account", ["u1"]) == [1]
    assert lake.check() == []


def test_nothing_is_copied(lake: Lake, folder: Path) -> None:
    lake.attach("posts", [folder], MAPPING)
    assert all(f.attached and f.path.startswith(str(folder)) for f in lake.files("posts"))
    assert not (lake.folder / "posts").exists()


def test_an_import_skips_what_is_attached(lake: Lake, folder: Path) -> None:
    lake.attach("posts", [folder], MAPPING)
    with lake.writing() as batch:
        counts = batch.write("posts", "SELECT '3' AS post, 'u1' AS account, now() AS happened_at", "import_1")
    assert counts.skipped == 1


def test_a_changed_file_is_noticed_and_can_be_attached_again(lake: Lake, folder: Path) -> None:
    lake.attach("posts", [folder], MAPPING)
    path = folder / "site=one" / "part-0.parquet"
    pq.write_table(pq.read_table(path, partitioning=None).slice(0, 2), path)
    with pytest.raises(StorageError, match=r"was changed.*Attach it again"):
        lake.read("posts")
    assert [p.kind for p in lake.check()] == ["changed"]
    lake.attach("posts", [path], MAPPING)
    assert lake.read("posts").num_rows == 7
    assert lake.check() == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"likes": "1"}, "has no column likes"),
        ({"post": "no_such"}, "`no_such`, which the file does not have"),
        ({"post": "tweet_id FROM posts"}, "must be one expression"),
        ({"post": "(SELECT max(x) FROM y)"}, "must be one expression"),
        ({"post": "tweet_id, 1"}, "must be one expression"),
        ({"post": "((("}, "is not an SQL expression"),
        ({"happened_at": "who || ' o clock'"}, "does not fit its column"),
        ({"account": "nullif(who, '1')"}, "have no `account`"),
        ({"text": "no_such_function(who)"}, "is wrong"),
    ],
)
def test_a_bad_mapping_is_one_clear_error(lake: Lake, folder: Path, change: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        lake.attach("posts", [folder], MAPPING | change)
    assert lake.files("posts") == []


def test_a_missing_mapping_says_what_there_is(lake: Lake, folder: Path) -> None:
    with pytest.raises(InputError, match=r"to be `account`.*tweet_id, who"):
        lake.attach("posts", [folder], {"post": "tweet_id", "happened_at": "created"})


def test_folders_that_cannot_be_attached(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file or folder"):
        lake.attach("posts", [tmp_path / "nowhere"], MAPPING)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no Parquet file"):
        lake.attach("posts", [tmp_path / "empty"], MAPPING)
    with pytest.raises(InputError, match="inside the lake"):
        lake.attach("posts", [lake.folder], MAPPING)
    (tmp_path / "text.parquet").write_text("not Parquet")
    with pytest.raises(InputError, match="cannot be read"):
        lake.attach("posts", [tmp_path / "text.parquet"], MAPPING)


def test_attaching_the_folder_again_leaves_out_what_is_gone(lake: Lake, folder: Path, posts: pa.Table) -> None:
    with lake.writing() as batch:
        batch.write("posts", posts, "import_1")
    lake.attach("posts", [folder], MAPPING)
    (folder / "site=one" / "part-0.parquet").unlink()
    with pytest.raises(StorageError, match="cannot be read") as caught:
        lake.read("posts")
    assert "attach its folder again" in (caught.value.hint or "")
    lake.attach("posts", [folder], MAPPING)
    assert lake.read("posts", names=True).num_rows == 65
    assert lake.check() == []


def test_a_folder_from_which_all_is_gone_is_let_go(lake: Lake, folder: Path, tmp_path: Path) -> None:
    lake.attach("posts", [folder], MAPPING)
    for part in folder.rglob("*.parquet"):
        part.unlink()
    (tmp_path / "other").mkdir()
    with pytest.raises(InputError, match="no Parquet file"):
        lake.attach("posts", [tmp_path / "other"], MAPPING)
    assert lake.attach("posts", [folder], MAPPING).files == 0
    assert lake.read("posts").num_rows == 0
    assert lake.check() == []
