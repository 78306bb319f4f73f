"""The rejects file: whole rows, only its owner's, there only when it is complete."""

from __future__ import annotations

import base64
import errno
import json
import os
from typing import TYPE_CHECKING, Any

import pytest

from ombud.lake.imports import import_files
from ombud.lake.imports import rejects as module
from ombud.lake.imports.rejects import Rejects
from ombud.model.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.lake import Lake


def entries(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_rows_are_kept_as_they_came(tmp_path: Path) -> None:
    with Rejects(tmp_path / "deep" / "r.ndjson") as rejects:
        rejects.add(3, "posts", "a NUL byte", b"a\0b")
        rejects.add(4, "posts", "bytes that are not UTF-8", b"a\xffb")
        rejects.add(5, "posts", "post: missing", '{"post": "\u2028ä"}')
        rejects.add(6, "ads", "id: missing", {"id": None, "text": "x"})
        kept = rejects.keep()
    assert kept == tmp_path / "deep" / "r.ndjson"
    assert entries(kept) == [
        {"line": 3, "table": "posts", "reason": "a NUL byte", "row": "a\0b"},
        {
            "line": 4,
            "table": "posts",
            "reason": "bytes that are not UTF-8",
            "row_base64": base64.b64encode(b"a\xffb").decode(),
        },
        {"line": 5, "table": "posts", "reason": "post: missing", "row": '{"post": "\u2028ä"}'},
        {"line": 6, "table": "ads", "reason": "id: missing", "row": {"id": None, "text": "x"}},
    ]
    assert kept.stat().st_mode & 0o777 == 0o600


def test_without_rejects_there_is_no_file(tmp_path: Path) -> None:
    with Rejects(tmp_path / "r.ndjson") as rejects:
        assert rejects.keep() is None
        rejects.add(1, "posts", "x", b"")
        rejects.rewind((0, 0))
        assert rejects.keep() is None
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_at_its_place_before_it_is_kept(tmp_path: Path) -> None:
    with Rejects(tmp_path / "r.ndjson") as rejects:
        rejects.add(1, "posts", "x", b"row")
        assert [p.name for p in tmp_path.iterdir()] == ["r.part"]
    assert list(tmp_path.iterdir()) == []  # the import failed: its rejects are nobody's


def test_what_a_killed_import_left_is_not_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "r.part").write_text('{"line": 99}\n')
    with Rejects(tmp_path / "r.ndjson") as rejects:
        rejects.add(1, "posts", "x", b"row")
        rejects.keep()
    assert [e["line"] for e in entries(tmp_path / "r.ndjson")] == [1]


def test_rewinding_forgets_what_came_after(tmp_path: Path) -> None:
    with Rejects(tmp_path / "r.ndjson") as rejects:
        start = rejects.mark()
        rejects.add(1, "posts", "first", b"a")
        mark = rejects.mark()
        rejects.add(2, "posts", "second", b"b" * 1000)
        rejects.rewind(mark)
        assert rejects.count == 1
        rejects.add(3, "posts", "third", b"c")
        rejects.rewind(rejects.mark())
        rejects.keep()
    assert start == (0, 0)
    assert [e["line"] for e in entries(tmp_path / "r.ndjson")] == [1, 3]


@pytest.mark.parametrize("size", [99, 100, 101, 5000])
def test_of_a_gigantic_row_the_start_and_the_length_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(module, "WHOLE_ROW", 100)
    monkeypatch.setattr(module, "_START", 10)
    with Rejects(tmp_path / "r.ndjson") as rejects:
        rejects.add(1, "posts", "too long", b"x" * size)
        rejects.keep()
    (entry,) = entries(tmp_path / "r.ndjson")
    assert entry["row"] == "x" * (size if size <= 100 else 10)
    assert entry.get("bytes") == (None if size <= 100 else size)


def test_a_disk_that_is_full_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: memoryview) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"{descriptor}, {len(data)}")

    with Rejects(tmp_path / "r.ndjson") as rejects:
        rejects.add(1, "posts", "x", b"row")
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(StorageError, match=r"Cannot write rejected rows to .*No space left") as raised:
            rejects.add(2, "posts", "x", b"row")
        assert "Make room" in (raised.value.hint or "")
        monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_moved_is_one_sentence(tmp_path: Path) -> None:
    place = tmp_path / "r.ndjson"
    with Rejects(place) as rejects:
        rejects.add(1, "posts", "x", b"row")
        place.mkdir()
        (place / "in the way").touch()
        with pytest.raises(StorageError, match="Cannot write rejected rows"):
            rejects.keep()
    assert [p.name for p in tmp_path.iterdir()] == ["r.ndjson"]


def test_short_writes_are_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data[:7])))
    with Rejects(tmp_path / "r.ndjson") as rejects:
        rejects.add(1, "posts", "x", b"a long row in many pieces")
        rejects.keep()
    assert entries(tmp_path / "r.ndjson")[0]["row"] == "a long row in many pieces"


def test_an_import_removes_what_killed_ones_left(lake: Lake, tmp_path: Path) -> None:
    folder = lake.workspace.rejects_dir
    for name in ("import_killed.part", "import_killed.ndjson", "notes.txt"):
        (folder / name).write_text("x")
    (tmp_path / "x.csv").write_text("post,account,happened_at\n1,a,2016-01-01\n2,,2016-01-01\n")
    done = import_files(lake, "table", [tmp_path / "x.csv"], table="posts")
    assert sorted(p.name for p in folder.iterdir()) == [f"{done.files[0].import_id}.ndjson", "notes.txt"]
