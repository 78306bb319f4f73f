"""One app's audit for staff: the newest that was made, as a page, as data and as a PDF."""

from __future__ import annotations

import shlex
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta
from sqlalchemy import Connection
from starlette.responses import Response

from ombud.audit.dossier.hindsight import LostTogether, together
from ombud.audit.dossier.report import custody, pdf
from ombud.audit.dossier.whole import Dossier, kept
from ombud.lake import Lake
from ombud.model.errors import NotFoundError
from ombud.model.findings import SourceFile
from ombud.records import app_audits, apps, frozen_sets, outbox, review_progress
from ombud.records.app_audits import AppAudit
from ombud.web.access import STAFF
from ombud.web.pages import Pages
from ombud.web.public.apps import AppId
from ombud.web.visit import VisitParameter

__all__ = ["AuditPage", "pages"]

pages = Pages()


class FrozenLine(msgspec.Struct, frozen=True):
    """One set of affected people that was frozen; who is in it is not told here."""

    id: Annotated[str, Meta(description="The set's id.")]
    frozen_at: Annotated[datetime, Meta(description="When it was frozen.")]
    author: Annotated[str, Meta(description="Who froze it.")]
    reason: Annotated[str, Meta(description="What for.")]
    people: Annotated[int, Meta(description="How many people it holds, as of then.")]
    direct: Annotated[int, Meta(description="Of them, people read by their own consent.")]
    via: Annotated[int, Meta(description="Of them, people read through a friend.")]
    root: Annotated[str, Meta(description="Root over the salted rows, in hexadecimal, as the ledger has it.")]
    ledger: Annotated[int | None, Meta(description="The ledger's entry; null while it waits.")]


class FigureLine(msgspec.Struct, frozen=True):
    """One number of the audit."""

    id: Annotated[str, Meta(description="The figure's id; /explain/ID has its query and files.")]
    name: Annotated[str, Meta(description="What it counts.")]
    value: Annotated[float | int | str | None, Meta(description="The number; null when it is not known.")]
    unit: Annotated[str, Meta(description="Its unit.")]


class AuditPage(msgspec.Struct, frozen=True):
    """The newest audit of one app."""

    app: Annotated[str, Meta(description="The app's id.")]
    name: Annotated[str, Meta(description="Its name, or its id where no name is known.")]
    registered: Annotated[bool, Meta(description="Whether the platform registered it; else only logs know it.")]
    in_review: Annotated[bool, Meta(description="Whether it is in the review of every app.")]
    command: Annotated[str, Meta(description="The command that audits it.")]
    id: Annotated[str | None, Meta(description="The audit's id; null when none was made.")]
    audit: Annotated[
        Dossier | None, Meta(description="What was found; its figures stand in `figures`, without their queries.")
    ]
    figures: Annotated[list[FigureLine], Meta(description="Every number of the audit.")]
    lost: Annotated[list[LostTogether], Meta(description="What the stricter policy would have kept, in few lines.")]
    files: Annotated[list[SourceFile], Meta(description="Files of the lake that the numbers were computed from.")]
    frozen: Annotated[list[FrozenLine], Meta(description="Sets of affected people that were frozen, newest first.")]
    earlier: Annotated[list[datetime], Meta(description="When earlier audits were made, newest first.")]


def _newest(tx: Connection, lake: Lake, app: str) -> list[AppAudit]:
    """Return the audits of an app, newest first; `NotFoundError` for an app that neither records nor lake know."""
    found = app_audits.of_app(tx, app)
    if not found and review_progress.find(tx, app) is None and lake.ids("app", [app]) == [None]:
        apps.get(tx, app)
    return found


def _registered(tx: Connection, app: str) -> str | None:
    """Return the name under which the platform registered an app; null for one that only logs know."""
    try:
        return apps.get(tx, app).name
    except NotFoundError:
        return None


@pages.page("/console/apps/{app}/audit", shows=AuditPage, template="console/audit_app.html", access=STAFF)
def audit_page(visit: VisitParameter, app: AppId) -> AuditPage:
    """Show what an audit found of one app; no person is named."""
    with visit.house.records.read() as tx:
        found = _newest(tx, visit.house.lake, app)
        registered = _registered(tx, app)
        in_review = review_progress.find(tx, app)
        sets = [
            FrozenLine(
                one.id, one.frozen_at, one.author, one.reason, one.people, one.direct, one.via, one.root,
                outbox.index_of(tx, one.outbox),
            )
            for one in frozen_sets.of_app(tx, app)
        ]  # fmt: skip
        name = registered or (in_review.name if in_review else app)
    made = kept(found[0]) if found else None
    return AuditPage(
        app=app,
        name=(made.app.name if made else None) or name,
        registered=registered is not None,
        in_review=in_review is not None,
        command=shlex.join(["ombud", "audit", "app", app]),
        id=found[0].id if found else None,
        audit=msgspec.structs.replace(made, figures=[]) if made else None,
        figures=[FigureLine(one.id, one.name, one.value, one.unit) for one in made.figures] if made else [],
        lost=together(made.hindsight.lost) if made else [],
        files=_files(made) if made else [],
        frozen=sets,
        earlier=[one.made_at for one in found[1:]],
    )


def _files(made: Dossier) -> list[SourceFile]:
    once = {(file.path, file.sha256) for figure in made.figures for file in figure.inputs}
    return [SourceFile(*file) for file in sorted(once)]


@pages.data("/console/apps/{app}/audit.pdf", access=STAFF, media_type="application/pdf")
def audit_pdf(visit: VisitParameter, app: AppId) -> Response:
    """Send the newest audit of one app as a PDF with every figure, query and file, and the ledger's checkpoint."""
    house = visit.house
    with house.records.read() as tx:
        found = _newest(tx, house.lake, app)
        if not found:
            raise NotFoundError(
                f"The app `{app}` was not audited yet.", hint=f"Run `{shlex.join(['ombud', 'audit', 'app', app])}`."
            )
        author = visit.viewer.name if visit.viewer else house.name
        vouched = custody(tx, house.workspace.ledger_dir, house.name, author, app)
    body = pdf(kept(found[0]), vouched)
    headers = {"content-disposition": f'attachment; filename="{found[0].id}.pdf"'}
    return Response(body, media_type="application/pdf", headers=headers)
