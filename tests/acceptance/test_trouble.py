"""What can go wrong with a machine or a workspace is one sentence that says what to do."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
import subprocess
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.conftest import Ombud

pytestmark = pytest.mark.acceptance

SHARES = "post,account,happened_at,text\n" + "".join(
    f"p{n},a{n % 7},2021-09-{1 + n % 20:02d}T12:00:{n % 60:02d}Z,words number {n % 13}\n" for n in range(400)
)


@pytest.fixture
def shares(tmp_path: Path) -> Path:
    file = tmp_path / "shares.csv"
    file.write_text(SHARES)
    return file


def test_a_command_outside_a_workspace_says_how_to_make_one(ombud: Ombud, tmp_path: Path) -> None:
    ran = ombud("lake", "list", OMBUD_WORKSPACE=str(tmp_path), code=2)
    assert "no workspace" in ran.err
    assert "ombud init" in ran.err


def test_an_unknown_command_and_an_unknown_option_are_wrong_usage(ombud: Ombud) -> None:
    assert "--help" in ombud("imports", code=2).err
    assert "--help" in ombud("lake", "list", "--sideways", code=2).err


def test_errors_are_documents_for_scripts(ombud: Ombud) -> None:
    problem = ombud("explain", "figure_0", "--json", code=2).document["error"]
    assert problem["kind"] == "NotFoundError"
    assert "figure_0" in problem["message"]


def test_a_port_in_use_is_said_with_a_way_out(ombud: Ombud) -> None:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        door.listen()
        port = door.getsockname()[1]
        ran = ombud("serve", "--port", str(port), code=None)
    assert ran.code in {3, 4}
    assert str(port) in ran.err
    assert "--port" in ran.err


def test_a_moved_workspace_works_where_it_is_now(ombud: Ombud, shares: Path, tmp_path: Path) -> None:
    ombud("import", "table", shares, "--table", "posts")
    moved = tmp_path / "elsewhere"
    shutil.move(ombud.root, moved)
    tables = ombud("lake", "list", "--json", OMBUD_WORKSPACE=str(moved)).document["tables"]
    assert {t["table"]: t["rows"] for t in tables}["posts"] == 400
    assert ombud("lake", "check", "--json", OMBUD_WORKSPACE=str(moved)).document["problems"] == []


def test_records_of_a_newer_ombud_are_left_alone(ombud: Ombud) -> None:
    file = ombud.root / "records.sqlite"
    with sqlite3.connect(file) as records:
        records.execute("UPDATE alembic_version SET version_num = '9999_future'")
    records.close()
    ran = ombud("cases", "list", code=4)
    assert "newer" in ran.err
    assert "newer" in ombud("upgrade", code=4).err


def test_records_that_are_no_database_are_said(ombud: Ombud) -> None:
    for extra in ("-wal", "-shm"):
        (ombud.root / f"records.sqlite{extra}").unlink(missing_ok=True)
    (ombud.root / "records.sqlite").write_bytes(b"this is not a database" * 100)
    ran = ombud("cases", "list", code=None)
    assert ran.code in {2, 4}
    assert "records.sqlite" in ran.err


def test_two_imports_at_once_both_land(ombud: Ombud, tmp_path: Path) -> None:
    files = []
    for part in range(2):
        file = tmp_path / f"part{part}.csv"
        rows = [f"q{part}-{n},b{n % 97},2021-09-{1 + n % 20:02d}T12:00:00Z,t\n" for n in range(20_000)]
        file.write_text("post,account,happened_at,text\n" + "".join(rows))
        files.append(file)
    running = [ombud.start("import", "table", file, "--table", "posts") for file in files]
    for process in running:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    tables = {t["table"]: t["rows"] for t in ombud("lake", "list", "--json").document["tables"]}
    assert tables["posts"] == 40_000
    assert ombud("lake", "check", "--json").document["problems"] == []


def test_a_full_disk_is_said_and_nothing_half_done_is_seen(ombud: Ombud, tmp_path: Path) -> None:
    file = tmp_path / "many.csv"
    with file.open("w") as out:
        out.write("post,account,happened_at,text\n")
        for n in range(60_000):
            out.write(f"r{n},c{n},2021-09-{1 + n % 20:02d}T12:00:00Z,{os.urandom(40).hex()}\n")
    command = ombud.command("import", "table", file, "--table", "posts")
    limited = subprocess.run(
        ["bash", "-c", 'ulimit -f 1500; trap "" XFSZ; exec "$@"', "limited", *command],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=ombud.environment(),
    )
    assert limited.returncode == 4, limited.stderr
    assert "Traceback" not in limited.stderr
    assert ombud("lake", "check", "--json").document["problems"] == []
    assert (
        ombud("import", "table", file, "--table", "posts", "--json").document["tables"]["posts"]["accepted"] == 60_000
    )


def test_a_read_only_workspace_is_said(ombud: Ombud, shares: Path) -> None:
    ombud("import", "table", shares, "--table", "posts")
    every = [ombud.root, *ombud.root.rglob("*")]
    before = {path: path.stat().st_mode for path in every}
    for path in every:
        path.chmod(0o555 if path.is_dir() else 0o444)
    # root may write anywhere: take that from it
    powerless = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    other = shares.with_name("other.csv")
    other.write_text(SHARES.replace("p1", "other"))
    try:
        ran = subprocess.run(
            [*powerless, *ombud.command("import", "table", other, "--table", "posts")],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            env=ombud.environment(),
        )
    finally:
        for path, mode in before.items():
            path.chmod(mode)
    assert ran.returncode == 4, ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stderr.startswith("error: ")
    assert ombud("lake", "check", "--json").document["problems"] == []
