"""Precision, recall and F1 with intervals, and the files they are read from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.detect import Truth, evaluate_networks, read_networks, read_truth
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNTS = [f"a{n}" for n in range(12)]


def generator() -> np.random.Generator:
    return np.random.default_rng(1)


@given(
    st.lists(st.sets(st.sampled_from(ACCOUNTS), min_size=1), max_size=4),
    st.dictionaries(st.sampled_from(ACCOUNTS), st.sampled_from(["x", "y", ""]), min_size=1),
)
def test_rates_are_those_of_the_counts(networks: list[set[str]], labels: dict[str, str]) -> None:
    owned: set[str] = set()
    apart = []
    for network in networks:
        apart.append(sorted(network - owned))
        owned |= network
    truth = Truth({a: g for a, g in labels.items() if g}, frozenset(a for a, g in labels.items() if not g))
    if not truth.groups:
        return
    got = evaluate_networks(apart, truth, generator())
    everybody = not truth.ordinary
    tp = len(owned & set(truth.groups))
    fp = len(owned - set(truth.groups)) if everybody else len(owned & truth.ordinary)
    fn = len(set(truth.groups) - owned)
    assert got.precision.value == (pytest.approx(tp / (tp + fp), abs=1e-4) if tp + fp else None)
    assert got.recall.value == pytest.approx(tp / (tp + fn), abs=1e-4)
    assert got.f1.value == pytest.approx(2 * tp / (2 * tp + fp + fn), abs=1e-4)
    assert got.n == len(labels)
    assert got.found == tp + fp
    assert got.unlabelled == (0 if everybody else len(owned - set(labels)))
    for rate in (got.precision, got.recall, got.f1):
        if rate.value is not None and rate.low is not None and rate.high is not None:
            assert 0 <= rate.low <= 1
            assert rate.low <= rate.high <= 1


def test_nothing_missed_of_n_groups_has_the_exact_lower_end() -> None:
    truth = Truth({f"a{n}": f"g{n // 5}" for n in range(50)}, frozenset({"z"}))
    got = evaluate_networks([[f"a{n}" for n in range(50)]], truth, generator())
    assert got.recall.value == 1
    assert got.recall.low == pytest.approx(0.025 ** (1 / 10), abs=1e-3)  # ten groups, not fifty accounts
    assert got.recall.high == 1


def test_groups_make_intervals_wide() -> None:
    whole = Truth({f"a{n}": f"g{n // 25}" for n in range(100)}, frozenset({"z"}))
    alone = Truth({f"a{n}": f"g{n}" for n in range(100)}, frozenset({"z"}))
    found = [[f"a{n}" for n in range(50)]]
    wide, narrow = (evaluate_networks(found, t, generator()).recall for t in (whole, alone))
    assert wide.value == narrow.value == 0.5
    assert wide.low is not None and narrow.low is not None  # noqa: PT018 - for the type checker
    assert wide.low < narrow.low


def test_without_ordinary_accounts_those_unnamed_are_ordinary() -> None:
    got = evaluate_networks([["a", "b"]], Truth({"a": "g"}, frozenset()), generator())
    assert (got.precision.value, got.unlisted, got.unlabelled) == (0.5, "ordinary", 0)
    got = evaluate_networks([["a", "b"]], Truth({"a": "g"}, frozenset({"c"})), generator())
    assert (got.precision.value, got.unlisted, got.unlabelled) == (1.0, "unknown", 1)


def test_nothing_found_has_no_precision() -> None:
    got = evaluate_networks([], Truth({"a": "g"}, frozenset({"b"})), generator())
    assert got.precision.value is got.precision.low is None
    assert got.recall.value == 0
    assert got.recall.high == pytest.approx(0.975)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_both_shapes_of_truth_are_read(tmp_path: Path) -> None:
    group = read_truth(write(tmp_path / "g.csv", "account,group\na,one\nb,\nc,one\n"))
    assert group == Truth({"a": "one", "c": "one"}, frozenset({"b"}))
    label = read_truth(write(tmp_path / "l.csv", "\ufeffaccount,other,label\na,x,1\nb,x,0\nc,x,\nd,x,Ordinary\n"))
    assert label == Truth({"a": "a"}, frozenset({"b", "d"}))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name,group\na,one\n", "not a truth file"),
        ("", "not a truth file"),
        ("account,label\na,maybe\n", "label `maybe`"),
        ("account,group\n,one\n", "Line 2"),
        ("account,group\na,\n", "no coordinated account"),
        ("account,group\na,one\na,\n", "both"),
    ],
)
def test_bad_truth_is_one_clear_error(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        read_truth(write(tmp_path / "t.csv", text))
    assert caught.value.hint


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_bytes(b"account,group\n\xff\xfe,x\n")
    for path in (tmp_path / "none.csv", tmp_path, tmp_path / "b.csv"):
        with pytest.raises(InputError):
            read_truth(path)
    for text in ("", "{}", '{"networks": [{}]}', "[]"):
        with pytest.raises(InputError, match="not a list of networks"):
            read_networks(write(tmp_path / "n.json", text))
    with pytest.raises(InputError, match="Cannot read"):
        read_networks(tmp_path / "none.json")


def test_networks_of_any_tool_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "n.json", '{"networks": [{"id": "x", "accounts": ["a", "b"]}], "more": 1}')
    assert read_networks(path) == [["a", "b"]]
