"""Where the data comes from, what it may be used for, and what it does not say."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from ombud.records import imports
from ombud.web.access import PUBLIC
from ombud.web.pages import Pages
from ombud.web.visit import VisitParameter

__all__ = ["AboutPage", "pages"]

pages = Pages()


class SourceLine(msgspec.Struct, frozen=True):
    """One source of public data."""

    name: Annotated[str, Meta(description="What it is.")]
    origin: Annotated[str, Meta(description="Who released it, and when.")]
    licence: Annotated[str, Meta(description="Under which terms.")]
    caveat: Annotated[str, Meta(description="What to know before using it.")]


class AboutPage(msgspec.Struct, frozen=True):
    """The sources of what is shown."""

    sources: Annotated[list[SourceLine], Meta(description="Sources that Ombud knows and that were imported here.")]


_ADS = SourceLine(
    name="Facebook ads of the Internet Research Agency, 2015 to 2017",
    origin=(
        "Released by the Permanent Select Committee on Intelligence of the US House of Representatives on 10 May 2018;"
        " read from the documents by Ed Summers (irads) and put into tables by Simon Willison."
    ),
    licence=(
        "A public release of the US Congress, with personal data redacted by Facebook and the Committee."
        " Cite the Committee and both projects."
    ),
    caveat=(
        "Every field was read from scanned documents by machine, so words and dates can be wrong. The release counts"
        " 3,517 documents; 3,498 could be read. Every ad was bought by one organisation: that is why it is here."
    ),
)
_KNOWN = {"ira-ads": _ADS}


@pages.page("/about", shows=AboutPage, template="public/about.html", access=PUBLIC)
def about(visit: VisitParameter) -> AboutPage:
    """Show where the public data comes from."""
    with visit.house.records.read() as tx:
        formats = {run.format for run in imports.listing(tx, limit=1_000) if run.state == "done"}
    return AboutPage(sources=[source for name, source in _KNOWN.items() if name in formats])
