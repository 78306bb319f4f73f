"""The policy as data: what a policy file can say, key by key.

Keys are written with hyphens in the file (`unused-days`) and with underscores
here (`unused_days`). `docs/reference/policy.md` explains each.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any, Literal

import msgspec
import rfc8785

__all__ = [
    "EVERY",
    "LANGUAGE",
    "Apps",
    "Budgets",
    "Expiry",
    "Field",
    "FirstWeek",
    "Friends",
    "Limits",
    "Policy",
    "Purpose",
    "Region",
    "Scope",
    "Sensitivity",
]

LANGUAGE = 1
"""The version of the language that this release reads."""
EVERY = "*"
"""Stands for every field."""

Sensitivity = Literal["public", "personal", "private", "sensitive"]


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """One table of a policy file."""


class Field(_Part, frozen=True):
    """One thing that can be read about a person."""

    sensitivity: Sensitivity
    """public: anyone may see it; personal: people share it with friends; private: few see it; sensitive: GDPR Art. 9"""
    doc: str = ""


class Scope(_Part, frozen=True):
    """What a person can allow an app with one tick."""

    opens: tuple[str, ...] = ()
    """fields of the person who consents"""
    opens_of_friends: tuple[str, ...] = ()
    """fields of the friends of the person who consents"""
    basic: bool = False
    """comes with every consent; exactly one scope is basic"""
    removable: bool = True
    """whether the person may untick it"""
    review: bool = False
    """whether the app must have passed a review for it"""
    contract: bool = False
    """whether the app's developer must have signed a contract"""
    doc: str = ""


class Purpose(_Part, frozen=True):
    """What an app may want data for, and the fields that this can need."""

    fields: tuple[str, ...]
    """names of fields, or `*`"""
    doc: str = ""


class Region(_Part, frozen=True):
    """What may not be read where a region's law applies."""

    name: str
    codes: tuple[str, ...]
    """ISO 3166 codes such as `DE` or `US-CA`"""
    refuses: tuple[str, ...]
    """names of fields, or `*`"""
    doc: str = ""


class Expiry(_Part, frozen=True):
    """When access ends by itself; unset means never. Whole days in UTC."""

    unused_days: int | None = None
    """days since the person last used the app after which a consent no longer counts"""
    idle_app_days: int | None = None
    """days since the app was last active after which it gets nothing"""
    consent_days: int | None = None
    """days since the grant after which consent must be asked for again"""


class Apps(_Part, frozen=True):
    """What is asked of an app."""

    purpose: Literal["any", "known", "declared"] = "declared"
    """any: purposes are not looked at; known: one of the policy's; declared: one that the app declared, too"""
    under_review: Literal["all", "unreviewed-scopes", "none"] = "unreviewed-scopes"
    """what an app under review may use: all scopes, those that need no review, or none"""


class Friends(_Part, frozen=True):
    """What holds when a friend's consent is used."""

    must_use_app: bool = True
    """whether the friend whose data is read must have a live consent for the app, too"""


class Limits(_Part, frozen=True):
    """How much one app may read; unset means without limit. Hours and days are those of UTC."""

    people_an_hour: int | None = None
    """distinct people"""
    people_a_day: int | None = None
    fields_an_hour: int | None = None
    """fields that went out, counted again for each read"""
    fields_a_day: int | None = None


class FirstWeek(_Part, frozen=True):
    """How a new app starts."""

    days: int = 7
    """days since registration"""
    share: float = 0.1
    """share of the budget, rounded down"""


class Budgets(Limits, frozen=True):
    """Limits for every app, for new apps, and for single apps."""

    first_week: FirstWeek | None = None
    app: dict[str, Limits] = {}
    """limits of single apps, which replace those for every app"""


class Policy(msgspec.Struct, frozen=True, dict=True):
    """A whole policy, checked; `load_policy` makes one."""

    name: str
    version: str
    fields: dict[str, Field]
    scopes: dict[str, Scope]
    purposes: dict[str, Purpose]
    regions: tuple[Region, ...] = ()
    expiry: Expiry = Expiry()
    apps: Apps = Apps()
    friends: Friends = Friends()
    budgets: Budgets = Budgets()
    doc: str = ""
    cedar: str = ""
    """Cedar policies for what is no read of a person's data"""

    @cached_property
    def document(self) -> dict[str, Any]:
        """Return the policy as JSON values, with the keys of the file: what is hashed and published."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return {"ombud-policy": LANGUAGE, **plain}

    @cached_property
    def hash(self) -> str:
        """Return the SHA-256, in hexadecimal, of the document as canonical JSON (RFC 8785)."""
        return hashlib.sha256(rfc8785.dumps(self.document)).hexdigest()

    @cached_property
    def basic(self) -> str:
        """Return the name of the basic scope."""
        return next(name for name, scope in self.scopes.items() if scope.basic)
