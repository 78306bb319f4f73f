"""How much an app's permissions open, and how many of them its calls did not need.

The catalogue is that of Microsoft Graph, as published (see `catalogues/microsoft-graph/SOURCE.md`). A permission's
sensitivity is counted, one point each, from 0 to 5:

- an administrator must consent;
- it changes, sends or deletes, or acts in a person's place;
- it reaches beyond what is one person's own (`.All`, `.Shared`);
- it works without a person who is signed in;
- it opens what people wrote or keep: mail, chats, calls, files, notes, calendars, contacts, meetings.

What an app has beyond its need says nothing of its intent: most apps ask for more than they use.
"""

from __future__ import annotations

import gzip
import json
import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Call", "Catalogue", "Judged", "Permission", "judge", "microsoft_graph", "parse_call"]

Kind = Literal["Delegated", "Application"]
Call = tuple[str, str]
"""Method and path."""

_SCHEMES: dict[Kind, tuple[str, ...]] = {
    "Delegated": ("DelegatedWork", "DelegatedPersonal"),
    "Application": ("Application",),
}
_LISTS: dict[Kind, str] = {"Delegated": "delegatedScopesList", "Application": "applicationScopesList"}
_CHANGES = re.compile(
    r"write|send|manage|fullcontrol|accessasuser|create|delete|\.execute|\.upload|privileged", re.IGNORECASE
)
_WIDE = re.compile(r"\.(all|shared)$", re.IGNORECASE)
_KEPT = re.compile(
    r"^(mail|chat|channelmessage|calls|callrecord|files|sites|notes|calendars|contacts|ews|eas|imap|pop|smtp|onlinemeeting)",
    re.IGNORECASE,
)
_SIGN_IN = frozenset({"openid", "profile", "email", "offline_access"})
"""Permissions of the sign-in itself (OpenID Connect), which no call needs."""
_VERSION = re.compile(r"^/(v1\.0|beta)(?=/|$)")
_VARIABLE = re.compile(r"\{[^}]*\}")


class Permission(msgspec.Struct, frozen=True):
    """One permission in one of its two kinds."""

    name: str
    kind: Kind
    title: str
    """what the person or administrator who consents is shown first"""
    text: str
    """and then"""
    admin: bool
    """whether an administrator must consent"""
    level: int | None
    """the provider's own level of privilege, from 1 to 4; null when it gives none"""
    sensitivity: int
    """ours, from 0 to 5"""
    because: list[str]
    """a few words for each point"""


class Judged(msgspec.Struct, frozen=True):
    """What an app was given beside what its calls needed."""

    granted: list[Permission]
    """the most sensitive first"""
    unknown: list[str]
    """permissions that the catalogue does not have"""
    needed: list[str]
    """of those granted, the least sensitive ones that suffice for the calls"""
    beyond: list[str]
    """of those granted, what no call needed; without those of the sign-in"""
    enough: list[str]
    """what would have been the least for the same calls, by the catalogue"""
    unopened: list[str]
    """calls that nothing granted opens, or that the catalogue does not know"""
    sentences: list[str]


class Catalogue:
    """All permissions of one provider, and which calls each opens."""

    def __init__(self, permissions: dict[str, Any], descriptions: dict[str, Any]) -> None:
        """Take the two documents as published."""
        self._permissions = permissions["permissions"]
        self._described = {(one["value"], kind): one for kind, name in _LISTS.items() for one in descriptions[name]}
        self._opens: dict[tuple[str, int], list[tuple[str, str, frozenset[str], str, str]]] = {}
        for name, one in self._permissions.items():
            for group in one["pathSets"]:
                self._take(name, group)

    def names(self) -> set[str]:
        """Return every permission's name."""
        return {*self._permissions, *(name for name, _ in self._described)}

    def get(self, name: str, kind: Kind) -> Permission | None:
        """Return a permission; None when there is none of this kind."""
        schemes = self._permissions.get(name, {}).get("schemes", {})
        scheme = next((schemes[key] for key in _SCHEMES[kind] if key in schemes), None)
        described = self._described.get((name, kind))
        if scheme is None and described is None:
            return None
        own = kind == "Delegated"
        if scheme is not None:
            title = scheme.get("userDisplayName" if own else "adminDisplayName") or scheme.get("adminDisplayName")
            text = scheme.get("userDescription" if own else "adminDescription") or scheme.get("adminDescription")
            admin, level = bool(scheme.get("requiresAdminConsent", not own)), scheme.get("privilegeLevel")
        else:
            assert described is not None  # noqa: S101 - one of the two is there
            title = described.get("consentDisplayName") or described.get("adminConsentDisplayName")
            text = described.get("consentDescription") or described.get("adminConsentDescription")
            admin, level = bool(described["isAdmin"]) or not own, None
        because = _points(name, kind, admin=admin)
        return Permission(
            name, kind, (title or name).strip(), (text or "").strip(), admin, level, len(because), because
        )

    def openers(self, call: Call, kind: Kind) -> tuple[set[str], str | None]:
        """Return the permissions that suffice for a call, and the least of them.

        The catalogue marks the least of a path for its methods together; of several, the least sensitive is taken.
        """
        method, path = call
        enough: set[str] = set()
        least: set[str] = set()
        for known, name, schemes, methods, marks in self._opens.get(_slot(path), []):
            if method in methods.split(" ") and schemes & set(_SCHEMES[kind]) and _pattern(known).fullmatch(path):
                enough.add(name)
                named = re.search(r"least=([^;]*)", marks)
                if named and set(named[1].split(",")) & set(_SCHEMES[kind]):
                    least.add(name)
        return enough, min(least, key=lambda name: (self._sensitivity(name, kind), name), default=None)

    def _sensitivity(self, name: str, kind: Kind) -> int:
        found = self.get(name, kind)
        return len(found.because) if found else 0

    def _take(self, name: str, group: dict[str, Any]) -> None:
        schemes, methods = frozenset(group["schemeKeys"]), " ".join(group["methods"])
        for path, marks in group["paths"].items():
            self._opens.setdefault(_slot(path), []).append((path, name, schemes, methods, marks))


@cache
def microsoft_graph() -> Catalogue:
    """Return the catalogue of Microsoft Graph."""
    folder = files("ombud.audit.logs") / "catalogues" / "microsoft-graph"
    permissions, descriptions = (
        json.loads(gzip.decompress((folder / name).read_bytes()))
        for name in ("permissions.json.gz", "descriptions.json.gz")
    )
    return Catalogue(permissions, descriptions)


def parse_call(text: str) -> Call | None:
    """Read `GET /me/messages`, with or without version and query; None when it is no call."""
    method, _, path = text.strip().partition(" ")
    path = path.strip().split("?", 1)[0].rstrip("/")
    if not method.isalpha() or not path.startswith("/"):
        return None
    return method.upper(), _VERSION.sub("", path) or "/"


def judge(catalogue: Catalogue, granted: Iterable[tuple[str, Kind]], calls: Sequence[Call] = ()) -> Judged:
    """Say how sensitive each permission is and, when there are calls, which of them no call needed."""
    wanted = sorted(set(granted))
    found = {pair: catalogue.get(*pair) for pair in wanted}
    known = sorted(
        (one for one in found.values() if one is not None), key=lambda one: (-one.sensitivity, one.name, one.kind)
    )
    unknown = sorted({name for (name, _), one in found.items() if one is None})
    needed: set[str] = set()
    enough: set[str] = set()
    unopened = []
    for call in dict.fromkeys(calls):
        openers = [(one, *catalogue.openers(call, one.kind)) for one in known]
        fitting = [(one, least) for one, all_, least in openers if one.name in all_]
        if not fitting:
            unopened.append(" ".join(call))
            continue
        chosen = min(fitting, key=lambda pair: (pair[0].sensitivity, pair[0].name != pair[1], pair[0].name))
        needed.add(_label(chosen[0]))
        enough.add(f"{chosen[1] or chosen[0].name} ({chosen[0].kind})")
    beyond = [_label(one) for one in known if _label(one) not in needed and one.name not in _SIGN_IN] if calls else []
    said = _sentences(known, unknown, beyond, len(set(calls)))
    return Judged(known, unknown, sorted(needed), beyond, sorted(enough), unopened, said)


def _sentences(known: list[Permission], unknown: list[str], beyond: list[str], calls: int) -> list[str]:
    out = []
    if known:
        top = known[0]
        out.append(
            f"The most sensitive of {len(known):,} permissions is {_label(top)}, {top.sensitivity} of 5: {top.title}."
        )
    if unknown:
        out.append(f"Not in the catalogue: {', '.join(unknown)}.")
    if calls:
        said = f"None of its {calls:,} different calls needed {', '.join(beyond)}."
        out.append(said if beyond else f"Each was needed by one of its {calls:,} different calls.")
    else:
        out.append("Without its calls nothing can be said about which of them it needs.")
    return out


def _points(name: str, kind: Kind, *, admin: bool) -> list[str]:
    if name in _SIGN_IN:
        return []
    rules = (
        (admin, "an administrator must consent"),
        (bool(_CHANGES.search(name)), "it changes, sends or acts in a person's place"),
        (bool(_WIDE.search(name)), "it reaches beyond what is one person's own"),
        (kind == "Application", "it works without a person who is signed in"),
        (bool(_KEPT.match(name)), "it opens what people wrote or keep"),
    )
    return [words for holds, words in rules if holds]


@cache
def _pattern(path: str) -> re.Pattern[str]:
    """Return a path of the catalogue, in which `{id}` stands for anything but a slash."""
    return re.compile("[^/]+".join(re.escape(part) for part in _VARIABLE.split(path)), re.IGNORECASE)


def _label(one: Permission) -> str:
    return f"{one.name} ({one.kind})"


def _slot(path: str) -> tuple[str, int]:
    parts = path.split("/")
    return parts[1].lower() if len(parts) > 1 and "{" not in parts[1] else "", len(parts)
