"""What changes between two policies, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from ombud.gate.policy.language import EVERY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ombud.gate.policy.language import Limits, Policy, Scope

__all__ = ["Change", "Effect", "PolicyDiff", "diff"]

Effect = Literal["closes", "opens", "changes"]


class Change(msgspec.Struct, frozen=True):
    """One difference: what an app could get and no longer can, or the other way round."""

    effect: Effect
    """closes: less goes out; opens: more; changes: neither, or both"""
    part: str
    """fields, friends, scopes, purposes, regions, expiry, apps, budgets or cedar"""
    key: str
    before: str | None
    after: str | None
    sentence: str


class PolicyDiff(msgspec.Struct, frozen=True):
    """Two policies and how they differ: what closes first, then what opens, then the rest."""

    a: str
    """hash of the older one"""
    b: str
    changes: tuple[Change, ...]


def diff(a: Policy, b: Policy) -> PolicyDiff:
    """Compare what two policies let out; texts that explain are not compared."""
    changes = [
        *_fields(a, b),
        *_scopes(a, b),
        *_purposes(a, b),
        *_regions(a, b),
        *_rules(a, b),
        *_budgets("every app", a.budgets, b.budgets),
    ]
    for app in sorted(a.budgets.app.keys() | b.budgets.app.keys()):
        changes += _budgets(f"the app {app}", a.budgets.app.get(app, a.budgets), b.budgets.app.get(app, b.budgets))
    changes += _first_week(a, b)
    if a.cedar != b.cedar:
        changes.append(Change("changes", "cedar", "cedar", None, None, "The Cedar rules beyond reading change."))
    order = ("closes", "opens", "changes")
    return PolicyDiff(a.hash, b.hash, tuple(sorted(changes, key=lambda change: order.index(change.effect))))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _open(policy: Policy, opens: Callable[[Scope], tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return, by field, the scopes that open it."""
    return {
        name: tuple(n for n, scope in policy.scopes.items() if name in opens(scope))
        for name in policy.fields
        if any(name in opens(scope) for scope in policy.scopes.values())
    }


def _fields(a: Policy, b: Policy) -> Iterator[Change]:
    """Compare what can be read at all, own and through friends."""
    for name in [*a.fields, *(n for n in b.fields if n not in a.fields)]:
        old, new = a.fields.get(name), b.fields.get(name)
        if old is None:
            yield Change("changes", "fields", name, None, name, f"The catalogue names {name}.")
        elif new is None:
            yield Change("changes", "fields", name, name, None, f"The catalogue no longer names {name}.")
        elif old.sensitivity != new.sensitivity:
            said = f"{name} counts as {new.sensitivity} instead of {old.sensitivity}."
            yield Change("changes", "fields", name, old.sensitivity, new.sensitivity, said)
    for part, whose, opens in (
        ("fields", "a person", lambda scope: scope.opens),
        ("friends", "a friend", lambda scope: scope.opens_of_friends),
    ):
        before, after = _open(a, opens), _open(b, opens)
        for name in [*before, *(n for n in after if n not in before)]:
            was, now = before.get(name, ()), after.get(name, ())
            if was == now:
                continue
            if not now:
                yield Change("closes", part, name, _listed(was), None, f"No app can read {name} of {whose} any more.")
            elif not was:
                said = f"Apps can read {name} of {whose}, by {_listed(now)}."
                yield Change("opens", part, name, None, _listed(now), said)
            else:
                effect: Effect = "opens" if set(was) < set(now) else "closes" if set(now) < set(was) else "changes"
                said = f"{name} of {whose} is opened by {_listed(now)} instead of {_listed(was)}."
                yield Change(effect, part, name, _listed(was), _listed(now), said)


_FLAGS: tuple[tuple[str, str, str], ...] = (
    ("review", "An app needs a review for {}.", "An app no longer needs a review for {}."),
    ("contract", "An app's developer must sign a contract for {}.", "No contract is needed for {} any more."),
    ("removable", "A person may untick {}.", "A person can no longer untick {}."),
)
"""Switches of a scope that close when they are set: what is said when they are, and when they no longer are."""


def _scopes(a: Policy, b: Policy) -> Iterator[Change]:
    for name, scope in a.scopes.items():
        if name not in b.scopes:
            yield Change(
                "closes", "scopes", name, name, None, f"The scope {name} is gone, also for those who ticked it."
            )
            continue
        for flag, set_now, unset in _FLAGS:
            was, now = getattr(scope, flag), getattr(b.scopes[name], flag)
            if was != now:
                said = (set_now if now else unset).format(name)
                yield Change("closes" if now else "opens", "scopes", f"{name}.{flag}", _yes(was), _yes(now), said)
        if scope.basic != b.scopes[name].basic:
            effect: Effect = "closes" if scope.basic else "opens"
            said = f"{name} {'no longer comes' if scope.basic else 'comes'} with every consent."
            yield Change(effect, "scopes", f"{name}.basic", _yes(scope.basic), _yes(not scope.basic), said)
    for name in b.scopes:
        if name not in a.scopes:
            yield Change("opens", "scopes", name, None, name, f"There is a new scope, {name}.")


def _yes(value: bool) -> str:  # noqa: FBT001 - the value is what is shown
    return "yes" if value else "no"


def _purposes(a: Policy, b: Policy) -> Iterator[Change]:
    for name, purpose in a.purposes.items():
        if name not in b.purposes:
            yield Change("closes", "purposes", name, name, None, f"{name} is no purpose any more.")
            continue
        was, now = _every(a, purpose.fields), _every(b, b.purposes[name].fields)
        for effect, lost, said in (("closes", was - now, "no longer ask for"), ("opens", now - was, "may ask for")):
            known = sorted(lost & a.fields.keys() & b.fields.keys())
            if known:
                sentence = f"For {name}, apps {said} {_listed(known)}."
                yield Change(effect, "purposes", name, _listed(sorted(was)), _listed(sorted(now)), sentence)  # type: ignore[arg-type]  # both are effects
    for name in b.purposes:
        if name not in a.purposes:
            yield Change("opens", "purposes", name, None, name, f"{name} is a purpose.")


def _every(policy: Policy, names: tuple[str, ...]) -> set[str]:
    return set(policy.fields) if EVERY in names else set(names)


def _regions(a: Policy, b: Policy) -> Iterator[Change]:
    """Compare, by code, what is refused."""
    before, after = _refused(a), _refused(b)
    for code in sorted(before.keys() | after.keys()):
        was, now = before.get(code, set()), after.get(code, set())
        for effect, gone, said in (("closes", now - was, "is refused"), ("opens", was - now, "is no longer refused")):
            if gone:
                sentence = f"In {code}, {_listed(sorted(gone))} {said}."
                yield Change(effect, "regions", code, _listed(sorted(was)), _listed(sorted(now)), sentence)  # type: ignore[arg-type]  # both are effects


def _refused(policy: Policy) -> dict[str, set[str]]:
    out: dict[str, set[str]] = {}
    for region in policy.regions:
        for code in region.codes:
            out.setdefault(code, set()).update(_every(policy, region.refuses))
    return out


def _rules(a: Policy, b: Policy) -> Iterator[Change]:
    for key, what in (
        ("unused_days", "A consent ends {} days after the person last used the app."),
        ("idle_app_days", "An app gets nothing {} days after it was last active."),
        ("consent_days", "A consent must be given again after {} days."),
    ):
        was, now = getattr(a.expiry, key), getattr(b.expiry, key)
        if was != now:
            name = key.replace("_", "-")
            said = f"{name} is without end." if now is None else what.format(now)
            yield _limit("expiry", name, was, now, said)
    purposes = ("any", "known", "declared")
    was, now = a.apps.purpose, b.apps.purpose
    if was != now:
        words = {"any": "needs no purpose", "known": "needs a purpose", "declared": "needs a purpose that it declared"}
        effect: Effect = "closes" if purposes.index(now) > purposes.index(was) else "opens"
        yield Change(effect, "apps", "purpose", was, now, f"An app {words[now]}.")
    stages = ("all", "unreviewed-scopes", "none")
    was, now = a.apps.under_review, b.apps.under_review
    if was != now:
        words = {"all": "keeps all scopes", "unreviewed-scopes": "keeps scopes without review", "none": "gets nothing"}
        effect = "closes" if stages.index(now) > stages.index(was) else "opens"
        yield Change(effect, "apps", "under-review", was, now, f"An app under review {words[now]}.")
    if a.friends != b.friends:
        must = b.friends.must_use_app
        said = f"A friend must{'' if must else ' no longer'} use the app, too."
        effect = "closes" if must else "opens"
        yield Change(effect, "friends", "must-use-app", _yes(not must), _yes(must), said)


def _budgets(whom: str, a: Limits, b: Limits) -> Iterator[Change]:
    for key in ("people_an_hour", "people_a_day", "fields_an_hour", "fields_a_day"):
        was, now = getattr(a, key), getattr(b, key)
        if was != now:
            what, _, when = key.partition("_")
            many = f"as many {what} as it likes" if now is None else f"{now:,} {what}"
            said = f"For {whom}: {many} {when.replace('_', ' ')}."
            yield _limit("budgets", f"{whom}.{key.replace('_', '-')}".removeprefix("every app."), was, now, said)


def _first_week(a: Policy, b: Policy) -> Iterator[Change]:
    was, now = a.budgets.first_week, b.budgets.first_week
    if was != now:
        closes = was is None or (now is not None and now.share < was.share)
        said = f"A new app has {now.share:.0%} of the budget for {now.days} days." if now else "New apps start in full."
        before = f"{was.share:.0%} for {was.days} days" if was else None
        after = f"{now.share:.0%} for {now.days} days" if now else None
        yield Change("closes" if closes else "opens", "budgets", "first-week", before, after, said)


def _limit(part: str, key: str, was: int | None, now: int | None, said: str) -> Change:
    closes = was is None or (now is not None and now < was)
    texts = (None if value is None else f"{value:,}" for value in (was, now))
    return Change("closes" if closes else "opens", part, key, next(texts), next(texts), said)
