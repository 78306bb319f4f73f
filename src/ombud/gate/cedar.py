"""The same policy as Cedar policies and entities, decided by Cedar itself: a second pair of eyes.

Cedar (Cutler et al., OOPSLA 2024) answers allow or deny and names the policies
that decided. So one question is put for each field, and each reason becomes a
`forbid` whose `@id` begins with its place in the order of reasons: of those
that hold, the first is the reason. What is within the rules is put once more
as a charge against the budgets, with what had been counted until then, since
Cedar keeps no counts.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import cedarpy

from ombud.gate.plain import Answer
from ombud.gate.policy.compiled import DAY
from ombud.gate.policy.language import EVERY
from ombud.gate.reasons import NUMBER, UNKNOWN_FIELD
from ombud.gate.request import Refusal
from ombud.model.clock import now
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ombud.gate.plain import World
    from ombud.gate.policy.language import Policy
    from ombud.gate.request import ReadRequest

__all__ = ["CedarGate", "Counts", "budget_policies", "counts_of", "read_policies"]

_KINDS = ("people_an_hour", "people_a_day", "fields_an_hour", "fields_a_day")
_MOST = 4_096
"""Questions in one call."""


class Counts(NamedTuple):
    """What had been counted for the app of a request just before it, in its hour and day."""

    people_hour: int
    people_day: int
    fields_hour: int
    fields_day: int
    in_hour: bool
    """whether the person is among the people of the hour"""
    in_day: bool
    day: int


def counts_of(world: World, request: ReadRequest) -> Counts:
    """Return the counts of a world as a request finds them, and change nothing: only what goes out moves the clock."""
    tally, app, person = replace(world.tally), request.app, request.person
    tally.at(int((request.at or now()).timestamp()) // 3_600)
    hour, day = tally.people_hour.get(app, set()), tally.people_day.get(app, set())
    fields = tally.fields_hour.get(app, 0), tally.fields_day.get(app, 0)
    return Counts(len(hour), len(day), *fields, person in hour, person in day, tally.hour // 24)


def read_policies(policy: Policy) -> str:
    """Return the rules of reading as Cedar policies."""
    expiry = policy.expiry
    rules = [
        (UNKNOWN_FIELD, "!(resource has opened_by)"),
        ("stale", "!context.fresh"),
        ("unknown-app", "!(principal has status)"),
        *((f"app-{s}", f'principal has status && principal.status == "{s}"') for s in ("banned", "suspended")),
        ("stopped", "principal has status && principal.stopped"),
    ]
    if expiry.idle_app_days is not None:
        rules.append(("app-idle", f"principal has status && context.day - principal.active > {expiry.idle_app_days}"))
    if policy.apps.purpose != "any":
        rules.append(("unknown-purpose", f"!{_set(policy.purposes)}.contains(context.purpose)"))
        rules.append(("not-for-purpose", "resource has purposes && !resource.purposes.contains(context.purpose)"))
    if policy.apps.purpose == "declared":
        rules.append(("purpose-not-declared", "principal has status && !principal.purposes.contains(context.purpose)"))
    rules += [
        ("not-a-friend", "!context.own && !(context.known && context.tied)"),
        ("no-consent", "!(context has consent)"),
        *((f"consent-{code}", f"context has consent && {rule}") for code, rule in _ended(policy, "context.consent")),
        ("closed", "context.own && resource has opened_by && resource.opened_by.isEmpty()"),
        ("closed-through-friends", "!context.own && resource has opened_by && resource.opened_to_friends_by.isEmpty()"),
        ("not-granted", _none_open(policy, "ticked")),
        ("not-reviewed", _none_open(policy, "reviewed")),
        ("no-contract", _none_open(policy, "contracted")),
        ("app-under-review", _none_open(policy, "open")),
    ]
    if policy.friends.must_use_app:
        ends = " || ".join(f"({rule})" for _, rule in _ended(policy, "context.friend_consent"))
        rules.append(("friend-not-in-app", f"!context.own && (!(context has friend_consent) || {ends})"))
    for region in policy.regions:
        names = _set(policy.fields if EVERY in region.refuses else region.refuses)
        here = f"{_set(region.codes)}.contains(context.region) || {_set(region.codes)}.contains(context.country)"
        rules.append(
            ("region", f"resource has name && {names}.contains(resource.name) && (!(context has region) || {here})")
        )
    head = 'permit (principal, action == Action::"read", resource);\n'
    return head + "".join(_forbid(NUMBER[code], code, "read", rule) for code, rule in rules)


def budget_policies() -> str:
    """Return the budgets as Cedar policies; how much an app may read is an attribute of the app."""
    text = 'permit (principal, action == Action::"charge", resource);\n'
    rank = 0
    for kind in _KINDS:
        for limit, code in (("full", kind.replace("_", "-")), ("cap", "slowed"), ("ramp", "first-week")):
            rank += 1
            young = "context.day - principal.registered < principal.ramp_days && " if limit == "ramp" else ""
            over = f"{young}principal has {limit}_{kind} && context.{kind} > principal.{limit}_{kind}"
            text += _forbid(rank, code, "charge", f"context has {kind} && {over}")
    return text


def _forbid(rank: int, code: str, action: str, rule: str) -> str:
    return f'@id("{rank:02}.{code}")\nforbid (principal, action == Action::"{action}", resource) when {{ {rule} }};\n'


def _ended(policy: Policy, consent: str) -> list[tuple[str, str]]:
    """Return what ends a consent: the end of the reason's code, and the rule."""
    rules = [
        ("revoked", f"{consent}.revoked"),
        ("expired", f"{consent} has expires && context.day >= {consent}.expires"),
    ]
    if policy.expiry.unused_days is not None:
        rules.append(("unused", f"context.day - {consent}.used > {policy.expiry.unused_days}"))
    return rules


def _none_open(policy: Policy, stage: str) -> str:
    """Return the rule that no ticked scope opens the field, counting only scopes that pass up to a stage."""
    ways = []
    for name, scope in policy.scopes.items():
        quoted = json.dumps(name)
        here = f"(if context.own then resource.opened_by else resource.opened_to_friends_by).contains({quoted})"
        tests = [here] if scope.basic else [here, f"context.consent.scopes.contains({quoted})"]
        if stage != "ticked" and scope.review:
            tests.append(f"principal.reviewed.contains({quoted})")
        if stage in {"contracted", "open"} and scope.contract:
            tests.append("principal.contract")
        if stage == "open" and policy.apps.under_review != "all":
            meanwhile = policy.apps.under_review == "unreviewed-scopes" and not scope.review
            tests += [] if meanwhile else ['principal.status != "under_review"']
        ways.append(f"({' && '.join(tests)})")
    return f"context has consent && principal has status && resource has opened_by && !({' || '.join(ways)})"


def _set(names: Iterable[str]) -> str:
    return f"[{', '.join(json.dumps(name) for name in names)}]"


class CedarGate:
    """A world as Cedar sees it. Made anew when policy, apps or consents change."""

    def __init__(self, world: World) -> None:
        """Translate and parse policies and entities."""
        self.world = world
        self.policies = cedarpy.PolicySet.from_str(read_policies(world.policy) + budget_policies())
        self.entities = cedarpy.Entities.from_json_str(json.dumps([*_apps(world), *_fields(world), *_consents(world)]))

    def decide_many(self, requests: Sequence[ReadRequest], counts: Sequence[Counts]) -> list[Answer]:
        """Decide requests, each with what had been counted before it."""
        contexts = [json.dumps(self._context(request)) for request in requests]
        fields = [tuple(dict.fromkeys(request.fields)) for request in requests]
        questions = [
            self._question("read", request.app, name, context)
            for request, names, context in zip(requests, fields, contexts, strict=True)
            for name in names
        ]
        said = iter(self._ask(questions))
        reasons = [{name: next(said) for name in names} for names in fields]
        within = [[name for name, why in found.items() if why is None] for found in reasons]
        charges = [
            self._question("charge", request.app, within[n][0], json.dumps(_added(count, len(within[n]))))
            for n, (request, count) in enumerate(zip(requests, counts, strict=True))
            if within[n]
        ]
        over = iter(self._ask(charges))
        answers = []
        for ruled, names in zip(reasons, within, strict=True):
            found = ruled | dict.fromkeys(names, next(over) if names else None)
            out = tuple(name for name, why in found.items() if why is None)
            refused = tuple(Refusal(name, why) for name, why in found.items() if why is not None)
            answers.append(Answer("refused" if not out else "reduced" if refused else "allowed", out, refused))
        return answers

    def _ask(self, questions: list[dict[str, Any]]) -> list[str | None]:
        """Return the first reason against each question; null where Cedar allows it."""
        out: list[str | None] = []
        for start in range(0, len(questions), _MOST):
            for result in cedarpy.is_authorized_batch(questions[start : start + _MOST], self.policies, self.entities):
                if result.diagnostics.errors:
                    raise InputError(f"Cedar could not decide: {result.diagnostics.errors[0]}.", hint="Report it.")
                ids = result.diagnostics.id_annotations_by_reason.values()
                out.append(None if result.allowed else min(ids).partition(".")[2])
        return out

    def _question(self, action: str, app: str, name: str, context: str) -> dict[str, Any]:
        return {
            "principal": {"type": "App", "id": app},
            "action": {"type": "Action", "id": action},
            "resource": {"type": "Field", "id": name},
            "context": context,
        }

    def _context(self, request: ReadRequest) -> dict[str, Any]:
        world, own = self.world, request.through in {None, request.person}
        giver = request.person if own else str(request.through)
        pair = frozenset((giver, request.person))
        context: dict[str, Any] = {
            "fresh": world.fresh,
            "day": int((request.at or now()).timestamp()) // DAY,
            "purpose": request.purpose,
            "own": own,
            "known": request.person in world.people,
            "tied": world.friends is None or pair in world.friends,
        }
        if (request.app, giver) in world.consents:
            context["consent"] = _consent(request.app, giver)
        if not own and (request.app, request.person) in world.consents:
            context["friend_consent"] = _consent(request.app, request.person)
        if request.region and re.fullmatch(r"[A-Z]{2}(-[A-Z0-9]{1,3})?", request.region):
            context |= {"region": request.region, "country": request.region[:2]}
        return context


def _added(before: Counts, fields: int) -> dict[str, int]:
    """Return what would be counted after a read; a count that does not grow is left out."""
    after = {
        "day": before.day,
        "fields_an_hour": before.fields_hour + fields,
        "fields_a_day": before.fields_day + fields,
    }
    if not before.in_hour:
        after["people_an_hour"] = before.people_hour + 1
    if not before.in_day:
        after["people_a_day"] = before.people_day + 1
    return after


def _consent(app: str, person: str) -> dict[str, dict[str, str]]:
    return {"__entity": {"type": "Consent", "id": json.dumps([app, person])}}


def _entity(kind: str, name: str, attributes: dict[str, Any]) -> dict[str, Any]:
    return {"uid": {"type": kind, "id": name}, "attrs": attributes, "parents": []}


def _apps(world: World) -> list[dict[str, Any]]:
    budgets = world.policy.budgets
    first = budgets.first_week
    out = []
    for app in world.apps.values():
        limits: dict[str, int] = {}
        for kind in _KINDS:
            full = getattr(budgets.app.get(app.app, budgets), kind)
            cap = getattr(world.slowed.get(app.app), kind, None)
            limits |= {} if full is None else {f"full_{kind}": full}
            limits |= {} if cap is None else {f"cap_{kind}": cap}
            limits |= {} if full is None or first is None else {f"ramp_{kind}": int(full * first.share)}
        attributes = {
            "status": app.status,
            "stopped": app.app in world.stopped,
            "active": int((app.last_active_at or app.registered_at).timestamp()) // DAY,
            "registered": int(app.registered_at.timestamp()) // DAY,
            "ramp_days": first.days if first else 0,
            "purposes": sorted(app.purposes),
            "reviewed": sorted(app.reviewed),
            "contract": app.contract,
        }
        out.append(_entity("App", app.app, attributes | limits))
    return out


def _fields(world: World) -> list[dict[str, Any]]:
    policy = world.policy
    return [
        _entity(
            "Field",
            name,
            {
                "name": name,
                "opened_by": [n for n, scope in policy.scopes.items() if name in scope.opens],
                "opened_to_friends_by": [n for n, scope in policy.scopes.items() if name in scope.opens_of_friends],
                "purposes": [n for n, p in policy.purposes.items() if name in p.fields or EVERY in p.fields],
            },
        )
        for name in policy.fields
    ]


def _consents(world: World) -> list[dict[str, Any]]:
    return [
        _entity(
            "Consent",
            json.dumps([app, person]),
            {"scopes": sorted(given.scopes), "used": given.last_used, "revoked": given.revoked}
            | ({} if given.expires is None else {"expires": given.expires}),
        )
        for (app, person), given in world.consents.items()
    ]
