"""Kill an import at any moment and run it again: the rows are those of an undisturbed run."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from ombud.lake import open_lake
from ombud.model.workspace import Workspace
from ombud.records import imports, migrate, open_records

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from ombud.lake import Lake

KILLS = 8
ROWS = 40_000

IMPORT = """
import sys
from pathlib import Path
from ombud.lake import open_lake
from ombud.lake.imports import import_files
from ombud.model.workspace import Workspace
from ombud.records import open_records

workspace = Workspace.open(Path(sys.argv[1]))
lake = open_lake(workspace, open_records(workspace))
print("begun", flush=True)
import_files(lake, "table", [Path(sys.argv[2])], table="posts")
"""


def posts(folder: Path) -> None:
    """Write three files of posts with a few bad rows, some posts standing in two files."""
    folder.mkdir()
    for part in range(3):
        lines = ["post,account,happened_at,text"]
        for i in range(part * ROWS // 4, part * ROWS // 4 + ROWS):
            day = 1 + i % 28
            lines.append(f"p{i},u{i % 997},2016-09-{day:02d}T10:00:00Z,text number {i}")
            if i % 10_000 == 5:
                lines.append(f"bad{i},,2016-09-01,nobody")
        (folder / f"{part}.csv").write_text("\n".join(lines) + "\n")


def start(workspace: Path, folder: Path) -> subprocess.Popen[str]:
    """Start an import in a process of its own and return when it has begun."""
    command = [sys.executable, "-c", IMPORT, str(workspace), str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "begun\n"
    return process


def finish(process: subprocess.Popen[str]) -> None:
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


def make(root: Path) -> Lake:
    workspace = Workspace.create(root)
    migrate(workspace.records_url)
    return open_lake(workspace, open_records(workspace))


def content(lake: Lake) -> dict[str, Any]:
    """Return everything that an import leaves: rows by name, rejects, records, files on disk."""
    rows = lake.read("posts", ["post", "account", "happened_at", "text"], names=True).sort_by("post")
    with lake.records.read() as tx:
        done = imports.listing(tx)
    rejects = sorted(line for p in lake.workspace.rejects_dir.glob("*.ndjson") for line in p.read_text().splitlines())
    names = {p.stem for p in lake.workspace.rejects_dir.iterdir()}
    counted = {str(lake.workspace.lake_dir / f.path) for f in lake.files("posts")}
    on_disk = {str(p) for p in (lake.workspace.lake_dir / "posts").rglob("*.parquet")}
    return {
        "rows": rows.to_pylist(),
        "imports": sorted((i.source_name, i.state) for i in done),
        "rejects": rejects,
        "strange rejects files": names - {i.id for i in done},
        "strange files": on_disk - counted,
        "missing files": counted - on_disk,
    }


@pytest.mark.acceptance
def test_a_killed_import_that_runs_again_leaves_what_an_undisturbed_one_leaves(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    posts(tmp_path / "posts")
    undisturbed = make(tmp_path / "undisturbed")
    began = time.monotonic()
    finish(start(undisturbed.workspace.root, tmp_path / "posts"))
    whole = time.monotonic() - began
    expected = content(undisturbed)
    assert len(expected["rows"]) == ROWS + ROWS // 2
    assert expected["imports"] == [(f"{i}.csv", "done") for i in range(3)]

    # Every import goes on from where the one before was killed; half-way through it begins anew.
    killed = 0
    lake = make(tmp_path / "killed-0")
    for turn in range(KILLS):
        process = start(lake.workspace.root, tmp_path / "posts")
        try:
            process.communicate(timeout=float(rng.uniform(0, 0.8 * whole)))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            killed += 1
        rows = lake.read("posts", ["post"]).num_rows if lake.files("posts") else 0
        assert rows in {0, ROWS, ROWS + ROWS // 4, ROWS + ROWS // 2}
        if turn == KILLS // 2 - 1:
            finish(start(lake.workspace.root, tmp_path / "posts"))
            assert content(lake) == expected
            lake = make(tmp_path / f"killed-{turn}")
    finish(start(lake.workspace.root, tmp_path / "posts"))
    assert content(lake) == expected
    assert killed >= KILLS // 2
