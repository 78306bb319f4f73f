"""The weights of the ranking are data: readable, checked, with a hash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ombud.audit.ranking.sensitivity import POINTS, UNKNOWN, points_by_field
from ombud.audit.ranking.weights import CODES, load_weights
from ombud.gate import registry
from ombud.gate.policy import load_policy, parse_policy
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.records import Records

GOOD = "ombud-weights = 1\ncap = 2.0\nlevel = 5.0\n[weights]\nabsent = 1.0\n"


def test_what_ships_weighs_every_signal_and_no_signal_reaches_the_level_alone() -> None:
    weights = load_weights()
    assert set(weights.weights) == set(CODES)
    million = 6  # decades of people
    assert max(weights.weights.values()) * weights.cap * million < weights.level
    assert len(weights.hash) == 64


def test_the_hash_is_of_the_numbers_and_not_of_the_text(tmp_path: Path) -> None:
    one, other, different = (tmp_path / name for name in ("a.toml", "b.toml", "c.toml"))
    one.write_text(GOOD, encoding="utf-8")
    other.write_text("# said otherwise\n" + GOOD.replace("5.0", "5.000"), encoding="utf-8")
    different.write_text(GOOD.replace("1.0", "1.5"), encoding="utf-8")
    assert load_weights(one).hash == load_weights(other).hash != load_weights(different).hash


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("this is no TOML", "cannot be read"),
        (GOOD.replace("ombud-weights = 1", "ombud-weights = 2"), "version 2"),
        (GOOD + "guilt = 1.0\n", "`guilt`"),
        (GOOD.replace("absent = 1.0", "absent = -1.0"), "negative"),
        (GOOD.replace("cap = 2.0", "cap = 0.0"), "negative or none"),
        (GOOD.replace("level = 5.0", "level = nan"), "negative or none"),
        (GOOD.replace("cap = 2.0\n", ""), "cap"),
        (GOOD + "[more]\nx = 1\n", "more"),
    ],
)
def test_wrong_weights_are_refused_in_a_sentence(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "weights.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=says):
        load_weights(file)
    with pytest.raises(InputError):
        load_weights(tmp_path / "missing.toml")


def test_sensitivity_comes_from_the_catalogues_the_policy_in_force_last(records: Records) -> None:
    with records.read() as tx:
        shipped = points_by_field(tx)
    before = load_policy("before-2015")
    assert {name: POINTS[field.sensitivity] for name, field in before.fields.items()}.items() <= shipped.items()
    assert "never-heard-of" not in shipped
    assert POINTS["personal"] == UNKNOWN
    text = (
        'ombud-policy = 1\nname = "ours"\nversion = "1"\n[fields]\nname = { sensitivity = "sensitive" }\n'
        'shoe-size = { sensitivity = "private" }\n'
        '[scopes.basic]\nopens = ["name"]\nbasic = true\nremovable = false\n[scopes.feet]\nopens = ["shoe-size"]\n'
        '[purposes]\nall = { fields = ["*"] }\n'
    )
    with records.begin() as tx:
        registry.activate(tx, parse_policy(text, "ours.toml"), "eva", "A test.")
    with records.read() as tx:
        ours = points_by_field(tx)
    assert (ours["name"], ours["shoe-size"], ours["likes"]) == (3, 2, shipped["likes"])
