"""The main paths through the house, with JavaScript and without, by mouse and by keyboard."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.browser.conftest import Tabs

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("js", [True, False], ids=["with-js", "without-js"])
class TestEitherWay:
    def test_from_the_start_page_to_one_ad(self, tabs: Tabs, *, js: bool) -> None:
        page = (tab := tabs.new(js=js)).page
        tab.go("/")
        expect(page.get_by_role("heading", level=1)).to_contain_text("60 ads")
        page.get_by_label("Search what ads said").fill("rally")
        page.get_by_role("button", name="Search").click()
        expect(page).to_have_url(re.compile(r"/archive\?q=rally"))
        expect(page.get_by_role("status")).to_contain_text("58")
        page.get_by_role("link", name=re.compile(r"^RUB")).click()
        expect(page.get_by_role("status")).to_contain_text("39")
        page.locator(".entry h3 a").first.click()
        expect(page.get_by_role("heading", name="Whom it was aimed at")).to_be_visible()
        page.locator(".kicker a").nth(1).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("ran 30")

    def test_on_a_phone_the_filters_are_one_step_away(self, tabs: Tabs, *, js: bool) -> None:
        """They stand below the ads there."""
        (phone := tabs.new(js=js, width=390)).go("/archive")
        phone.page.get_by_role("link", name="Narrow the search").click()
        expect(phone.page.locator("#facets summary").first).to_be_in_viewport()
        (wide := tabs.new(js=js, width=1280)).go("/archive")
        expect(wide.page.get_by_role("link", name="Narrow the search")).to_have_count(0)

    def test_from_sign_in_to_evidence_and_a_note(self, tabs: Tabs, *, js: bool) -> None:
        page = (tab := tabs.new(js=js).sign_in("analyst")).page
        page.get_by_role("link", name="Cases", exact=True).click()
        page.get_by_role("link", name=re.compile("^24 accounts shared")).click()
        expect(page.get_by_text("user_00_patriot")).to_have_count(0)
        page.get_by_label("A colleague asked me for a second look").check()
        page.get_by_role("button", name="Show the case").click()
        expect(page.get_by_role("heading", name="What speaks against it")).to_be_visible()
        page.get_by_role("link", name="Show the first 3 posts of evidence 1", exact=False).first.click()
        expect(page.get_by_text("Keep your eyes on example.org/rally-0").first).to_be_visible()
        assert ("/evidence/" in page.url) is (not js)
        tab.go("/console/cases/1")
        page.get_by_label("Add a note").fill(f"A note written {'with' if js else 'without'} JavaScript.")
        page.get_by_role("button", name="Add the note").click()
        expect(page.get_by_text(f"A note written {'with' if js else 'without'} JavaScript.")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        tab.go("/console")
        expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")

    def test_case_list_filters(self, tabs: Tabs, *, js: bool) -> None:
        page = (tab := tabs.new(js=js).sign_in("reviewer")).page
        tab.go("/console/cases")
        page.get_by_label("State").select_option("waiting")
        if not js:
            page.get_by_role("button", name="Show").click()
        expect(page.get_by_role("status")).to_contain_text("1")
        expect(page.locator(".entry")).to_have_count(1)
        expect(page).to_have_url(re.compile("state=waiting"))
        page.get_by_label("Search titles").fill("zzzz")
        if not js:
            page.get_by_role("button", name="Show").click()
        expect(page.get_by_text("No case fits these filters.")).to_be_visible()


class TestEnhanced:
    def test_time_line_and_graph_are_drawn_anew(self, tabs: Tabs) -> None:
        page = tabs.new().sign_in("admin").open_case(1).page
        expect(page.locator(".timeline-live .uplot")).to_have_count(2)
        expect(page.locator(".graph-canvas canvas").first).to_be_visible()
        expect(page.locator("#timeline svg.wide")).to_be_hidden()

    def test_without_scripts_the_servers_drawings_stay(self, tabs: Tabs) -> None:
        page = tabs.new(js=False).sign_in("admin").open_case(1).page
        expect(page.locator("#timeline svg.wide")).to_be_visible()
        expect(page.locator("#graph svg.wide")).to_be_visible()
        expect(page.locator("#graph svg.narrow")).to_be_hidden()

    def test_a_phone_gets_its_own_drawing_at_full_size(self, tabs: Tabs) -> None:
        page = tabs.new(js=False, width=390).sign_in("admin").open_case(1).page
        drawing = page.locator("#timeline svg.narrow")
        expect(drawing).to_be_visible()
        box = drawing.bounding_box()
        assert box is not None
        assert box["width"] > 320
        assert page.locator("#timeline svg.narrow text.lane").first.bounding_box()["height"] > 14  # type: ignore[index]

    def test_focus_in_the_table_lights_the_graph(self, tabs: Tabs) -> None:
        page = tabs.new().sign_in("admin").open_case(1).page
        expect(page.locator("#graph[data-live]")).to_have_count(1)
        page.locator("#members a").first.focus()
        expect(page.locator(".graph-said")).to_contain_text("user_00_patriot is linked with")
        expect(page.locator("#member-0")).to_have_attribute("data-lit", "")
        page.keyboard.press("Tab")
        expect(page.locator("#member-0")).not_to_have_attribute("data-lit", "")
        expect(page.locator("#member-1")).to_have_attribute("data-lit", "")


class TestKeyboard:
    def test_skip_link_comes_first_and_focus_is_seen(self, tabs: Tabs) -> None:
        page = (tab := tabs.new()).page
        tab.go("/archive")
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to the content")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.keyboard.press("Tab")
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
        assert outline == "3px"

    def test_single_keys(self, tabs: Tabs) -> None:
        page = (tab := tabs.new().sign_in("analyst")).page
        tab.go("/console/cases")
        page.keyboard.press("j")
        page.keyboard.press("j")
        expect(page.locator(".entry h2 a").nth(1)).to_be_focused()
        page.keyboard.press("k")
        expect(page.locator(".entry h2 a").nth(0)).to_be_focused()
        page.keyboard.press("/")
        expect(page.get_by_label("Search titles")).to_be_focused()
        page.keyboard.type("jk")
        expect(page.get_by_label("Search titles")).to_have_value("jk")
        tab.open_case(1)
        page.keyboard.press("n")
        expect(page.get_by_label("Add a note")).to_be_focused()

    def test_single_keys_can_be_turned_off(self, tabs: Tabs) -> None:
        page = (tab := tabs.new()).page
        tab.go("/display")
        page.get_by_label("Single keys do something").uncheck()
        page.get_by_role("button", name="Keep this").click()
        tab.go("/archive")
        page.keyboard.press("/")
        expect(page.get_by_label("Words in the ad")).not_to_be_focused()

    def test_whole_case_by_keyboard(self, tabs: Tabs) -> None:
        page = (tab := tabs.new().sign_in("analyst")).page
        tab.go("/console/cases/2")
        page.get_by_label("I work on this case").focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.locator("#evidence")).to_be_visible()
        # keys do something once the scripts have run, as they have when the graph is drawn
        expect(page.locator(".graph-canvas canvas").first).to_be_visible()
        page.locator(".posts-link").first.focus()
        page.keyboard.press("o")
        expect(page.locator("#posts-1 blockquote").first).to_be_visible(timeout=20_000)


class TestLook:
    def test_theme_choice_wins_over_the_device(self, tabs: Tabs) -> None:
        page = (tab := tabs.new(theme="light")).page
        tab.go("/display")
        before = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.get_by_label("Dark").check()
        page.get_by_role("button", name="Keep this").click()
        expect(page.locator("html[data-theme=dark]")).to_have_count(1)
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") != before

    def test_print_is_a_document(self, tabs: Tabs) -> None:
        page = tabs.new().sign_in("admin").open_case(1).page
        expect(page.locator(".graph-canvas canvas").first).to_be_visible()
        page.emulate_media(media="print")
        expect(page.get_by_role("navigation", name="Main")).to_be_hidden()
        expect(page.locator("#timeline svg.wide")).to_be_visible()
        expect(page.locator(".graph-canvas")).to_be_hidden()
        expect(page.get_by_role("button", name="Add the note")).to_be_hidden()
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        page.set_viewport_size({"width": 700, "height": 900})
        assert (
            page.locator("#members").evaluate(
                "e => e.closest('.scroll').scrollHeight - e.closest('.scroll').clientHeight"
            )
            <= 1
        )


def test_no_page_broke_the_content_policy(tabs: Tabs) -> None:
    """Walks the pages with most scripts and then asks the server what browsers reported, in all tests so far."""
    tab = tabs.new().sign_in("admin").open_case(1)
    for path in ("/archive?q=rally", "/console/cases", "/console/cases/1"):
        tab.go(path)
        tab.page.wait_for_load_state("networkidle")
    tab.page.wait_for_timeout(1500)
    answer = tab.context.request.get(f"{tab.site.base}/console/health.json")
    assert answer.json()["violations"] == []


def test_a_breach_of_the_policy_is_reported(tabs: Tabs) -> None:
    """The list above can fail: an inline style put in on purpose arrives at the server."""
    tab = tabs.new().sign_in("admin")
    tab.go("/about")
    tab.page.evaluate("document.body.setAttribute('style', 'color: red')")
    tab.page.wait_for_timeout(1500)
    tab.errors.clear()
    found = tab.context.request.get(f"{tab.site.base}/console/health.json").json()["violations"]
    assert {(v["directive"], v["page"]) for v in found} == {("style-src-attr", "/about")}
