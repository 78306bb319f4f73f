"""A policy and the standings of apps as 64-bit masks: what decisions read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ombud.gate.policy.checking import REGION
from ombud.gate.policy.language import EVERY
from ombud.gate.policy.scope_bits import ScopeBits
from ombud.gate.reasons import NUMBER
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from ombud.gate.policy.language import Limits, Policy
    from ombud.gate.request import AppStanding

__all__ = [
    "DAY",
    "NO_LIMIT",
    "REMEMBERED",
    "AppMasks",
    "Arrays",
    "CompiledPolicy",
    "compile_policy",
    "day_of",
    "numbers_of",
]

Masks = NDArray[np.uint64]
Days = NDArray[np.int64]

DAY = 86_400
CLOSED, ACTIVE, DECLARED, REVIEWED, CONTRACTED, OPEN, REGISTERED = range(7)
"""Columns of `Arrays.apps`: the reason against the app, the day it was last active, the purposes it declared,
the scopes that are reviewed (or need no review), contracted (or need no contract) and open in its status, and the
day it was registered."""
REMEMBERED = 65_536
"""Entries of each memory of what was worked out before; a full one begins again."""
NO_LIMIT = 2**62
"""A budget or a number of days that nothing reaches."""
_STATUS = {"live": 0, "under_review": 0, "suspended": NUMBER["app-suspended"], "banned": NUMBER["app-banned"]}


class Arrays(NamedTuple):
    """The compiled policy as compiled code reads it; rows of `app_*` are apps by index."""

    app_closed: NDArray[np.uint8]
    """number of the reason why the app gets nothing, whatever it asks; 0 if there is none"""
    apps: NDArray[np.int64]
    """(apps, 8), one cache line an app, by the columns `CLOSED` ... `REGISTERED`: masks are of 64 bits, days of UTC"""
    purpose_needs: Masks
    """by purpose: the fields it may ask for"""
    region_refuses: Masks
    """by region: fields; the first is a place without rules, the last a place unknown"""
    opens: Masks
    """(at most 8, 256): by byte of a mask of scopes and its value, the own fields that it opens"""
    opens_of_friends: Masks
    """likewise: the friends' fields"""
    limits: NDArray[np.int64]
    """(apps, 4): people an hour and a day, fields an hour and a day"""
    open_at_all: NDArray[np.uint64]
    """(2,): own fields, and friends' fields, that any scope opens"""
    basic: np.uint64
    """the bit of the basic scope"""
    unused_days: int
    idle_app_days: int
    purpose_rule: int
    """0: purposes are not looked at; 1: known ones; 2: declared ones"""
    friend_must_use_app: bool


class AppMasks(NamedTuple):
    """What single decisions need to know of one app."""

    name: str
    row: int
    needs: dict[str, int]
    """by purpose that the app may name: the fields"""
    reviewed: int
    contracted: int
    usable: int
    """scopes that are reviewed, contracted and open"""


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """A policy for a set of apps. Fields, purposes and regions are numbered in the order of the policy."""

    policy: Policy
    hash: str
    fields: tuple[str, ...]
    field_bits: dict[str, int]
    """by name of a field: its bit, as a mask"""
    scopes: ScopeBits
    purposes: dict[str, int]
    regions: dict[str, int]
    """by code: the row of `region_refuses`"""
    app_index: dict[str, int]
    apps: dict[str, AppMasks]
    arrays: Arrays
    every: int
    """the mask of all fields"""
    open_at_all: tuple[int, int]
    """own fields, and friends' fields, that any scope opens"""
    region_refuses: tuple[int, ...]
    """by row: fields; the last row is that of a place unknown"""
    opened: dict[int, tuple[int, int]] = field(default_factory=dict)
    """remembered: by mask of scopes, the own and the friends' fields"""

    def mask(self, names: Iterable[str]) -> int:
        """Return the mask of those of these fields that the policy knows."""
        mask = 0
        for name in names:
            mask |= self.field_bits.get(name, 0)
        return mask

    def names(self, mask: int) -> tuple[str, ...]:
        """Return the fields of a mask."""
        return tuple(name for bit, name in enumerate(self.fields) if mask >> bit & 1)

    def opens(self, scopes: int) -> tuple[int, int]:
        """Return the own and the friends' fields that a mask of scopes opens."""
        found = self.opened.get(scopes)
        if found is None:
            own = friends = 0
            for byte in range(len(self.arrays.opens)):
                value = scopes >> 8 * byte & 255
                own |= int(self.arrays.opens[byte, value])
                friends |= int(self.arrays.opens_of_friends[byte, value])
            if len(self.opened) >= REMEMBERED:
                self.opened.clear()
            found = self.opened[scopes] = own, friends
        return found

    def region(self, code: str | None) -> int:
        """Return the row of a region's rules: the strictest when the code is missing or is no code."""
        if code is None:
            return -1
        found = self.regions.get(code)
        if found is None:
            found = self.regions.get(code.partition("-")[0], 0) if REGION.fullmatch(code) else -1
        return found


def day_of(moment: datetime) -> int:
    """Return the UTC day of a moment, counted from 1970."""
    if moment.tzinfo is None:
        raise InputError(f"The moment {moment} has no time zone.", hint="Give one, such as UTC.")
    return int(moment.timestamp() // DAY)


def compile_policy(
    policy: Policy,
    apps: Sequence[AppStanding],
    scopes: ScopeBits | None = None,
    app_index: Mapping[str, int] | None = None,
) -> CompiledPolicy:
    """Turn a policy and the standings of apps into masks.

    `scopes` are the bits of the consents (`ConsentTable.scopes`), which stay
    the same when the policy changes; `app_index` the dense ids of the apps,
    their place in `apps` if unset.
    """
    bits = scopes or ScopeBits()
    index = {standing.app: n for n, standing in enumerate(apps)} if app_index is None else dict(app_index)
    field_bits = {name: 1 << n for n, name in enumerate(policy.fields)}
    every = (1 << len(field_bits)) - 1

    def fields(names: Iterable[str]) -> int:
        distinct = set(names)
        return every if EVERY in distinct else sum(field_bits[name] for name in distinct)

    needs = [every if policy.apps.purpose == "any" else fields(p.fields) for p in policy.purposes.values()]
    codes, refuses = _regions(policy, fields)
    own, friends = _opening(policy, bits, fields)
    arrays = Arrays(
        **_of_apps(policy, apps, bits, index),
        purpose_needs=np.array(needs, dtype=np.uint64),
        region_refuses=refuses,
        opens=own,
        opens_of_friends=friends,
        open_at_all=np.array([_all(own), _all(friends)], dtype=np.uint64),
        basic=np.uint64(1 << bits.bit(policy.basic)),
        unused_days=policy.expiry.unused_days or NO_LIMIT,
        idle_app_days=policy.expiry.idle_app_days or NO_LIMIT,
        purpose_rule=("any", "known", "declared").index(policy.apps.purpose),
        friend_must_use_app=policy.friends.must_use_app,
    )
    numbers = {name: n for n, name in enumerate(policy.purposes)}
    return CompiledPolicy(
        policy=policy,
        hash=policy.hash,
        fields=tuple(policy.fields),
        field_bits=field_bits,
        scopes=bits,
        purposes=numbers,
        regions=codes,
        app_index=index,
        apps=_masks(policy, apps, index, arrays, dict(zip(numbers, needs, strict=True))),
        arrays=arrays,
        every=every,
        open_at_all=(_all(own), _all(friends)),
        region_refuses=tuple(refuses.tolist()),
    )


def _all(opens: Masks) -> int:
    return int(np.bitwise_or.reduce(opens.reshape(-1)))


def _opening(policy: Policy, bits: ScopeBits, fields: Callable[[Iterable[str]], int]) -> tuple[Masks, Masks]:
    """Return what each value of each byte of a mask of scopes opens, own and of friends."""
    tables = np.zeros((2, 8, 256), dtype=np.uint64)  # cut below to the bytes that any scope has
    values = np.arange(256)
    for name, scope in policy.scopes.items():
        byte, bit = divmod(bits.bit(name), 8)
        has = values >> bit & 1 == 1
        for table, opened in zip(tables, (scope.opens, scope.opens_of_friends), strict=True):
            table[byte, has] |= np.uint64(fields(opened))
    used = max(bits.bit(name) for name in policy.scopes) // 8 + 1
    return tables[0, :used].copy(), tables[1, :used].copy()


def _regions(policy: Policy, fields: Callable[[Iterable[str]], int]) -> tuple[dict[str, int], Masks]:
    """Return the row of each code, and the fields that each row refuses; a part of a country has its rules too."""
    by_code: dict[str, int] = {}
    for region in policy.regions:
        for code in region.codes:
            by_code[code] = by_code.get(code, 0) | fields(region.refuses)
    strictest = 0
    for code, refused in by_code.items():
        by_code[code] = refused | by_code.get(code.partition("-")[0], 0)
        strictest |= refused
    rows = [0, *by_code.values(), strictest]
    return {code: n for n, code in enumerate(by_code, 1)}, np.array(rows, dtype=np.uint64)


def _of_apps(
    policy: Policy, apps: Sequence[AppStanding], bits: ScopeBits, index: dict[str, int]
) -> dict[str, NDArray[Any]]:
    """Return the arrays whose rows are apps; an app without standing is unknown."""
    size = max(index.values(), default=-1) + 1
    apps_ = np.zeros((size, 8), dtype=np.int64)
    apps_[:, CLOSED] = NUMBER["unknown-app"]
    masks = apps_.view(np.uint64)
    limits = np.full((size, 4), NO_LIMIT, dtype=np.int64)
    free = bits.mask(name for name, scope in policy.scopes.items() if not scope.review)
    unbound = bits.mask(name for name, scope in policy.scopes.items() if not scope.contract)
    every = bits.mask(policy.scopes)
    under_review = {"all": every, "unreviewed-scopes": free, "none": 0}[policy.apps.under_review]
    for standing in apps:
        row = index[standing.app]
        apps_[row, CLOSED] = _STATUS[standing.status]
        apps_[row, REGISTERED] = day_of(standing.registered_at)
        apps_[row, ACTIVE] = day_of(standing.last_active_at or standing.registered_at)
        masks[row, DECLARED] = sum(1 << n for n, name in enumerate(policy.purposes) if name in standing.purposes)
        masks[row, REVIEWED] = free | bits.mask(standing.reviewed & policy.scopes.keys())
        masks[row, CONTRACTED] = every if standing.contract else unbound
        masks[row, OPEN] = under_review if standing.status == "under_review" else every
        limits[row] = numbers_of(policy.budgets.app.get(standing.app, policy.budgets))
    return {"apps": apps_, "app_closed": apps_[:, CLOSED].astype(np.uint8), "limits": limits}


def numbers_of(limits: Limits) -> tuple[int, int, int, int]:
    """Return limits as numbers: people an hour and a day, fields an hour and a day."""

    def number(limit: int | None) -> int:
        return NO_LIMIT if limit is None else limit

    return (
        number(limits.people_an_hour),
        number(limits.people_a_day),
        number(limits.fields_an_hour),
        number(limits.fields_a_day),
    )


def _masks(
    policy: Policy, apps: Sequence[AppStanding], index: dict[str, int], arrays: Arrays, needs: dict[str, int]
) -> dict[str, AppMasks]:
    """Return what single decisions need of each app, by name."""
    out = {}
    for standing in apps:
        row = index[standing.app]
        declared = policy.apps.purpose == "declared"
        masks = arrays.apps.view(np.uint64)[row].tolist()
        out[standing.app] = AppMasks(
            name=standing.app,
            row=row,
            needs={name: mask for name, mask in needs.items() if not declared or name in standing.purposes},
            reviewed=masks[REVIEWED],
            contracted=masks[CONTRACTED],
            usable=masks[REVIEWED] & masks[CONTRACTED] & masks[OPEN],
        )
    return out
