"""Writing and reading: one step, the right ids, repeats skipped, files that are what they were."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ombud.lake import Counts, Lake
from ombud.model.errors import InputError, NotFoundError, StorageError
from ombud.records import imports, outbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[[str, list[dict[str, Any]]], pa.Table]

NOON = datetime(2016, 11, 8, 12, tzinfo=UTC)


def write(lake: Lake, table: str, rows: str | pa.Table | pa.RecordBatchReader, import_id: str = "import_1") -> Counts:
    with lake.writing() as batch:
        return batch.write(table, rows, import_id)


def test_rows_come_back_with_their_names(lake: Lake, posts: pa.Table) -> None:
    assert write(lake, "posts", posts) == Counts(60, 60, 0)
    back = lake.read("posts", ["post", "account", "happened_at", "text"], names=True).sort_by("post")
    assert back.to_pylist() == posts.select(["post", "account", "happened_at", "text"]).to_pylist()


def test_ids_are_dense_and_go_on_from_import_to_import(lake: Lake, posts: pa.Table) -> None:
    write(lake, "posts", posts.slice(0, 3))
    write(lake, "posts", posts.slice(3))
    with lake.duck([]) as duck:
        assert duck.sql("SELECT id, name FROM account_ids ORDER BY id").fetchall() == [(i, f"u{i}") for i in range(6)]
    assert lake.ids("account", ["u5", "nobody", "u0"]) == [5, None, 0]
    assert lake.names("account", [5, 0, 5]) == ["u5", "u0", "u5"]


def test_one_file_a_day(lake: Lake, posts: pa.Table) -> None:
    write(lake, "posts", posts)
    files = lake.files("posts")
    assert [(f.day, f.rows) for f in files] == [("2016-11-07", 24), ("2016-11-08", 24), ("2016-11-09", 12)]
    assert all(f.path.startswith(f"posts/day={f.day}/") for f in files)
    assert files[0].first == datetime(2016, 11, 7, tzinfo=UTC)
    assert files[2].last == datetime(2016, 11, 9, 11, tzinfo=UTC)


def test_a_table_that_is_not_kept_by_day_is_one_file(lake: Lake, rows: Make) -> None:
    write(lake, "accounts", rows("accounts", [{"account": "a"}, {"account": "b", "happened_at": NOON}]))
    (file,) = lake.files("accounts")
    assert (file.day, file.rows, file.first) == (None, 2, NOON)


def test_rows_without_a_time_get_a_folder_of_their_own(lake: Lake, rows: Make) -> None:
    write(lake, "ads", rows("ads", [{"ad": "1"}, {"ad": "2", "happened_at": NOON}]))
    assert {f.path.split("/")[1] for f in lake.files("ads")} == {"day=unknown", "day=2016-11-08"}
    assert lake.read("ads").num_rows == 2


def test_a_second_import_of_the_same_rows_is_skipped(lake: Lake, posts: pa.Table) -> None:
    write(lake, "posts", posts.slice(0, 40))
    assert write(lake, "posts", posts, "import_2") == Counts(60, 20, 40)
    assert write(lake, "posts", posts, "import_3") == Counts(60, 0, 60)
    assert lake.read("posts").num_rows == 60


def test_of_rows_with_one_key_the_earliest_stays_whatever_their_order(lake: Lake, rows: Make) -> None:
    early, late = ({"post": "p", "account": "a", "happened_at": NOON + timedelta(hours=h)} for h in (0, 1))
    assert write(lake, "posts", rows("posts", [late, early, late])) == Counts(3, 1, 2)
    assert lake.read("posts")["happened_at"].to_pylist() == [NOON]


def test_a_null_in_a_key_is_a_value_like_others(lake: Lake, rows: Make) -> None:
    one = {"account": "a", "other": "b", "tie": "friend", "happened_at": NOON}
    two = {"account": "a", "space": "b", "tie": "friend", "happened_at": NOON}
    assert write(lake, "ties", rows("ties", [one, two, one])) == Counts(3, 2, 1)
    assert write(lake, "ties", rows("ties", [two]), "import_2").accepted == 0


def test_several_writes_in_one_batch_see_each_other(lake: Lake, posts: pa.Table, rows: Make) -> None:
    with lake.writing() as batch:
        batch.write("accounts", rows("accounts", [{"account": "u3"}]), "import_1")
        batch.write("posts", posts, "import_1")
        assert batch.write("posts", posts, "import_1").accepted == 0
    assert lake.ids("account", ["u3", "u0"]) == [0, 1]
    assert lake.check() == []


def test_sql_and_readers_are_taken_too(lake: Lake, posts: pa.Table, tmp_path: Path) -> None:
    pq.write_table(posts, tmp_path / "staged.parquet")
    assert write(lake, "posts", f"FROM '{tmp_path}/staged.parquet'").accepted == 60
    reader = pa.RecordBatchReader.from_batches(posts.schema, posts.to_batches(max_chunksize=7))
    assert write(lake, "posts", reader, "import_2") == Counts(60, 0, 60)


def test_nothing_is_visible_when_the_block_fails(lake: Lake, posts: pa.Table) -> None:
    def fail() -> None:
        with lake.writing() as batch:
            batch.write("posts", posts, "import_1")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert lake.files("posts") == []
    assert lake.ids("account", ["u0"]) == [None]
    assert list((lake.folder / "_staging").iterdir()) == []


def test_the_end_of_an_import_is_recorded_in_the_same_step(lake: Lake, posts: pa.Table) -> None:
    with lake.records.begin() as tx:
        run = imports.start(tx, "table", "posts.csv", "0" * 64, "1" * 64)
    with lake.writing() as batch:
        counts = batch.write("posts", posts, run.id)
        batch.at_commit(lambda tx: imports.finish(tx, run.id, {"posts": {"accepted": counts.accepted}}))
    with lake.records.read() as tx:
        assert imports.get(tx, run.id).state == "done"
        (entry,) = outbox.pending(tx, 10)
    assert entry.type == "import"
    assert "u0" not in str(entry.payload)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("SELECT 'p' AS post, now() AS happened_at", "lack the column account"),
        ("SELECT 'p' AS post, 'a' AS account, now() AS happened_at, 1 AS likes", "no column likes"),
        ("SELECT 'p' AS post, NULL AS account, now() AS happened_at", "have no `account`"),
        ("SELECT 'p' AS post, 'a' AS account, 'secret' AS happened_at", "does not fit its column"),
        ("SELECT 'p' AS post, 'a' AS account, nothing AS happened_at", "is wrong"),
        ("SELECT 'p' AS post, 'a' AS account, TIMESTAMPTZ '12000-01-01 00:00+00' AS happened_at", "years 1 to 9999"),
    ],
)
def test_rows_that_do_not_fit_are_one_clear_error(lake: Lake, rows: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        write(lake, "posts", rows)
    assert "secret" not in str(error.value)
    assert lake.files("posts") == []


def test_wrong_names_are_one_clear_error(lake: Lake) -> None:
    with pytest.raises(NotFoundError, match="no table `post`"):
        lake.read("post")
    with pytest.raises(NotFoundError, match="no dictionary `people`"):
        lake.names("people", [1])
    with pytest.raises(NotFoundError, match="has no number 7"):
        lake.names("account", [7])


def test_read_filters_and_keeps_the_stored_types(lake: Lake, posts: pa.Table) -> None:
    write(lake, "posts", posts)
    some = lake.read("posts", ["post", "account"], "account = $a", {"a": lake.ids("account", ["u1"])[0]})
    assert some.num_rows == 10
    assert some.schema.types == [pa.string(), pa.int64()]
    with pytest.raises(InputError, match="is wrong"):
        lake.read("posts", where="colour = 1")
    with pytest.raises(InputError, match="more than one"):
        lake.read("posts", where="true; SELECT 1")


def test_views_of_empty_tables_have_their_columns(lake: Lake) -> None:
    with lake.duck() as duck:
        assert duck.sql("SELECT app, person, through, fields FROM reads").fetchall() == []
        assert duck.sql("SELECT id, name FROM app_ids").fetchall() == []


def test_a_file_that_was_changed_or_lost_is_named(lake: Lake, posts: pa.Table) -> None:
    write(lake, "posts", posts)
    path = lake.folder / lake.files("posts")[1].path
    content = path.read_bytes()
    path.write_bytes(content + b"x")
    with pytest.raises(StorageError, match=f"{path} was changed"):
        lake.read("posts")
    path.unlink()
    with pytest.raises(StorageError, match=f"{path} cannot be read"):
        lake.read("posts")


def test_a_folder_with_letters_that_globs_use_is_read_exactly(lake: Lake, posts: pa.Table, tmp_path: Path) -> None:
    folder = tmp_path / "it's [odd]* ?"
    folder.mkdir()
    pq.write_table(posts, folder / "a[1].parquet")
    lake.attach("posts", [folder])
    assert lake.read("posts").num_rows == 60


def test_holdings_say_what_there_is(lake: Lake, posts: pa.Table) -> None:
    assert lake.holdings() == []
    write(lake, "posts", posts)
    (held,) = lake.holdings()
    assert (held.table, held.files, held.attached, held.rows) == ("posts", 3, 0, 60)
    assert held.bytes == sum(f.bytes for f in lake.files("posts"))
    assert (held.first, held.last) == (datetime(2016, 11, 7, tzinfo=UTC), datetime(2016, 11, 9, 11, tzinfo=UTC))
