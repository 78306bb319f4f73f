"""The two formats of the Internet Research Agency's releases, on small extracts of their shapes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ombud.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

PAGE = "https://www.facebook.com/Woke-B|acks-294234600956431/"
EVENT = "https://www.facebook.com/events/1748220542079708/"
ADS: list[tuple[Any, ...]] = [
    (
        1,
        "a.pdf",
        None,
        6,
        358,
        "one\n",
        PAGE,
        "161.23",
        "RUB",
        "2015-10-25T06:28:33-07:00",
        "2015-10-27T23:59:00-07:00",
    ),
    (2, "b.pdf", None, 0, 0, "two", EVENT, "0.00", "USD", "2016-05-12T04:06:17-07:00", None),
    (3, "c.pdf", None, 1, 2, None, "", "12.30", "USD", "2016-05-12T04:06:17-07:00", "2016-05-01T00:00:00-07:00"),
    (4, "d.pdf", None, 0, 9, "four", "—", "3714.15", "RUB", None, None),
    (5, "e.pdf", None, 0, 0, "five", PAGE, "1.00", "RUB", "2018-05-05T01:08:10-07:00", "2018-05-06T01:08:09-07:00"),
    (6, "f.pdf", None, 0, 0, "six", PAGE, "1.00", "RUB", "June 2016", None),
]


def database(path: Path, ads: list[tuple[Any, ...]]) -> Path:
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "CREATE TABLE ads (id INTEGER PRIMARY KEY, pdf, image, clicks, impressions, text, url,"
            " spend_amount TEXT, spend_currency, created, ended)"
        )
        db.execute("CREATE TABLE targets (id TEXT PRIMARY KEY, name, category, prefix)")
        db.execute("CREATE TABLE ad_targets (target_id, ad_id)")
        db.executemany("INSERT INTO ads VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", ads)
        db.executemany(
            "INSERT INTO targets VALUES (?, ?, ?, ?)",
            [("t1", "age:18 - 65+", "age", "age"), ("t2", "interests:Malcolm\n X", "interests", "interests")],
        )
        db.executemany("INSERT INTO ad_targets VALUES (?, ?)", [("t2", 1), ("t1", 1), ("t1", 2)])
        db.commit()
    return path


def test_ads_come_with_money_dates_targeting_and_flags(tmp_path: Path, read: Callable[..., Any]) -> None:
    done = read(database(tmp_path / "ads.db", ADS), format="ira-ads")
    assert (done.source_rows, done.rejects) == (6, [])
    assert done.only("ads", "ad", "spend", "currency", "quality") == [
        ("1", Decimal("161.23"), "RUB", None),
        ("2", Decimal("0.00"), None, ["currency:not stated"]),
        ("3", Decimal("12.30"), "USD", ["ended_at:before it began"]),
        ("4", Decimal("3714.15"), "RUB", ["space:not an address", "happened_at:not stated"]),
        ("5", Decimal("1.00"), "RUB", ["happened_at:out of range", "ended_at:out of range"]),
        ("6", Decimal("1.00"), "RUB", ["happened_at:no date"]),
    ]
    first = done.rows["ads"][0]
    assert first["happened_at"] == datetime(2015, 10, 25, 13, 28, 33, tzinfo=UTC)
    assert first["targeting"] == ["interests:Malcolm X", "age:18 - 65+"]
    assert (first["document"], first["impressions"], first["clicks"]) == ("a.pdf", 358, 6)
    assert done.only("ads", "space") == [(PAGE,), (EVENT,), (None,), (None,), (PAGE,), (PAGE,)]
    assert [row[1:] for row in done.only("spaces", "space", "space_kind", "platform")] == [
        ("page", "facebook"),
        ("event", "facebook"),
    ]
    assert done.rows["spaces"][0]["name"] == "Woke-B|acks"


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        (7, "12,30", "spend_amount: no amount with at most two decimals"),
        (7, "1.234", "spend_amount: no amount with at most two decimals"),
        (3, "many", "clicks: no whole number"),
        (4, 1.5, "impressions: no whole number"),
        (5, "a\0b", "text: a NUL byte"),
        (5, "x" * 1_000_001, "text: longer than 1,000,000 bytes"),
    ],
)
def test_an_ad_that_cannot_be_is_rejected(
    tmp_path: Path, read: Callable[..., Any], column: int, value: object, reason: str
) -> None:
    bad = list(ADS[0])
    bad[0], bad[column] = 9, value
    done = read(database(tmp_path / "ads.db", [*ADS, tuple(bad)]), format="ira-ads")
    assert len(done.rows["ads"]) == 6
    assert done.reasons() == [(7, reason)]
    assert done.rejects[0]["row"]["id"] == 9


def test_text_that_is_not_utf8_is_rejected(tmp_path: Path, read: Callable[..., Any]) -> None:
    path = database(tmp_path / "ads.db", ADS)
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE ads SET text = CAST(x'ff41' AS TEXT) WHERE id = 2")
        db.commit()
    assert read(path, format="ira-ads").reasons() == [(2, "text: bytes that are not UTF-8")]


def test_other_databases_are_refused(tmp_path: Path, read: Callable[..., Any]) -> None:
    with closing(sqlite3.connect(tmp_path / "other.db")) as db:
        db.execute("CREATE TABLE x (a)")
        db.commit()
    with pytest.raises(InputError, match="not the ads' database"):
        read(tmp_path / "other.db", format="ira-ads")
    broken = database(tmp_path / "cut.db", ADS).read_bytes()
    (tmp_path / "cut.db").write_bytes(broken[:5_000])
    with pytest.raises(InputError, match="not the ads' database"):
        read(tmp_path / "cut.db", format="ira-ads")
    with pytest.raises(InputError, match="takes no table"):
        read(tmp_path / "other.db", format="ira-ads", table="ads")


RETWEET = "Media never asks about the important things https://t.co/abcdefghij"
TWEETS: list[tuple[str | None, ...]] = [
    ("One_A", "Plain #Eins, #zwei. https://t.co/AmPQWSgR2h.", "2016-06-01 00:02:00", ""),
    ("One_A", "Same", "2016-06-01 00:03:00", ""),
    ("One_A", "Same", "2016-06-01 00:03:00", ""),
    ("Two", RETWEET, "2016-06-01 00:04:00", "R"),
    ("Three", RETWEET.replace(" n", "  n").upper().replace("HTTPS", "https"), "2016-06-02 00:04:00", "R"),
    ("Three", RETWEET, "2016-06-02 00:05:00", ""),
    ("Two", "RT @Four_4: yes", "2016-06-02 00:06:00", "R"),
    ("One_A", '"RT @four_4: Yes"', "2016-06-02 00:07:00", ""),
    ("Two", "short", "2016-06-02 00:08:00", "R"),
    ("Two", None, "2016-06-02 00:09:00", ""),
    ("", "nobody", "2016-06-02 00:10:00", ""),
]


def tweets(path: Path, rows: list[tuple[str | None, ...]]) -> Path:
    author, content, date, kind = zip(*rows, strict=True)
    dates = [datetime.fromisoformat(str(d)) for d in date]
    columns: dict[str, Sequence[Any]] = {
        "author_id": author,
        "content": content,
        "publish_date": dates,
        "post_type": kind,
        "language": ["English"] * len(rows),
        "region": ["Unknown"] * len(rows),
    }
    pq.write_table(pa.table(columns), path)
    return path


def test_tweets_become_posts_with_links_tags_and_originals(tmp_path: Path, read: Callable[..., Any]) -> None:
    done = read(tweets(tmp_path / "t.parquet", TWEETS), format="ira-tweets")
    assert done.reasons() == [(11, "author_id: missing")]
    posts = {(p["account"], p["happened_at"].minute): p for p in done.rows["posts"]}
    plain = posts["One_A", 2]
    assert (plain["links"], plain["tags"]) == (["https://t.co/AmPQWSgR2h"], ["Eins", "zwei"])
    assert (plain["original"], plain["language"], plain["platform"]) == (None, "English", "twitter")
    assert posts["Two", 4]["original"] is not None
    assert posts["Two", 4]["original"] == posts["Three", 4]["original"]
    assert posts["Three", 5]["original"] is None
    assert posts["Two", 6]["original"] is not None
    assert posts["Two", 6]["original"] != posts["Two", 4]["original"]
    assert posts["Two", 8]["original"] is None
    assert posts["Two", 9]["text"] is None


def test_ids_of_tweets_are_derived_and_distinct(tmp_path: Path, read: Callable[..., Any]) -> None:
    (tmp_path / "a").mkdir()
    once = read(tweets(tmp_path / "t.parquet", TWEETS), format="ira-tweets").only("posts", "post", "text")
    again = read(tweets(tmp_path / "a" / "t.parquet", TWEETS[::-1]), format="ira-tweets").only("posts", "post", "text")
    assert sorted(once, key=str) == sorted(again, key=str)
    assert len({post for post, _ in once}) == 10
    assert sum(text == "Same" for _, text in once) == 2


def test_a_retweet_that_names_its_author_has_the_same_original_in_any_case(
    tmp_path: Path, read: Callable[..., Any]
) -> None:
    done = read(tweets(tmp_path / "t.parquet", TWEETS[6:8]), format="ira-tweets")
    assert len({o for (o,) in done.only("posts", "original")} - {None}) in {1, 2}
    rows = [
        ("A", "RT @Four_4: yes", "2016-06-02", "R"),
        ("B", "rt @x", "2016-06-02", ""),
        ("C", "RT @FOUR_4 Yes", "2016-06-03", "R"),
    ]
    done = read(tweets(tmp_path / "u.parquet", [*rows]), format="ira-tweets")
    originals = dict(done.only("posts", "account", "original"))
    assert originals["A"] == originals["C"] is not None
    assert originals["B"] is None


AUTHORS = (
    b"author_id,author,external_author_id,account_type,account_category\n"
    b"10_gop,10_GOP,906000000000000000,Right,RightTroll\nx_1,x_1,1,Russian,NonEnglish\n,nobody,2,Right,RightTroll\n"
)


def test_authors_become_accounts_and_labels(read: Callable[..., Any]) -> None:
    done = read(AUTHORS, "authors.csv", format="ira-tweets")
    assert done.only("accounts", "account", "name", "platform") == [
        ("10_gop", "10_GOP", "twitter"),
        ("x_1", "x_1", "twitter"),
    ]
    assert done.only("labels", "subject_kind", "subject", "label") == [
        ("account", "10_gop", "RightTroll"),
        ("account", "x_1", "NonEnglish"),
    ]
    assert {s for (s,) in done.only("labels", "source")} == {"FiveThirtyEight; Linvill and Warren 2018"}
    assert done.reasons() == [(4, "author_id: missing")]


def test_other_files_are_refused_as_tweets(read: Callable[..., Any]) -> None:
    with pytest.raises(InputError, match="neither the tweets nor the authors"):
        read(b"a,b\n1,2\n", format="ira-tweets")
    with pytest.raises(InputError, match="takes no table"):
        read(AUTHORS, format="ira-tweets", table="posts")
