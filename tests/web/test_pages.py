"""What holds for every page, rendered with real data: one title, one h1, labels, nothing inline."""

from __future__ import annotations

from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from ombud.web.rendering import TEMPLATES, environment
from tests.web.conftest import NOBODY

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.web.client import Browser
    from tests.web.seeding import World

PAGES = {
    "/": NOBODY,
    "/archive": NOBODY,
    "/archive?q=rally&sort=relevance": NOBODY,
    "/archive?q=nothing-has-this-word": NOBODY,
    "/archive?currency=none&since=2016-08-01&until=2016-09-01": NOBODY,
    "/archive/pages": NOBODY,
    "/archive/pages/{page}": NOBODY,
    "/archive/ads/{ad}": NOBODY,
    "/archive/ads/5": NOBODY,
    "/archive/ads/11": NOBODY,
    "/ledger": NOBODY,
    "/ledger?type=decision": NOBODY,
    "/ledger?type=appeal-of-nobody": NOBODY,
    "/ledger?type=erase": "analyst",
    "/ledger/entry/0": NOBODY,
    "/ledger/entry/598": NOBODY,
    "/ledger/entry/600": NOBODY,
    "/apps": NOBODY,
    "/apps?status=banned": NOBODY,
    "/apps?q=zzz": NOBODY,
    "/apps/quiz": NOBODY,
    "/apps/chat": NOBODY,
    "/apps/plain": NOBODY,
    "/apps/idle-app": NOBODY,
    "/apps/banned-app": NOBODY,
    "/policy": NOBODY,
    "/policy/history": NOBODY,
    "/policy/{policy}": NOBODY,
    "/policy/{older}": NOBODY,
    "/consent/quiz": NOBODY,
    "/consent/chat?scope=email user_posts": "person",
    "/consent/banned-app": "person",
    "/consent/plain": "person",
    "/me": "person",
    "/me?days=365": "person",
    "/me/apps/chat": "person",
    "/me/apps/chat?page=2": "person",
    "/me/apps/quiz": "person",
    "/me/apps/plain": "person",
    "/me/apps/nothing": "person",
    "/me/enter": NOBODY,
    "/me/enter/{policy}": NOBODY,
    "/console/apps": "analyst",
    "/console/apps/quiz": "analyst",
    "/console/apps/chat": "auditor",
    "/console/apps/plain": "reviewer",
    "/apps/review": NOBODY,
    "/developer/answer/{link}": NOBODY,
    "/developer/answer/{answered}": NOBODY,
    "/developer/answer/guessed": NOBODY,
    "/console/review": "reviewer",
    "/console/review?stage=audited": "auditor",
    "/console/review/quiz": "analyst",
    "/console/review/chat": "reviewer",
    "/console/review/plain": "analyst",
    "/console/review/banned-app": "reviewer",
    "/about": NOBODY,
    "/display": NOBODY,
    "/api": NOBODY,
    "/sign-in": NOBODY,
    "/explain/{public_figure}": NOBODY,
    "/nothing-here": NOBODY,
    "/console": "analyst",
    "/console/cases": "analyst",
    "/console/cases?q=zzz": "analyst",
    "/console/cases?page=2&sort=oldest": "analyst",
    "/console/cases/{case}": "analyst",
    "/console/cases/{hostile_case}": "reviewer",
    "/console/cases/3": "auditor",
    "/console/cases/{case}/evidence/1": "analyst",
    "/console/cases/{case}/evidence/3": "auditor",
    "/console/people": "admin",
    "/console/looks": "auditor",
    "/console/health": "admin",
    "/explain/{figure}": "analyst",
}
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Page(HTMLParser):
    """Collects what the checks look at, and whether tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.setdefault(self.open[-1], []).append(data)

    def all(self, *names: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.fixture(scope="module")
def read(signed_in: dict[str, Browser], world: World) -> Callable[[str], tuple[str, Page]]:
    cache: dict[str, tuple[str, Page]] = {}

    def fetch(path: str) -> tuple[str, Page]:
        if path not in cache:
            address = path.format(**{name: getattr(world, name) for name in world.__dataclass_fields__})
            text = signed_in[PAGES[path]].get(address, headers={"accept": "text/html"}).text
            cache[path] = (text, Page(text))
        return cache[path]

    return fetch


@pytest.mark.parametrize("path", PAGES)
class TestEveryPage:
    def test_has_a_title_a_language_and_one_heading(self, read: Callable[[str], tuple[str, Page]], path: str) -> None:
        _, page = read(path)
        assert len("".join(page.texts["title"]).strip()) > len(" · Ombud")
        assert page.all("html")[0]["lang"] == "en-GB"
        assert len(page.all("h1")) == 1
        assert len(page.all("main")) == 1

    def test_headings_go_down_one_step_at_a_time(self, read: Callable[[str], tuple[str, Page]], path: str) -> None:
        _, page = read(path)
        levels = [int(tag[1]) for tag, _ in page.tags if tag in {"h1", "h2", "h3", "h4"}]
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))

    def test_has_nothing_inline(self, read: Callable[[str], tuple[str, Page]], path: str) -> None:
        _, page = read(path)
        assert not page.all("style")
        assert all(script.get("src") for script in page.all("script"))
        for _, attributes in page.tags:
            assert "style" not in attributes
            assert not [name for name in attributes if name.startswith("on")]
            assert not [v for v in attributes.values() if v and v.strip().lower().startswith("javascript:")]

    def test_loads_nothing_from_elsewhere(self, read: Callable[[str], tuple[str, Page]], path: str) -> None:
        _, page = read(path)
        loaded = [a.get("src") for a in page.all("script", "img", "iframe")]
        loaded += [a.get("href") for a in page.all("link")]
        assert loaded
        assert all(address and address.startswith("/") and not address.startswith("//") for address in loaded)
        assert all((a["href"] or "").startswith(("/", "#")) for a in page.all("a"))

    def test_every_field_has_a_label(self, read: Callable[[str], tuple[str, Page]], path: str) -> None:
        text, page = read(path)
        labelled = {label.get("for") for label in page.all("label")}
        for field in page.all("input", "select", "textarea"):
            if field.get("type") in {"hidden", "radio", "checkbox"}:
                continue
            assert field.get("id") in labelled, field
        assert text.count("<label") >= sum(f.get("type") in {"radio", "checkbox"} for f in page.all("input"))

    def test_tables_have_headers_and_scroll_in_named_regions(
        self, read: Callable[[str], tuple[str, Page]], path: str
    ) -> None:
        _, page = read(path)
        assert all(th.get("scope") in {"col", "row"} for th in page.all("th"))
        for region in (a for a in page.all("div") if "scroll" in (a.get("class") or "").split()):
            assert region.get("role") == "region"
            assert region.get("aria-label")
            assert region.get("tabindex") == "0"

    def test_ids_are_unique_and_links_inside_the_page_lead_somewhere(
        self, read: Callable[[str], tuple[str, Page]], path: str
    ) -> None:
        _, page = read(path)
        ids = [a["id"] for _, a in page.tags if "id" in a]
        assert len(ids) == len(set(ids))
        inside = {(a["href"] or "")[1:] for a in page.all("a") if (a["href"] or "").startswith("#")}
        assert inside <= set(ids)
        assert "main" in inside

    def test_tags_nest(self, read: Callable[[str], tuple[str, Page]], path: str) -> None:
        _, page = read(path)
        assert page.wrong == []
        assert page.open == []

    def test_every_form_that_changes_something_carries_a_token(
        self, read: Callable[[str], tuple[str, Page]], path: str
    ) -> None:
        _, page = read(path)
        changing = [form for form in page.all("form") if form.get("method") == "post"]
        tokens = [field for field in page.all("input") if field.get("name") == "token"]
        assert len(tokens) == len(changing)
        assert all(token["value"] for token in tokens)


def test_every_template_compiles_and_escapes() -> None:
    env = environment()
    names = [path.relative_to(TEMPLATES).as_posix() for path in TEMPLATES.rglob("*.html")]
    assert len(names) > 20
    for name in names:
        env.get_template(name)
    assert env.from_string("{{ x }}").render(x="<b>") == "&lt;b&gt;"


def test_no_template_switches_escaping_off() -> None:
    for path in TEMPLATES.rglob("*.html"):
        text = path.read_text()
        assert "| safe" not in text, path
        assert "autoescape" not in text, path
        assert "style=" not in text, path
