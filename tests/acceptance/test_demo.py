"""The main job, on real input: the case of 2016."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.acceptance.conftest import Ombud
    from tests.conftest import Demo

pytestmark = pytest.mark.acceptance


@pytest.fixture(scope="module")
def figures(demo: Demo) -> dict[str, Any]:
    return {figure["name"]: figure for figure in demo.document["figures"]}


def test_totals_agree_with_the_release_to_the_cent(figures: dict[str, Any]) -> None:
    assert figures["ads"]["value"] == 3_498
    assert (figures["spent, RUB"]["value"], figures["spent, RUB"]["unit"]) == ("5,822,554.92", "2,533 ads")
    assert figures["spent, USD"]["value"] == "109.33"
    assert figures["spent, USD"]["unit"] == "5 ads"
    assert figures["spent, not stated"]["unit"] == "960 ads"
    assert figures["spent, not stated"]["value"] == "0.00"
    assert figures["impressions"]["value"] == 40_285_461
    assert figures["clicks"]["value"] == 3_708_749


def test_every_post_of_both_sets_is_in(figures: dict[str, Any]) -> None:
    assert figures["posts"]["value"] == 513_188 + 194_323
    assert 58_317 < figures["accounts that posted"]["value"] < 58_317 + 2_856


def test_pages_read_by_ocr_are_fewer_than_their_addresses(figures: dict[str, Any]) -> None:
    assert 100 < figures["pages"]["value"] < 478


def test_networks_are_found_and_each_has_a_case(figures: dict[str, Any], demo: Demo, ombud: Ombud) -> None:
    found = figures["networks"]["value"]
    assert found > 0
    cases = ombud("cases", "list", "--json", "--limit", "1000", "--workspace", demo.root).document
    assert cases["total"] == len(cases["cases"]) == found
    assert {case["kind"] for case in cases["cases"]} == {"network"}
    assert len({finding for case in cases["cases"] for finding in case["finding_ids"]}) == found


def test_the_quiz_app_reaches_a_crowd_by_the_old_rules_and_its_installers_by_the_new_ones(
    figures: dict[str, Any],
) -> None:
    assert figures["before 2015: installers"]["value"] == figures["2018: installers"]["value"] == 40
    assert figures["before 2015: people reached"]["value"] == 1_286
    assert figures["before 2015: fields refused"]["value"] == 0
    assert figures["2018: people reached"]["value"] == 40
    given = [figures[f"{when}: fields given"]["value"] for when in ("before 2015", "2018")]
    assert given[0] == given[1] + figures["2018: fields refused"]["value"]


def test_its_figures_can_be_explained(figures: dict[str, Any], demo: Demo, ombud: Ombud) -> None:
    reached = figures["before 2015: people reached"]
    explained = ombud("explain", reached["figure"], "--json", "--workspace", demo.root).document
    assert explained["value"] == reached["value"]
    assert "FROM reads" in explained["query"]
    assert explained["inputs"]


def test_its_reads_and_all_else_are_on_a_ledger_that_others_can_verify(
    figures: dict[str, Any], demo: Demo, ombud: Ombud
) -> None:
    assert figures["verify.py"]["value"] == "ok"
    lake = ombud("lake", "list", "--json", "--workspace", demo.root).document["tables"]
    rows = {table["table"]: table["rows"] for table in lake}
    assert rows["ties"] > 88_234  # and those of the case of 2018
    assert rows["batches"] == 2
    ledger = demo.root / "ledger"
    done = ombud("ledger", "verify", ledger, "--json").document
    assert done["ok"]
    assert done["size"] == figures["entries on the ledger"]["value"]


def test_the_case_of_2018_is_found_audited_and_frozen(figures: dict[str, Any], demo: Demo, ombud: Ombud) -> None:
    assert figures["rank of the quiz"]["value"] <= 10
    assert figures["made to misuse, of the first 10"]["value"] >= 8
    people, installed = figures["affected by it"]["value"], figures["installed the quiz"]["value"]
    assert figures["affected and frozen"]["value"] == people
    assert installed < people <= figures["affected by it, at most"]["value"]
    head = figures["affected for each who installed it"]
    assert head["value"] == round(people / installed, 1)
    assert "illustration" in head["unit"]
    document = demo.root / figures["the audit"]["value"]
    assert document.read_bytes().startswith(b"%PDF-")
    assert document.stat().st_mode & 0o777 == 0o600
    sealed = ombud("audit", "sealed", "--json", "--workspace", demo.root).document
    assert len(sealed["files"]) == 6
    assert all(file["ledger"] is not None for file in sealed["files"])
    app = document.stem.removeprefix("audit-")
    (frozen,) = ombud("audit", "frozen", "list", "--app", app, "--json", "--workspace", demo.root).document["frozen"]
    checked = ombud("audit", "frozen", "verify", frozen["id"], "--json", "--workspace", demo.root).document
    assert (checked["ok"], checked["people"]) == (True, people)


def test_running_it_again_changes_nothing_and_is_quick(demo: Demo, ombud: Ombud) -> None:
    again = ombud("demo", "--no-serve", "--json", "--workspace", demo.root).document
    assert again["figures"] == demo.document["figures"]
    assert again["seconds"] < demo.document["seconds"] / 2 + 5


def test_every_case_shows_its_figures_and_each_can_be_explained(demo: Demo, ombud: Ombud) -> None:
    cases = ombud("cases", "list", "--json", "--workspace", demo.root).document["cases"]
    shown = ombud("cases", "show", str(cases[0]["number"]), "--json", "--workspace", demo.root).document
    held = shown["findings"][0]
    assert held["says"] == "coordinated"
    assert held["explanations"]
    assert held["figures"]
    for figure in held["figures"][:3]:
        explained = ombud("explain", figure["id"], "--json", "--workspace", demo.root).document
        assert explained["value"] == figure["value"]
        assert explained["query"]
        assert all(len(source["sha256"]) == 64 for source in explained["inputs"])
