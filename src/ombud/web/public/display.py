"""How pages look and answer to keys: one's own choice, kept in a cookie of this browser."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from fastapi import Form
from msgspec import Meta
from starlette.responses import RedirectResponse, Response

from ombud.web.access import PUBLIC
from ombud.web.pages import Pages
from ombud.web.visit import KEYS_COOKIE, THEME_COOKIE, YEAR, VisitParameter, set_cookie

__all__ = ["DisplayPage", "pages"]

pages = Pages()


class DisplayPage(msgspec.Struct, frozen=True):
    """What this browser chose."""

    theme: Annotated[str, Meta(description="system, light or dark.")]
    keys: Annotated[bool, Meta(description="Whether single keys do something.")]


@pages.page("/display", shows=DisplayPage, template="public/display.html", access=PUBLIC)
def display(visit: VisitParameter) -> DisplayPage:
    """Show the choices of display and keys."""
    return DisplayPage(theme=visit.theme, keys=visit.keys)


@pages.form("/display", access=PUBLIC)
def choose(
    visit: VisitParameter,
    theme: Annotated[Literal["system", "light", "dark"], Form()],
    keys: Annotated[Literal["on", "off"], Form()] = "off",
) -> Response:
    """Keep the choices for a year."""
    response = RedirectResponse("/display", 303)
    set_cookie(response, visit, THEME_COOKIE, theme, YEAR)
    set_cookie(response, visit, KEYS_COOKIE, keys, YEAR)
    return response
