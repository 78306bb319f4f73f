"""A developer answers by their link without any script, and a reviewer reads it and asks somebody to agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from tests.browser.conftest import Tabs

pytestmark = pytest.mark.browser


def test_from_the_link_to_the_proposal(tabs: Tabs) -> None:
    developer = tabs.new(width=390, js=False)
    developer.go(f"/developer/answer/{developer.site.world.link}")
    page = developer.page
    boxes = page.locator("textarea[name=answer]")
    for n in range(boxes.count()):
        boxes.nth(n).fill(f"Our answer to question {n + 1}")
    page.get_by_label("Who, line 1").fill("A partner")
    page.get_by_label("Do they have it still, line 1").select_option("yes")
    page.get_by_role("button", name="Send the answers").click()
    expect(page.get_by_role("heading", name="Your receipt")).to_be_visible()
    expect(page.get_by_label("Who, line 1")).to_have_value("A partner")
    boxes.first.fill("We correct that")
    page.get_by_role("button", name="Send the corrections").click()
    expect(page.get_by_text("corrected 1")).to_be_visible()

    reviewer = tabs.new().sign_in("reviewer")
    reviewer.go("/console/review")
    page = reviewer.page
    page.get_by_role("region", name="Apps in the order of review").get_by_role("link", name="Digital Quiz").click()
    expect(page.get_by_text("We correct that")).to_be_visible()
    expect(page.get_by_role("region", name="Holders").get_by_text("A partner")).to_be_visible()
    page.get_by_label("Audited: I read its audit").check()
    page.locator("form[action$='/move']").get_by_role("textbox").fill("The answer does not explain the number.")
    page.get_by_role("button", name="Move it").click()
    page.get_by_label("Suspended: it gets nothing").check()
    form = page.locator("form[action$='/act']")
    form.get_by_role("textbox").fill("Nobody needs so many friends.")
    form.get_by_role("button", name="Propose it").click()
    expect(page.get_by_text("somebody else has to agree")).to_be_visible()


def test_the_list_filters_as_one_types(tabs: Tabs) -> None:
    tab = tabs.new().sign_in("analyst")
    tab.go("/console/review")
    tab.page.get_by_label("Part of a name, or an id").fill("small app 59")
    expect(tab.page.get_by_role("status")).to_have_text("1\u00a0app")
    assert "q=small+app+59" in tab.page.url
