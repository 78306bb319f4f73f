"""Whether the house stands: one word for machines, more for admins."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from ombud import __version__
from ombud.model.errors import OmbudError
from ombud.records import jobs, lake_files
from ombud.web.access import ADMIN, PUBLIC
from ombud.web.pages import Pages
from ombud.web.visit import VisitParameter

__all__ = ["Check", "HealthPage", "pages"]

pages = Pages()


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: Annotated[str, Meta(description="What was looked at.")]
    fine: Annotated[bool, Meta(description="Whether it is as it should be.")]
    says: Annotated[str, Meta(description="What was found, and what to do if it is not fine.")]


class ViolationLine(msgspec.Struct, frozen=True):
    """One report of a browser that a page broke the content policy."""

    directive: Annotated[str, Meta(description="The rule that was broken.")]
    blocked: Annotated[str, Meta(description="What was blocked: a scheme or `inline`, never an address.")]
    page: Annotated[str, Meta(description="The path of the page, without its query.")]


class HealthPage(msgspec.Struct, frozen=True):
    """How this installation is."""

    version: Annotated[str, Meta(description="Ombud's version.")]
    checks: Annotated[list[Check], Meta(description="What was looked at.")]
    violations: Annotated[list[ViolationLine], Meta(description="Reports of browsers since the start, the last 200.")]


def _checks(visit: VisitParameter) -> list[Check]:
    house = visit.house
    with house.records.read() as tx:
        files = lake_files.every(tx)
        failed = jobs.count(tx, state="failed")
        waiting = jobs.count(tx, state="waiting")
    gone = [file.path for file in files if not file.attached and not (house.workspace.lake_dir / file.path).is_file()]
    archive = house.workspace.archive_file.is_file()
    return [
        Check("Records", fine=True, says="They answer."),
        Check(
            "Lake",
            fine=not gone,
            says=f"{len(files):,} files." if not gone else f"{len(gone):,} files are missing; run `ombud lake check`.",
        ),
        Check("Ad archive", fine=archive, says="It is built." if archive else "It is not built: import ads first."),
        Check(
            "Background work",
            fine=failed == 0,
            says=f"{waiting:,} jobs wait, {failed:,} failed." if failed else f"{waiting:,} jobs wait.",
        ),
    ]


@pages.data("/healthz", access=PUBLIC, media_type="application/json")
def healthz(visit: VisitParameter) -> Response:
    """Say whether the records answer, without saying anything that they hold."""
    try:
        with visit.house.records.read():
            pass
    except OmbudError:
        return Response(b'{"ok":false}', 503, media_type="application/json")
    return Response(b'{"ok":true}', media_type="application/json")


@pages.page("/console/health", shows=HealthPage, template="console/health.html", access=ADMIN)
def health(visit: VisitParameter) -> HealthPage:
    """Show how this installation is."""
    lines = [ViolationLine(v.directive, v.blocked, v.page) for v in visit.house.violations]
    return HealthPage(version=__version__, checks=_checks(visit), violations=lines)
