"""Why a field is refused: the codes, in the order in which they are looked for, and in words.

A field gets the first reason that applies to it. The first group is about the
field's name alone. The second is about the request as a whole, so that all its
known fields get the same reason; the third about each field; the fourth again
about all that is left, and comes last so that only what would go out counts.
"""

from __future__ import annotations

__all__ = ["BUDGET", "CODES", "FIELD", "NUMBER", "REQUEST", "SENTENCES", "UNKNOWN_FIELD", "WIRE"]

UNKNOWN_FIELD = "unknown-field"

_NAME = {UNKNOWN_FIELD: "The policy knows no such field."}

_REQUEST = {
    "stale": "The gate has not heard of consents for too long, so it cannot know of a withdrawal.",
    "unknown-app": "No such app is registered.",
    "app-banned": "The app is banned.",
    "app-suspended": "The app is suspended.",
    "stopped": "The app was stopped because it read like a crawler.",
    "app-idle": "The app was idle for too long; its people must sign in again.",
    "unknown-purpose": "The policy knows no such purpose.",
    "purpose-not-declared": "The app never declared this purpose.",
    "not-a-friend": "The person is no friend of the one whose consent is used.",
    "no-consent": "There is no consent for this app.",
    "consent-revoked": "The consent was withdrawn.",
    "consent-expired": "The consent has run out.",
    "consent-unused": "The person has not used the app for too long.",
    "friend-not-in-app": "The friend does not use this app.",
}

_FIELD = {
    "closed": "No app may read this field.",
    "closed-through-friends": "Nobody's consent opens this field of a friend.",
    "region": "The law of the region forbids it.",
    "not-for-purpose": "This purpose does not need this field.",
    "not-granted": "The person did not allow it.",
    "not-reviewed": "It needs a review that the app has not passed.",
    "no-contract": "It needs a contract that the app's developer has not signed.",
    "app-under-review": "It is closed while the app is under review.",
}

_BUDGET = {
    "slowed": "The app was slowed because it read like a crawler.",
    "first-week": "The app is new, and has read as much as a new app may.",
    "people-an-hour": "The app has read about as many people as it may in an hour.",
    "people-a-day": "The app has read about as many people as it may in a day.",
    "fields-an-hour": "The app has read as many fields as it may in an hour.",
    "fields-a-day": "The app has read as many fields as it may in a day.",
}

_WIRE = {
    "bad-request": "The request cannot be read by the gate.",
    "all-or-nothing": "Another field of the same request is refused, and the request did not say that a part would do.",
}

REQUEST: tuple[str, ...] = tuple(_REQUEST)
"""Reasons that refuse all known fields of a request, in order."""
FIELD: tuple[str, ...] = tuple(_FIELD)
"""Reasons that refuse single fields, in order."""
BUDGET: tuple[str, ...] = tuple(_BUDGET)
"""Reasons that refuse what would have gone out."""
WIRE: tuple[str, ...] = tuple(_WIRE)
"""Reasons of the wire, which no rule of a policy gives."""
SENTENCES: dict[str, str] = _NAME | _REQUEST | _FIELD | _BUDGET | _WIRE
"""Each code in words, in order."""
CODES: tuple[str, ...] = ("", *SENTENCES)
"""Codes by number, as `decide_batch` gives them; 0 is no reason."""
NUMBER: dict[str, int] = {code: number for number, code in enumerate(CODES)}
"""The number of each code."""
