"""One app's audit on the console: what the page, its data and its PDF say, and who sees them."""

from __future__ import annotations

import html
import re
import shlex
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec
import pytest

from ombud.audit.dossier.freeze import freeze
from ombud.audit.dossier.whole import dossier, keep
from ombud.audit.people.sets import open_sets
from ombud.lake import open_lake
from ombud.records import open_records
from ombud.web.app import create_app
from tests.pdf_text import text_of
from tests.web.client import Browser
from tests.web.conftest import NOBODY, PERSON
from tests.web.gate_seed import CHAT, HOSTILE, IDLE, PLAIN, QUIZ
from tests.web.seeding import ROLES

if TYPE_CHECKING:
    from fastapi import FastAPI

    from ombud.model.workspace import Workspace

AT = f"/console/apps/{CHAT}/audit"


@pytest.fixture(scope="module")
def more(app: FastAPI) -> None:
    """Audit two more apps, one of them hostile, and freeze whom the quiz affected."""
    workspace: Workspace = app.state.house.workspace
    with open_records(workspace) as records:
        lake = open_lake(workspace, records)
        for one in (QUIZ, PLAIN):
            keep(records, dossier(lake, records, open_sets(workspace, lake), one))
        freeze(lake, QUIZ, f"They are to be told. {HOSTILE}", "Some reviewer")


@pytest.mark.parametrize("role", ROLES)
def test_staff_see_it(signed_in: dict[str, Browser], role: str) -> None:
    page = signed_in[role].get(AT)
    assert page.status_code == 200
    data = signed_in[role].get(f"{AT}.json").json()
    assert html.escape(data["audit"]["headline"]) in page.text
    pdf = signed_in[role].get(f"{AT}.pdf")
    assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
    assert pdf.headers["content-disposition"] == f'attachment; filename="{data["id"]}.pdf"'
    assert f"by Some {role}" in " ".join(text_of(pdf.content).split())


@pytest.mark.parametrize("who", [NOBODY, PERSON])
@pytest.mark.parametrize("ending", ["", ".json", ".pdf"])
def test_nobody_else_does(signed_in: dict[str, Browser], who: str, ending: str) -> None:
    answer = signed_in[who].get(AT + ending)
    assert answer.status_code in {303, 401}
    assert "audit" not in answer.text.lower() or answer.status_code == 303


def test_every_number_opens_its_query(signed_in: dict[str, Browser]) -> None:
    browser = signed_in["analyst"]
    data = browser.get(f"{AT}.json").json()
    page = browser.get(AT).text
    shown = set(re.findall(r'href="/explain/(figure_\w+)"', page))
    assert shown == {figure["id"] for figure in data["figures"]}
    people = data["audit"]["reach"]["people"]["proved"]
    explained = browser.get(f"/explain/{people['figure']}.json").json()["figure"]
    assert explained["value"] == people["value"] == 25
    assert explained["query"].startswith("WITH mine AS")
    assert browser.get(f"/explain/{people['figure']}").status_code == 200
    assert Browser.get(signed_in[NOBODY], f"/explain/{people['figure']}").status_code == 303


def test_figures_have_a_table_twin_and_no_person(signed_in: dict[str, Browser]) -> None:
    page = signed_in["auditor"].get(AT).text
    data = signed_in["auditor"].get(f"{AT}.json").json()
    assert page.count('<svg class="drawing') == 2
    rows = re.findall(r'<tr><th scope="row"><time', page)
    assert len(rows) >= len(data["audit"]["time"]["days"])
    assert "friend_" not in page
    assert "@platform" not in page
    assert "friend_" not in str(data)


def test_nothing_hostile_gets_through(signed_in: dict[str, Browser], more: None) -> None:
    del more
    for app in (PLAIN, QUIZ):
        page = signed_in["reviewer"].get(f"/console/apps/{app}/audit")
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert " style=" not in page.text
    assert html.escape(HOSTILE, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page.text
    text = text_of(signed_in["reviewer"].get(f"/console/apps/{PLAIN}/audit.pdf").content)
    assert "<script>alert('x')</script>" in re.sub(r"\s", "", text)


def test_the_affected_are_shown_as_a_number(signed_in: dict[str, Browser], more: None) -> None:
    del more
    browser = signed_in["auditor"]
    page = browser.get(f"/console/apps/{QUIZ}/audit").text
    (frozen,) = browser.get(f"/console/apps/{QUIZ}/audit.json").json()["frozen"]
    assert (frozen["people"], frozen["direct"], frozen["via"], frozen["ledger"]) == (26, 1, 25, None)
    assert "26 affected people are frozen, ready to be told" in page.replace("\u00a0", " ")
    assert frozen["id"] in page
    assert "pad_seed" not in frozen


def test_an_app_that_was_not_audited(signed_in: dict[str, Browser]) -> None:
    browser = signed_in["analyst"]
    answer = browser.get(f"/console/apps/{IDLE}/audit")
    assert (answer.status_code, "was not audited yet" in answer.text) == (200, True)
    assert f"ombud audit app {IDLE}" in answer.text
    assert browser.get(f"/console/apps/{IDLE}/audit.pdf").status_code == 404
    for ending in ("", ".json", ".pdf"):
        assert browser.get(f"/console/apps/{quote('no such app')}/audit{ending}").status_code == 404


def test_an_app_of_logs_alone_that_was_not_audited(own_app: FastAPI) -> None:
    workspace: Workspace = own_app.state.house.workspace
    with open_records(workspace) as records, records.begin() as tx:
        tx.exec_driver_sql(f"DELETE FROM app_audit WHERE app = '{CHAT}'")  # noqa: S608 - the test's own words
        for table in ("app_review", "app_event", "app_brake", "app_registration"):
            tx.exec_driver_sql(f"DELETE FROM {table} WHERE app = '{CHAT}'")  # noqa: S608 - the test's own words
    browser = Browser(create_app(workspace)).sign_in("analyst")
    page = browser.get(AT)
    assert (page.status_code, "was not audited yet" in page.text) == (200, True)
    assert f'href="/console/review/{CHAT}"' in page.text
    assert f'href="/console/apps/{CHAT}"' not in page.text
    answer = browser.get(f"{AT}.pdf")
    assert (answer.status_code, "was not audited yet" in answer.text) == (404, True)
    browser.close()


def test_a_command_to_copy_is_one_word_more_than_the_app(signed_in: dict[str, Browser]) -> None:
    data = signed_in["analyst"].get(f"/console/apps/{quote(PLAIN)}/audit.json").json()
    assert shlex.split(data["command"]) == ["ombud", "audit", "app", PLAIN]


def test_what_cannot_be_told_is_not_said_not_to_hold(own_app: FastAPI) -> None:
    workspace: Workspace = own_app.state.house.workspace
    with open_records(workspace) as records:
        lake = open_lake(workspace, records)
        made = dossier(lake, records, open_sets(workspace, lake), QUIZ)
        told = [msgspec.structs.replace(one, applies="no") for one in made.innocent]
        told[0] = msgspec.structs.replace(told[0], applies="unknown")
        keep(records, msgspec.structs.replace(made, innocent=told))
    browser = Browser(create_app(workspace)).sign_in("analyst")
    page = browser.get(f"/console/apps/{QUIZ}/audit").text
    assert "No innocent explanation is shown to hold; of 1 the record cannot tell" in page
    assert "None of the innocent explanations holds" not in page
    browser.close()


def test_the_apps_own_page_leads_there(signed_in: dict[str, Browser]) -> None:
    assert f'href="{AT}"' in signed_in["analyst"].get(f"/console/apps/{CHAT}").text


def test_an_app_that_only_logs_know_has_its_page(own_app: FastAPI) -> None:
    workspace: Workspace = own_app.state.house.workspace
    with open_records(workspace) as records:
        lake = open_lake(workspace, records)
        with records.begin() as tx:
            for table in ("app_review", "app_event", "app_brake", "app_registration"):
                tx.exec_driver_sql(f"DELETE FROM {table} WHERE app = 'quiz'")  # noqa: S608 - the test's own words
        keep(records, dossier(lake, records, open_sets(workspace, lake), QUIZ))
    browser = Browser(create_app(workspace)).sign_in("analyst")
    page = browser.get(f"/console/apps/{QUIZ}/audit")
    assert page.status_code == 200
    assert "quiz read about 26 people" in page.text.replace("\u00a0", " ")
    assert f'href="/console/apps/{QUIZ}"' not in page.text
    browser.close()
