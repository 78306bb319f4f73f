"""A real server and a real Chromium."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.web.gate_seed import MARA
from tests.web.seeding import PASSWORD, World, make_world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

# what a page must show it must show; how soon on a busy machine is for the benchmarks
expect.set_options(timeout=20_000)

FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
)  # fmt: skip
_SERVE = (
    "import sys; from pathlib import Path; from ombud.model.workspace import Workspace; from ombud.web import serve;"
    " serve(Workspace.open(Path(sys.argv[1])), '127.0.0.1', 0, worker=False,"
    " say=lambda text: print(text, flush=True))"
)


@dataclass(frozen=True)
class Site:
    """A running server and what it was seeded with."""

    base: str
    world: World


def chromium() -> str:
    """Return where Chromium is; fails loudly when there is none."""
    for name in ("chromium", "chromium-browser", "google-chrome", "chrome"):
        found = shutil.which(name)
        if found:
            return found
    pytest.fail("There is no Chromium for the browser tests: install Debian's package `chromium`.")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return a server in a process of its own, on a free port."""
    folder = tmp_path_factory.mktemp("browser")
    world = make_world(folder / "workspace")
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, str(world.workspace.root)], stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(2)]
        found = re.search(r"http://127\.0\.0\.1:\d+", "".join(said))
        assert found is not None, Path(folder / "log").read_text()
        yield Site(found.group(0), world)
    finally:
        process.terminate()
        process.wait(timeout=20)
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return one Chromium for all tests."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=list(FLAGS))
        yield opened
        opened.close()


@dataclass
class Tab:
    """A page of one browser context, with what went wrong in it."""

    page: Page
    context: BrowserContext
    site: Site
    errors: list[str]

    def go(self, path: str) -> None:
        """Open a page of the site."""
        self.page.goto(self.site.base + path)

    def sign_in(self, role: str = "admin") -> Tab:
        """Sign in with the form."""
        self.go("/sign-in")
        self.page.get_by_label("Name").fill(f"Some {role}")
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_role("button", name="Sign in").click()
        self.page.get_by_role("heading", level=1).filter(has_text="open").wait_for()
        return self

    def come_in(self, jti: str, person: str = MARA) -> Tab:
        """Come in as one of the platform's people, with a token by hand."""
        self.go("/me/enter")
        self.page.get_by_text("You were given a token instead").click()
        self.page.get_by_label("Token of the platform").fill(self.site.world.platform.token(person, jti=jti))
        self.page.get_by_role("button", name="See my record").click()
        self.page.get_by_text(person).wait_for()
        self.page.wait_for_url("**/me")
        return self

    def open_case(self, number: int) -> Tab:
        """Open a case, saying why."""
        self.go(f"/console/cases/{number}")
        button = self.page.get_by_role("button", name="Show the case")
        if button.count():
            self.page.get_by_label("I check the quality of findings").check()
            button.click()
            self.page.locator("#evidence").wait_for()
            self.page.wait_for_load_state("load")
        return self


class Tabs:
    """Opens tabs and closes them."""

    def __init__(self, browser: Browser, site: Site) -> None:
        self.browser = browser
        self.site = site
        self.opened: list[Tab] = []

    def new(self, *, width: int = 1280, theme: str = "light", js: bool = True, text: float = 1.0) -> Tab:
        """Open a tab of this width and theme; `text` enlarges the text."""
        context = self.browser.new_context(
            locale="en-GB",
            viewport={"width": width, "height": 900},
            color_scheme="dark" if theme == "dark" else "light",
            java_script_enabled=js,
            reduced_motion="reduce",
        )
        context.set_default_timeout(10_000)
        page = context.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda m: errors.append(m.text) if m.type == "error" and "status of 40" not in m.text else None,
        )
        if text != 1.0:
            page.add_init_script(
                "addEventListener('DOMContentLoaded', () =>"
                f" document.documentElement.style.fontSize = '{int(text * 100)}%')"
            )
        tab = Tab(page, context, self.site, errors)
        self.opened.append(tab)
        return tab


@pytest.fixture
def tabs(browser: Browser, site: Site) -> Iterator[Tabs]:
    """Return a maker of tabs; none of them may have met an error."""
    maker = Tabs(browser, site)
    yield maker
    for tab in maker.opened:
        tab.context.close()
    assert [error for tab in maker.opened for error in tab.errors] == []
