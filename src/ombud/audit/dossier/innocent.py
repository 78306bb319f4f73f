"""What would explain an app's reads innocently: each explanation with what the record says for or against it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from ombud.audit.dossier.inquiry import Number
from ombud.audit.dossier.sessions import RUNS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ombud.audit.dossier.inquiry import Inquiry

__all__ = ["Innocent", "innocent"]

Applies = Literal["yes", "partly", "no", "unknown"]
MOST, SOME = 0.8, 0.3
"""Shares from which an explanation holds, or holds in part."""
BUSY, BUSIER = 1.1, 1.5
"""Times the usual from which a day was somewhat busy, or busy, for everybody."""
WIDE = 5
"""Fields in a read from which it looks like a copy of somebody's own data."""
OWN = 0.99
FEW, SEVERAL = 1.5, 5.0
"""People read for each consenting person, up to which an app reads its own users, or may."""

_APP = "(SELECT id FROM app_ids WHERE name = $app)"
_BUSIEST = """busiest AS (
  SELECT date_trunc('day', happened_at) AS day FROM mine WHERE went
  GROUP BY ALL ORDER BY count(DISTINCT person) DESC, day LIMIT 1
)"""
_SHOWN = """
SELECT count(*) FILTER (list_has_all([{shown}], fields)) / nullif(count(*), 0) FROM mine WHERE went AND via
"""
_LARGEST = f"""{RUNS}, largest AS (
  SELECT "key", run, min(happened_at) AS first FROM runs GROUP BY ALL
  ORDER BY count(DISTINCT person) DESC, first LIMIT 1
), inside AS (
  SELECT DISTINCT r.person FROM runs AS r JOIN largest AS l ON r.run = l.run AND r."key" IS NOT DISTINCT FROM l."key"
), earlier AS (
  SELECT DISTINCT person FROM mine WHERE went AND happened_at < (SELECT first FROM largest)
)"""  # noqa: S608 - our own words
_AGAIN = "SELECT count(e.person) / nullif(count(*), 0) FROM inside AS i LEFT JOIN earlier AS e ON e.person = i.person"
_NEW = f"""
SELECT CASE WHEN NOT EXISTS (FROM grants WHERE app = {_APP}) THEN NULL ELSE (
  SELECT count(DISTINCT m.person) FILTER (g.person IS NOT NULL) / nullif(count(DISTINCT m.person), 0)
  FROM mine AS m JOIN busiest AS b ON date_trunc('day', m.happened_at) = b.day
  LEFT JOIN grants AS g ON g.app = {_APP} AND g.person = m.person
    AND g.happened_at >= b.day - INTERVAL 1 DAY AND g.happened_at < b.day + INTERVAL 1 DAY
  WHERE m.went) END
"""  # noqa: S608 - our own words
_OWN = "SELECT count(*) FILTER (NOT via) / nullif(count(*), 0) FROM mine WHERE went"
_WIDTH = "SELECT avg(len(fields)) FROM mine WHERE went"
_HOSTS = f"""
SELECT CASE WHEN NOT EXISTS (FROM apps WHERE app = {_APP} AND len(hosts) > 0) THEN NULL ELSE (
  SELECT count(DISTINCT o.developer) FROM apps AS o JOIN apps AS m ON list_has_any(o.hosts, m.hosts)
  WHERE m.app = {_APP} AND o.app <> m.app AND o.developer IS DISTINCT FROM m.developer) END
"""  # noqa: S608 - our own words
_OTHERS = f"""
SELECT max(n) FILTER (day = (SELECT day FROM busiest)) / median(n) FROM (
  SELECT date_trunc('day', happened_at) AS day, count(*) AS n FROM reads
  WHERE app <> {_APP} AND decision <> 'refused'
    AND happened_at >= CAST($since AS TIMESTAMPTZ) AND happened_at < CAST($until AS TIMESTAMPTZ) GROUP BY ALL)
"""  # noqa: S608 - our own words


class Innocent(msgspec.Struct, frozen=True):
    """One innocent explanation, and whether it holds."""

    code: str
    title: str
    sentence: str
    applies: Applies
    number: Number
    """what the answer rests on"""


def innocent(asked: Inquiry, shown: Iterable[str], amplification: Number) -> list[Innocent]:
    """Weigh every innocent explanation; `shown` are the fields that anybody may see, such as a name."""
    return [
        _users(amplification),
        _friends(asked, shown),
        _resync(asked),
        _launch(asked),
        _copy(asked),
        _host(asked),
        _holiday(asked),
    ]


def _by_share(share: float | None) -> Applies:
    if share is None:
        return "unknown"
    return "yes" if share >= MOST else "partly" if share >= SOME else "no"


def _users(number: Number) -> Innocent:
    value = number.value
    applies: Applies = "unknown" if value is None else "yes" if value <= FEW else "partly" if value <= SEVERAL else "no"
    said = (
        "Nothing went out by the consent of anybody who is still known."
        if value is None
        else f"It read {value:,.1f} people for each consenting person."
    )
    return Innocent("its-users", "It reads many because many use it", said, applies, number)


def _friends(asked: Inquiry, shown: Iterable[str]) -> Innocent:
    names = sorted(shown)
    listed = ", ".join("'" + name.replace("'", "''") + "'" for name in names)
    number = asked.count("reads through friends that took only what anybody sees", "share", _SHOWN.format(shown=listed))
    title = "A game or messenger that shows who else is there"
    if number.value is None:
        return Innocent("shows-friends", title, "Nothing went out through friends.", "no", number)
    sentence = f"Of its reads through friends, {number.value:.0%} took nothing beyond {' and '.join(names)}."
    return Innocent("shows-friends", title, sentence, _by_share(number.value), number)


def _resync(asked: Inquiry) -> Innocent:
    number = asked.count("people of the largest session read before it", "share", _AGAIN, ctes=_LARGEST)
    title = "A re-sync after an outage"
    if number.value is None:
        return Innocent("re-sync", title, "There is no session.", "no", number)
    sentence = f"Of the people in its largest session, it had read {number.value:.0%} before."
    return Innocent("re-sync", title, sentence, _by_share(number.value), number)


def _launch(asked: Inquiry) -> Innocent:
    number = asked.count("people of the busiest day who had just come", "share", _NEW, "grants", ctes=_BUSIEST)
    title = "A big launch"
    if number.value is None:
        return Innocent("launch", title, "The lake has no consents of this app to tell.", "unknown", number)
    sentence = f"Of the people read on its busiest day, {number.value:.0%} had allowed it within a day."
    return Innocent("launch", title, sentence, _by_share(number.value), number)


def _copy(asked: Inquiry) -> Innocent:
    own = asked.count("reads by people's own consent", "share", _OWN)
    width = asked.count("fields in a read", "fields, on average", _WIDTH)
    title = "A tool for backup or export, which copies people's own data"
    if own.value is None:
        return Innocent("own-copy", title, "Nothing went out.", "no", own)
    applies: Applies = "no" if own.value < OWN else "yes" if (width.value or 0) >= WIDE else "partly"
    sentence = f"Of its reads, {own.value:.0%} were of people who allowed it themselves, {width.value:.1f} fields each."
    return Innocent("own-copy", title, sentence, applies, own)


def _host(asked: Inquiry) -> Innocent:
    number = asked.count("other developers on its hosts", "developers", _HOSTS, "apps")
    title = "A shared library or hosting company: the host is not the app's own"
    if number.value is None:
        return Innocent("shared-host", title, "The lake has no hosts of this app.", "unknown", number)
    sentence = f"{number.value:,} other developers have an app on one of its hosts."
    applies: Applies = "yes" if number.value > 2 else "partly" if number.value else "no"  # noqa: PLR2004 - more than a partner or two
    return Innocent("shared-host", title, sentence, applies, number)


def _holiday(asked: Inquiry) -> Innocent:
    number = asked.count("other apps' reads on its busiest day", "times their median day", _OTHERS, ctes=_BUSIEST)
    title = "A holiday or event on which everybody was busy"
    value = number.value
    if value is None:
        return Innocent("holiday", title, "No other app read anything on its busiest day.", "unknown", number)
    applies: Applies = "yes" if value >= BUSIER else "partly" if value >= BUSY else "no"
    sentence = f"On its busiest day, all other apps together read {value:.2f} times what they do on a median day."
    return Innocent("holiday", title, sentence, applies, number)
