# ruff: noqa: INP001 - a script beside data, not a package
"""Make the demo's data from the published sets: `python examples/make.py FOLDER`.

FOLDER holds the sets as published (see each SOURCE.md): `ira-facebook-ads/russian-ads.db`,
`ira-troll-tweets/{tweets-2016-06_2016-11.parquet,authors.csv}`,
`coordinated-sharing-german-elections/german_elections.parquet`, `facebook-sybil-graph/graph.txt.gz` and
`cloudtrail-attack-simulation/{cloudtrail.jsonl.gz,LICENSE}`. Name sets after FOLDER to make only these.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import re
import secrets
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).resolve().parent
EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
PHONE = re.compile(r"(?<![\w.])(?:\+?1[ .-]?)?\(?[0-9]{3}\)?[ .-][0-9]{3}[ .-][0-9]{4}(?!\w)")
PROFILE = re.compile(r"(?<![\w.])((?:https?://)?(?:www\.|mobile\.)?twitter\.com/)([A-Za-z0-9_]{1,30})", re.IGNORECASE)
HANDLE = re.compile(r"([@\uff20])([A-Za-z0-9_]{1,30})")
SPACED = re.compile(r"^('?@ )([A-Za-z0-9_]{3,30})")
PEOPLE = 4_039
"""Nodes of the real graph; those above are a synthetic copy of it."""
TABLES = ("ads", "targets", "ad_targets")
KEY_ID = re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b")
ACCOUNT = re.compile(r"""(?:"accountId":"|arn:aws:[a-z0-9-]*:[a-z0-9-]*:)([0-9]{12})\b""")
ADDRESS = re.compile(r"\b(?!10\.|192\.168\.|0\.)(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b(?!/)")
EVENT = (
    *("eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress"),
    *("userAgent", "errorCode", "requestParameters", "eventID", "readOnly", "eventType", "recipientAccountId"),
    *("sharedEventID", "eventCategory", "resources"),
)
"""What is kept of an event; answers, with their session tokens, are not."""
IDENTITY = ("type", "arn", "accountId", "accessKeyId", "userName", "invokedBy")
LONG = 300
"""Characters from which a parameter (a policy, a certificate, a token) is left out."""


class Handles:
    """Replace what names a third party; the key lives as long as this object and is never written."""

    def __init__(self, kept: set[str]) -> None:
        self._kept = kept
        self._key = secrets.token_bytes(32)
        self._given: dict[str, str] = {}
        self._taken: set[str] = set()
        self.replaced = 0

    @property
    def people(self) -> int:
        """Return how many different handles were replaced."""
        return len(self._given)

    def name(self, handle: str) -> str:
        """Return the handle itself for a named IRA account, otherwise its keyed hash."""
        lower = handle.lower()
        if lower in self._kept:
            return handle
        self.replaced += 1
        turn = 0
        while lower not in self._given:
            digest = hmac.new(self._key, f"{turn}:{lower}".encode(), hashlib.sha256).hexdigest()[:8]
            if digest not in self._taken:
                self._taken.add(digest)
                self._given[lower] = f"u_{digest}"
            turn += 1
        return self._given[lower]

    def clean(self, text: str) -> str:
        """Return `text` with every third party's handle, e-mail address and phone number replaced."""
        text = EMAIL.sub("[e-mail address]", text)
        text = PHONE.sub("[phone number]", text)
        text = PROFILE.sub(lambda m: m[1] + self.name(m[2]), text)
        text = SPACED.sub(lambda m: m[1] + self.name(m[2]), text)
        return HANDLE.sub(lambda m: m[1] + self.name(m[2]), text)


def make_tweets(source: Path, target: Path) -> None:
    """Write the tweets with third parties' handles hashed, every row and column kept in order."""
    authors = pcsv.read_csv(source / "authors.csv", convert_options=pcsv.ConvertOptions(strings_can_be_null=False))
    named = {str(v).lower() for c in ("author_id", "author") for v in authors.column(c).to_pylist()}
    tweets = pq.read_table(source / "tweets-2016-06_2016-11.parquet")
    named |= {str(v).lower() for v in pc.unique(tweets.column("author_id")).to_pylist()}
    handles = Handles(named)
    texts = pa.chunked_array([[handles.clean(str(t)) for t in tweets.column("content").to_pylist()]], type=pa.string())
    tweets = tweets.set_column(tweets.schema.get_field_index("content"), "content", texts).replace_schema_metadata(None)
    fields = [pa.field(f.name, pa.string() if pa.types.is_large_string(f.type) else f.type) for f in tweets.schema]
    pq.write_table(
        tweets.cast(pa.schema(fields)),
        target / "tweets-2016-06_2016-11.parquet",
        compression="zstd",
        compression_level=22,
        row_group_size=131_072,
    )
    shutil.copyfile(source / "authors.csv", target / "authors.csv")
    sys.stdout.write(f"{len(tweets):,} tweets, {handles.replaced:,} mentions of {handles.people:,} others replaced\n")


def make_ads(source: Path, target: Path) -> None:
    """Copy the three tables of the ads as they came, without search index and views."""
    target.unlink(missing_ok=True)
    with sqlite3.connect(target) as out:
        out.execute("ATTACH ? AS old", (str(source),))
        for name in TABLES:
            (sql,) = out.execute(
                "SELECT sql FROM old.sqlite_master WHERE type = 'table' AND name = ?", (name,)
            ).fetchone()
            out.execute(sql)
            out.execute(f"INSERT INTO main.[{name}] SELECT * FROM old.[{name}] ORDER BY rowid")  # noqa: S608 - our list
        counts = [out.execute(f"SELECT count(*) FROM main.[{name}]").fetchone()[0] for name in TABLES]  # noqa: S608 - our list
        out.commit()
        out.execute("DETACH old")
        out.execute("VACUUM")
    sys.stdout.write(f"{dict(zip(TABLES, counts, strict=True))}\n")


def make_friendships(source: Path, target: Path) -> None:
    """Write the real part of the graph, each friendship once, as rows of the lake's `ties`."""
    with gzip.open(source, "rt", encoding="ascii", newline="\r\n") as lines:
        both = {(int(one), int(other)) for one, other in (line.split() for line in lines)}
    real = sorted((one, other) for one, other in both if one < other < PEOPLE)
    if any((other, one) not in both for one, other in real):
        sys.exit("A friendship stands in one direction only.")
    names = pa.array([f"ego-{n}" for n in range(PEOPLE)])
    ties = pa.table(
        {
            "account": names.take(pa.array([one for one, _ in real])),
            "other": names.take(pa.array([other for _, other in real])),
            "tie": pa.array(["friend"] * len(real)),
        }
    )
    pq.write_table(ties, target, compression="zstd", compression_level=22)
    sys.stdout.write(f"{len(real):,} friendships\n")


class Lab:
    """Replace what names people, accounts, keys and public addresses; the key is never written."""

    def __init__(self, people: set[str], accounts: set[str]) -> None:
        self._key = secrets.token_bytes(32)
        self._people = re.compile("|".join(sorted(map(re.escape, people), key=len, reverse=True)), re.IGNORECASE)
        self._accounts = re.compile(rf"(?<![0-9A-Za-z])(?:{'|'.join(sorted(accounts))})(?![0-9A-Za-z])")
        self._addresses: dict[str, str] = {}

    def clean(self, line: str) -> str:
        """Return an event's JSON with all of them replaced, the same every time."""
        line = self._people.sub(lambda m: f"user-{self._digest(m[0].lower())[:8]}", line)
        line = KEY_ID.sub(lambda m: m[1] + base64.b32encode(bytes.fromhex(self._digest(m[0])))[:16].decode(), line)
        line = self._accounts.sub(lambda m: str(int(self._digest(m[0]), 16))[:12], line)
        return ADDRESS.sub(lambda m: self._addresses.setdefault(m[0], f"203.0.113.{len(self._addresses) + 1}"), line)

    def _digest(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()


def make_aws(source: Path, target: Path) -> None:
    """Write the access log with people, accounts and keys hashed, every event kept in order."""
    with gzip.open(source / "cloudtrail.jsonl.gz", "rt", encoding="utf-8") as lines:
        events = [json.loads(line) for line in lines]
    named = {str(event["userIdentity"].get("userName")) for event in events} - {"None"}
    kept = [json.dumps(_kept(event), separators=(",", ":")) for event in events]
    lab = Lab({name for name in named if "stratus" not in name}, set(ACCOUNT.findall("\n".join(kept))))
    cleaned = [lab.clean(line) for line in kept]
    with (target / "cloudtrail.jsonl.gz").open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as out:
        out.write("".join(f"{line}\n" for line in cleaned).encode())
    shutil.copyfile(source / "LICENSE", target / "LICENSE")
    sys.stdout.write(f"{len(cleaned):,} events\n")


def _kept(event: dict[str, object]) -> dict[str, object]:
    kept = {name: event[name] for name in EVENT if event.get(name) is not None}
    identity = event["userIdentity"]
    assert isinstance(identity, dict)  # noqa: S101 - of every event
    who = {name: identity[name] for name in IDENTITY if name in identity}
    return kept | {"userIdentity": who, "requestParameters": _short(event.get("requestParameters"))}


def _short(value: object) -> object:
    if isinstance(value, dict):
        return {name: _short(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_short(one) for one in value]
    return "[left out]" if isinstance(value, str) and len(value) > LONG else value


def main(folder: Path, chosen: list[str]) -> None:
    """Make the sets beside this file, or those that are named."""
    makers: dict[str, Callable[[Path], object]] = {
        "ira-facebook-ads": lambda to: make_ads(folder / "ira-facebook-ads" / "russian-ads.db", to / "russian-ads.db"),
        "ira-troll-tweets": lambda to: make_tweets(folder / "ira-troll-tweets", to),
        "german-elections-2021": lambda to: shutil.copyfile(
            folder / "coordinated-sharing-german-elections" / "german_elections.parquet",
            to / "german_elections.parquet",
        ),
        "facebook-friendships": lambda to: make_friendships(
            folder / "facebook-sybil-graph" / "graph.txt.gz", to / "friendships.parquet"
        ),
        "aws-attack-simulation": lambda to: make_aws(folder / "cloudtrail-attack-simulation", to),
    }
    for name in chosen or makers:
        (HERE / name).mkdir(exist_ok=True)
        makers[name](HERE / name)


if __name__ == "__main__":
    if len(sys.argv) < 2:  # noqa: PLR2004 - the folder
        sys.exit("Say: python examples/make.py FOLDER [SET...]")
    main(Path(sys.argv[1]), sys.argv[2:])
