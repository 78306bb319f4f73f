"""Dictionaries: dense numbers that never change, and names that go without leaving a hole."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ombud.lake.views import connect, limits, literal, quoted
from ombud.model.errors import InputError, NotFoundError, StorageError
from ombud.model.settings import Settings
from ombud.records import dictionaries, lake_files

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.lake import Lake

NOON = datetime(2016, 11, 7, 12, tzinfo=UTC)


def write(lake: Lake, number: int, *names: str) -> None:
    rows: dict[str, list[Any]] = {
        "post": [f"{number}-{i}" for i in range(len(names))],
        "account": list(names),
        "happened_at": [NOON] * len(names),
    }
    with lake.writing() as batch:
        batch.write("posts", pa.table(rows), f"import_{number}")


def dictionary(lake: Lake, kind: str = "account") -> list[tuple[int, str | None]]:
    with lake.duck([]) as duck:
        return duck.table(f"{kind}_ids").order("id").fetchall()


def test_names_get_numbers_in_order_and_keep_them(lake: Lake) -> None:
    write(lake, 1, "c", "a", "c", "b")
    assert dictionary(lake) == [(0, "a"), (1, "b"), (2, "c")]
    write(lake, 2, "b", "0", "d")
    assert dictionary(lake) == [(0, "a"), (1, "b"), (2, "c"), (3, "0"), (4, "d")]
    write(lake, 3, "a", "b")
    with lake.records.read() as tx:
        assert len(lake_files.visible(tx, "_ids/account")) == 2  # the third import brought no new name
        assert dictionaries.next_id(tx, "account") == 5
    assert lake.check() == []


def test_names_are_compared_byte_by_byte(lake: Lake) -> None:
    names = ["a", "A", " a", "a ", "ä", "a\u0308", "0", "00", "\u202ea", "'", '"', "%"]
    write(lake, 1, *names)
    assert len(dictionary(lake)) == len(names)
    assert [lake.names("account", [n])[0] for n in lake.ids("account", names) if n is not None] == names


def test_kinds_are_counted_apart_and_people_are_accounts(lake: Lake) -> None:
    grants: dict[str, list[Any]] = {"app": ["x"], "person": ["a"], "scope": ["s"], "happened_at": [NOON]}
    with lake.writing() as batch:
        batch.write("grants", pa.table(grants), "import_1")
        batch.write("posts", pa.table({"post": ["1"], "account": ["a"], "happened_at": [NOON]}), "import_1")
    assert dictionary(lake, "app") == [(0, "x")]
    assert dictionary(lake) == [(0, "a")]
    assert dictionary(lake, "holder") == []


def test_one_row_may_name_the_same_person_twice(lake: Lake) -> None:
    ties: dict[str, list[Any]] = {
        "account": ["b", "b"],
        "other": ["a", "b"],
        "tie": ["follow"] * 2,
        "happened_at": [NOON] * 2,
    }
    with lake.writing() as batch:
        batch.write("ties", pa.table(ties), "import_1")
    assert dictionary(lake) == [(0, "a"), (1, "b")]
    assert lake.read("ties", ["account", "other"], "other = 'b'", names=True).to_pylist() == [
        {"account": "b", "other": "b"}
    ]


def test_asked_names_come_in_the_order_asked_for(lake: Lake) -> None:
    write(lake, 1, "a", "b", "c")
    assert lake.names("account", [2, 0, 2]) == ["c", "a", "c"]
    assert lake.names("account", pa.array([1], pa.int32())) == ["b"]
    assert lake.ids("account", ["c", "nobody", "a", "c"]) == [2, None, 0, 2]
    assert lake.names("account", []) == []
    assert lake.ids("account", []) == []


def test_a_number_or_kind_that_is_not_there_is_an_error(lake: Lake) -> None:
    write(lake, 1, "a")
    with pytest.raises(NotFoundError, match="The dictionary `account` has no number 1"):
        lake.names("account", [0, 1])
    for call in (lambda: lake.names("post", [0]), lambda: lake.ids("account; DROP", ["a"])):
        with pytest.raises(NotFoundError, match="There is no dictionary") as raised:
            call()
        assert raised.value.hint == "There are account, space, app, developer, holder."


def test_an_erased_name_is_shown_as_such_and_its_number_is_never_given_again(lake: Lake) -> None:
    write(lake, 1, "a", "b", "c")
    lake.erase("b")
    assert dictionary(lake) == [(0, "a"), (1, None), (2, "c")]
    assert lake.names("account", [1]) == ["erased"]
    assert lake.ids("account", ["b", "erased"]) == [None, None]
    write(lake, 2, "b", "erased")
    assert lake.ids("account", ["b", "erased"]) == [3, 4]
    assert lake.names("account", [1, 4]) == ["erased", "erased"]  # one is a name, the other is not
    assert lake.check() == []


def test_a_writer_that_fails_gives_no_number_away(lake: Lake) -> None:
    write(lake, 1, "a")
    with pytest.raises(InputError):
        write_bad(lake)
    write(lake, 2, "b")
    assert dictionary(lake) == [(0, "a"), (1, "b")]


def write_bad(lake: Lake) -> None:
    with lake.writing() as batch:
        batch.write("posts", pa.table({"post": ["9"], "account": ["z"], "happened_at": [NOON]}), "import_9")
        batch.write("posts", pa.table({"post": ["8"], "account": [None], "happened_at": [NOON]}), "import_9")


def test_numbers_that_another_installation_took_stop_the_write(lake: Lake) -> None:
    with pytest.raises(StorageError, match="Another process took numbers of the `account` dictionary") as raised:
        write_beside_another(lake)
    assert "give each its own" in (raised.value.hint or "")
    assert lake.files("posts") == []


def write_beside_another(lake: Lake) -> None:
    with lake.writing() as batch:
        batch.write("posts", pa.table({"post": ["1"], "account": ["a"], "happened_at": [NOON]}), "import_1")
        with lake.records.begin() as tx:
            dictionaries.advance(tx, "account", 1)


def test_compaction_makes_one_dictionary_file_in_the_order_of_numbers(lake: Lake) -> None:
    for number, name in enumerate("dbca"):
        write(lake, number, name)
    before = dictionary(lake)
    lake.compact()
    with lake.records.read() as tx:
        (file,) = lake_files.visible(tx, "_ids/account")
    assert dictionary(lake) == before
    assert pq.read_table(lake.folder / file.path)["id"].to_pylist() == [0, 1, 2, 3]
    lake.erase("b")
    assert [name for _, name in dictionary(lake)] == ["d", None, "c", "a"]


def test_the_connection_keeps_to_the_settings_and_to_utc(tmp_path: Path) -> None:
    with connect(Settings(memory="300MB", threads=1), tmp_path / "spill") as duck:
        memory, threads = limits(duck)
        zone = duck.execute("SELECT current_setting('TimeZone')").fetchone()
        fetches = duck.execute(
            "SELECT current_setting('autoinstall_known_extensions'), current_setting('allow_community_extensions')"
        ).fetchone()
    assert threads == 1
    assert abs(memory - 300_000_000) < 200_000
    assert zone == ("UTC",)
    assert fetches == (False, False)


@pytest.mark.parametrize("memory", ["many", "2 elephants", "GB"])
def test_a_setting_that_makes_no_sense_is_named(tmp_path: Path, memory: str) -> None:
    wrong = connect(Settings(memory=memory), tmp_path)
    with pytest.raises(InputError, match="The setting `memory` is wrong") as raised, wrong:
        pass
    assert "2GB" in (raised.value.hint or "")


@pytest.mark.parametrize("text", ["it's", '"', "a''b", "\\", "$x", "%"])
def test_texts_and_names_are_quoted_for_sql(lake: Lake, text: str) -> None:
    with lake.duck([]) as duck:
        found = duck.execute(f"SELECT {literal(text)} AS {quoted(text)}")
        assert found.description[0][0] == text
        assert found.fetchall() == [(text,)]


def test_two_writes_of_one_batch_give_different_numbers(lake: Lake) -> None:
    with lake.writing() as batch:
        for number, name in enumerate("ba"):
            rows: dict[str, list[Any]] = {"post": [str(number)], "account": [name], "happened_at": [NOON]}
            batch.write("posts", pa.table(rows), "import_1")
    assert dictionary(lake) == [(0, "b"), (1, "a")]
    assert lake.check() == []
