"""Why a member of staff looks at people's data: asked once per case and sign-in, kept in a sealed cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta

from ombud.records import looks
from ombud.web.visit import PurposeError, set_cookie

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from ombud.web.visit import Visit

__all__ = ["COOKIE", "HEADER", "PURPOSES", "Purpose", "look", "purpose_for", "remember"]

COOKIE = "ombud_purposes"
HEADER = "ombud-purpose"
_MOST = 60
"""Purposes that one sign-in remembers; the oldest is asked for again."""

PURPOSES = {
    "case": "I work on this case",
    "second": "A colleague asked me for a second look",
    "request": "A person concerned, a court or an authority asked",
    "quality": "I check the quality of findings",
    "audit": "I audit how Ombud is used",
}


class Purpose(msgspec.Struct, frozen=True):
    """One purpose to choose from."""

    code: Annotated[str, Meta(description="What is sent.")]
    words: Annotated[str, Meta(description="What people read.")]


CHOICES = [Purpose(code, words) for code, words in PURPOSES.items()]


def _read(request: Request, visit: Visit) -> dict[int, str]:
    """Return the purposes given in this sign-in by case number; those of another sign-in do not count."""
    body, _, mark = request.cookies.get(COOKIE, "").rpartition(".")
    if not body or not visit.house.seal.holds("purposes", f"{visit.session} {body}", mark):
        return {}
    pairs = (item.partition("-") for item in body.split("_"))
    return {int(number): code for number, _, code in pairs if code in PURPOSES}


def purpose_for(request: Request, visit: Visit, number: int) -> str | None:
    """Return the purpose in force for a case; clients without cookies name it in a header."""
    named = request.headers.get(HEADER)
    if named is not None:
        return named if named in PURPOSES else None
    return _read(request, visit).get(number)


def remember(request: Request, response: Response, visit: Visit, number: int, code: str) -> None:
    """Keep the purpose for a case until the sign-in ends."""
    known = _read(request, visit)
    known.pop(number, None)
    kept = [*known.items(), (number, code)][-_MOST:]
    body = "_".join(f"{n}-{c}" for n, c in kept)
    mark = visit.house.seal.mark("purposes", f"{visit.session} {body}")
    set_cookie(response, visit, COOKIE, f"{body}.{mark}")


def look(request: Request, visit: Visit, number: int, what: str) -> str:
    """Log a look at the people of a case before anything of them is shown; `PurposeError` without a purpose."""
    code = purpose_for(request, visit, number)
    if code is None:
        raise PurposeError(
            number,
            hint=f"Open the case and choose a purpose, or send the header `Ombud-Purpose: {'|'.join(PURPOSES)}`.",
        )
    with visit.house.records.begin() as tx:
        looks.append(tx, visit.staff().id, what, f"case {number}", PURPOSES[code])
    return code
