"""One seeded workspace and its app for all tests of the web; sockets are off."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from pytest_socket import disable_socket

from ombud.model.workspace import Workspace
from ombud.web.app import create_app
from ombud.web.security.limits import Attempts
from tests.web.client import Browser
from tests.web.gate_seed import MARA
from tests.web.seeding import ROLES, World, make_world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fastapi import FastAPI

NOBODY, PERSON = "anonymous", "person"
EVERYBODY = (NOBODY, PERSON, *ROLES)


@pytest.fixture(autouse=True)
def _no_sockets(request: pytest.FixtureRequest) -> None:
    if "serving" not in request.node.path.name:
        disable_socket(allow_unix_socket=True)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Return a seeded workspace that tests only read, or add notes and looks to."""
    return make_world(tmp_path_factory.mktemp("world") / "workspace")


@pytest.fixture(scope="session")
def app(world: World) -> FastAPI:
    """Return the app on the seeded workspace."""
    return create_app(world.workspace)


@pytest.fixture(autouse=True)
def _fresh_attempts(app: FastAPI) -> None:
    app.state.house.attempts = Attempts()


@pytest.fixture
def browse(app: FastAPI) -> Iterator[Callable[[], Browser]]:
    """Return a maker of browsers, each with cookies of its own."""
    opened: list[Browser] = []

    def new() -> Browser:
        opened.append(Browser(app))
        return opened[-1]

    yield new
    for browser in opened:
        browser.close()


@pytest.fixture(scope="session")
def signed_in(app: FastAPI, world: World) -> Iterator[dict[str, Browser]]:
    """Return one browser a role, signed in, with a purpose for both cases, one of a person, and one of nobody."""
    browsers = {NOBODY: Browser(app), PERSON: Browser(app).come_in(world.platform.token(MARA))}
    for role in ROLES:
        browsers[role] = Browser(app).sign_in(role).give_purpose(world.case).give_purpose(world.hostile_case)
    yield browsers
    for browser in browsers.values():
        browser.close()


@pytest.fixture
def own_app(world: World, tmp_path: Path) -> FastAPI:
    """Return an app on a copy of the workspace, for tests that change accounts."""
    copy = tmp_path / "workspace"
    shutil.copytree(world.workspace.root, copy)
    return create_app(Workspace.open(copy))
