"""Posts as a page shows them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from ombud.lake.views import present, reading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ombud.lake import Lake
    from ombud.model.findings import CoAct

__all__ = ["Post", "Saying", "first_words", "language_of", "posts_by_id", "sayings"]

_SLACK = timedelta(seconds=1)
_LANGUAGES = {
    "english": "en", "russian": "ru", "german": "de", "ukrainian": "uk", "italian": "it", "spanish": "es",
    "french": "fr", "arabic": "ar", "serbian": "sr", "bulgarian": "bg", "macedonian": "mk", "turkish": "tr",
    "dutch": "nl", "polish": "pl", "swedish": "sv", "portuguese": "pt", "hebrew": "he", "farsi (persian)": "fa",
    "persian": "fa", "japanese": "ja", "korean": "ko", "chinese": "zh", "estonian": "et", "latvian": "lv",
    "lithuanian": "lt", "greek": "el", "hindi": "hi", "urdu": "ur", "vietnamese": "vi", "romanian": "ro",
}  # fmt: skip
_POSTS = """
SELECT p.post, i.name AS account, p.happened_at, p.text, p.language, p.links, p.original, p.platform
FROM {source} AS p LEFT JOIN account_ids AS i ON i.id = p.account
WHERE p.happened_at BETWEEN $first AND $last AND list_contains($ids, p.post)
ORDER BY p.happened_at, p.post
"""
"""One row a post; `account` is null once the person was erased."""


class Post(msgspec.Struct, frozen=True):
    """One post."""

    id: Annotated[str, Meta(description="The post's id at the source.")]
    account: Annotated[str, Meta(description="Who posted, as imported.")]
    at: Annotated[datetime, Meta(description="When it was posted.")]
    text: Annotated[str | None, Meta(description="What it says.")]
    lang: Annotated[str | None, Meta(description="BCP 47 code of its language, when the source names one.")]
    links: Annotated[list[str], Meta(description="Addresses it links to; never made into links.")]
    original: Annotated[str | None, Meta(description="The post that it passes on.")]
    platform: Annotated[str | None, Meta(description="Which platform.")]


@dataclass(frozen=True, slots=True)
class Saying:
    """What several posts say in the same words; `text` is None where the source gives none."""

    text: str | None
    lang: str | None
    posts: list[Post]

    @property
    def links(self) -> list[str]:
        """Return the addresses that any of them links to, in the order in which they first come."""
        return list(dict.fromkeys(link for post in self.posts for link in post.links))


def language_of(stated: str | None) -> str | None:
    """Return the BCP 47 code of a language as a source names it: `English`, `de`, `pt-BR`; None when unknown."""
    if not stated:
        return None
    plain = stated.strip().casefold()
    if plain in _LANGUAGES:
        return _LANGUAGES[plain]
    head, _, tail = plain.replace("_", "-").partition("-")
    fine = len(head) in {2, 3} and head.isascii() and head.isalpha() and head not in {"und", "zxx"}
    return (f"{head}-{tail.upper()}" if tail.isascii() and tail.isalpha() else head) if fine else None


def posts_by_id(lake: Lake, ids: Sequence[str], first: datetime, last: datetime) -> list[Post]:
    """Return the posts with these ids made from `first` to `last`, earliest first; ids that are gone are left out."""
    return _read(lake, ids, [(first, last)])


def first_words(lake: Lake, acts: Sequence[CoAct]) -> list[str | None]:
    """Return what the first post of each line of evidence says; null where it is gone or says nothing."""
    firsts = [next((row.id for row in act.rows if row.table == "posts"), None) for act in acts]
    spans = [(act.first, act.last) for act, name in zip(acts, firsts, strict=True) if name]
    said = {post.id: post.text for post in _read(lake, [name for name in firsts if name], spans)}
    return [said.get(name) if name else None for name in firsts]


def sayings(posts: Sequence[Post]) -> list[Saying]:
    """Group posts that say the same, letter by letter; groups and posts in the order in which they were posted."""
    groups: dict[tuple[str | None, str | None], list[Post]] = {}
    for post in posts:
        groups.setdefault((post.text, post.lang), []).append(post)
    return [Saying(text, lang, group) for (text, lang), group in groups.items()]


def _read(lake: Lake, ids: Sequence[str], spans: Sequence[tuple[datetime, datetime]]) -> list[Post]:
    """Return posts by id, reading only the files whose days meet one of the spans."""
    if not ids:
        return []
    windows = [(first - _SLACK, last + _SLACK) for first, last in spans]
    since, until = min(first for first, _ in windows), max(last for _, last in windows)
    files = [
        file
        for file in lake.files("posts")
        if file.first is None
        or file.last is None
        or any(file.first <= last and file.last >= first for first, last in windows)
    ]
    if not files:
        return []
    attached = any(file.attached for file in files)
    with lake.duck(["posts"] if attached else []) as duck:
        # reading only the files of these days keeps a page fast; attached files need the view's mapping
        source = "posts" if attached else reading(present(lake.folder, files))
        found = duck.sql(_POSTS.format(source=source), params={"first": since, "last": until, "ids": list(ids)})
        rows = found.to_arrow_table().to_pylist()
    return [
        Post(
            id=row["post"],
            account=row["account"] or "erased",
            at=row["happened_at"],
            text=row["text"],
            lang=language_of(row["language"]),
            links=row["links"] or [],
            original=row["original"],
            platform=row["platform"],
        )
        for row in rows
    ]
