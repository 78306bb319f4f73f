"""The ledger in a browser, with and without scripts: read, filter, open, take a proof away and check it."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.web.ledger_seed import HOSTILE, LATER

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser.conftest import Tabs

pytestmark = pytest.mark.browser

SIZE = 600


@pytest.mark.parametrize("js", [True, False])
def test_from_the_list_to_a_proof_that_a_stranger_checks(tabs: Tabs, tmp_path: Path, js: bool) -> None:  # noqa: FBT001 - a parameter
    tab = tabs.new(js=js)
    page = tab.page
    tab.go("/")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Ledger").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"vouches for the first {SIZE - LATER}")
    page.get_by_label("Type", exact=True).select_option("import")
    page.get_by_role("button", name="Show").click()
    newest = page.get_by_role("region", name="Newest entries")
    expect(newest.get_by_role("row")).to_have_count(1 + 12)
    newest.get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Files became the lake, or took the place of others")
    expect(page.locator("pre").first).to_contain_text('"action": "add"')
    summary = page.get_by_text("The signed checkpoint", exact=True)
    summary.click()
    expect(page.get_by_text(f"log.example/platform\n{SIZE - LATER}\n")).to_be_visible()
    with page.expect_download() as started:
        page.get_by_role("link", name="Take the proof with you").click()
    proof = tmp_path / started.value.suggested_filename
    started.value.save_as(proof)
    assert re.fullmatch(r"entry-\d+\.tlog-proof", proof.name)
    (tmp_path / "verify.py").write_bytes(page.request.get(f"{tab.site.base}/ledger/verify.py").body())
    key = page.request.get(f"{tab.site.base}/ledger/vkey").text().strip()
    command = [sys.executable, "-I", "-S", "verify.py", "--vkey", key, "--proof", proof.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
    assert "signed by log.example/platform" in done.stdout


def test_neighbours_and_the_shown_commands(tabs: Tabs) -> None:
    tab = tabs.new()
    tab.go("/ledger/entry/0")
    neighbours = tab.page.get_by_role("navigation", name="Neighbours")
    expect(neighbours.get_by_role("link")).to_have_count(1)
    neighbours.get_by_role("link", name="Entry 1").click()
    expect(neighbours.get_by_role("link")).to_have_count(2)
    tab.page.get_by_role("link", name="it is checked").click()
    expect(tab.page.locator("#check")).to_be_in_viewport()
    shown = tab.page.locator("pre").first.inner_text()
    assert f"{tab.site.base}/ledger/verify.py" in shown


def test_hostile_entries_stay_words(tabs: Tabs) -> None:
    tab = tabs.new()
    tab.go("/ledger?type=decision")
    expect(tab.page.get_by_role("region", name="Newest entries")).to_contain_text(HOSTILE[:30])
    tab.go(f"/ledger/entry/{SIZE - 2}")
    expect(tab.page.locator("pre").first).to_contain_text("<script>alert('x')</script>")
    assert tab.page.locator("main img, main script").count() == 0
