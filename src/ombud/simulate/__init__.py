"""A synthetic platform and its adversaries, for tests, benchmarks and illustrations."""

from __future__ import annotations

from ombud.simulate.adversaries import Adversary, Aim, Plan, Turn, crawl
from ombud.simulate.case_2018 import Case2018, case_2018
from ombud.simulate.friendships import Friendships, join
from ombud.simulate.nulls import null_twin, organic_crowd
from ombud.simulate.people import People, people_of, simulate_people
from ombud.simulate.plans import friend_walk, sweep
from ombud.simulate.platform import Platform, Played, simulate_platform
from ombud.simulate.requests import NOBODY, Answers, Requests
from ombud.simulate.shares import GROUPS, Simulated, simulate_shares
from ombud.simulate.vocabulary import VOCABULARY, Vocabulary

__all__ = [
    "GROUPS",
    "NOBODY",
    "VOCABULARY",
    "Adversary",
    "Aim",
    "Answers",
    "Case2018",
    "Friendships",
    "People",
    "Plan",
    "Platform",
    "Played",
    "Requests",
    "Simulated",
    "Turn",
    "Vocabulary",
    "case_2018",
    "crawl",
    "friend_walk",
    "join",
    "null_twin",
    "organic_crowd",
    "people_of",
    "simulate_people",
    "simulate_platform",
    "simulate_shares",
    "sweep",
]
