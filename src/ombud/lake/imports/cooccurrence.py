"""The format `cooccurrence`: who shared what when, one row per post and object.

The shape of the German election set of github.com/nicolarighetti/CooRTweet:
account_id, post_id, url_id, hashtag_id, domain_id, phash_id, timestamp (unix
seconds). A post repeats once per address, hashtag or image. Parquet, CSV or
NDJSON. The domain is that of an address and is not kept: two posts that share
a domain do not share a link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.lake.imports.mapping import Rule
from ombud.lake.imports.stage import Reading, parquet
from ombud.lake.imports.table import Rows, open_source
from ombud.model.errors import InputError
from ombud.model.schema import MOMENT, TEXT, Column, Table

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.lake.imports.mapping import Moments
    from ombud.lake.imports.stage import Options, Stage

__all__ = ["CooccurrenceReader"]

_SHAPE = Table(
    "posts",
    "Posts and objects as the source has them.",
    (
        Column("account_id", TEXT, "the account", required=True, kind="account"),
        Column("post_id", TEXT, "the post", required=True, kind="post"),
        Column("timestamp", MOMENT, "when, in unix seconds", required=True),
        Column("url_id", TEXT, "an address in it"),
        Column("hashtag_id", TEXT, "a hashtag in it"),
        Column("phash_id", TEXT, "the perceptual hash of an image in it"),
    ),
    (),
)
_OBJECTS = ("url_id", "hashtag_id", "phash_id")

# The platform is told by the account's prefix; a post's number is only unique on its platform.
_PLATFORM = "CASE account_id[:3] WHEN 'fb_' THEN 'facebook' WHEN 'tw_' THEN 'twitter' END"
_POSTS = """
FROM (
  FROM {staged} SELECT
    CASE WHEN account_id[:3] IN ('fb_', 'tw_') THEN account_id[:3] ELSE '' END || {post} AS post,
    account_id, {platform} AS platform, timestamp, {objects}, file_row_number AS n
  WHERE reject IS NULL
) SELECT post, min_by(account_id, n) AS account, NULL::VARCHAR AS space, min(timestamp) AS happened_at,
  NULL::VARCHAR AS text, NULL::VARCHAR AS language, {lists}, NULL::VARCHAR AS original, NULL::VARCHAR AS parent,
  min_by(platform, n) AS platform, NULL::VARCHAR[] AS quality
GROUP BY post ORDER BY min(n)
"""


class CooccurrenceReader:
    """One file on its way onto `posts` and `accounts`."""

    def __init__(self, stage: Stage, path: Path, options: Options) -> None:
        """Open `path` and check that it has the columns."""
        if options.table or options.mapping:
            raise InputError("`cooccurrence` takes no table and no mapping.", hint="Leave them out.")
        self.stage = stage
        self.path = path
        self.source = open_source(stage, path)
        self.sha256 = self.source.sha256
        missing = [c for c in ("account_id", "post_id", "timestamp") if c not in self.source.columns]
        if missing:
            raise InputError(
                f"{path} has no column `{missing[0]}`.",
                hint=f"This format has account_id, post_id, timestamp and {', '.join(_OBJECTS)}.",
            )

    def read(self) -> Reading:
        """Stage one row per post with its objects in lists, and one per account, even if its posts do not fit."""
        has = {c.name for c in _SHAPE.columns if c.name in self.source.columns}
        rules = {name: Rule(source=name, moments=self._moments(name)) for name in has}
        file, lost = Rows(self.stage, self.path, self.source, _SHAPE, rules).staged()
        total, rejected, _ = self.stage.count(file)
        rejected += lost
        objects = ", ".join(f"{_plain(name)} AS {name}" for name in _OBJECTS)
        lists = ", ".join(
            f"list_filter(list({name} ORDER BY n) FILTER ({name} <> ''), lambda x, i: "
            f"list_position(list({name} ORDER BY n) FILTER ({name} <> ''), x) = i) AS {column}"
            for name, column in zip(_OBJECTS, ("links", "tags", "media"), strict=True)
        )
        posts = _POSTS.format(
            staged=parquet(file, rows=True),
            post=_plain("post_id"),
            platform=_PLATFORM,
            objects=objects,
            lists=lists,
        )
        accounts = (
            f"FROM {parquet(file)} SELECT account_id AS account, NULL::TIMESTAMPTZ AS happened_at, "
            f"NULL::VARCHAR AS name, {_PLATFORM} AS platform, NULL::VARCHAR AS language, NULL::VARCHAR AS region, "
            "NULL::BIGINT AS followers, NULL::BIGINT AS following, NULL::VARCHAR[] AS quality "
            "WHERE account_id IS NOT NULL AND coalesce(reject, '') NOT LIKE 'account_id:%' "
            "GROUP BY account_id ORDER BY account_id"
        )
        return Reading(
            total + lost,
            [self.stage.query("posts", posts, rejected=rejected), self.stage.query("accounts", accounts)],
        )

    def _moments(self, column: str) -> Moments:
        kind = self.source.expression(column, [column])[1]
        return "iso" if kind.startswith(("TIMESTAMP", "DATE")) or column != "timestamp" else "unix-seconds"


def _plain(column: str) -> str:
    """Return a number as it was before a table with gaps made `129235.0` of it."""
    return f"regexp_replace({column}, '^([0-9]+)[.]0$', '\\1')"
