"""What kinds of app a simulated platform has, and how each behaves: the truth behind its reads."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ADVERSARIES", "CATEGORIES", "KINDS", "Category", "Kind"]


@dataclass(frozen=True, slots=True)
class Kind:
    """How apps of one kind behave. All rates are of what its people do, but for adversaries' own crawling."""

    name: str
    doc: str
    share: float
    """of all apps"""
    at_least: int
    size: tuple[float, float]
    """its people as a share of all: median, and the spread of the logarithm"""
    friends: int = 0
    """friends of a person that are looked at when the person uses the app"""
    everything: bool = False
    """whether it asks for every field there is, and not for what its category needs"""
    keeps: bool = False
    """whether it reads all its people again each week, also those who left"""
    reminds: bool = False
    """whether it reads all friends of all its people once a month, at night, when nobody is there"""
    launch: bool = False
    """whether most of its people come within days"""
    misuse: bool = False


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("honest", "asks for what it needs, when a person uses it", 0.74, 1, (8e-4, 1.8)),
        Kind("social", "honest; shows people which friends play along", 0.09, 1, (8e-4, 1.8), friends=15),
        Kind("popular", "honest; a tenth of all people or more, within days", 0.001, 1, (0.14, 0.2), 10, launch=True),
        Kind(
            "sloppy",
            "asks for everything, and reads its people each week, also those who left",
            0.15,
            1,
            (5e-4, 1.5),
            everything=True,
            keeps=True,
        ),
        Kind(
            "walker",
            "a quiz; reads every friend of each of its people, as fast as it is let",
            0.003,
            2,
            (2e-3, 0.5),
            everything=True,
            launch=True,
            misuse=True,
        ),
        Kind(
            "slow",
            "walks friends too, but a few an hour, for months",
            0.003,
            2,
            (2e-3, 0.5),
            everything=True,
            launch=True,
            misuse=True,
        ),
        Kind(
            "harvester",
            "a quiz; reads every friend of a person in the minute in which that person takes it, and never else",
            0.001,
            1,
            (2e-3, 0.5),
            friends=1_000_000,
            everything=True,
            launch=True,
            misuse=True,
        ),
        Kind("sweeper", "reads people by number, at night, whoever they are", 0.001, 1, (1e-3, 0.5), misuse=True),
        Kind(
            "faces",
            "one of twenty apps of one developer, which share one walk over friends",
            0.005,
            20,
            (3e-4, 0.5),
            everything=True,
            launch=True,
            misuse=True,
        ),
        Kind(
            "reminder",
            "honest; reads the birthdays of all friends of its people once a month, at night",
            0,
            0,
            (3e-4, 0.8),
            reminds=True,
        ),
        Kind(
            "hidden",
            "a game like the others, that shows friends; walks its people's friends beside that, a few an hour",
            0,
            0,
            (1.5e-3, 0.5),
            friends=15,
            misuse=True,
        ),
        Kind(
            "renamed",
            "one of four apps with four names and developers, used one after the other for one walk, from one host",
            0,
            0,
            (8e-4, 0.5),
            everything=True,
            launch=True,
            misuse=True,
        ),
    )
}
"""Every kind by name. The shares are ours: nobody has published how many apps of a platform misbehave.

Kinds without a share are only there when a platform is asked for them.
"""

ADVERSARIES = ("walker", "slow", "sweeper", "faces", "hidden", "renamed")
"""Kinds that crawl, beside what their people do. A harvester only does what its people's use allows it."""


@dataclass(frozen=True, slots=True)
class Category:
    """One shelf of the platform's store: what for its apps say they read, and which fields that takes."""

    name: str
    share: float
    purpose: str
    fields: tuple[str, ...]


CATEGORIES = (
    Category("games", 0.32, "app-function", ("name", "picture", "friends")),
    Category("quizzes", 0.14, "app-function", ("name", "picture", "likes")),
    Category("music", 0.1, "app-function", ("name", "picture", "likes", "friends")),
    Category("shopping", 0.1, "app-function", ("name", "email", "location")),
    Category("news", 0.08, "app-function", ("name", "email", "likes")),
    Category("photos", 0.08, "app-function", ("name", "picture", "photos")),
    Category("calendars", 0.06, "app-function", ("name", "picture", "birthday", "events")),
    Category("dating", 0.05, "app-function", ("name", "picture", "birthday", "gender", "location")),
    Category("business", 0.07, "sign-in", ("name", "picture", "email")),
)
