"""`ombud init`, `backup`, `restore`, `upgrade` and `erase`."""

from __future__ import annotations

import io
import json
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Done, Planted

    Ombud = Callable[..., Done]


@pytest.fixture
def own(planted: Planted, tmp_path: Path) -> Path:
    """Return a copy of the planted workspace that a test may change."""
    return shutil.copytree(planted.root, tmp_path / "own")


@pytest.mark.parametrize("words", [("new",), ("--workspace", "new")])
def test_init_makes_the_folder_it_is_given(ombud: Ombud, here: Path, words: tuple[str, ...]) -> None:
    done = ombud("init", *words)
    assert done.code == 0
    assert f"The workspace is at {here / 'new'}." in done.out
    assert (here / "new" / "ombud.toml").is_file()
    assert (here / "new" / "keys").stat().st_mode & 0o077 == 0


def test_init_again_changes_nothing(ombud: Ombud, own: Path) -> None:
    before = {file: file.read_bytes() for file in own.rglob("*.parquet")}
    settings = (own / "ombud.toml").read_text()
    assert ombud("init", own, "--json").document == {"workspace": str(own)}
    assert {file: file.read_bytes() for file in own.rglob("*.parquet")} == before
    assert (own / "ombud.toml").read_text() == settings
    assert ombud("cases", "list", "--json", "--workspace", own).document["total"] == 1


def test_a_folder_with_brackets_is_shown_whole(ombud: Ombud, here: Path) -> None:
    assert f"The workspace is at {here / 'a[b]c[/x]'}." in ombud("init", "a[b]c[/x]").out


def test_a_file_cannot_be_a_workspace(ombud: Ombud, here: Path) -> None:
    (here / "file").write_text("")
    done = ombud("init", "file", "--json")
    assert done.code == 4
    assert str(here / "file") in done.document["error"]["message"]


def test_without_a_workspace_every_command_says_how_to_make_one(ombud: Ombud, here: Path) -> None:
    for words in (
        ["lake", "list"],
        ["cases", "list"],
        ["detect", "networks"],
        ["archive", "totals"],
        ["explain", "x"],
        ["upgrade"],
        ["erase", "x", "--yes"],
        ["backup", "b.tar"],
        ["worker"],
        ["serve"],
    ):
        done = ombud(*words, "--json", "--workspace", here / "none")
        assert done.code == 2, words
        assert "no workspace" in done.document["error"]["message"], words
        assert "ombud init" in done.document["error"]["hint"], words
    assert list(here.iterdir()) == []


def test_a_backup_restored_is_the_same_workspace(ombud: Ombud, planted: Planted, here: Path) -> None:
    made = ombud("backup", "b.tar", "--json", "--workspace", planted.root).document
    assert made["files"] > 40
    restored = ombud("restore", "b.tar", "copy", "--json").document
    assert restored["files"] == made["files"]
    assert ombud("lake", "check", "--workspace", here / "copy").code == 0
    for words in (["cases", "show", "1"], ["lake", "list"]):
        there = ombud(*words, "--json", "--workspace", here / "copy").document
        assert there == ombud(*words, "--json", "--workspace", planted.root).document


@pytest.mark.usefixtures("here")
def test_people_read_how_much_was_kept(ombud: Ombud, own: Path) -> None:
    done = ombud("backup", "b.tar", "--workspace", own)
    assert done.out.rstrip().endswith(" MB in b.tar.")
    assert "files checked and restored to copy." in ombud("restore", "b.tar", "copy").out


def test_keys_are_in_a_backup_only_when_asked_for(ombud: Ombud, own: Path, here: Path) -> None:
    (own / "keys" / "secret").write_text("key")
    ombud("backup", "without.tar", "--workspace", own)
    ombud("backup", "with.tar", "--with-keys", "--workspace", own)
    ombud("restore", "without.tar", "one")
    ombud("restore", "with.tar", "two")
    assert not (here / "one" / "keys" / "secret").exists()
    assert (here / "two" / "keys" / "secret").read_text() == "key"


def test_backups_and_restores_never_write_over_anything(ombud: Ombud, own: Path, here: Path) -> None:
    ombud("backup", "b.tar", "--workspace", own)
    size = (here / "b.tar").stat().st_size
    assert ombud("backup", "b.tar", "--workspace", own).code == 4
    assert (here / "b.tar").stat().st_size == size
    (here / "full").mkdir()
    (here / "full" / "file").write_text("mine")
    done = ombud("restore", "b.tar", "full", "--json")
    assert (done.code, done.document["error"]["kind"]) == (4, "RefusedError")
    assert [p.name for p in (here / "full").iterdir()] == ["file"]


@pytest.mark.parametrize("damage", ["missing", "empty", "text", "cut", "changed"])
def test_a_bad_backup_is_one_sentence_and_leaves_no_workspace(ombud: Ombud, own: Path, here: Path, damage: str) -> None:
    file = here / "b.tar"
    ombud("backup", file, "--workspace", own)
    whole = file.read_bytes()
    at = whole.index(b"PAR1") + 4
    changed = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    if damage == "missing":
        file.unlink()
    else:
        wrong = {"empty": b"", "text": b"hello", "cut": whole[: len(whole) // 2], "changed": changed}
        file.write_bytes(wrong[damage])
    done = ombud("restore", "b.tar", "copy", "--json")
    assert done.code == 2
    assert "b.tar" in done.document["error"]["message"]
    assert ombud("lake", "list", "--workspace", "copy").code == 2


def test_upgrade_says_the_schema(ombud: Ombud, root: Path) -> None:
    schema = ombud("upgrade", "--json", "--workspace", root).document["schema"]
    assert ombud("upgrade", "--workspace", root).out == f"The records are at schema {schema}.\n"


def test_a_workspace_of_a_newer_ombud_is_refused_with_what_to_do(ombud: Ombud, root: Path) -> None:
    with closing(sqlite3.connect(root / "records.sqlite")) as records:
        records.execute("UPDATE alembic_version SET version_num = '9999'")
        records.commit()
    for words in (["cases", "list"], ["upgrade"]):
        done = ombud(*words, "--json", "--workspace", root)
        assert done.code == 4, words
        assert done.document["error"]["hint"], words


def rows_of(ombud: Ombud, root: Path, account: str) -> int:
    """Count an account's posts in the lake."""
    done = ombud("lake", "read", "posts", "--columns", "account", "--workspace", root)
    return sum(json.loads(line)["account"] == account for line in done.out.splitlines())


def test_erasing_takes_one_person_out_and_says_what_remains(ombud: Ombud, own: Path, planted: Planted) -> None:
    person, other = planted.members[:2]
    before, beside = rows_of(ombud, own, person), rows_of(ombud, own, other)
    document = ombud("erase", person, "--yes", "--json", "--workspace", own).document
    assert {t["table"]: t["removed"] for t in document["tables"]}["posts"] == before > 0
    assert document["remains"]
    assert (rows_of(ombud, own, person), rows_of(ombud, own, other)) == (0, beside)
    done = ombud("erase", person, "--yes", "--json", "--workspace", own)
    assert (done.code, done.document["error"]["kind"]) == (2, "NotFoundError")
    assert person not in done.out


def test_the_person_may_come_from_stdin_so_that_no_shell_keeps_the_id(
    ombud: Ombud, own: Path, planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = planted.members[0]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f" {person}\n".encode())))
    done = ombud("erase", "-", "--yes", "--workspace", own)
    assert done.code == 0
    assert done.out.startswith("Erased")
    assert "\n  – " in done.out
    assert rows_of(ombud, own, person) == 0


def test_erasing_asks_first(ombud: Ombud, own: Path, planted: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    person = planted.members[0]
    before = rows_of(ombud, own, person)
    for answer, code, left in (("n\n", 130, before), ("", 130, before), ("y\n", 0, 0)):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        assert ombud("erase", person, "--workspace", own).code == code
        assert rows_of(ombud, own, person) == left


def test_a_script_must_say_yes(ombud: Ombud, own: Path, planted: Planted) -> None:
    done = ombud("erase", planted.members[0], "--json", "--workspace", own)
    assert (done.code, done.document["error"]["kind"]) == (4, "RefusedError")
    assert rows_of(ombud, own, planted.members[0]) > 0


@pytest.mark.parametrize("person", ["", "   ", "nobody", "user1'; DROP TABLE posts; --"])
def test_whom_the_lake_does_not_know_it_cannot_erase(ombud: Ombud, own: Path, person: str) -> None:
    done = ombud("erase", person, "--yes", "--json", "--workspace", own)
    assert done.code == 2
    assert ombud("lake", "list", "--json", "--workspace", own).document["tables"][0]["rows"] == 20_000
