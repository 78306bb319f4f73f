"""Killed, full or read-only at any moment: all of a write is visible, or nothing, and nothing is left lying."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING

import pytest

from ombud.lake.files import put_in_place
from ombud.model.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from ombud.lake import Lake

WRITER = textwrap.dedent(
    """
    import sys
    from pathlib import Path
    from ombud.lake import open_lake
    from ombud.model.workspace import Workspace
    from ombud.records import open_records
    workspace = Workspace.open(Path(sys.argv[1]))
    lake = open_lake(workspace, open_records(workspace))
    number = 0
    while True:
        sql = (
            "SELECT 'p' || i || '-%d' AS post, 'u' || (i %% 50 + %d) AS account,"
            " TIMESTAMPTZ '2016-11-08 00:00+00' + to_hours(CAST(i AS INTEGER)) AS happened_at FROM range(200) AS r(i)"
        )
        with lake.writing() as batch:
            batch.write("posts", sql % (number, number), f"import_{number}")
        print("ready", flush=True)
        number += 1
    """
)


def test_a_writer_killed_at_random_moments_leaves_whole_writes(lake: Lake) -> None:
    chance = random.Random(7)  # noqa: S311 - moments of a test
    most = 0
    for _ in range(3):
        before = lake.read("posts").num_rows
        command = [sys.executable, "-c", WRITER, str(lake.workspace.root)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0.0, 0.6))
            process.send_signal(signal.SIGKILL)
            acknowledged = 1 + len(process.stdout.readlines())
        after = lake.read("posts").num_rows
        assert after % 200 == 0
        assert after - before >= 0
        numbers = {int(str(name).rsplit("-", 1)[1]) for name in lake.read("posts", ["post"])["post"].to_pylist()}
        most = max(most, acknowledged)
        assert len(numbers) >= most
        with lake.writing():  # the next writer tidies up
            pass
        assert lake.check() == []
        assert not list((lake.folder / "_staging").iterdir())


@pytest.mark.parametrize("moment", ["durable", "put_in_place", "begin"])
def test_killed_at_each_step_of_a_commit(lake: Lake, posts: pa.Table, moment: str) -> None:
    with lake.writing() as batch:
        batch.write("posts", posts.slice(0, 30), "import_1")
    child = os.fork()
    if child == 0:  # pragma: no cover - dies
        _die_at(lake, posts, moment)
    os.waitpid(child, 0)
    assert lake.read("posts").num_rows == 30
    with lake.writing() as batch:
        assert batch.write("posts", posts, "import_2").accepted == 30
    assert lake.check() == []


def _die_at(lake: Lake, posts: pa.Table, moment: str) -> None:  # pragma: no cover - runs in a child that dies
    from ombud.lake import batch as module  # noqa: PLC0415 - the child's own

    monkey = setattr

    def die(*_: object) -> None:
        os._exit(9)

    def place_half(lake_dir: Path, staging: Path, staged: list[object]) -> None:
        put_in_place(lake_dir, staging, staged)  # type: ignore[arg-type]
        os._exit(9)

    try:
        with lake.writing() as batch:
            batch.write("posts", posts, "import_2")
            if moment == "durable":
                monkey(module, "durable", die)
            elif moment == "put_in_place":
                monkey(module, "put_in_place", place_half)
            else:
                batch.at_commit(die)
    finally:
        os._exit(8)


def test_a_full_disk_is_one_sentence(lake: Lake, posts: pa.Table) -> None:
    with lake.writing() as batch:
        batch.write("posts", posts.slice(0, 10), "import_1")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    big = "SELECT 'q' || i AS post, 'v' || i AS account, now() AS happened_at, sha256('' || i) AS text"
    big += " FROM range(90000) AS r(i)"

    def write() -> None:
        with lake.writing() as batch:
            batch.write("posts", big, "import_2")

    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, hard))
        with pytest.raises(StorageError, match="size limit; nothing was changed"):
            write()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert lake.read("posts").num_rows == 10
    assert lake.check() == []


READ_ONLY = textwrap.dedent(
    """
    import os, sys
    from pathlib import Path
    from ombud.lake.lock import writer_lock
    from ombud.model.errors import StorageError
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    try:
        with writer_lock(Path(sys.argv[1]), 0):
            pass
    except StorageError as error:
        print(error)
    """
)


def test_a_folder_that_may_not_be_written_is_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "lake"
    folder.mkdir()
    tmp_path.parent.parent.chmod(0o755)
    tmp_path.parent.chmod(0o755)
    tmp_path.chmod(0o755)
    folder.chmod(0o555)
    done = subprocess.run([sys.executable, "-c", READ_ONLY, str(folder)], capture_output=True, text=True, check=False)
    assert done.stdout == f"This user may not write to {folder}. Let this user write to the folder.\n", done.stderr
