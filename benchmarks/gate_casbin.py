"""The peer casbin on the requests of `gate.py`; runs in an environment of its own, without Ombud.

    python gate_casbin.py WORLD.json one|lines

The world holds `apps` (name, reviewed scopes, purposes, day of last activity),
and `requests` (app, scope, purpose, ticked scopes, day of last use, today).
Prints JSON: decisions and seconds of one of the two ways of writing the policy.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import casbin  # type: ignore[import-not-found]  # the peer, installed where this runs

UNUSED = 90
MODEL = """
[request_definition]
r = app, scope, purpose, ticked, used, today
[policy_definition]
{policy}
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = {matcher}
"""
FUNCTIONS = "reviewed(r.app, r.scope) && declared(r.app, r.purpose) && active(r.app, r.today)"
CONSENT = "ticks(r.ticked, r.scope) && r.today - r.used <= 90"


def enforcer(text: str, lines: list[list[str]], apps: dict[str, dict[str, Any]]) -> Any:  # noqa: ANN401 - untyped peer
    """Return casbin with a model, policy lines and the functions that the matcher names."""
    model = casbin.Model()
    model.load_model_from_text(text)
    made = casbin.Enforcer(model)
    made.add_policies(lines)
    reviewed = {name: set(app["reviewed"]) for name, app in apps.items()}
    declared = {name: set(app["purposes"]) for name, app in apps.items()}
    made.add_function("reviewed", lambda app, scope: scope in reviewed.get(app, ()))
    made.add_function("declared", lambda app, purpose: purpose in declared.get(app, ()))
    made.add_function("active", lambda app, today: app in apps and today - apps[app]["active"] <= UNUSED)
    made.add_function("ticks", lambda ticked, scope: scope in ticked)
    return made


def timed(peer: Any, requests: list[list[Any]]) -> dict[str, Any]:  # noqa: ANN401 - untyped peer
    """Decide requests one after the other."""
    sets = [(*request[:3], frozenset(request[3]), *request[4:]) for request in requests]
    wall, cpu = time.perf_counter(), time.process_time()
    for request in sets:
        peer.enforce(*request)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"said": [bool(peer.enforce(*request)) for request in sets], "wall": wall, "cpu": cpu}


def main() -> None:
    world = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    apps, requests = world["apps"], world["requests"]
    if sys.argv[2] == "one":
        one = enforcer(MODEL.format(policy="p = any", matcher=f"{FUNCTIONS} && {CONSENT}"), [["any"]], apps)
        print(json.dumps(timed(one, requests)))
        return
    lines = [[name, scope] for name, app in apps.items() for scope in app["reviewed"]]
    match = "r.app == p.app && r.scope == p.scope && declared(r.app, r.purpose) && active(r.app, r.today)"
    many = enforcer(MODEL.format(policy="p = app, scope", matcher=f"{match} && {CONSENT}"), lines, apps)
    print(json.dumps(timed(many, requests[: world["few"]])))


if __name__ == "__main__":
    main()
