"""Every link inside the repository's pages leads somewhere, and no page stands alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TOP = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#{1,6} +(?P<text>.+?)\s*$", re.MULTILINE)
PATH = re.compile(r"`(?:python )?(?P<path>(?:src|tests|docs|examples|benchmarks)/[\w./-]*\w/?)`")
OUTSIDE = re.compile(r"^(?:https?:|mailto:)")


def links(text: str) -> list[str]:
    """Return the targets of a page's links, code aside."""
    return [found["target"] for found in LINK.finditer(CODE.sub("", FENCED.sub("", text)))]


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings as forges make them."""
    found: set[str] = set()
    for heading in HEADING.finditer(FENCED.sub("", text)):
        words = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", heading["text"])
        anchor = re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")
        turn = 0
        while (anchor if not turn else f"{anchor}-{turn}") in found:
            turn += 1
        found.add(anchor if not turn else f"{anchor}-{turn}")
    return found


def broken(page: Path, root: Path = ROOT) -> list[str]:
    """Return the links of a page that lead nowhere, or out of `root`."""
    wrong = []
    for target in links(page.read_text()):
        if OUTSIDE.match(target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        reachable = file.exists() and file.is_relative_to(root)
        if not reachable or (anchor and file.suffix == ".md" and anchor not in anchors(file.read_text())):
            wrong.append(target)
    return wrong


@pytest.mark.parametrize("page", [*TOP, *DOCS], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken(page) == []


@pytest.mark.parametrize("page", [*TOP, *DOCS], ids=lambda page: str(page.relative_to(ROOT)))
def test_every_path_of_the_repository_that_is_named_exists(page: Path) -> None:
    named = {found["path"] for found in PATH.finditer(page.read_text())}
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    pending = [ROOT / "README.md"]
    while pending:
        page = pending.pop()
        if page in reached or page.suffix != ".md" or not page.is_file():
            continue
        reached.add(page)
        pending += [
            (page.parent / target.partition("#")[0]).resolve()
            for target in links(page.read_text())
            if not OUTSIDE.match(target)
        ]
        pending += [inside / "README.md" for inside in pending if inside.is_dir()]
    assert {str(page.relative_to(ROOT)) for page in [*TOP, *DOCS] if page not in reached} == set()


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_has_one_title_at_its_top(page: Path) -> None:
    text = page.read_text()
    titles = [line for line in FENCED.sub("", text).splitlines() if line.startswith("# ")]
    assert len(titles) == 1
    assert text.startswith(titles[0])


def test_a_wrong_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A page\n\n[x](nowhere.md) [y](#a-page) [z](#b) `[c](code.md)`\n\n```\n[d](fenced.md)\n```\n")
    assert broken(page, tmp_path) == ["nowhere.md", "#b"]


def test_anchors_are_those_of_a_forge() -> None:
    text = "# What is it?\n## `lake` and *records*\n## Twice\n## Twice\n```\n# not this\n```\n"
    assert anchors(text) == {"what-is-it", "lake-and-records", "twice", "twice-1"}
