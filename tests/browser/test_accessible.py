"""axe-core finds nothing serious on any page, light and dark, wide and narrow; nothing runs off a phone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.browser.conftest import Tab, Tabs

pytestmark = pytest.mark.browser

AXE = (Path(__file__).parent / "vendor" / "axe-core-4.14.1.min.js").read_text()
PUBLIC = ("/", "/archive", "/archive?q=rally", "/archive/pages", "/archive/pages/{page}", "/archive/ads/4", "/about",
          "/ledger", "/ledger?type=decision", "/ledger/entry/598", "/display", "/api", "/apps", "/apps/quiz", "/policy",
          "/policy/history", "/consent/quiz", "/me/enter", "/apps/review", "/developer/answer/{link}",
          "/developer/answer/{answered}",
           "/sign-in", "/nothing-here",
          "/explain/{public_figure}")  # fmt: skip
STAFF = ("/console", "/console/cases", "/console/cases/{case}", "/console/cases/{case}/evidence/1", "/console/cases/5",
         "/console/people", "/console/looks", "/console/health", "/console/review",
         "/console/review/chat", "/console/review/quiz", "/console/apps", "/console/apps/quiz",
         "/console/apps/chat/audit")  # fmt: skip
PERSON = ("/me", "/me?days=365", "/me/apps/chat", "/me/apps/quiz", "/consent/chat", "/consent/quiz")
LOOKS = [(width, theme) for width in (1280, 390) for theme in ("light", "dark")]


def _address(path: str, tab: Tab) -> str:
    world = tab.site.world
    named = {name: getattr(world, name) for name in ("page", "public_figure", "case", "link", "answered")}
    return path.format(**named)


def _serious(tab: Tab) -> list[str]:
    """Run axe in the page; the tests' own script is let in by the browser's tooling, not by the page's policy."""
    tab.page.evaluate(AXE)
    found: list[dict[str, Any]] = tab.page.evaluate(
        "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
    )
    return [
        f"{v['id']} at {tab.page.url}: {v['nodes'][0]['html'][:120]} {v['nodes'][0].get('failureSummary', '')[:200]}"
        for v in found
        if v["impact"] in {"serious", "critical"}
    ]


def _settled(tab: Tab) -> None:
    tab.page.wait_for_load_state("networkidle")


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_public_pages(tabs: Tabs, width: int, theme: str) -> None:
    tab = tabs.new(width=width, theme=theme)
    found = []
    for path in PUBLIC:
        tab.go(_address(path, tab))
        found += _serious(tab)
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= width, path
    assert found == []


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_staff_pages(tabs: Tabs, width: int, theme: str) -> None:
    tab = tabs.new(width=width, theme=theme).sign_in("admin").open_case(1)
    found = []
    for path in STAFF:
        tab.go(_address(path, tab))
        _settled(tab)
        found += _serious(tab)
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= width, path
    assert found == []


@pytest.mark.parametrize(("width", "theme"), LOOKS)
def test_pages_of_a_person(tabs: Tabs, width: int, theme: str) -> None:
    tab = tabs.new(width=width, theme=theme).come_in(f"{width}{theme}")
    found = []
    for path in PERSON:
        tab.go(path)
        found += _serious(tab)
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= width, path
    assert found == []


def test_text_at_twice_its_size_runs_off_nowhere(tabs: Tabs) -> None:
    tab = tabs.new(text=2.0).sign_in("admin").open_case(1)
    for path in (*PUBLIC, *STAFF):
        tab.go(_address(path, tab))
        assert tab.page.evaluate("getComputedStyle(document.documentElement).fontSize") == "32px"
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= 1280, path


def test_targets_are_large_enough_on_a_phone(tabs: Tabs) -> None:
    """WCAG 2.2, 2.5.8: 24 by 24 px, or a link inside a sentence."""
    tab = tabs.new(width=390).sign_in("admin").open_case(1)
    for path in ("/console", "/console/cases", "/console/cases/1", "/archive", "/"):
        tab.go(path)
        _settled(tab)
        small = tab.page.evaluate(
            """() => [...document.querySelectorAll("button, select, summary, textarea, nav a, .pager a, .posts-link")]
                .filter((e) => e.checkVisibility())
                .map((e) => [e.outerHTML.slice(0, 90), e.getBoundingClientRect()])
                .filter(([, box]) => box.height < 23.5)
                .map(([html, box]) => `${html} ${box.width}x${box.height}`)"""
        )
        assert small == [], path
