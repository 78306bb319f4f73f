"""`ombud gate`, command by command, on a small workspace."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from ombud.cli.app import run
from ombud.gate import consent, registry
from ombud.gate.policy import load_policy
from ombud.gate.wire.callers import CallerKeys
from ombud.records import brakes, migrate, open_records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ombud.model.workspace import Workspace

    Said = Callable[..., tuple[int, str]]


@pytest.fixture
def ombud(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> Said:
    """Return a way to run a command; the code and what it printed."""
    migrate(workspace.records_url)

    def said(*words: str) -> tuple[int, str]:
        code = run([*words, "--workspace", str(workspace.root)])
        sys.stdout.flush()
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return said


def document(answer: tuple[int, str]) -> Any:  # noqa: ANN401 - JSON
    assert answer[0] in {0, 1}, answer[1]
    return json.loads(answer[1])


REGISTER = ("gate", "apps", "register", "quiz", "--name", "A quiz", "--developer", "acme", "--purpose", "app-function")


def test_policy_is_shown_checked_and_put_in_force(ombud: Said, tmp_path: Path) -> None:
    shown = document(ombud("gate", "policy", "show", "--json"))
    assert shown["name"] == "locked-down"
    assert document(ombud("gate", "policy", "history", "--json")) == {"policies": []}
    assert "None was put in force yet" in ombud("gate", "policy", "history")[1]
    used = document(ombud("gate", "policy", "use", "before-2015", "--reason", "as it was", "--by", "one", "--json"))
    assert used["hash"] == load_policy("before-2015").hash
    assert document(ombud("gate", "policy", "show", "--json"))["hash"] == used["hash"]
    assert document(ombud("gate", "policy", "show", used["hash"][:10], "--json"))["name"] == "before-2015"
    (only,) = document(ombud("gate", "policy", "history", "--json"))["policies"]
    assert (only["author"], only["reason"]) == ("one", "as it was")
    assert ombud("gate", "policy", "show", "0123456789")[0] == 2
    assert ombud("gate", "policy", "show", str(tmp_path / "none.toml"))[0] == 2
    assert "Closed to every app" in ombud("gate", "policy", "show", "locked-down")[1]
    assert ombud("gate", "policy", "use", "before-2015", "--reason", "x", "--from", "someday")[0] == 2
    assert ombud("gate", "policy", "use", "before-2015", "--reason", " ")[0] == 2


def test_a_policy_file_is_checked_with_its_cedar_rules(ombud: Said, tmp_path: Path) -> None:
    text = """
ombud-policy = 1
name = "small"
version = "1"
cedar = 'permit(principal, action == Action::"look", resource);'
[fields]
name = { sensitivity = "public" }
[scopes]
basic = { opens = ["name"], basic = true, removable = false }
[purposes]
all = { fields = ["*"] }
"""
    file = tmp_path / "small.toml"
    file.write_text(text)
    checked = document(ombud("gate", "policy", "check", str(file), "--json"))
    assert checked["ok"]
    assert "can be used: 1 fields" in ombud("gate", "policy", "check", str(file))[1]
    for wrong in (text.replace(");", ")"), text.replace("principal,", "principal == ?principal,")):
        file.write_text(wrong)
        code, said = ombud("gate", "policy", "check", str(file))
        assert code == 2, said
        assert "edar" in said


def test_apps_are_registered_reviewed_and_banned(ombud: Said) -> None:
    assert "No app is registered." in ombud("gate", "apps", "list")[1]
    code, said, *_ = ombud("gate", "apps", "register", "qu\u202eiz", "--name", "A quiz", "--developer", "acme")
    assert (code, "registered" in said) == (2, False)
    made = document(ombud(*REGISTER, "--json"))
    assert made["status"] == "live"
    changed = document(ombud(*REGISTER, "--category", "games", "--json"))
    assert (changed["registered_at"], changed["category"]) == (made["registered_at"], "games")
    review = ("gate", "apps", "review", "quiz", "user_likes", "--reason", "shows matches", "--by", "one")
    unknown = ombud("gate", "apps", "review", "quiz", "user_likse", "--reason", "x", "--by", "one")[1]
    assert "locked-down, has no scope `user_likse`" in " ".join(unknown.split())
    assert "no scope" not in ombud(*review)[1]
    assert document(ombud("gate", "apps", "review", "quiz", "user_likse", "--reason", "x", "--withdraw", "--json"))
    assert document(ombud(*review, "--contract", "c-1", "--json"))["approved_by"] == "one"
    (listed,) = document(ombud("gate", "apps", "list", "--json"))["apps"]
    assert (listed["reviewed"], listed["people"], listed["purposes"]) == (["user_likes"], 0, ["app-function"])
    assert document(ombud(*review, "--withdraw", "--json"))["withdrawn"] == 1
    assert document(ombud("gate", "apps", "list", "--json"))["apps"][0]["reviewed"] == []
    assert (
        document(ombud("gate", "apps", "status", "quiz", "banned", "--reason", "sold data", "--json"))["status"]
        == "banned"
    )
    assert document(ombud("gate", "apps", "list", "--status", "live", "--json"))["total"] == 0
    assert "1 app" in ombud("gate", "apps", "list", "quiz")[1]
    for wrong in (
        ("gate", "apps", "status", "quiz", "gone", "--reason", "x"),
        ("gate", "apps", "status", "nobody", "banned", "--reason", "x"),
        ("gate", "apps", "review", "nobody", "x", "--reason", "x"),
        ("gate", "apps", "list", "--status", "gone"),
        (*review, "--until", "someday"),
        (*review, "--until", "2001-01-01"),
    ):
        assert ombud(*wrong)[0] == 2, wrong


def test_a_decision_from_the_shell_counts_and_records_nothing(ombud: Said, workspace: Workspace) -> None:
    ombud(*REGISTER)
    ask = ("gate", "decide", "quiz", "p1", "name", "email", "--purpose", "app-function")
    refused = document(ombud(*ask, "--json"))
    assert refused["outcome"] == "refused"
    assert {one["reason"] for one in refused["refused"]} == {"no-consent"}
    assert refused["refused"][0]["says"] == "There is no consent for this app."
    with open_records(workspace) as records, records.begin() as tx:
        policy = registry.policy_in_force(tx) or load_policy("locked-down")
        consent.grant(tx, policy, "quiz", "p1", ["public_profile"])
    code, said = ombud(*ask, "--json")
    assert code == 1
    assert json.loads(said)["allowed"] == ["name"], said
    assert ombud(*ask[:-3], "--purpose", "app-function")[0] == 0
    assert "not-granted" in ombud(*ask)[1]
    old = document(ombud(*ask, "--policy", "before-2015", "--json"))
    assert old["policy"] == load_policy("before-2015").hash
    assert ombud(*ask, "--at", "someday")[0] == 2
    assert not workspace.journal_dir.exists()


def test_callers_have_a_key_that_is_shown_once(ombud: Said, workspace: Workspace) -> None:
    assert "Nobody may ask." in ombud("gate", "callers", "list")[1]
    key = document(ombud("gate", "callers", "add", "profiles", "--may", "search", "--may", "decide", "--json"))["key"]
    callers = CallerKeys.of(workspace)
    callers.refresh()
    found = callers.find(key)
    assert found is not None
    assert found.rights == frozenset({"decide", "search"})
    (listed,) = document(ombud("gate", "callers", "list", "--json"))["callers"]
    assert (listed["name"], listed["rights"]) == ("profiles", ["decide", "search"])
    assert key not in ombud("gate", "callers", "list")[1]
    assert ombud("gate", "callers", "add", "profiles")[0] == 2
    assert ombud("gate", "callers", "add", "other", "--may", "everything")[0] == 2
    assert ombud("gate", "callers", "remove", "profiles")[0] == 0
    assert ombud("gate", "callers", "remove", "profiles")[0] == 2


def test_what_a_lock_down_breaks_on_an_empty_lake(ombud: Said) -> None:
    found = document(ombud("gate", "diff", "before-2015", "locked-down", "--replay", "--json"))
    assert found["a"] == load_policy("before-2015").hash
    assert {change["effect"] for change in found["changes"]} >= {"closes", "changes"}
    assert found["replay"]["reads"] == 0
    assert "Both let out the same." in ombud("gate", "diff", "in-force", "locked-down")[1]
    seen = document(ombud("gate", "observe", "--json"))
    assert (seen["policy"], seen["replay"]["old"]) == ("locked-down", "recorded")
    assert "The lake holds no reads" in ombud("gate", "observe", "before-2015", "--favoured")[1]


def test_apps_that_a_breaker_stopped_are_listed(ombud: Said, workspace: Workspace) -> None:
    ombud(*REGISTER)
    assert "No app is held back." in ombud("gate", "breakers")[1]
    with open_records(workspace) as records, records.begin() as tx:
        brakes.pull(tx, "quiz", "stopped", "It read like a crawler.")
    (held,) = document(ombud("gate", "breakers", "--json"))["brakes"]
    assert (held["app"], held["state"], held["until"]) == ("quiz", "stopped", None)
    assert "a person lets it go" in ombud("gate", "breakers")[1]


def test_serving_asks_for_sense(ombud: Said) -> None:
    assert ombud("gate", "serve", "--durable", "perhaps")[0] == 2
    assert ombud("gate", "serve", "--key", "k.pem")[0] == 2
