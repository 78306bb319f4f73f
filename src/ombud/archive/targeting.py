"""What a buyer chose, in words: a platform's targeting strings parsed into categories.

The strings come as ``category:value`` or deeper (``people_who_match:interests:Malcolm X``),
from OCR or exact. Raw strings are kept beside the parsed term.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ombud.lake.resolution.glyphs import clean, skeleton
from ombud.model.ids import derived_id

__all__ = ["CATEGORIES", "Parsed", "parse_term"]

CATEGORIES = {
    "age": "Age",
    "gender": "Gender",
    "location": "Location",
    "language": "Language",
    "interests": "Interests",
    "behaviours": "Behaviour",
    "ethnic-affinity": "Ethnic affinity",
    "politics": "Politics",
    "education": "Education",
    "work": "Work",
    "life": "Life and household",
    "connections": "Connections to pages",
    "custom-audience": "Custom and lookalike audiences",
    "placement": "Placement",
    "device": "Device",
    "other": "Other",
}
"""Every category of a term, with its label, in the order in which a page shows them."""

_KEYWORDS = (
    ("friends of connections", "connections"),
    ("connections", "connections"),
    ("people who like", "connections"),
    ("custom audience", "custom-audience"),
    ("lookalike", "custom-audience"),
    ("multicultural affinity", "ethnic-affinity"),
    ("ethnic affinity", "ethnic-affinity"),
    ("facebook access", "device"),
    ("accessing facebook on", "device"),
    ("currently using", "device"),
    ("device", "device"),
    ("placement", "placement"),
    ("on pages", "placement"),
    ("field of study", "education"),
    ("school", "education"),
    ("education", "education"),
    ("employer", "work"),
    ("industry", "work"),
    ("job title", "work"),
    ("politic", "politics"),
    ("behavio", "behaviours"),
    ("generation", "life"),
    ("home composition", "life"),
    ("relationship", "life"),
    ("location", "location"),
    ("region", "location"),
    ("country", "location"),
    ("language", "language"),
    ("gender", "gender"),
    ("age", "age"),
    ("interest expansion", "other"),
    ("interest", "interests"),
    ("people who match", "interests"),
    ("and must also match", "interests"),
)
_BY_VALUE = (
    (re.compile(r"^\d{2} ?- ?\d{2}\+?$"), "age"),
    (re.compile(r"^(?:African|Asian) American \(US|^Hispanic \(US", re.IGNORECASE), "ethnic-affinity"),
    (re.compile(r"^Lookalike\b", re.IGNORECASE), "custom-audience"),
    (re.compile(r"\bpeople (?:who like|who are (?:connected|going)|connected to)\b", re.IGNORECASE), "connections"),
    (re.compile(r"^US politics|political content", re.IGNORECASE), "politics"),
)
_COLON = re.compile(r":(?![^()]*\))")
"""What separates the parts; one inside brackets belongs to the words, as in `(US - Bilingual: English and Spanish)`."""
_PLACES = {"living": "living in", "recently": "recently in", "travel": "travelling in"}


@dataclass(frozen=True, slots=True)
class Parsed:
    """One targeting string, understood."""

    category: str
    value: str
    excluded: bool
    narrowing: bool
    id: str
    """the same for all strings that mean the same; for OCR text also for its misreadings"""


def _words(part: str) -> str:
    return re.sub(r"\s+", " ", clean(part).replace("_", " ").replace("|", "l")).strip(" ,")


def _category(heads: list[str], value: str) -> str:
    for pattern, category in _BY_VALUE:
        if pattern.search(value):
            return category
    for head in reversed(heads):
        for word, category in _KEYWORDS:
            if word in head and not (word == "age" and head not in {"age", "ages", "age range"}):
                return category
    return "other"


def _place(heads: list[str], value: str) -> str:
    where = [head.title() for head in heads[1:]]
    how = next((words for key, words in _PLACES.items() if key in heads[0]), "") if heads else ""
    text = ", ".join([value, *where]) if where and where[0] != value else value
    return f"{how} {text}".strip()


def _tidy(value: str) -> str:
    """Return the value with the spacing of dashes and brackets made one."""
    value = re.sub(r"(?<=\w)\s*-\s+(?=[A-Z])|(?<=\w)\s+-(?=\w)", "-", value)
    return re.sub(r"(?<=\d)\s*-\s*(?=\d)", "\u2013", value)


def parse_term(raw: str, *, ocr: bool = False) -> Parsed:
    """Understand one targeting string; never raises, what is unknown is `other`.

    With `ocr` readings that differ only by common confusions share an id,
    unless they hold digits, which are never guessed.
    """
    parts = [p for p in (_words(p) for p in _COLON.split(raw)) if p] or [raw.strip() or "?"]
    first = parts[0].lower()
    heads, value = [p.lower() for p in parts[:-1]], parts[-1]
    excluded = first.startswith("exclude") or value.lower().startswith("exclude ")
    narrowing = first.startswith("and must also match")
    if not heads and len(parts) == 1:
        heads = [first] if any(word in first for word, _ in _KEYWORDS[:12]) else []
    category = _category(heads, value)
    value = _tidy(value)
    if category == "location":
        value = _place(heads, value)
    elif category == "connections":
        value = re.sub(r"^(?:Exclude )?(?:people who like|People who like)\s+", "People who like ", value)
    text = re.sub(r"\s+", " ", value).casefold()
    plain = skeleton(text) if ocr and not re.search(r"\d", text) and len(text) > 5 else text  # noqa: PLR2004 - short words differ by a letter
    return Parsed(category, value, excluded, narrowing, derived_id("term", category, excluded, narrowing, plain))
