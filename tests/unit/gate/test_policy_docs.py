"""The reference names every key of the policy language and every reason, and nothing that does not exist."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from ombud.gate.policy import language, load_policy
from ombud.gate.policy.language import Apps, Budgets, Expiry, Field, FirstWeek, Friends, Limits, Purpose, Region, Scope
from ombud.gate.policy.loading import _KNOWN
from ombud.gate.reasons import SENTENCES

DOCS = Path(__file__).resolve().parents[3] / "docs"
REFERENCE = (DOCS / "reference" / "policy.md").read_text(encoding="utf-8")
WORDS = set(re.findall(r"`([^`]+)`", REFERENCE))


@pytest.mark.parametrize("part", [Field, Scope, Purpose, Region, Expiry, Limits, FirstWeek])
def test_every_key_of_a_table_is_explained(part: type[msgspec.Struct]) -> None:
    assert {field.encode_name for field in msgspec.structs.fields(part)} <= WORDS


@pytest.mark.parametrize(("part", "name"), [(Apps, "apps"), (Friends, "friends")])
def test_every_key_that_is_named_with_its_table_is_explained(part: type[msgspec.Struct], name: str) -> None:
    assert {f"{name}.{field.encode_name}" for field in msgspec.structs.fields(part)} <= WORDS


def test_every_key_of_the_top_and_every_table_is_explained() -> None:
    for key in _KNOWN:
        assert key in WORDS or re.search(rf"^## .*`\[+{key}[].]", REFERENCE, re.MULTILINE), key
    for name in ("[budgets.first-week]", "[budgets.app.NAME]"):
        assert name in WORDS
    assert {f.encode_name for f in msgspec.structs.fields(Budgets)} >= {"first-week", "app"}


def test_defaults_stand_there_as_they_are() -> None:
    for part in (Scope, Apps, Friends):
        for field in msgspec.structs.fields(part):
            if isinstance(field.default, bool | str) and field.encode_name != "doc":
                default = str(field.default).lower() if isinstance(field.default, bool) else field.default
                assert re.search(rf"\| `(\w+\.)?{field.encode_name}` \| `{default}` \|", REFERENCE), field.encode_name
    assert f"the version of this language: `{language.LANGUAGE}`" in REFERENCE


def test_every_reason_stands_there_in_order() -> None:
    table = REFERENCE[REFERENCE.index("## Reasons") :]
    places = [table.find(f"`{code}`") for code in SENTENCES]
    assert all(place > 0 for place in places)
    ruled = [code for code in SENTENCES if code not in {"slowed", "first-week"}]
    assert [table.find(f"`{code}`") for code in ruled[:-2]] == sorted(table.find(f"`{code}`") for code in ruled[:-2])


def test_the_policy_of_the_how_to_can_be_used(tmp_path: Path) -> None:
    text = (DOCS / "how-to" / "write-a-policy.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "small.toml").write_text(example, encoding="utf-8")
    assert load_policy(tmp_path / "small.toml").scopes["taste"].review
