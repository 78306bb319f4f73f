"""Who of the staff looked at whose data, and what for: for auditors."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import Query
from msgspec import Meta

from ombud.records import looks
from ombud.web.access import WATCHERS
from ombud.web.pages import Pages
from ombud.web.paging import Paging, paging
from ombud.web.visit import VisitParameter

__all__ = ["LooksPage", "pages"]

pages = Pages()
SIZE = 50


class LookLine(msgspec.Struct, frozen=True):
    """One look."""

    at: Annotated[datetime, Meta(description="When.")]
    who: Annotated[str, Meta(description="Which member of staff.")]
    what: Annotated[str, Meta(description="What was shown.")]
    subject: Annotated[str, Meta(description="Of which case.")]
    purpose: Annotated[str, Meta(description="What for, as they said.")]


class LooksPage(msgspec.Struct, frozen=True):
    """Looks, newest first."""

    rows: Annotated[list[LookLine], Meta(description="The looks on this page.")]
    paging: Annotated[Paging, Meta(description="Where in the list this is.")]


@pages.page("/console/looks", shows=LooksPage, template="console/looks.html", access=WATCHERS)
def looks_page(visit: VisitParameter, page: Annotated[int, Query(ge=1, le=1_000_000)] = 1) -> LooksPage:
    """List the looks of staff at people's data."""
    with visit.house.records.read() as tx:
        total = looks.count(tx)
        found = looks.listing(tx, limit=SIZE, offset=(page - 1) * SIZE)
    return LooksPage(
        rows=[LookLine(item.happened_at, item.user, item.what, item.subject, item.purpose) for item in found],
        paging=paging("/console/looks", {}, page, total, SIZE),
    )
