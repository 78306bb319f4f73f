"""How long the simulated platform takes to make, and how its friendships compare with the real ones in `examples/`.

    python benchmarks/simulate.py [--people 1000000] [--apps 5000] [--days 7]

One process on one core. Every stage is timed once; `play` gives each request
all that it asks for, so that adversaries go as fast as they can.
"""

from __future__ import annotations

import argparse
import resource
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq

from ombud.simulate import VOCABULARY, Answers, Friendships, Platform, Requests, join, simulate_people
from ombud.simulate.apps import simulate_apps
from ombud.simulate.installs import simulate_installs
from ombud.simulate.platform import FIRST_DAY

if TYPE_CHECKING:
    from collections.abc import Iterator

REAL = Path(__file__).resolve().parent.parent / "examples" / "facebook-friendships" / "friendships.parquet"
SAMPLE = 4_000


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long the block took, on the clock and of the processor."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    print(f"{what}: {time.perf_counter() - wall:.1f} s ({time.process_time() - cpu:.1f} s of processor)")


def real() -> Friendships:
    """Return the real graph."""
    ties = pq.read_table(REAL)
    sides = [np.array([int(str(name)[4:]) for name in ties[side].to_pylist()]) for side in ("account", "other")]
    return join(int(max(side.max() for side in sides)) + 1, [(sides[0], sides[1])])


def describe(name: str, friends: Friendships, rng: np.random.Generator) -> None:
    """Print a graph's figures, clustering over a sample of people."""
    degree, some = friends.degree, rng.permutation(friends.people)[:SAMPLE]
    quantiles = " ".join(f"{value:,.0f}" for value in np.percentile(degree, (10, 25, 50, 75, 90, 99, 100)))
    local, all_pairs = np.nanmean(friends.clustering(some)), friends.transitivity(some)
    print(f"{name}: {friends.people:,} people, {friends.ties:,} ties, mean {degree.mean():.1f}, quantiles {quantiles}")
    print(f"  of the pairs of a person's friends, {local:.3f} know each other; of all such pairs, {all_pairs:.3f}")


def give_all(requests: Requests) -> Answers:
    """Answer without any rule."""
    return Answers(requests.fields, np.zeros(len(requests), dtype=np.bool_))


def main() -> None:
    """Make a platform, stage by stage."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--apps", type=int, default=5_000)
    parser.add_argument("--days", type=int, default=30)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    simulate_people(1_000, rng)
    describe("the real graph", real(), rng)
    describe("generated, of the same size", simulate_people(4_039, rng).friends, rng)
    with timed(f"{options.people:,} people"):
        people = simulate_people(options.people, rng)
    describe("generated", people.friends, rng)
    with timed(f"{options.apps:,} apps, and who uses them"):
        apps = simulate_apps(options.apps, len(people), 365, VOCABULARY, rng)
        installs = simulate_installs(people, apps, 365, rng)
    platform = Platform(people, apps, installs, VOCABULARY, options.days, first_day=FIRST_DAY, seed=1)
    print(f"  {len(installs):,} pairs of app and person")
    requests = crawled = 0
    with timed(f"{options.days} days in turns of an hour"):
        for turn in platform.play(give_all, options.days):
            requests += len(turn.requests)
            crawled += int(turn.crawling.sum())
    print(f"  {requests:,} reads, {crawled:,} of them crawling")
    print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")


if __name__ == "__main__":
    main()
