"""Who has an app's data: its developer, and everybody it was passed on to, each with how we know."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ombud.audit.ranking.links import Link, related
from ombud.audit.review.hands import MOVERS, person
from ombud.model import clock
from ombud.model.errors import InputError, NotFoundError
from ombud.records import apps, known_transfers, outbox, questionnaires, review_progress
from ombud.records.known_transfers import WAYS, KnownTransfer

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ombud.lake import Lake
    from ombud.records import Records

__all__ = ["Developer", "Holder", "How", "Picture", "developer", "learn", "picture"]


class How(msgspec.Struct, frozen=True):
    """One way in which we know of a holder."""

    known_by: str
    """contract, answer, court, press, or `not stated`"""
    source: str
    at: datetime | None
    """when it was learned; null where that is not on record"""


class Holder(msgspec.Struct, frozen=True):
    """Somebody whom data was passed on to."""

    name: str
    from_: str | None
    """who passed it on: null for the app itself"""
    fields: list[str]
    happened: str | None
    """when it was passed on, in the words of the source"""
    still_held: str | None
    """yes, no or unknown, where the source says"""
    known: list[How]


class AppOf(msgspec.Struct, frozen=True):
    """One app of a developer."""

    app: str
    name: str
    status: str | None
    """at the gate; null for one that is known from old logs alone"""
    stage: str | None
    """of its review; null when it is not in the review"""


class Developer(msgspec.Struct, frozen=True):
    """Who makes apps."""

    developer: str
    name: str | None
    country: str | None
    apps: list[AppOf]


class Picture(msgspec.Struct, frozen=True):
    """An app, its developer and the holders of its data."""

    app: str
    name: str
    developer: Developer | None
    """null when nobody knows who makes it"""
    related: list[Link]
    """other apps that it shares a developer, host, key or name with; empty unless asked for"""
    holders: list[Holder]
    """those that the app passed data to first, then those further on"""
    unknown: list[str]
    """what is not known, in sentences"""


def picture(lake: Lake, records: Records, app: str, *, linked: bool = False) -> Picture:
    """Return who has an app's data, as far as lake and records know. `NotFoundError` for an app that neither knows.

    With `linked` the apps that share something with it too, which reads through the record.
    """
    in_lake = _rows(lake, "apps", "app", app)
    with records.read() as tx:
        registered = {one.app: one for one in apps.every(tx)}
        progress = review_progress.find(tx, app)
        told = known_transfers.of_app(tx, app)
        asked = [one for one in questionnaires.of_app(tx, app, kind="review") if one.state != "withdrawn"]
    mine = registered.get(app)
    if not in_lake and mine is None and progress is None:
        raise NotFoundError(f"No app `{app}` is known.", hint="`ombud audit funnel` and `ombud gate apps` list apps.")
    name = mine.name if mine else next((row["name"] for row in in_lake if row["name"]), None)
    who = mine.developer if mine else next((row["developer"] for row in in_lake if row["developer"]), None)
    holders = _merge([*_from_lake(lake, app), *(_told(one) for one in told)])
    return Picture(
        app=app,
        name=name or (progress.name if progress else app),
        developer=developer(lake, records, who) if who else None,
        related=_related(lake, app) if linked else [],
        holders=holders,
        unknown=_unknown(who, holders, asked),
    )


def developer(lake: Lake, records: Records, who: str) -> Developer:
    """Return a developer with all apps, registered or known from logs. `NotFoundError` for one that nobody knows."""
    described = _rows(lake, "developers", "developer", who)
    logged = {row["app"]: row for row in _rows(lake, "apps", "developer", who)}
    with records.read() as tx:
        own = {one.app: one for one in apps.of_developer(tx, who)}
        stages = {app: review_progress.find(tx, app) for app in {*own, *logged}}
    if not described and not own and not logged:
        raise NotFoundError(f"No developer `{who}` is known.", hint="Give the id as the platform does.")
    name = next((one.developer_name for one in own.values() if one.developer_name), None)
    return Developer(
        developer=who,
        name=name or next((row["name"] for row in described if row["name"]), None),
        country=next((row["country"] for row in described if row["country"]), None),
        apps=[
            AppOf(
                app,
                own[app].name if app in own else logged[app]["name"] or app,
                own[app].status if app in own else None,
                found.stage if (found := stages[app]) else None,
            )
            for app in sorted(stages)
        ],
    )


def learn(
    tx: Connection, app: str, holder: str, *, known_by: str, source: str, by: str, fields: str = "",
    from_holder: str | None = None, happened: str | None = None,
) -> KnownTransfer:  # fmt: skip
    """Write down a holder that was learned of by a contract, a court or the press."""
    author = person(tx, by, MOVERS)
    review_progress.get(tx, app)
    way = next((one for one in WAYS if one == known_by and one != "answer"), None)
    if way is None:
        raise InputError(
            f"Nobody is known by `{known_by}`.",
            hint="Say contract, court or press; what developers answer comes by their link.",
        )
    made = known_transfers.add(
        tx,
        KnownTransfer(
            app=app,
            from_holder=from_holder,
            holder=holder.strip(),
            fields=fields,
            happened=happened,
            known_by=way,
            source=source,
            author=author,
            learned_at=clock.now(),
        ),
    )
    line = review_progress.add_line(tx, app, "learned", author, f"A holder of its data, by {way}: {source}.")
    said = {"action": "learned", "app": app, "line": review_progress.commitment(line)}
    outbox.append(tx, "review", said)
    return made


def _related(lake: Lake, app: str) -> list[Link]:
    number = lake.ids("app", [app])[0]
    return [] if number is None else related(lake, number)


def _rows(lake: Lake, table: str, column: str, value: str) -> list[dict[str, Any]]:
    if not lake.files(table):
        return []
    found: list[dict[str, Any]] = lake.read(table, None, f"{column} = $value", {"value": value}, names=True).to_pylist()
    return found


def _from_lake(lake: Lake, app: str) -> list[Holder]:
    """Walk the lake's transfers from an app on; each holder is followed once, so that a circle ends."""
    if not lake.files("transfers"):
        return []
    rows: list[dict[str, Any]] = lake.read("transfers", names=True).to_pylist()
    named = (
        {row["holder"]: row for row in lake.read("holders", names=True).to_pylist()} if lake.files("holders") else {}
    )
    chain = [row for row in rows if row["app"] == app and row["from_holder"] is None]
    found, followed = [], set()
    while chain:
        row = chain.pop(0)
        described = named.get(row["holder"], {})
        way = row["known_by"] or described.get("known_by") or "not stated"
        shown = described.get("name") or row["holder"]
        giver = row["from_holder"]
        found.append(
            Holder(
                name=shown,
                from_=(named.get(giver, {}).get("name") or giver) if giver else None,
                fields=list(row["fields"] or []),
                happened=f"{row['happened_at']:%Y-%m-%d}" if row["happened_at"] else None,
                still_held=None,
                known=[How(way, "the lake's table `transfers`", None)],
            )
        )
        if row["holder"] not in followed:
            followed.add(row["holder"])
            chain += [one for one in rows if one["from_holder"] == row["holder"] and one["app"] in {app, None}]
    return found


def _told(one: KnownTransfer) -> Holder:
    fields = [part.strip() for part in one.fields.split(",") if part.strip()]
    return Holder(
        one.holder,
        one.from_holder,
        fields,
        one.happened,
        one.still_held,
        [How(one.known_by, one.source, one.learned_at)],
    )


def _merge(found: list[Holder]) -> list[Holder]:
    """Put what several sources say of one holder and one giver together."""
    out: dict[tuple[str, str], Holder] = {}
    for one in found:
        key = (one.name.casefold(), (one.from_ or "").casefold())
        before = out.get(key)
        if before is None:
            out[key] = one
            continue
        out[key] = Holder(
            before.name,
            before.from_,
            list(dict.fromkeys([*before.fields, *one.fields])),
            before.happened or one.happened,
            one.still_held or before.still_held,
            list(dict.fromkeys([*before.known, *one.known])),
        )
    return list(out.values())


def _unknown(who: str | None, holders: list[Holder], asked: list[questionnaires.Questionnaire]) -> list[str]:
    """Say what the picture lacks."""
    said = [] if who else ["Nobody knows who makes this app."]
    states = {one.state for one in asked}
    if not asked:
        said.append("Its developer was never asked whom data was passed on to.")
    elif "answered" not in states:
        said.append("Its developer was asked whom data was passed on to, and has not answered.")
    elif not any(how.known_by == "answer" for one in holders for how in one.known):
        said.append("Its developer answered and named nobody. That is their word; nothing shows it.")
    if holders and not any(one.fields for one in holders):
        said.append("Which fields were passed on is not known.")
    if any(one.still_held in {None, "unknown"} for one in holders):
        said.append("Whether holders still have the data is not known of all of them.")
    return said
