"""Opening the records: transactions that mean the same on both databases, and one sentence when they fail."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from ombud.model.errors import BusyError, InputError, MissingError, OmbudError, RefusedError, StorageError
from ombud.records import Records, dictionaries, migrate, open_records, outbox
from ombud.records.database import SCHEMAS, open_url
from ombud.records.faults import address, faults, place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ombud.model.workspace import Workspace
    from tests.postgres import Server


def test_a_block_that_fails_changes_nothing(records: Records) -> None:
    with pytest.raises(ZeroDivisionError), records.begin() as tx:
        dictionaries.advance(tx, "account", 5 // (dictionaries.advance(tx, "account", 5)))
    with records.read() as tx:
        assert dictionaries.next_id(tx, "account") == 0


def test_a_block_that_ends_is_seen_by_others(records: Records, url: str) -> None:
    with records.begin() as tx:
        dictionaries.advance(tx, "account", 5)
    with open_url(url) as other, other.read() as tx:
        assert dictionaries.next_id(tx, "account") == 5


def test_reading_cannot_write(records: Records) -> None:
    with pytest.raises(StorageError, match="may only be read"), records.read() as tx:
        dictionaries.advance(tx, "account", 1)
    with records.begin() as tx:
        assert dictionaries.advance(tx, "account", 1) == 0


def test_reading_sees_one_moment(records: Records) -> None:
    with records.read() as reading:
        assert dictionaries.next_id(reading, "account") == 0
        with records.begin() as writing:
            dictionaries.advance(writing, "account", 3)
        assert dictionaries.next_id(reading, "account") == 0
    with records.read() as reading:
        assert dictionaries.next_id(reading, "account") == 3


def test_a_second_writer_waits_then_is_told(records: Records, url: str) -> None:
    with records.begin() as tx:
        dictionaries.advance(tx, "account", 1)
        with (
            open_url(url, wait=0.2) as other,
            pytest.raises(BusyError, match="Another process is writing"),
            other.begin() as second,
        ):
            dictionaries.advance(second, "account", 1)
    with records.read() as tx:
        assert dictionaries.next_id(tx, "account") == 1


def test_a_broken_link_is_refused(records: Records) -> None:
    with pytest.raises(IntegrityError), records.begin() as tx:
        tx.execute(text("INSERT INTO case_finding (case_id, finding_id, added_at) VALUES ('a', 'b', '2020-01-01')"))


def test_what_sqlite_promises(migrated: Path, tmp_path: Path) -> None:
    file = shutil.copyfile(migrated, tmp_path / "records.sqlite")
    with open_url(f"sqlite:///{file}") as records, records.begin() as tx:
        assert tx.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert tx.execute(text("PRAGMA synchronous")).scalar() == 2
        assert tx.execute(text("PRAGMA foreign_keys")).scalar() == 1
        assert tx.execute(text("PRAGMA busy_timeout")).scalar() == 10_000


def test_missing(workspace: Workspace) -> None:
    with pytest.raises(StorageError, match=r"records\.sqlite is missing") as caught:
        open_records(workspace)
    assert "ombud init" in str(caught.value.hint)


def test_empty(blank_url: str, backend: str) -> None:
    if backend == "sqlite":
        Path(str(address(blank_url).database)).touch()
    with pytest.raises(StorageError, match="is empty") as caught:
        open_url(blank_url)
    assert "ombud upgrade" in str(caught.value.hint)


def test_older_and_newer(records: Records, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ombud.records.database.SCHEMAS", (*SCHEMAS, "next"))
    with pytest.raises(RefusedError, match=f"older schema {SCHEMAS[-1]}; this Ombud needs next") as caught:
        open_url(url)
    assert caught.value.hint == "Run `ombud upgrade`."
    with records.begin() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(RefusedError, match=r"newer Ombud \(schema 9999"):
        open_url(url)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    file = tmp_path / "records.sqlite"
    file.write_bytes(b"Dear diary, " * 1000)
    for opening in (open_url, migrate):
        with pytest.raises(StorageError, match="is not a database") as caught:
            opening(f"sqlite:///{file}")
        assert "ombud restore" in str(caught.value.hint)
    assert file.read_bytes() == b"Dear diary, " * 1000


def test_a_damaged_file(migrated: Path, tmp_path: Path) -> None:
    file = tmp_path / "records.sqlite"
    whole = migrated.read_bytes()
    file.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    with (
        pytest.raises(StorageError, match="is damaged"),
        open_url(f"sqlite:///{file}") as records,
        records.begin() as tx,
    ):
        tx.execute(text("PRAGMA integrity_check")).all()


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is missing"):
        open_url(f"sqlite:///{tmp_path}")


@contextmanager
def nobody(folder: Path) -> Iterator[None]:
    """Run the block as somebody who may read `folder` but not write."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
    assert folder.exists()


@pytest.mark.parametrize("shut", ["file", "folder"])
def test_read_only(migrated: Path, shut: str) -> None:
    folder = Path(tempfile.mkdtemp(prefix="ombud-read-only-"))
    file = shutil.copyfile(migrated, folder / "records.sqlite")
    file.chmod(0o444 if shut == "file" else 0o666)
    folder.chmod(0o777 if shut == "file" else 0o555)
    try:
        with (
            nobody(folder),
            pytest.raises(StorageError, match=r"may only be read|cannot be opened") as caught,
            open_url(f"sqlite:///{file}") as records,
            records.begin() as tx,
        ):
            dictionaries.advance(tx, "account", 1)
        assert caught.value.hint == "Let this user write to the file and its folder."
    finally:
        folder.chmod(0o700)
        shutil.rmtree(folder)


def test_a_full_disk_loses_nothing_acknowledged(migrated: Path, tmp_path: Path) -> None:
    file = shutil.copyfile(migrated, tmp_path / "records.sqlite")
    with open_url(f"sqlite:///{file}") as records:
        with records.begin() as tx:
            dictionaries.advance(tx, "account", 7)

        def fill() -> None:
            with records.begin() as tx:
                pages = tx.execute(text("PRAGMA page_count")).scalar_one()
                tx.execute(text(f"PRAGMA max_page_count={pages + 5}"))
                dictionaries.advance(tx, "account", 1)
                outbox.append(tx, "import", {"much": "y" * 100_000})

        with pytest.raises(StorageError, match="is full; nothing was changed"):
            fill()
    with open_url(f"sqlite:///{file}") as records, records.read() as tx:
        assert dictionaries.next_id(tx, "account") == 7


def test_wrong_password(postgres: Server, template: str) -> None:
    with pytest.raises(StorageError, match="refuses this user name or password") as caught:
        open_url(postgres.url(template, password="wrong-but-secret"))
    assert "wrong-but-secret" not in str(caught.value)
    assert "records_url" in str(caught.value.hint)


def test_no_such_database(postgres: Server) -> None:
    for opening in (open_url, migrate):
        with pytest.raises(StorageError, match=r"database of .*`nowhere`.* does not exist"):
            opening(postgres.url("nowhere"))


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be reached") as caught:
        open_url(f"postgresql://ombud:secret@/ombud?host={tmp_path}")
    assert "secret" not in str(caught.value)


def test_a_server_that_hangs_up(tmp_path: Path) -> None:
    path = Path(tempfile.mkdtemp(prefix="ombud-socket-"))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path / ".s.PGSQL.5432"))
        with pytest.raises(StorageError, match="cannot be reached"):
            open_url(f"postgresql://ombud@/ombud?host={path}")
    shutil.rmtree(path)
    assert tmp_path.exists()


def test_a_server_that_dies_under_us(postgres: Server, template: str) -> None:
    name = postgres.create(template)
    with open_url(postgres.url(name)) as records:

        def work() -> None:
            with records.begin() as tx:
                dictionaries.advance(tx, "account", 1)
                with postgres.connect("postgres") as admin:
                    admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
                dictionaries.advance(tx, "account", 1)

        with pytest.raises(StorageError, match="stopped answering; nothing was changed"):
            work()
        with records.begin() as tx:
            assert dictionaries.advance(tx, "account", 1) == 0
    postgres.drop(name)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (psycopg.errors.DiskFull(), StorageError, "disk of .* is full"),
        (psycopg.errors.SerializationFailure(), BusyError, "at the same time"),
        (psycopg.errors.DeadlockDetected(), BusyError, "at the same time"),
        (psycopg.errors.TooManyConnections(), BusyError, "no room for one more connection"),
        (psycopg.errors.InsufficientPrivilege(), StorageError, "does not let this user"),
        (psycopg.errors.ReadOnlySqlTransaction(), StorageError, "may only be read"),
        (psycopg.errors.ProgramLimitExceeded(), InputError, "too long"),
        (psycopg.errors.IoError(), StorageError, "disk of .* failed"),
    ],
)
def test_what_postgresql_says(error: psycopg.Error, kind: type[OmbudError], words: str) -> None:
    with pytest.raises(kind, match=words) as caught, faults("The database"):
        raise DBAPIError("SELECT 1", None, error)
    assert caught.value.hint


def test_a_mistake_of_ours_stays_a_mistake(records: Records) -> None:
    with pytest.raises(DBAPIError, match="nonsense"), records.begin() as tx:
        tx.execute(text("SELECT nonsense"))


def test_addresses() -> None:
    assert address("postgresql://a:b@c/d").drivername == "postgresql+psycopg"
    assert address("sqlite:////x/records.sqlite").database == "/x/records.sqlite"
    assert "secret" not in place(address("postgresql://me:secret@db.example/ombud"))
    for wrong in ("mysql://a/b", "sqlite://", "sqlite:///:memory:", "nothing", ""):
        with pytest.raises(InputError) as caught:
            address(wrong)
        assert "records.sqlite" in str(caught.value.hint)


def test_without_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    with pytest.raises(MissingError, match="driver is missing") as caught:
        open_url("postgresql://a@/b")
    assert "ombud[postgres]" in str(caught.value.hint)


def test_two_databases_are_two(new_url: Callable[[], str]) -> None:
    with open_url(new_url()) as one, open_url(new_url()) as two:
        with one.begin() as tx:
            dictionaries.advance(tx, "app", 1)
        with two.read() as tx:
            assert dictionaries.next_id(tx, "app") == 0
