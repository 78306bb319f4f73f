"""Take the README's picture of a case: `python docs/screenshot.py WORKSPACE [CASE]`.

WORKSPACE is one that `make demo` made. It is left alone: a copy is served, in which an admin is made for the
occasion. Needs Chromium and the tools of the tests.
"""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from ombud.lake.backup import backup, restore
from ombud.model.workspace import Workspace
from ombud.records import open_records, users

if TYPE_CHECKING:
    from playwright.sync_api import Page

TARGET = Path(__file__).resolve().parent / "images" / "case.png"
WIDTH, HEIGHT = 1120, 1835
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def copied(root: Path, folder: Path, password: str) -> Workspace:
    """Return a copy of the workspace at `root` in which somebody can sign in with `password`."""
    backup(Workspace.open(root), folder / "backup")
    restore(folder / "backup", folder / "copy")
    copy = Workspace.open(folder / "copy")
    with open_records(copy) as records, records.begin() as tx:
        users.create(tx, "Photographer", password, "admin")
    return copy


def take(page: Page, base: str, case: int, password: str) -> None:
    """Sign in, open the case, and keep what is seen."""
    page.goto(f"{base}/sign-in")
    page.get_by_label("Name").fill("Photographer")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", level=1).filter(has_text="open").wait_for()
    page.goto(f"{base}/console/cases/{case}")
    page.get_by_label("I work on this case").check()
    page.get_by_role("button", name="Show the case").click()
    page.locator("#evidence").wait_for()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=TARGET)


def main(root: Path, case: int) -> None:
    """Serve a copy and take the picture."""
    password = secrets.token_urlsafe(16)
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("There is no Chromium: install Debian's package `chromium`.")
    with tempfile.TemporaryDirectory() as temporary:
        workspace = copied(root, Path(temporary), password)
        command = [sys.executable, "-m", "ombud", "--workspace", str(workspace.root), "serve", "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server, sync_playwright() as playwright:
            assert server.stdout is not None  # noqa: S101 - a pipe was asked for
            found = re.search(r"http://\S+", server.stdout.readline())
            try:
                assert found is not None  # noqa: S101 - the first line has the address
                browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
                page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
                TARGET.parent.mkdir(exist_ok=True)
                take(page, found[0], case, password)
                browser.close()
            finally:
                server.terminate()


if __name__ == "__main__":
    if len(sys.argv) not in {2, 3}:
        sys.exit("Say: python docs/screenshot.py WORKSPACE [CASE]")
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)  # noqa: PLR2004 - the second argument
