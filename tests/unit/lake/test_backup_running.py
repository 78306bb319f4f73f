"""A backup while others write: one moment of everything, whatever is replaced meanwhile."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from ombud.lake import Lake, open_lake, packing
from ombud.lake.backup import backup, restore
from ombud.model.errors import BusyError, RefusedError, StorageError
from ombud.model.workspace import Workspace
from ombud.records import open_records

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
import pyarrow as pa
from ombud.lake import open_lake
from ombud.model.workspace import Workspace
from ombud.records import open_records

workspace = Workspace.open(Path(sys.argv[1]))
with open_records(workspace) as records:
    lake = open_lake(workspace, records)
    n = 0
    print("writing", flush=True)
    while n < 60:
        start = datetime(2016, 11, 7, tzinfo=UTC) + timedelta(hours=n)
        rows = {"post": [f"w{n}-{i}" for i in range(10)], "account": [f"n{n}"] * 10, "happened_at": [start] * 10}
        with lake.writing() as batch:
            batch.write("posts", pa.table(rows), "import_w")
        if n % 4 == 3:
            lake.compact("posts")
        n += 1
"""


def test_a_backup_while_another_process_writes_and_compacts(
    workspace: Workspace, lake: Lake, posts: pa.Table, tmp_path: Path
) -> None:
    with lake.writing() as batch:
        batch.write("posts", posts, "import_1")
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(workspace.root)], stdout=subprocess.PIPE)
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"writing\n"
        counts = []
        for number in range(2):
            backup(workspace, tmp_path / f"b{number}.tar")
            restore(tmp_path / f"b{number}.tar", tmp_path / f"r{number}")
            other = Workspace.open(tmp_path / f"r{number}")
            with open_records(other) as records:
                there = open_lake(other, records)
                assert there.check() == []
                counts.append(there.read("posts", ["post"]).num_rows)
    finally:
        writer.kill()
        writer.wait()
        if writer.stdout:
            writer.stdout.close()
    assert all(count >= 60 and count % 10 == 0 for count in counts)  # whole writes only
    assert counts == sorted(counts)


def test_rejects_of_an_import_under_way_are_left_out(
    workspace: Workspace, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lake.files("posts") == []
    (workspace.rejects_dir / "import_a.part").write_text("half")
    (workspace.rejects_dir / "import_b.ndjson").write_text("swept by the next import")
    (workspace.rejects_dir / "import_c.ndjson").write_text("kept")
    copy = packing.Packing.copy

    def vanish(self: packing.Packing, name: str, source: Path, *, known: str | None = None) -> packing.Packed:
        if name == "rejects/import_b.ndjson":
            source.unlink()
        return copy(self, name, source, known=known)

    monkeypatch.setattr(packing.Packing, "copy", vanish)
    backup(workspace, tmp_path / "saved")
    assert [p.name for p in (tmp_path / "saved" / "rejects").iterdir()] == ["import_c.ndjson"]


def test_a_ledger_file_that_goes_is_an_error(
    workspace: Workspace, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lake.holdings() == []
    (workspace.ledger_dir / "tile").write_text("t")
    copy = packing.Packing.copy

    def vanish(self: packing.Packing, name: str, source: Path, *, known: str | None = None) -> packing.Packed:
        if name == "ledger/tile":
            source.unlink()
        return copy(self, name, source, known=known)

    monkeypatch.setattr(packing.Packing, "copy", vanish)
    with pytest.raises(StorageError):
        backup(workspace, tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


def test_a_lake_that_changes_faster_than_it_is_copied(
    workspace: Workspace, lake: Lake, posts: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lake.writing() as batch:
        batch.write("posts", posts, "import_1")
    tries = []

    def always(_: packing.Packing, name: str, source: Path, *, known: str | None = None) -> packing.Packed:
        tries.append((name, source, known))
        raise packing.Vanished("posts/a file that counts no more.parquet")

    monkeypatch.setattr(packing.Packing, "copy", always)
    with pytest.raises(BusyError, match="changed faster than it could be copied"):
        backup(workspace, tmp_path / "saved")
    assert len(tries) == 5
    assert not any(p.name.startswith((".saved", "saved")) for p in tmp_path.iterdir())


def test_a_file_that_counts_and_is_gone_is_named(
    workspace: Workspace, lake: Lake, posts: pa.Table, tmp_path: Path
) -> None:
    with lake.writing() as batch:
        batch.write("posts", posts, "import_1")
    lost = lake.files("posts")[0].path
    (lake.folder / lost).unlink()
    with pytest.raises(StorageError, match=f"The lake's file {lost} is missing") as raised:
        backup(workspace, tmp_path / "saved.tar")
    assert "ombud lake check" in (raised.value.hint or "")
    assert not (tmp_path / "saved.tar").exists()


def test_readers_and_a_writer_go_on_during_a_backup(
    workspace: Workspace, lake: Lake, posts: pa.Table, tmp_path: Path
) -> None:
    with lake.writing() as batch:
        batch.write("posts", posts, "import_1")
    seen: list[Any] = []

    def progress(done: int, total: int | None, what: str) -> None:
        if not seen:  # in the midst of the copying
            with lake.writing(wait=0) as other:
                other.write("posts", posts.slice(0, 0), "import_2")
            lake.compact("posts")
            seen.append(lake.read("posts", ["post"]).num_rows)
        seen.append((done, total, what))

    backup(workspace, tmp_path / "saved", progress=progress)
    assert seen[0] == 60
    assert seen[-1][0] == seen[-1][1]
    restore(tmp_path / "saved", tmp_path / "new")
    with open_records(Workspace.open(tmp_path / "new")) as records:
        restored = open_lake(Workspace.open(tmp_path / "new"), records)
        assert {f.import_id for f in restored.files("posts")} == {"import_1"}  # the moment before the compaction
        assert restored.check() == []


@pytest.mark.parametrize("folder", ["lake", "ledger", "rejects", "keys"])
def test_a_backup_is_not_put_into_what_it_saves(workspace: Workspace, lake: Lake, folder: str) -> None:
    assert lake.holdings() == []
    before = sorted(workspace.root.rglob("*"))
    with pytest.raises(RefusedError, match="inside what is to be saved"):
        backup(workspace, workspace.root / folder / "new.tar")
    with pytest.raises(RefusedError, match="inside what is to be saved"):
        backup(workspace, workspace.root / folder)
    assert sorted(workspace.root.rglob("*")) == before


@pytest.mark.parametrize("name", ["there", "there.tar"])
def test_what_is_there_is_not_replaced(workspace: Workspace, lake: Lake, tmp_path: Path, name: str) -> None:
    assert lake.holdings() == []
    target = tmp_path / name
    target.mkdir()
    (target / "mine").write_text("x")
    with pytest.raises(RefusedError, match="is there already"):
        backup(workspace, target)
    (target / "mine").unlink()
    if target.suffix == ".tar":  # a folder where a file should come
        with pytest.raises(RefusedError, match="is there already"):
            backup(workspace, target)
        target.rmdir()
    assert backup(workspace, target).files >= 2
    with pytest.raises(RefusedError, match="is there already"):
        backup(workspace, target)


def test_two_backups_at_once_are_two_whole_backups(
    workspace: Workspace, lake: Lake, posts: pa.Table, tmp_path: Path
) -> None:
    with lake.writing() as batch:
        batch.write("posts", posts, "import_1")
    threads = [threading.Thread(target=backup, args=(workspace, tmp_path / f"b{n}.tar")) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for n in range(2):
        assert restore(tmp_path / f"b{n}.tar", tmp_path / f"r{n}").files == len(lake.files("posts")) + 3
