"""Precision and recall over pairs labelled by hand; the released ads' own pairs among them."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from ombud.lake.resolution import (
    LabelledPair,
    Resolution,
    SpaceRow,
    calibrate,
    evaluate_resolution,
    read_pairs,
    resolve_spaces,
)
from ombud.lake.resolution.address import parse_address
from ombud.lake.resolution.evaluate import rate
from ombud.lake.resolution.weigh import HOUSE_2018
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def released(examples: Path) -> list[SpaceRow]:
    with sqlite3.connect(examples / "ira-facebook-ads" / "russian-ads.db") as source:
        found = source.execute(
            "SELECT url, count(*) FROM ads WHERE url IS NOT NULL AND url <> '' GROUP BY url"
        ).fetchall()
    return [SpaceRow(url, weight=ads) for url, ads in found]


@pytest.fixture(scope="module")
def resolved(released: list[SpaceRow]) -> Resolution:
    return resolve_spaces(released)


def test_precision_on_the_labelled_pairs(resolved: Resolution, examples: Path) -> None:
    pairs = read_pairs(examples / "ira-facebook-ads" / "page-pairs.csv")
    assert len(pairs) == len({frozenset((p.one, p.other)) for p in pairs}) == 300
    found = evaluate_resolution(resolved, pairs)
    print(found.precision, found.recall)
    assert found.precision.n >= 100
    assert found.precision.low > 0.95
    assert found.recall.value is not None
    assert found.recall.value > 0.75
    assert found.unsure == 5


def test_precision_holds_on_the_pairs_that_are_not_easy(resolved: Resolution, examples: Path) -> None:
    """Two articles of one site, or one address written twice, would flatter the method."""
    pairs = read_pairs(examples / "ira-facebook-ads" / "page-pairs.csv")
    hard = [
        pair
        for pair in pairs
        if parse_address(pair.one).key != parse_address(pair.other).key and parse_address(pair.one).platform != "web"
    ]
    found = evaluate_resolution(resolved, hard)
    print(found.precision, found.recall)
    assert found.precision.n >= 40
    assert found.precision.low > 0.9


def test_labels_name_addresses_of_the_release(released: list[SpaceRow], examples: Path) -> None:
    known = {row.space for row in released}
    pairs = read_pairs(examples / "ira-facebook-ads" / "page-pairs.csv")
    assert all({pair.one, pair.other} <= known and pair.why for pair in pairs)


def test_the_release_has_203_places(resolved: Resolution, released: list[SpaceRow]) -> None:
    assert len(released) == 479
    assert len(resolved.entities) == 203
    assert resolved.unresolved == ("—",)


def test_the_shipped_calibration_is_what_the_release_gives(released: list[SpaceRow]) -> None:
    found = calibrate([parse_address(row.space) for row in released], HOUSE_2018.source)
    for verdict in ("look-alike", "misreading"):
        assert found.same[verdict] == HOUSE_2018.same[verdict]
        assert found.pairs[verdict] == HOUSE_2018.pairs[verdict]


def test_wrong_and_missed_pairs_are_named() -> None:
    fb = "https://www.facebook.com/"
    found = resolve_spaces([SpaceRow(fb + "lgbtun"), SpaceRow(fb + "Igbtun"), SpaceRow(fb + "other")])
    wrong = LabelledPair(fb + "lgbtun", fb + "Igbtun", "different", "made up")
    missed = LabelledPair(fb + "lgbtun", fb + "other", "same", "made up")
    unsure = LabelledPair(fb + "Igbtun", fb + "other", "unsure")
    unknown = LabelledPair("nowhere", "nowhere else", "same")
    report = evaluate_resolution(found, [wrong, missed, unsure, unknown])
    assert report.wrong == (wrong,)
    assert report.missed == (missed, unknown)
    assert report.unsure == 1
    assert (report.precision.value, report.recall.value) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("hits", "n", "low", "high"),
    [(0, 0, 0.0, 1.0), (0, 10, 0.0, 0.3085), (10, 10, 0.6915, 1.0), (8, 10, 0.4439, 0.9748)],
)
def test_intervals_are_exact(hits: int, n: int, low: float, high: float) -> None:
    found = rate(hits, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert found.value == (hits / n if n else None)


def test_a_bad_file_of_pairs_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no file"):
        read_pairs(tmp_path / "none.csv")
    (tmp_path / "pairs.csv").write_text("one,other,label,why\na,b,perhaps,because\n")
    with pytest.raises(InputError, match="not a list of labelled pairs"):
        read_pairs(tmp_path / "pairs.csv")
    (tmp_path / "pairs.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="not a list of labelled pairs"):
        read_pairs(tmp_path / "pairs.csv")
