"""Two processes: what one host takes back, the other refuses within a second; cut off, it refuses everything."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from ombud.gate import consent
from ombud.gate.policy import load_policy
from ombud.model import clock
from ombud.records import apps
from ombud.records.apps import App
from ombud.records.database import Records, open_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.postgres import Server

FOLLOWER = Path(__file__).with_name("following_process.py")
LOCKED = load_policy("locked-down")
SLACK = 0.5
"""Seconds that a busy machine may need on top of the second."""


@contextmanager
def following(url: str) -> Iterator[Callable[[], tuple[str, float]]]:
    """Run the other host; what is given returns its next new answer, and when it gave it."""
    command = [sys.executable, str(FOLLOWER), url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        lines = process.stdout

        def following_answer() -> tuple[str, float]:
            said, at = lines.readline().split()
            return said, float(at)

        try:
            yield following_answer
        finally:
            process.kill()


def prepare(records: Records) -> None:
    with records.begin() as tx:
        apps.register(tx, App(app="quiz", developer="d", name="Quiz", purposes=["sign-in"], registered_at=clock.now()))
        consent.grant(tx, LOCKED, "quiz", "p", ["email"])


def after_stale(answer: Callable[[], tuple[str, float]]) -> tuple[str, float]:
    """Return the next answer that is not `stale`: a busy machine may have kept the feed from its turn."""
    said, at = answer()
    while said == "stale":
        said, at = answer()
    return said, at


def test_the_other_host_refuses_within_a_second(records: Records, url: str) -> None:
    prepare(records)
    with following(url) as answer:
        assert after_stale(answer)[0] == "allowed"
        for _ in range(3):
            with records.begin() as tx:
                consent.revoke(tx, "quiz", "p")
            began = time.time()
            said, at = answer()
            assert said in {"consent-revoked", "stale"}
            assert at - began < 1 + SLACK
            if said == "stale":
                assert after_stale(answer)[0] == "consent-revoked"
            with records.begin() as tx:
                consent.grant(tx, LOCKED, "quiz", "p", ["email"])
            assert after_stale(answer)[0] == "allowed"


def test_cut_off_from_the_database_it_refuses_everything(postgres: Server, template: str) -> None:
    name = postgres.create(template)
    url = postgres.url(name)
    with open_url(url) as records:
        prepare(records)
    try:
        with following(url) as answer:
            assert after_stale(answer)[0] == "allowed"
            allow(postgres, name, allowed=False)
            began = time.time()
            said, at = answer()
            assert said == "stale"
            assert at - began < 1 + SLACK
            allow(postgres, name, allowed=True)
            assert answer()[0] == "allowed"
    finally:
        postgres.drop(name)


def allow(server: Server, name: str, *, allowed: bool) -> None:
    """Let nobody into a database any more, and throw out who is in; or let them in again."""
    place = server.url("postgres").replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS {str(allowed).lower()}')
        if not allowed:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


@pytest.fixture(autouse=True)
def _local_sockets(socket_enabled: object) -> None:
    """Let psycopg open its socket in this process."""
    del socket_enabled
