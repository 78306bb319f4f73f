"""Crawling apps of a simulated platform against the gate: the rule alone, and the rule with breakers.

    python -m benchmarks.breakers [--people 100000] [--apps 1000] [--days 28] [--seed 1] [--policy before-2015]

The same ordinary use runs through both; adversaries react to what they are
answered, so what they do differs. For each kind of app that misuses: how many
distinct people it had through friends or by crawling, when it was first slowed
and stopped. For all others: how many were slowed or stopped by mistake, with
the 95 % interval. The platform is made up; so are the shares of its kinds.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.gated import interval, play
from ombud.simulate import simulate_platform
from ombud.simulate.kinds import KINDS

if TYPE_CHECKING:
    from benchmarks.gated import Outcome
    from ombud.simulate import Platform


def main() -> None:
    """Play the platform twice, and print what became of its apps."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--apps", type=int, default=1_000)
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--policy", default="before-2015")
    options = parser.parse_args()
    platform = simulate_platform(options.people, options.apps, options.days, np.random.default_rng(options.seed))
    off = play(platform, options.policy, options.days, breakers=False)
    on = play(platform, options.policy, options.days, breakers=True)
    print(f"{options.people:,} people, {options.apps:,} apps, {options.days} days, policy {options.policy}")
    print(f"{on.reads:,} reads: {on.gate_seconds:.1f} s in the gate, {on.breaker_seconds:.1f} s in the breakers")
    for name, kind in KINDS.items():
        if kind.misuse:
            _crawlers(platform, name, off, on)
    for name, kind in KINDS.items():
        if not kind.misuse:
            _others(platform, name, on)
    _others(platform, None, on)


def _crawlers(platform: Platform, kind: str, off: Outcome, on: Outcome) -> None:
    apps = platform.apps.of_kind(kind)
    stops = {}
    for state in ("slowed", "stopped"):
        first = [trip.at for app in apps.tolist() if (trip := on.first(app, state))]
        stops[state] = f"{len(first)} {state}"
    print(
        f"{kind}: {len(apps)} apps; people had: {off.people(apps):,} by the rule alone, "
        f"{on.people(apps):,} with breakers; {stops['slowed']}, {stops['stopped']}"
    )
    for app in apps.tolist()[:5]:
        users = len(platform.installs.of(app, platform.days))
        trip = on.first(app)
        had = [outcome.people(np.array([app])) for outcome in (off, on)]
        print(f"  app-{app}, {users:,} users: {had[0]:,}, {had[1]:,}. {trip.sentence if trip else ''}")


def _others(platform: Platform, kind: str | None, on: Outcome) -> None:
    kinds = [kind] if kind else [name for name, one in KINDS.items() if not one.misuse]
    apps = platform.apps.of_kind(*kinds)
    apps = apps[on.asked[apps] > 0]
    hit = on.braked(apps)
    low, high = interval(len(hit), len(apps))
    lost = on.lost[apps].sum() / max(on.asked[apps].sum(), 1)
    print(
        f"{kind or 'all that do not misuse'}: {len(hit)} of {len(apps)} slowed or stopped by mistake "
        f"({low:.1%} to {high:.1%}); {lost:.3%} of their requests refused for it"
    )
    for app in hit[:5]:
        trip = on.first(app)
        print(f"  app-{app}: {trip.sentence if trip else ''}")


if __name__ == "__main__":
    main()
