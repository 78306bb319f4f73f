"""Where a number comes from: its query, parameters and the files it was computed over."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import Path, Request
from msgspec import Meta
from sqlalchemy import Connection

from ombud.audit.review.figures import SUBJECT
from ombud.model.findings import Figure
from ombud.records import cases, figures, findings
from ombud.web.access import PUBLIC
from ombud.web.console.purposes import look
from ombud.web.pages import Pages
from ombud.web.visit import SignInError, VisitParameter

__all__ = ["ExplainPage", "is_public", "pages"]

pages = Pages()
_PUBLIC = ("ad:", "page_", "page:")
MOST_INPUTS = 200


class ExplainPage(msgspec.Struct, frozen=True):
    """One figure with all that is needed to compute it again."""

    figure: Annotated[Figure, Meta(description="The figure, whole.")]
    inputs_shown: Annotated[int, Meta(description="Input files listed on the page; the JSON has all.")]
    public: Annotated[bool, Meta(description="Whether everybody may see it.")]


def is_public(figure: Figure) -> bool:
    """Say whether a figure is about the archive or the review of all apps; others are about cases: sign in first."""
    subject = figure.subject or ""
    return subject in {"archive", SUBJECT} or subject.startswith(_PUBLIC)


def _case_of(tx: Connection, figure: str) -> cases.Case | None:
    """Return the case whose finding shows this figure."""
    held = (cases.of_finding(tx, finding) for finding in findings.with_figure(tx, figure))
    return next((case for case in held if case is not None), None)


@pages.page("/explain/{figure}", shows=ExplainPage, template="public/explain.html", access=PUBLIC)
def explain(request: Request, visit: VisitParameter, figure: Annotated[str, Path(max_length=200)]) -> ExplainPage:
    """Show where a number comes from; those of cases only to staff, as a look: their parameters name accounts."""
    with visit.house.records.read() as tx:
        found = figures.get(tx, figure)
        public = is_public(found)
        case = None if public else _case_of(tx, figure)
    if not public and visit.viewer is None:
        raise SignInError
    if case is not None:
        look(request, visit, case.number, "how a figure was computed")
    return ExplainPage(figure=found, inputs_shown=min(MOST_INPUTS, len(found.inputs)), public=public)
