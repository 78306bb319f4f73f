"""The decisions are numbered without a gap, listed, and of one shape; the glossary is one line a term."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"
DECISIONS = sorted((DOCS / "decisions").glob("[0-9]*.md"))
TERM = re.compile(r"^- (?P<terms>\*\*[^*]+\*\*(?:(?:, | \()\*\*[^*]+\*\*)*)(?: \([^)]*\))?: (?P<meaning>.+)$")


def test_the_numbers_have_no_gap() -> None:
    assert [int(page.name[:4]) for page in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    assert len(DECISIONS) > 10


def test_the_list_has_every_decision_under_its_title() -> None:
    listed = (DOCS / "decisions" / "README.md").read_text()
    for page in DECISIONS:
        number, title = page.read_text().splitlines()[0].removeprefix("# ").split(": ", 1)
        assert f"- [{number}]({page.name}) {title}\n" in listed


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.name[:4])
def test_a_decision_says_what_why_and_what_else(page: Path) -> None:
    text = page.read_text()
    assert re.search(r"^Status: (accepted|replaced by \[\d{4}\]\(.+\)), \w+ \d{4}\.$", text, re.MULTILINE)
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings[:2] == ["What", "Why"]
    assert {"What else was considered", "What was measured"} & set(headings)
    assert headings[-1] == "What would change our minds"


def glossary() -> dict[str, str]:
    """Return each term of the glossary with what it means."""
    meanings: dict[str, str] = {}
    for line in (DOCS / "glossary.md").read_text().splitlines():
        if line.startswith("- "):
            found = TERM.match(line)
            assert found, line
            for term in re.findall(r"\*\*([^*]+)\*\*", found["terms"]):
                assert term.lower() not in meanings, term
                meanings[term.lower()] = found["meaning"]
    return meanings


def test_the_glossary_means_each_term_once_in_one_sentence() -> None:
    meanings = glossary()
    assert len(meanings) > 60
    for term, meaning in meanings.items():
        assert meaning.endswith("."), term
        assert ". " not in meaning, term


def test_a_word_in_italics_has_its_own_line() -> None:
    meanings = glossary()
    for term, meaning in meanings.items():
        for word in re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", meaning):
            assert {word.lower(), word.lower().removesuffix("s")} & set(meanings), f"{word}, used for {term}"
