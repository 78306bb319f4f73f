"""One of the platform's people, from the platform's own page to taking access back; and the pages about apps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.web.gate_seed import JON, MARA

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import Tab, Tabs

pytestmark = pytest.mark.browser

PLATFORM = "http://platform.example/settings/privacy"


def _from_the_platform(tab: Tab, token: str, target: str = "/me") -> Page:
    """Come from a page of the platform, on another site, by the form that it shows."""
    form = (
        f"<form method=post action='{tab.site.base}/me/enter'><input type=hidden name=jwt value='{token}'>"
        f"<input type=hidden name=next value='{target}'><button>Apps and my data</button></form>"
    )
    tab.page.route("http://platform.example/**", lambda route: route.fulfill(content_type="text/html", body=form))
    tab.page.goto(PLATFORM)
    tab.page.get_by_role("button", name="Apps and my data").click()
    return tab.page


@pytest.mark.parametrize("js", [True, False], ids=["with-js", "without-js"])
class TestPerson:
    def test_from_the_platform_to_what_apps_read(self, tabs: Tabs, *, js: bool) -> None:
        tab = tabs.new(js=js)
        page = _from_the_platform(tab, tab.site.world.platform.token(JON, jti=f"from{js}"))
        expect(page).to_have_url(f"{tab.site.base}/me")
        expect(page.get_by_role("heading", level=1)).to_contain_text("1 app may read about you")
        page.get_by_role("link", name="This Is Your Digital Quiz").first.click()
        expect(page.get_by_role("heading", name="Each time it asked")).to_be_visible()
        page.get_by_role("button", name="Leave").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("What apps read about you")
        page.go_back()
        page.reload()
        expect(page.get_by_text("Each time it asked")).to_have_count(0)

    def test_allow_take_one_back_remove_all(self, tabs: Tabs, *, js: bool) -> None:
        tab = tabs.new(js=js)
        token = tab.site.world.platform.token(f"new{js}@platform", jti=f"new{js}")
        page = _from_the_platform(tab, token, "/consent/chat")
        expect(page.get_by_role("heading", level=1)).to_contain_text("Chat With Friends")
        mail = page.get_by_role("checkbox", name=re.compile("e-mail address"))
        expect(mail).not_to_be_checked()
        mail.check()
        page.get_by_role("checkbox", name=re.compile("list of friends")).check()
        page.get_by_role("button", name="Allow what is ticked").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("1 app may read about you")
        page.get_by_role("button", name=re.compile("Take this back.*e-mail")).click()
        expect(page.get_by_role("button", name=re.compile("Take this back"))).to_have_count(1)
        page.get_by_role("button", name="Remove its access (Chat With Friends)").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("No app may read about you")
        expect(page.get_by_text("You took it back on")).to_be_visible()

    def test_a_one_time_link(self, tabs: Tabs, *, js: bool) -> None:
        tab = tabs.new(js=js)
        token = tab.site.world.platform.token(MARA, jti=f"link{js}")
        made = tab.context.request.post(f"{tab.site.base}/me/links", form={"jwt": token}).json()
        tab.go(made["link"])
        tab.page.get_by_role("button", name="See my record").click()
        expect(tab.page).to_have_url(f"{tab.site.base}/me")
        expect(tab.page.get_by_text(MARA)).to_be_visible()

    def test_from_the_list_of_apps_to_the_policys_history(self, tabs: Tabs, *, js: bool) -> None:
        page = (tab := tabs.new(js=js)).page
        tab.go("/")
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Apps").click()
        page.wait_for_url("**/apps")
        page.wait_for_load_state("load")  # the scripts that send the form have run
        page.get_by_label("Standing").select_option("under_review")
        if not js:
            page.get_by_role("button", name="Show").click()
        expect(page.get_by_role("status")).to_contain_text("1")
        page.get_by_role("link", name="This Is Your Digital Quiz").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("read about 26")
        expect(page.get_by_text(MARA)).to_have_count(0)
        page.get_by_role("link", name="The policy in words").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("17 of 24")
        page.get_by_role("link", name=re.compile("All 2")).click()
        expect(page.locator(".entry")).to_have_count(2)
        page.get_by_role("link", name="before-2015").click()
        expect(page.get_by_text("This policy was replaced")).to_be_visible()


def test_staff_see_who_approved_and_what_tools_say(tabs: Tabs) -> None:
    page = (tab := tabs.new().sign_in("auditor")).page
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Apps").click()
    page.get_by_role("link", name="This Is Your Digital Quiz").click()
    expect(page.get_by_role("heading", name="1 finding of tools")).to_be_visible()
    expect(page.get_by_text("24 people by one consent.").first).to_be_visible()
    tab.go("/console/apps/chat")
    expect(page.get_by_text("C-17")).to_be_visible()
