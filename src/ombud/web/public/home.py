"""The start page: what this is, and what the archive holds."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from ombud.archive.answers import PageRow, Totals
from ombud.model.errors import NotFoundError
from ombud.web.access import PUBLIC
from ombud.web.pages import Pages
from ombud.web.visit import VisitParameter

__all__ = ["HomePage", "pages"]

pages = Pages()


class HomePage(msgspec.Struct, frozen=True):
    """What this is and what it holds."""

    totals: Annotated[Totals | None, Meta(description="Sums over the ad archive; null while there is none.")]
    largest: Annotated[list[PageRow], Meta(description="Pages whose ads were shown most.")]
    figure_ids: Annotated[dict[str, str], Meta(description="Figure ids of the totals by name.")]


@pages.page("/", shows=HomePage, template="public/home.html", access=PUBLIC)
def home(visit: VisitParameter) -> HomePage:
    """Show what this is."""
    try:
        archive = visit.house.archive
        totals = archive.totals()
        largest = archive.pages(sort="impressions", limit=8).rows
    except NotFoundError:
        return HomePage(totals=None, largest=[], figure_ids={})
    return HomePage(totals=totals, largest=list(largest), figure_ids={f.name: f.id for f in totals.figures})
