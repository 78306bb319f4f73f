"""Suggested mappings: for files that name things their own way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ombud.lake.imports import load_mapping, suggest_mapping
from ombud.lake.imports.profile import profile
from ombud.lake.imports.usual_names import plain
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def put(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_twitter_like_csv_is_understood(tmp_path: Path) -> None:
    rows = "".join(
        f'{1000 + i},user{i % 3},2016-06-0{1 + i % 9} 10:00,"text, {i}",en,https://a.example/{i} https://b.example\n'
        for i in range(20)
    )
    path = put(tmp_path / "t.csv", "tweet_id,user_screen_name,created_at,tweet_text,lang,expanded_urls\n" + rows)
    found = suggest_mapping(path)
    assert (found.table, found.missing, found.sampled) == ("posts", [], 20)
    assert {p.column: p.source for p in found.proposals} == {
        "post": "tweet_id",
        "account": "user_screen_name",
        "happened_at": "created_at",
        "text": "tweet_text",
        "language": "lang",
        "links": "expanded_urls",
    }
    assert next(p.rule.split for p in found.proposals if p.column == "links") == " "
    assert all(0.35 <= p.confidence <= 1 and p.reason for p in found.proposals)


def test_ndjson_with_nested_keys_and_unix_milliseconds(tmp_path: Path) -> None:
    rows = "".join(
        f'{{"id": "p{i}", "author": {{"id": "a{i % 4}"}}, "ts": {1464782400000 + i}, "hashtags": ["x"], "zz": 1}}\n'
        for i in range(30)
    )
    found = suggest_mapping(put(tmp_path / "t.jsonl", rows))
    assert found.table == "posts"
    rules = {p.column: p.rule for p in found.proposals}
    assert rules["account"].source == "author.id"
    assert rules["happened_at"].moments == "unix-ms"
    assert rules["tags"].source == "hashtags"
    assert "zz" in found.unused


def test_ads_are_told_from_posts(tmp_path: Path) -> None:
    path = tmp_path / "ads.parquet"
    columns: dict[str, list[Any]] = {
        "AdID": ["a1", "a2", "a3"],
        "StartDate": ["2019/02/26 23:00:00Z"] * 3,
        "Spend": [1.5, 2.0, 3.25],
        "Currency Code": ["USD", "EUR", "USD"],
        "Impressions": [1, 2, 3],
        "PayingAdvertiserName": ["x", "y", "z"],
    }
    pq.write_table(pa.table(columns), path)
    found = suggest_mapping(path)
    assert found.table == "ads"
    assert {p.column for p in found.proposals} == {"ad", "happened_at", "spend", "currency", "impressions", "payer"}


def test_the_suggestion_can_be_saved_and_passed_back(tmp_path: Path) -> None:
    path = put(tmp_path / "t.csv", "post_id,author,time\n1,a,2016-01-01\n2,b,2016-01-02\n")
    found = suggest_mapping(path)
    toml = found.to_toml()
    assert load_mapping(toml) == found.mapping
    assert "# 95%: `post_id` is a usual name for it" in toml


def test_a_table_that_is_asked_for_names_what_is_missing(tmp_path: Path) -> None:
    path = put(tmp_path / "t.csv", "author,time,colour\na,2016-01-01,red\na,2016-01-02,red\n")
    found = suggest_mapping(path, "posts")
    assert (found.missing, found.unused) == (["post"], ["colour"])
    assert "# post is needed and nothing looks like it: fill it in." in found.to_toml()


def test_repeating_ids_are_no_key(tmp_path: Path) -> None:
    rows = "".join(f"{i % 2},u,2016-01-01\n" for i in range(50))
    found = suggest_mapping(put(tmp_path / "t.csv", "post_id,user_id,date\n" + rows), "posts")
    assert found.missing == ["post"]


def test_a_file_without_a_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="looks like a column of any table"):
        suggest_mapping(put(tmp_path / "t.csv", "17,xyz,2016-01-01\n18,abc,2016-01-02\n"))


def test_bad_rows_are_left_out_of_the_sample(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"post_id,user_id,date\n1,a,2016-01-01\n2,\xff,x\n3,b\n4,c,2016-01-02\n")
    assert suggest_mapping(path).sampled == 2


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temp"))
    (tmp_path / "temp").mkdir()
    suggest_mapping(put(tmp_path / "t.csv", "post_id,user_id,date\n1,a,2016-01-01\n"))
    assert list((tmp_path / "temp").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("PostID", "post_id"),
        ("Post URL", "post_url"),
        ("created_at", "created_at"),
        ("user.screenName", "user.screen_name"),
    ],
)
def test_names_are_made_plain(name: str, expected: str) -> None:
    assert plain(name) == expected


@pytest.mark.parametrize(
    ("values", "separator"),
    [
        (["a|b", "c|d e", "f"], "|"),
        (["Film & TV Fans,Foodies", "Sport,Film"], ","),
        (["https://a.example https://b.example"] * 2, " "),
        (["one two three", "four five"], None),
        ([], None),
    ],
)
def test_separators_are_recognised(values: list[str | None], separator: str | None) -> None:
    assert profile(values).separator == separator


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (["1464782400", "1464782401.5"], "unix-seconds"),
        (["1464782400000"], "unix-ms"),
        (["1464782400000000"], "unix-us"),
        (["12", "13"], None),
        (["x"], None),
        ([None, ""], None),
    ],
)
def test_units_of_counted_moments_are_recognised(values: list[str | None], unit: str | None) -> None:
    assert profile(values).unix == unit
