"""Files as strangers export them: what is proposed for them, and that it imports without a reject."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from ombud.lake.imports import import_files, load_mapping, suggest_mapping
from ombud.lake.imports.profile import profile

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ombud.lake import Lake

START = datetime(2019, 5, 1, 8, tzinfo=UTC)
ROWS = 40


def moments() -> list[datetime]:
    return [START + timedelta(minutes=37 * i) for i in range(ROWS)]


def table(head: str, make: Callable[[int, datetime], list[Any]], sign: str = ",", end: str = "\r\n") -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=sign, lineterminator=end)
    writer.writerow(head.split(","))
    writer.writerows(make(i, t) for i, t in enumerate(moments()))
    return out.getvalue().encode()


def lines(make: Callable[[int, datetime], dict[str, Any]]) -> bytes:
    return b"".join(json.dumps(make(i, t), ensure_ascii=False).encode() + b"\n" for i, t in enumerate(moments()))


TWITTER_2 = lines(
    lambda i, t: {
        "id": str(15 * 10**17 + i),
        "author_id": str(700 + i % 6),
        "created_at": t.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "text": f"RT @someone: words {i}",
        "lang": "de",
        "public_metrics": {"like_count": i},
        "referenced_tweets": [{"type": "retweeted", "id": "1"}],
    }
)
TWITTER_1 = lines(
    lambda i, t: {
        "created_at": t.strftime("%a %b %d %H:%M:%S +0000 %Y"),
        "timestamp_ms": str(int(t.timestamp() * 1000)),
        "id_str": str(10**17 + i),
        "full_text": f"words {i}",
        "user": {"id_str": str(i % 5), "screen_name": f"u{i % 5}"},
        "lang": "en",
    }
)
MASTODON = lines(
    lambda i, t: {
        "id": str(11 * 10**16 + i),
        "created_at": t.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "in_reply_to_id": None if i % 3 else str(11 * 10**16),
        "language": "en",
        "url": f"https://social.example/@a/{i}",
        "content": f"<p>words {i}</p>",
        "account": {"id": str(i % 5), "username": f"a{i % 5}"},
        "tags": [{"name": "x"}],
    }
)
EXCEL = b"\xef\xbb\xbf" + table(
    "Post ID,Author,Published At,Message,Hashtags",
    lambda i, t: [i, f"Konto {i % 4}", f"{t:%Y-%m-%d %H:%M}", f'Zeile {i}; "Zitat"\nUmbruch', "#a;#b" if i % 2 else ""],
    ";",
)
SECONDS = table(
    "comment_id,author,created_utc,body,subreddit,parent_id",
    lambda i, t: [f"c{i}", f"user{i % 4}", int(t.timestamp()), f"words {i}", "r_example", f"t3_{i % 3}"],
    "\t",
    "\n",
)
MICROS = table(
    "message_id,from_id,ts,message,channel_id",
    lambda i, t: [i, i % 4, int(t.timestamp() * 10**6), f"words {i}", 77],
    "|",
)
RELEASE = table(
    "tweetid,userid,tweet_time,tweet_text,urls,retweet_tweetid,tweet_language",
    lambda i, t: [
        10**17 + i,
        f"hash{i % 5}",
        int(t.timestamp() * 1000),
        f"words {i}",
        f"https://a.example/{i}",
        "",
        "en",
    ],
)
AD_LIBRARY = table(
    "ad_archive_id,page_id,ad_creative_body,ad_delivery_start_time,ad_delivery_stop_time,currency,spend,impressions,"
    "funding_entity,link_url",
    lambda i, t: [
        4 * 10**14 + i,
        900 + i % 3,
        f"Vote {i}",
        f"{t:%Y-%m-%d}",
        f"{t + timedelta(days=2):%Y-%m-%d}",
        "EUR",
        f"{i}.50",
        i * 100,
        f"Payer {i % 3}",
        "https://v.example",
    ],
)
LOGINS = table(
    "user_id,event_time,ip_hash,device_hash,country_code",
    lambda i, t: [f"u{i % 5}", t.isoformat(), f"n{i % 3}", f"d{i % 6}", "DE"],
)
REPORTS = lines(
    lambda i, t: {
        "report_id": f"r{i}",
        "reporter": f"u{i % 5}",
        "target_type": "post",
        "target_id": f"p{i % 7}",
        "report_reason": "spam",
        "created_at": t.isoformat(),
    }
)
FOLLOWS = table("user_id,target_id,relation,created_at", lambda i, t: [f"u{i % 5}", f"v{i}", "follow", t.isoformat()])
CONSENTS = table(
    "app_id,user_id,scopes,created_at,revoked_at",
    lambda i, t: [f"app{i % 3}", f"u{i}", "friends", t.isoformat(), t.isoformat() if i % 2 else ""],
)
FLATTENED = lines(
    lambda i, t: {"post_id": f"n{i}", "user.id": f"u{i % 5}", "created_at": t.isoformat(), "text": f"words {i}"}
)

KNOWN: dict[str, tuple[bytes, str, dict[str, str]]] = {
    "twitter2.jsonl": (
        TWITTER_2,
        "posts",
        {"post": "id", "account": "author_id", "happened_at": "created_at", "text": "text", "language": "lang"},
    ),
    "twitter1.ndjson": (
        TWITTER_1,
        "posts",
        {
            "post": "id_str",
            "account": "user.screen_name",
            "happened_at": "created_at",
            "text": "full_text",
            "language": "lang",
        },
    ),
    "mastodon.ndjson": (
        MASTODON,
        "posts",
        {
            "post": "id",
            "account": "account.id",
            "happened_at": "created_at",
            "text": "content",
            "language": "language",
            "links": "url",
            "parent": "in_reply_to_id",
        },
    ),
    "excel.csv": (
        EXCEL,
        "posts",
        {"post": "Post ID", "account": "Author", "happened_at": "Published At", "text": "Message", "tags": "Hashtags"},
    ),
    "seconds.tsv": (
        SECONDS,
        "posts",
        {
            "post": "comment_id",
            "account": "author",
            "space": "subreddit",
            "happened_at": "created_utc",
            "text": "body",
            "parent": "parent_id",
        },
    ),
    "micros.csv": (
        MICROS,
        "posts",
        {
            "post": "message_id",
            "account": "from_id",
            "space": "channel_id",
            "happened_at": "ts",
            "text": "message",
        },
    ),
    "release.csv": (
        RELEASE,
        "posts",
        {
            "post": "tweetid",
            "account": "userid",
            "happened_at": "tweet_time",
            "text": "tweet_text",
            "language": "tweet_language",
            "links": "urls",
            "original": "retweet_tweetid",
        },
    ),
    "adlibrary.csv": (
        AD_LIBRARY,
        "ads",
        {
            "ad": "ad_archive_id",
            "space": "page_id",
            "happened_at": "ad_delivery_start_time",
            "ended_at": "ad_delivery_stop_time",
            "text": "ad_creative_body",
            "landing": "link_url",
            "spend": "spend",
            "currency": "currency",
            "impressions": "impressions",
            "payer": "funding_entity",
        },
    ),
    "logins.csv": (
        LOGINS,
        "logins",
        {
            "account": "user_id",
            "happened_at": "event_time",
            "device": "device_hash",
            "network": "ip_hash",
            "region": "country_code",
        },
    ),
    "reports.ndjson": (
        REPORTS,
        "flags",
        {
            "flag": "report_id",
            "account": "reporter",
            "subject_kind": "target_type",
            "subject": "target_id",
            "reason": "report_reason",
            "happened_at": "created_at",
        },
    ),
    "follows.csv": (
        FOLLOWS,
        "ties",
        {"account": "user_id", "other": "target_id", "tie": "relation", "happened_at": "created_at"},
    ),
    "consents.csv": (
        CONSENTS,
        "grants",
        {
            "app": "app_id",
            "person": "user_id",
            "scope": "scopes",
            "happened_at": "created_at",
            "ended_at": "revoked_at",
        },
    ),
    "flattened.ndjson": (
        FLATTENED,
        "posts",
        {"post": "post_id", "account": "user.id", "happened_at": "created_at", "text": "text"},
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_strangers_file_is_told_by_its_columns(tmp_path: Path, name: str) -> None:
    content, wanted, columns = KNOWN[name]
    (tmp_path / name).write_bytes(content)
    found = suggest_mapping(tmp_path / name)
    assert (found.table, found.missing, found.sampled) == (wanted, [], ROWS)
    assert {p.column: p.source for p in found.proposals} == columns
    assert set(found.unused).isdisjoint(columns.values())


@pytest.mark.parametrize(
    ("name", "unit"), [("seconds.tsv", "unix-seconds"), ("release.csv", "unix-ms"), ("micros.csv", "unix-us")]
)
def test_the_unit_of_counted_moments_is_proposed(tmp_path: Path, name: str, unit: str) -> None:
    (tmp_path / name).write_bytes(KNOWN[name][0])
    (rule,) = [p.rule for p in suggest_mapping(tmp_path / name).proposals if p.column == "happened_at"]
    assert rule.moments == unit


def test_what_is_proposed_imports_every_row_at_its_moment(lake: Lake, tmp_path: Path) -> None:
    # One lake for all: the files' ids do not meet, so each brings its forty rows.
    posts = 0
    for name in ("twitter1.ndjson", "excel.csv", "seconds.tsv", "release.csv", "flattened.ndjson"):
        path = tmp_path / name
        path.write_bytes(KNOWN[name][0].replace(b'"id_str": "1000', b'"id_str": "t1000'))
        report = import_files(lake, "table", [path], mapping=load_mapping(suggest_mapping(path).to_toml()))
        counts = report.tables["posts"]
        assert (counts.read, counts.accepted, counts.rejected, counts.flagged) == (ROWS, ROWS, 0, 0), name
        posts += ROWS
        ours = lake.read("posts", ["happened_at"], f"import_id = '{report.files[0].import_id}'").sort_by("happened_at")
        assert ours["happened_at"].to_pylist() == moments(), name
    assert lake.read("posts", ["post"]).num_rows == posts
    tags = lake.read("posts", ["tags"], "tags IS NOT NULL")["tags"].to_pylist()
    assert tags == [["#a", "#b"]] * (ROWS // 2)


CROWDTANGLE = table(
    "Page Name,User Name,Page Created,Followers at Posting,Post Created,Type,Likes,URL,Message,Link",
    lambda i, t: [
        f"Town News {i % 4}",
        f"townnews{i % 4}",
        "2011-02-03 10:00:00",
        1000 + i,
        f"{t:%Y-%m-%d %H:%M:%S} UTC",
        "Link",
        i,
        f"https://social.example/posts/{i}",
        f"Read this, number {i}",
        f"https://news.example/{i % 7}",
    ],
)


def test_posts_without_an_id_are_no_ties(tmp_path: Path) -> None:
    # `Type` says what a post shows; taken for a tie's, the file would seem complete and import as nonsense.
    path = tmp_path / "crowdtangle.csv"
    path.write_bytes(CROWDTANGLE)
    found = suggest_mapping(path)
    assert (found.table, found.missing) == ("posts", ["post"])
    assert {p.column: p.source for p in found.proposals}["happened_at"] == "Post Created"
    assert "# post is needed and nothing looks like it: fill it in." in found.to_toml()


def test_dates_that_cannot_be_read_are_not_proposed(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in TWITTER_1.splitlines()]
    for row in rows:
        del row["timestamp_ms"]
        row["created_at"] = f"week 41, day {len(row['created_at']) % 7}"
    path = tmp_path / "v1.ndjson"
    path.write_text("\n".join(map(json.dumps, rows)))
    found = suggest_mapping(path)
    assert (found.table, found.missing) == ("posts", ["happened_at"])  # not the accounts of many tweets
    assert "created_at" in found.unused


def test_lists_of_objects_are_no_lists_of_texts(tmp_path: Path) -> None:
    path = tmp_path / "m.ndjson"
    path.write_bytes(MASTODON)
    found = suggest_mapping(path)
    assert "tags" in found.unused
    assert profile(['["a"]', "[]"]).lists
    assert not profile(['["a"]', "[]"]).objects
    assert profile(['[{"name": "x"}]', "[]"]).objects


def test_long_texts_and_blank_lines_do_not_stop_a_proposal(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_bytes(b"post_id,author,time,text\n1,a,2016-01-01,x\n2,b,2016-01-02," + b"y" * 200_000 + b"\n")
    found = suggest_mapping(path)
    assert (found.table, found.sampled, found.missing) == ("posts", 2, [])
    path.write_bytes(b"post_id\n1\n\n2\n")
    found = suggest_mapping(path, "posts")
    assert ([p.source for p in found.proposals], found.sampled) == (["post_id"], 3)


@pytest.mark.parametrize(
    ("written", "fits"),
    [
        ("2016-11-07", True),
        ("2016/11/07", True),
        ("2016-11-07 10:00", True),
        ("2016-11-07T10:00:00Z", True),
        ("2016-11-07T10:00:00.1234567Z", True),
        ("2016-11-07 10:00:00 UTC", True),
        ("2016-11-07T10:00:00+0530", True),
        ("2016-11-07T10:00:00.5-03", True),
        ("2016-11-07T10", False),
        ("2016-11-07T10:00:00,123Z", False),
        ("2016-11-07T100000Z", False),
        ("2016-11-07 10:00:00 +0000", False),
        ("2016/11/07 10:00:00 +00:00", False),
        ("2016-02-30", False),
        ("Wed Oct 10 20:19:24 +0000 2018", False),
        ("07.11.2016 10:00", False),
    ],
)
def test_what_a_proposal_calls_a_date_is_what_an_import_reads(
    read: Callable[..., Any], written: str, *, fits: bool
) -> None:
    assert (profile([written, written]).dates == 1) is fits
    done = read(f'post,account,happened_at\n1,a,"{written}"\n'.encode())
    assert (len(done.rows["posts"]) == 1) is fits
    assert done.reasons() == ([] if fits else [(2, "happened_at: no date that can be read")])
