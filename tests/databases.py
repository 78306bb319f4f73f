"""Fixtures that run a test on SQLite and on PostgreSQL: import them into a conftest."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from ombud.records import Records, migrate
from ombud.records.database import open_url
from tests.postgres import Server, postgres_server

__all__ = ["backend", "blank_url", "migrated", "new_url", "postgres", "records", "template", "url"]

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """Return a running PostgreSQL."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty SQLite file of the present schema, to be copied."""
    file = tmp_path_factory.mktemp("template") / "records.sqlite"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(scope="session")
def template(postgres: Server) -> str:
    """Return an empty PostgreSQL database of the present schema, to be copied."""
    name = postgres.create()
    migrate(postgres.url(name))
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """Return the database that this run of the test is on."""
    return str(request.param)


@pytest.fixture
def blank_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Return the address of a database without any table."""
    if backend == "sqlite":
        yield f"sqlite:///{tmp_path / 'records.sqlite'}"
        return
    server: Server = request.getfixturevalue("postgres")
    name = server.create()
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def new_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Return a function that makes another empty database of the present schema."""
    made: list[str] = []

    def make() -> str:
        made.append("")
        if backend == "sqlite":
            file = tmp_path / f"records{len(made)}.sqlite"
            shutil.copyfile(request.getfixturevalue("migrated"), file)
            return f"sqlite:///{file}"
        server: Server = request.getfixturevalue("postgres")
        made[-1] = server.create(request.getfixturevalue("template"))
        return server.url(made[-1])

    yield make
    for name in filter(None, made):
        request.getfixturevalue("postgres").drop(name)


@pytest.fixture
def url(new_url: Callable[[], str]) -> str:
    """Return the address of an empty database of the present schema."""
    return new_url()


@pytest.fixture
def records(url: str) -> Iterator[Records]:
    """Return open, empty records."""
    with open_url(url) as opened:
        yield opened
