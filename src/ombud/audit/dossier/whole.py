"""Everything that is known of one app: what it read, of whom, how, and what would explain it innocently."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from ombud.audit.dossier.checks import Check, checks
from ombud.audit.dossier.hindsight import Hindsight, hindsight
from ombud.audit.dossier.innocent import Innocent, innocent
from ombud.audit.dossier.inquiry import Number, inquiry
from ombud.audit.dossier.profile import AppProfile, profile
from ombud.audit.dossier.reach import Reach, reach
from ombud.audit.dossier.sessions import Sessions, sessions
from ombud.audit.dossier.span import span_of
from ombud.audit.dossier.surroundings import Surroundings, surroundings
from ombud.audit.dossier.timeline import Timeline, timeline
from ombud.gate.policy import load_policy
from ombud.model import clock
from ombud.model.findings import Figure
from ombud.model.ids import derived_id
from ombud.records import app_audits, figures
from ombud.records.app_audits import AppAudit

if TYPE_CHECKING:
    from ombud.audit.people.sets import PeopleSets
    from ombud.lake import Lake
    from ombud.records import Records

__all__ = ["Dossier", "dossier", "keep", "kept"]

_PART = (
    "This audit is of a part of the time in which the app read. What was possible, who ever allowed it anything, and"
    " what stands out beside apps like it are of the whole record."
)
_READS = "SELECT count(*) FROM mine WHERE {which}"


class Dossier(msgspec.Struct, frozen=True):
    """One audit of one app: no person is named in it."""

    app: AppProfile
    since: datetime
    until: datetime
    """just past the last read, where no end was asked for"""
    made_at: datetime
    headline: str
    """what was found, in one sentence"""
    reads: Number
    """requests by which something went out"""
    refused: Number
    reach: Reach
    time: Timeline
    sessions: Sessions
    checks: list[Check]
    around: Surroundings
    """signals, related apps, holders"""
    hindsight: Hindsight
    innocent: list[Innocent]
    limits: list[str]
    """what these numbers cannot say, in sentences"""
    figures: list[Figure]
    """every number's, in the order in which they were asked"""


def dossier(  # noqa: PLR0917 - what, of whom, over what time
    lake: Lake,
    records: Records,
    sets: PeopleSets,
    app: str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Dossier:
    """Audit one app over a time: that of all its reads, unless another is asked for. Nothing is written.

    Raises `NotFoundError` for an app that neither lake nor records know.
    """
    span = span_of(lake, app, since, until)
    shown = [name for name, field in load_policy("locked-down").fields.items() if field.sensitivity == "public"]
    with inquiry(lake, app, span) as asked, records.read() as tx:
        about = profile(asked, tx)
        reads = asked.count("reads", "reads", _READS.format(which="went"))
        refused = asked.count("refused requests", "requests", _READS.format(which="NOT went"))
        whom = reach(asked, lake, sets)
        over_time = timeline(asked, tx)
        runs = sessions(asked)
        odd = checks(asked)
        explained = innocent(asked, shown, whom.amplification)
    around = surroundings(asked, lake, records, about.name or app)
    again = hindsight(asked, lake, reads)
    part = [] if span == span_of(lake, app) else [_PART]
    return Dossier(
        app=about,
        since=span.since,
        until=span.until,
        made_at=clock.now(),
        headline=_headline(about, whom),
        reads=reads,
        refused=refused,
        reach=whom,
        time=over_time,
        sessions=runs,
        checks=odd,
        around=around,
        hindsight=again,
        innocent=explained,
        limits=[*part, *around.limits],
        figures=asked.figures,
    )


def _headline(app: AppProfile, whom: Reach) -> str:
    """Say the finding in one sentence."""
    people, via = int(whom.people.proved.value or 0), int(whom.via.proved.value or 0)
    consenting = int(whom.consenting.value or 0)
    name = app.name or app.app
    if not people:
        return f"{name} read nobody in this time"
    by = f", by the consent of {consenting:,}" if consenting != people else ""
    friends = f"; {via:,} of them through a friend" if via else ""
    return f"{name} read about {people:,} {'person' if people == 1 else 'people'}{by}{friends}"


def keep(records: Records, made: Dossier) -> AppAudit:
    """Keep an audit and its figures in the records, so that its page shows it and `ombud explain` explains it."""
    document = msgspec.to_builtins(made)
    same = {name: value for name, value in document.items() if name != "made_at"}
    item = AppAudit(
        derived_id("audit", made.app.app, same), made.app.app, made.made_at, made.since, made.until, document
    )
    with records.begin() as tx:
        figures.save_all(tx, made.figures)
        app_audits.save(tx, item)
    return item


def kept(item: AppAudit) -> Dossier:
    """Return a kept audit."""
    return msgspec.convert(item.document, Dossier)
