"""The link of a developer: looked up by its hash before anything of the request is read, guesses counted by client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends, Request
from starlette.exceptions import HTTPException

from ombud.model.errors import NotFoundError
from ombud.records import questionnaires
from ombud.records.questionnaires import Questionnaire

if TYPE_CHECKING:
    from ombud.web.visit import Visit

__all__ = ["Asked", "LinkError", "admit_link"]


class LinkError(NotFoundError):
    """This link is not known here, or counts no longer."""


def admit_link(request: Request, visit: Visit) -> None:
    """Let in whoever holds a link that counts. Raises `LinkError` for any other, 429 after too many of those.

    A link that ran out, was replaced, or never was gets the same answer, so that guessing tells nothing.
    """
    token = str(request.path_params.get("link", ""))
    wait = visit.house.links.wait(visit.client, token)
    if wait:
        raise HTTPException(429, headers={"retry-after": str(wait)})
    with visit.house.records.read() as tx:
        found = questionnaires.by_link(tx, token)
    if found is None:
        visit.house.links.failed(visit.client, token)
        raise LinkError(hint="A link counts until the day it names. Whoever sent it can send another.")
    request.state.asked = found


def _asked(request: Request) -> Questionnaire:
    return cast("Questionnaire", request.state.asked)


Asked = Annotated[Questionnaire, Depends(_asked)]
"""How a developer's page asks for the questions that its link is for."""
