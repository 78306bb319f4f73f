"""The policy language: what it takes, and what it says about what it does not take."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import msgspec
import pytest
import rfc8785

from ombud.gate.policy import BUILT_IN, PolicyError, load_policy, parse_policy, publication, published
from ombud.gate.policy.lines import line_of
from ombud.model.errors import NotFoundError
from tests.unit.gate.worlds import EVERYTHING

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """\
ombud-policy = 1
name = "small"
version = "1"

[expiry]
unused-days = 90

[budgets]
people-an-hour = 5
people-a-day = 50
[budgets.app.big]
fields-a-day = 9

[fields]
name = { sensitivity = "public" }
likes = { sensitivity = "sensitive", doc = "what they like" }

[scopes.basic]
opens = ["name"]
basic = true
removable = false
[scopes.taste]
opens = ["likes"]
review = true

[purposes.function]
fields = ["*"]

[[regions]]
name = "far"
codes = ["AA"]
refuses = ["likes"]
[[regions]]
name = "farther"
codes = ["BB", "BB-1"]
refuses = ["*"]
"""


def test_a_good_policy_is_read_with_its_defaults() -> None:
    policy = parse_policy(GOOD)
    assert list(policy.fields) == ["name", "likes"]
    assert policy.basic == "basic"
    assert (policy.expiry.unused_days, policy.expiry.idle_app_days) == (90, None)
    assert (policy.apps.purpose, policy.apps.under_review) == ("declared", "unreviewed-scopes")
    assert policy.friends.must_use_app
    assert policy.scopes["taste"].removable
    assert (policy.budgets.people_a_day, policy.budgets.app["big"].fields_a_day) == (50, 9)


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_policies_that_ship_are_read_and_keep_their_names(name: str) -> None:
    policy = load_policy(name)
    assert policy.name == name
    assert len(policy.hash) == 64
    assert set(policy.fields) == set(load_policy(BUILT_IN[0]).fields)
    assert set(policy.purposes) == set(load_policy(BUILT_IN[0]).purposes)


def test_what_is_announced_stands_in_the_policies() -> None:
    before, after = load_policy("before-2015"), load_policy("locked-down")
    assert (before.expiry.unused_days, after.expiry.unused_days, after.expiry.idle_app_days) == (None, 90, 90)
    assert sum(bool(scope.opens_of_friends) for scope in before.scopes.values()) == 14
    assert [name for name, scope in after.scopes.items() if scope.opens_of_friends] == ["user_friends"]
    assert after.scopes["user_friends"].opens_of_friends == ("name", "picture")
    assert not any(scope.removable for scope in before.scopes.values())
    assert [name for name, scope in after.scopes.items() if not scope.removable] == ["public_profile"]
    assert not any(scope.review for scope in before.scopes.values())
    assert {name for name, scope in after.scopes.items() if not scope.review} == {
        "public_profile",
        "email",
        "user_friends",
    }
    assert after.purposes["sign-in"].fields == ("name", "picture", "email")
    opened = {field for scope in after.scopes.values() for field in scope.opens}
    assert not opened & {"religion-politics", "relationships", "friend-lists", "education-work", "interests"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("ombud-policy = 1\n", "", ["does not say that it is a policy"]),
        ("ombud-policy = 1", "ombud-policy = 2", ["line 1", "`ombud-policy`", "is 2"]),
        ('name = "small"', "", ["has no name"]),
        ('version = "1"', "version = 1", ["line 3", "`version` is no text"]),
        ('version = "1"', 'version = "1"\nverison = "2"', ["line 4", "`verison`", "is no key"]),
        ("[expiry]", "[expiry\n", ["is not TOML", "line 5"]),
        ("unused-days = 90", "unused-days = 0", ["line 6", "`expiry.unused-days` is 0"]),
        ("unused-days = 90", 'unused-days = "90"', ["line 6", "`expiry.unused-days`", "expected `int"]),
        ("unused-days = 90", "unused_days = 90", ["line 6", "`expiry.unused_days`", "is no key"]),
        ("people-an-hour = 5", "people-an-hour = 51", ["line 9", "`budgets.people-an-hour`", "more than"]),
        ("people-an-hour = 5", "people-an-hour = true", ["line 9", "`budgets.people-an-hour`"]),
        ("people-an-hour = 5", "people-an-hour = 1099511627776", ["line 9", "is 1099511627776"]),
        ("fields-a-day = 9", "fields-a-day = -9", ["line 12", "`budgets.app.big.fields-a-day` is -9"]),
        ("fields-a-day = 9", "shoes-a-day = 9", ["line 12", "`budgets.app.big.shoes-a-day`", "is no key"]),
        ("fields-a-day = 9", "fields-a-day = 9\n[budgets.first-week]\nshare = 1.5", ["line 14", "first-week.share"]),
        ('sensitivity = "public"', 'sensitivity = "secret"', ["line 15", "`fields.name.sensitivity`", "secret"]),
        ('{ sensitivity = "public" }', "{}", ["line 15", "`fields.name`", "sensitivity"]),
        ("likes = {", '"Likes!" = {', ["line 16", "`fields.Likes!` is no name"]),
        ('opens = ["name"]', 'opens = ["nam"]', ["line 19", "`scopes.basic.opens`", "`nam`"]),
        ('opens = ["name"]', 'opens = ["name", "name"]', ["line 19", "twice"]),
        ('opens = ["name"]', 'opens = ["*"]', ["line 19", "`*`"]),
        ('opens = ["name"]', 'opens = "name"', ["line 19", "`scopes.basic.opens`", "array"]),
        ("basic = true", "basic = false", ["`scopes` has no basic scope"]),
        ("review = true", "basic = true", ["line 22", "has 2 basic scopes"]),
        ("removable = false", "removable = true", ["line 21", "`scopes.basic.removable` must be false"]),
        ("basic = true", "basic = true\nreview = true", ["line 21", "`scopes.basic.review` must be false"]),
        ("basic = true", "basic = true\ncontract = true", ["line 21", "`scopes.basic.contract` must be false"]),
        ('[purposes.function]\nfields = ["*"]', "", ["`purposes` is missing"]),
        ('fields = ["*"]', 'fields = ["shoes"]', ["line 27", "`purposes.function.fields`", "`shoes`"]),
        ('codes = ["AA"]', 'codes = ["Aa"]', ["line 31", "`regions.0.codes`", "`Aa`"]),
        ('codes = ["BB", "BB-1"]', 'codes = ["BB", "BB-12345"]', ["line 35", "`regions.1.codes`"]),
        ('refuses = ["likes"]', 'refuses = ["lies"]', ["line 32", "`regions.0.refuses`", "`lies`"]),
        ("unused-days = 90", "unused-days = 90\n[apps]\npurpose = 'all'", ["line 8", "`apps.purpose`", "'all'"]),
        ('version = "1"', 'version = "1"\ncedar = "permit (everyone);"', ["line 4", "`cedar` is not Cedar"]),
        ('version = "1"', 'version = "1"\ncedar-file = "../rules.cedar"', ["line 4", "no file beside"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_its_place(old: str, new: str, said: list[str]) -> None:
    assert old in GOOD
    with pytest.raises(PolicyError) as error:
        parse_policy(GOOD.replace(old, new, 1), "small.toml")
    assert error.value.message.startswith("small.toml")
    assert error.value.hint
    for part in said:
        assert part in error.value.message


@pytest.mark.parametrize("kind", ["fields", "scopes", "purposes"])
def test_sixty_five_of_a_kind_do_not_fit(kind: str) -> None:
    entry = {"fields": '{ sensitivity = "public" }', "scopes": "{ opens = [] }", "purposes": "{ fields = [] }"}[kind]
    many = "".join(f"x{n} = {entry}\n" for n in range(64))
    text = GOOD.replace(f"[{kind}]\n", "") if kind == "fields" else GOOD
    with pytest.raises(PolicyError, match=f"`{kind}` has 6"):
        parse_policy(
            f"{text}\n[{kind}]\n{many}" if kind != "fields" else GOOD.replace("[fields]\n", f"[fields]\n{many}")
        )


def test_regions_are_a_list_of_tables() -> None:
    with pytest.raises(PolicyError, match=r"line 29: `regions` is no list"):
        parse_policy(GOOD[: GOOD.index("[[regions]]")] + "[regions.x]\n")


def test_files_are_read_by_path_and_by_name(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(GOOD)
    assert load_policy(tmp_path / "mine.toml") == parse_policy(GOOD)
    with pytest.raises(NotFoundError, match="There is no policy"):
        load_policy(tmp_path / "yours.toml")
    (tmp_path / "latin.toml").write_bytes(GOOD.replace("small", "é").encode("latin-1"))
    with pytest.raises(PolicyError, match="cannot be read"):
        load_policy(tmp_path / "latin.toml")
    (tmp_path / "large.toml").write_text(GOOD + "#" * 1_000_000)
    with pytest.raises(PolicyError, match="larger than"):
        load_policy(tmp_path / "large.toml")


def test_cedar_rules_come_from_the_file_beside_and_count_in_the_hash(tmp_path: Path) -> None:
    (tmp_path / "rules.cedar").write_text("permit (principal, action, resource);")
    (tmp_path / "a.toml").write_text('cedar-file = "rules.cedar"\n' + GOOD)
    policy = load_policy(tmp_path / "a.toml")
    assert policy.cedar == "permit (principal, action, resource);"
    assert policy.hash != parse_policy(GOOD).hash
    (tmp_path / "b.toml").write_text('cedar-file = "none.cedar"\n' + GOOD)
    with pytest.raises(PolicyError, match=r"line 1: `cedar-file` cannot be read"):
        load_policy(tmp_path / "b.toml")


def test_the_hash_is_that_of_the_canonical_document_whatever_the_order() -> None:
    policy = parse_policy(GOOD)
    assert policy.hash == hashlib.sha256(rfc8785.dumps(policy.document)).hexdigest()
    assert policy.document["ombud-policy"] == 1
    assert policy.document["expiry"]["unused-days"] == 90
    turned = GOOD.replace('name = { sensitivity = "public" }\n', "").replace(
        "\n[scopes.basic]", 'name = { sensitivity = "public" }\n[scopes.basic]'
    )
    assert list(parse_policy(turned).fields) == ["likes", "name"]
    assert parse_policy(turned).hash == policy.hash
    assert parse_policy("# a remark\n" + GOOD).hash == policy.hash
    assert parse_policy(GOOD.replace("90", "91")).hash != policy.hash


@pytest.mark.parametrize("name", [*BUILT_IN, "everything"])
def test_a_published_policy_comes_back_as_it_was(name: str) -> None:
    policy = EVERYTHING if name == "everything" else load_policy(name)
    body = json.loads(json.dumps(publication(policy)))
    assert body["hash"] == policy.hash
    back = published(body)
    assert back == policy
    assert back.hash == policy.hash


def test_a_published_policy_that_was_changed_is_refused() -> None:
    body = json.loads(json.dumps(publication(load_policy("locked-down"))))
    body["document"]["expiry"]["unused-days"] = 9_000
    with pytest.raises(PolicyError, match="does not have the hash"):
        published(body)
    wrongs: list[dict[str, object]] = [{}, {"document": []}, {"document": {"ombud-policy": 9}}]
    for wrong in wrongs:
        with pytest.raises(PolicyError, match="no policy"):
            published(wrong)
    document = {"ombud-policy": 1, "name": "x"}
    digest = hashlib.sha256(rfc8785.dumps({"ombud-policy": 1, "name": "x"})).hexdigest()
    with pytest.raises(PolicyError, match="is wrong"):
        published({"document": document, "hash": digest})


def test_policies_cannot_be_changed() -> None:
    policy = parse_policy(GOOD)
    with pytest.raises(AttributeError):
        policy.name = "else"  # type: ignore[misc]  # that is what is tested
    other = msgspec.structs.replace(policy, name="else")
    assert other.hash != policy.hash


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (["ombud-policy"], 1), (["expiry", "unused-days"], 6), (["expiry", "nothing"], 5), (["nothing"], None),
        (["budgets", "app", "big"], 11), (["fields", "likes", "doc"], 16), (["regions", 1, "codes"], 35),
        (["regions", 0], 29), ([], None),
    ],
)  # fmt: skip
def test_the_line_of_a_key_is_found(path: list[str | int], line: int | None) -> None:
    assert line_of(GOOD, path) == line


def test_keys_inside_long_texts_are_no_keys() -> None:
    text = 'doc = """\n[expiry]\nunused-days = 1\n"""\n[expiry]\n"unused-days" = 2\na.b = 1\n= 3\n[bad key]\n'
    assert line_of(text, ["expiry", "unused-days"]) == 6
    assert line_of(text, ["expiry", "a", "b"]) == 7
