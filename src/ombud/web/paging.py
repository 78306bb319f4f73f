"""Lists in pages, their state in the address."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlencode

import msgspec
from msgspec import Meta

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Option", "Paging", "address", "paging"]


class Option(msgspec.Struct, frozen=True):
    """One choice of a filter."""

    value: Annotated[str, Meta(description="What goes into the address.")]
    label: Annotated[str, Meta(description="What people read.")]


class Paging(msgspec.Struct, frozen=True):
    """Where in a list this page is."""

    page: Annotated[int, Meta(description="This page, from 1.")]
    pages: Annotated[int, Meta(description="How many there are, at least 1.")]
    total: Annotated[int, Meta(description="Entries on all pages.")]
    previous: Annotated[str | None, Meta(description="Address of the page before.")]
    next: Annotated[str | None, Meta(description="Address of the page after.")]


def address(path: str, state: Mapping[str, str | int | None], **changes: str | int | None) -> str:
    """Return `path` with the state of a list; empty values are left out."""
    merged = {**state, **changes}
    query = urlencode([(key, str(value)) for key, value in merged.items() if value not in {None, ""}])
    return f"{path}?{query}" if query else path


def paging(
    path: str, state: Mapping[str, str | int | None], page: int, total: int, size: int, *, parameter: str = "page"
) -> Paging:
    """Return the place of `page` among `total` entries, `size` a page."""
    pages = max(1, -(-total // size))

    def at(number: int) -> str:
        return address(path, state, **{parameter: None if number == 1 else number})

    return Paging(
        page=page,
        pages=pages,
        total=total,
        previous=at(min(page - 1, pages)) if page > 1 else None,
        next=at(page + 1) if page < pages else None,
    )
