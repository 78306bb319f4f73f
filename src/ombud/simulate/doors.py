"""A simulated platform as rows for the lake's door: what a platform's own logs would hold, with string ids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ombud.model.schema import MOMENT, table
from ombud.simulate.kinds import CATEGORIES, KINDS
from ombud.simulate.requests import NOBODY
from ombud.simulate.traffic import DAY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ombud.simulate.platform import Platform
    from ombud.simulate.requests import Answers, Requests
    from ombud.simulate.vocabulary import Masks

__all__ = ["DOORS", "days_of_reads", "names", "reads_door"]

Numbers = NDArray[np.integer]
Texts = pa.StringArray

_MICROSECONDS = 1_000_000
_GRANTED = 17 * 3_600


def names(prefix: str, count: int, suffix: str = "") -> Texts:
    """Return `prefix-0`, `prefix-1`, ... as the platform's ids."""
    return _numbered(prefix, np.arange(count), suffix)


def _accounts(platform: Platform) -> pa.Table:
    """Return every person; they have no names."""
    people = platform.people
    return _door(
        "accounts",
        account=names("person", len(people)),
        happened_at=_days(platform, -people.joined),
        platform=_same("simulated", len(people)),
        region=_numbered("region", people.region),
    )


def _ties(platform: Platform) -> pa.Table:
    """Return every friendship once; when it began is not simulated."""
    one, other = platform.people.friends.pairs()
    return _door(
        "ties", account=_numbered("person", one), other=_numbered("person", other), tie=_same("friend", len(one))
    )


def _developers(platform: Platform) -> pa.Table:
    """Return every developer."""
    return _door("developers", developer=names("developer", platform.apps.developers))


def _apps(platform: Platform) -> pa.Table:
    """Return every app, with the purpose it declares and the host it calls from; its kind is not said."""
    apps = platform.apps
    hosts = pa.ListArray.from_arrays(
        list(range(len(apps) + 1)), _numbered("host", apps.host, ".example"), type=pa.list_(pa.string())
    )
    return _door(
        "apps",
        app=names("app", len(apps)),
        developer=_numbered("developer", apps.developer),
        happened_at=_days(platform, apps.registered),
        name=pa.array([f"{CATEGORIES[on].name} {n} (simulated)" for n, on in enumerate(apps.category)]),
        category=_by([category.name for category in CATEGORIES], apps.category),
        purpose=_by(platform.vocabulary.purposes, apps.purpose),
        hosts=hosts,
    )


def _grants(platform: Platform) -> pa.Table:
    """Return what each person allowed each app: a row a scope, and when they took it back before the last day."""
    apps, installs, vocabulary = platform.apps, platform.installs, platform.vocabulary
    scopes = list(dict.fromkeys((*vocabulary.scopes, *vocabulary.friend_scopes)))
    asks = np.zeros((len(apps), len(scopes)), dtype=np.bool_)
    for row, (own, friends) in enumerate(zip(apps.own.tolist(), apps.of_friends.tolist(), strict=True)):
        asks[row, [scopes.index(scope) for scope in vocabulary.wanted(own, friends)]] = True
    rows, scope = np.nonzero(asks[installs.app])
    ended = installs.ended & (installs.left < platform.days)
    return _door(
        "grants",
        app=_numbered("app", installs.app[rows]),
        person=_numbered("person", installs.person[rows]),
        scope=_by(scopes, scope),
        happened_at=_days(platform, installs.day[rows], _GRANTED),
        last_used_at=_days(platform, np.maximum(installs.left - 1, installs.day)[rows], _GRANTED),
        ended_at=pc.if_else(pa.array(ended[rows]), _days(platform, installs.left[rows], _GRANTED), None),
    )


def _labels(platform: Platform) -> pa.Table:
    """Return the truth about each app, for evaluation only: its kind."""
    count = len(platform.apps)
    return _door(
        "labels",
        subject_kind=_same("app", count),
        subject=names("app", count),
        label=_by(list(KINDS), platform.apps.kind),
        source=_same("simulated", count),
    )


DOORS: dict[str, Callable[[Platform], pa.Table]] = {
    "accounts": _accounts,
    "ties": _ties,
    "developers": _developers,
    "apps": _apps,
    "grants": _grants,
    "labels": _labels,
}
"""By table of the lake: the platform's rows for it, in the door schema. Reads come day by day, by `reads_door`."""


def reads_door(
    platform: Platform,
    requests: Requests,
    allowed: Masks,
    *,
    first: int,
    reason: Texts | None = None,
    policy: str | None = None,
) -> pa.Table:
    """Return these requests as reads numbered from `first`, with the fields that were given.

    A read that was refused names the fields that were asked for. Apps that call
    from one host use one key.
    """
    given = allowed & requests.fields
    decision = np.where(given == requests.fields, 0, np.where(given == 0, 2, 1))
    through = pc.if_else(pa.array(requests.through == NOBODY), None, _numbered("person", requests.through))
    return _door(
        "reads",
        read=_numbered("read", np.arange(first, first + len(requests))),
        app=_numbered("app", requests.app),
        person=_numbered("person", requests.person),
        through=through,
        happened_at=_moments(requests.at),
        fields=platform.vocabulary.lists(np.where(given == 0, requests.fields, given)),
        purpose=_by(platform.vocabulary.purposes, requests.purpose),
        decision=_by(["allowed", "reduced", "refused"], decision),
        reason=reason,
        policy=None if policy is None else _same(policy, len(requests)),
        key=_numbered("key", platform.apps.host[requests.app]),
    )


def days_of_reads(
    platform: Platform, answer: Callable[[Requests], Answers], days: int, *, policy: str | None = None
) -> Iterator[pa.Table]:
    """Let days pass, and yield each day's reads as the lake takes them, adversaries' and ordinary ones alike."""
    first = 0
    for turn in platform.play(answer, days, hours=24):
        yield reads_door(platform, turn.requests, turn.answers.allowed, first=first, policy=policy)
        first += len(turn.requests)


def _door(name: str, /, **columns: pa.Array | None) -> pa.Table:
    """Return the columns that are given, typed as the table's door wants them."""
    door = table(name).door
    given = {column: values for column, values in columns.items() if values is not None}
    return pa.table(given).cast(pa.schema([door.field(column) for column in given]))


def _numbered(prefix: str, numbers: Numbers, suffix: str = "") -> Texts:
    kinds, which = np.unique(numbers, return_inverse=True)
    return _by([f"{prefix}-{number}{suffix}" for number in kinds.tolist()], which)


def _same(word: str, count: int) -> Texts:
    return _by([word], np.zeros(count, dtype=np.int64))


def _by(words: list[str] | tuple[str, ...], which: Numbers) -> Texts:
    return pa.array(words, type=pa.string()).take(which)


def _days(platform: Platform, days: Numbers, seconds: int = 0) -> pa.Array:
    return _moments(platform.moment(0) + days.astype(np.int64) * DAY + seconds)


def _moments(seconds: Numbers) -> pa.Array:
    return pa.array(seconds.astype(np.int64) * _MICROSECONDS).cast(MOMENT)
