"""One app's audit in a real browser: the page opens, its table twin too, and the PDF is downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.test_accessible import _serious
from tests.pdf_text import text_of

if TYPE_CHECKING:
    from tests.browser.conftest import Tabs

pytestmark = pytest.mark.browser


def test_from_the_app_to_its_audit_and_the_pdf(tabs: Tabs) -> None:
    tab = tabs.new().sign_in("auditor")
    tab.go("/console/apps/chat")
    tab.page.get_by_role("link", name="its audit").click()
    tab.page.wait_for_url("**/console/apps/chat/audit")
    heading = tab.page.get_by_role("heading", level=1)
    assert "read about" in heading.inner_text()
    assert _serious(tab) == []
    tab.page.get_by_text("The same as a table").click()
    assert tab.page.get_by_role("region", name="By day").is_visible()
    with tab.page.expect_download() as waiting:
        tab.page.get_by_role("link", name="The audit as a PDF").click()
    file = Path(waiting.value.path())
    assert waiting.value.suggested_filename.endswith(".pdf")
    assert heading.inner_text() in " ".join(text_of(file.read_bytes()).split())
    assert tab.errors == []


def test_on_a_phone_in_the_dark_without_scripts(tabs: Tabs) -> None:
    tab = tabs.new(js=False, width=375, theme="dark").sign_in("analyst")
    tab.go("/console/apps/chat/audit")
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 375
    assert tab.page.get_by_role("heading", name="Where the numbers come from").is_visible()
