"""The catalogue of Microsoft Graph: how sensitive permissions are by a stated rule, and which a call needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ombud.audit.logs.permissions import judge, microsoft_graph, parse_call

if TYPE_CHECKING:
    from ombud.audit.logs.permissions import Kind

DATA = Path(__file__).resolve().parents[2] / "data" / "rogue-oauth-apps"
CATALOGUE = microsoft_graph()


def test_totals_agree_with_the_source() -> None:
    names = CATALOGUE.names()
    assert len(names) == 969  # 917 that open calls, and others that are only described
    assert {"openid", "EWS.AccessAsUser.All"} <= names
    assert CATALOGUE.get("Mail.Read", "Delegated") is not None
    assert CATALOGUE.get("Mail.Reed", "Delegated") is None


@pytest.mark.parametrize(
    ("name", "kind", "points"),
    [
        ("openid", "Delegated", 0),
        ("offline_access", "Delegated", 0),
        ("User.Read", "Delegated", 0),
        ("Mail.Read", "Delegated", 1),
        ("Mail.Send", "Delegated", 2),
        ("Files.ReadWrite.All", "Delegated", 3),
        ("EWS.AccessAsUser.All", "Delegated", 3),
        ("Mail.Read", "Application", 3),
        ("Mail.Send", "Application", 4),
        ("Files.ReadWrite.All", "Application", 5),
    ],
)
def test_a_point_for_each_part_of_the_rule(name: str, kind: Kind, points: int) -> None:
    found = CATALOGUE.get(name, kind)
    assert found is not None
    assert found.sensitivity == len(found.because) == points
    assert found.title
    assert found.text


def test_the_rule_agrees_with_the_providers_levels_on_the_whole() -> None:
    every = [CATALOGUE.get(name, kind) for name in CATALOGUE.names() for kind in ("Delegated", "Application")]
    by_level: dict[int, list[int]] = {}
    for one in every:
        if one is not None and one.level is not None:
            by_level.setdefault(one.level, []).append(one.sensitivity)
    means = [sum(by_level[level]) / len(by_level[level]) for level in sorted(by_level)]
    assert sorted(by_level) == [1, 2, 3, 4]
    assert means[1] < means[2] < means[3]


@pytest.mark.parametrize(
    ("text", "call"),
    [
        ("GET /me/messages", ("GET", "/me/messages")),
        ("get /v1.0/me/messages/?$top=5", ("GET", "/me/messages")),
        ("PATCH /beta/users/7", ("PATCH", "/users/7")),
        ("GET /v1.0", ("GET", "/")),
        ("likes", None),
        ("GET me", None),
        ("", None),
    ],
)
def test_calls_as_they_are_written(text: str, call: tuple[str, str] | None) -> None:
    assert parse_call(text) == call


@pytest.mark.parametrize(
    ("call", "kind", "least"),
    [
        (("GET", "/me/messages"), "Delegated", "Mail.ReadBasic"),
        (("GET", "/users/ann/messages"), "Application", "Mail.ReadBasic.All"),
        (("GET", "/me/contacts"), "Delegated", "Contacts.Read"),
        (("GET", "/nothing/like/it"), "Delegated", None),
    ],
)
def test_the_least_that_suffices(call: tuple[str, str], kind: Kind, least: str | None) -> None:
    enough, found = CATALOGUE.openers(call, kind)
    assert found == least
    assert (least in enough) == (least is not None)


def test_what_no_call_needed() -> None:
    granted: list[tuple[str, Kind]] = [
        (name, "Delegated") for name in ("Mail.Read", "Mail.Send", "Contacts.Read", "offline_access", "Nope")
    ]
    judged = judge(CATALOGUE, granted, [("GET", "/me/messages"), ("GET", "/me/contacts/7"), ("GET", "/planets")])
    assert judged.needed == ["Contacts.Read (Delegated)", "Mail.Read (Delegated)"]
    assert judged.beyond == ["Mail.Send (Delegated)"]
    assert judged.enough == ["Contacts.Read (Delegated)", "Mail.ReadBasic (Delegated)"]
    assert judged.unknown == ["Nope"]
    assert judged.unopened == ["GET /planets"]
    assert judged.sentences == [
        "The most sensitive of 4 permissions is Mail.Send (Delegated), 2 of 5: Send mail as you.",
        "Not in the catalogue: Nope.",
        "None of its 3 different calls needed Mail.Send (Delegated).",
    ]


def test_an_app_that_has_what_it_needs() -> None:
    judged = judge(CATALOGUE, [("Mail.Read", "Delegated")], [("GET", "/me/messages")])
    assert judged.beyond == []
    assert judged.sentences[-1] == "Each was needed by one of its 1 different calls."


def test_without_calls_nothing_is_said_of_need() -> None:
    judged = judge(CATALOGUE, [("Mail.Send", "Application")])
    assert (judged.needed, judged.beyond) == ([], [])
    assert judged.sentences[-1] == "Without its calls nothing can be said about which of them it needs."
    assert judge(CATALOGUE, []).granted == []


def rogue() -> dict[str, list[dict[str, Any]]]:
    """Return the permissions of five real apps that attackers have used, some of them legitimate products."""
    return {app["appDisplayName"]: app["permissions"] for app in json.loads((DATA / "rogueapps.json").read_text())}


@pytest.mark.parametrize(
    ("app", "name", "kind", "points", "permissions"),
    [
        ("eM Client", "EWS.AccessAsUser.All", "Delegated", 3, 4),
        ("PerfectData Software", "EWS.AccessAsUser.All", "Delegated", 3, 5),
        ("Newsletter Software Supermailer", "Mail.Send", "Application", 4, 7),
        ("rclone", "Files.ReadWrite.All", "Delegated", 3, 6),
        ("CloudSponge", "Contacts.Read", "Delegated", 1, 4),
    ],
)
def test_permissions_of_real_apps(app: str, name: str, kind: str, points: int, permissions: int) -> None:
    judged = judge(CATALOGUE, [(one["permission"], one["type"]) for one in rogue()[app]])
    top = judged.granted[0]
    assert (top.name, top.kind, top.sensitivity) == (name, kind, points)
    assert (len(judged.granted), judged.unknown) == (permissions, [])
    assert not any(word in sentence for sentence in judged.sentences for word in ("misuse", "rogue", "malicious"))


def test_their_licence_is_beside_them() -> None:
    assert "Mozilla Public License" in (DATA / "LICENSE").read_text()
    assert "unchanged" in (DATA / "SOURCE.md").read_text()
    assert len(rogue()) == 5
