"""The format `ira-tweets`: tweets of Internet Research Agency accounts, and the list of those accounts.

The sources are the files of github.com/bet4a/russian-troll-tweets-by-author,
derived from FiveThirtyEight's (Linvill and Warren, 2018), as Parquet or CSV.
They name no tweet ids: a post's id derives from author, minute, text and how
many equal ones came before, so that a second import meets the same ids.
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

    from ombud.lake.imports.stage import Options, Stage

__all__ = ["TweetsReader"]

SOURCE = "FiveThirtyEight; Linvill and Warren 2018"

_TWEETS = Table(
    "posts",
    "Tweets as the source has them.",
    (
        Column("author_id", TEXT, "the account's handle", required=True, kind="account"),
        Column("content", TEXT, "the text"),
        Column("publish_date", MOMENT, "the minute", required=True),
        Column("language", TEXT, "as Twitter guessed it"),
        Column("post_type", TEXT, "R for retweets, Q for quotes, else empty"),
    ),
    (),
)
_AUTHORS = Table(
    "accounts",
    "Accounts as the source has them.",
    (
        Column("author_id", TEXT, "the account's handle", required=True, kind="account"),
        Column("author", TEXT, "the handle as shown"),
        Column("account_category", TEXT, "the sub-operation"),
    ),
    (),
)

# Two retweets pass on the same post when its author (where the text names one) and its words are the same.
# Where no author is named, a few words would be too common to tell a post by.
_POSTS = r"""
FROM (
  FROM {staged} SELECT *,
    row_number() OVER (PARTITION BY author_id, publish_date, content ORDER BY file_row_number) AS occurrence,
    regexp_extract(content, '^[''"]?RT @([A-Za-z0-9_]+)', 1) AS handle,
    trim(regexp_replace(regexp_replace(lower(content), '^[''"]?rt @[a-z0-9_]+ *:?', ''), '\s+', ' ', 'g')) AS words
  WHERE reject IS NULL
) SELECT
  'tweet_' || left(sha256(concat_ws(chr(31), author_id, epoch_us(publish_date), coalesce(content, ''), occurrence)), 20)
    AS post,
  author_id AS account, NULL::VARCHAR AS space, publish_date AS happened_at, content AS text, language,
  nullif(regexp_extract_all(content, {link}), []) AS links,
  nullif(list_transform(regexp_extract_all(content, '#[\p{{L}}\p{{N}}_]+'), lambda t: t[2:]), []) AS tags,
  NULL::VARCHAR[] AS media,
  CASE WHEN (coalesce(post_type, '') = 'R' AND length(words) >= 20) OR (handle <> '' AND words <> '')
    THEN 'retweeted_' || left(sha256(lower(handle) || chr(31) || rtrim(words, '… ')), 20) END AS original,
  NULL::VARCHAR AS parent, 'twitter' AS platform, quality
"""
_LINK = r"""'https?://[^\s"<>\x{201c}\x{201d}\x{2026}'']*[A-Za-z0-9/_=&-]'"""


class TweetsReader:
    """One file of tweets on its way onto `posts`, or of accounts onto `accounts` and `labels`."""

    def __init__(self, stage: Stage, path: Path, options: Options) -> None:
        """Open `path` and see by its columns which of the two it is."""
        if options.table or options.mapping:
            raise InputError("`ira-tweets` takes no table and no mapping.", hint="Leave them out.")
        self.stage = stage
        self.path = path
        self.source = open_source(stage, path)
        self.sha256 = self.source.sha256
        columns = set(self.source.columns)
        if {"author_id", "content", "publish_date"} <= columns:
            self.shape = _TWEETS
        elif {"author_id", "account_category"} <= columns:
            self.shape = _AUTHORS
        else:
            raise InputError(
                f"{path} holds neither the tweets nor the authors of this set.",
                hint="Tweets have author_id, content and publish_date; authors have author_id and account_category.",
            )

    def read(self) -> Reading:
        """Stage the file's rows."""
        rules = {c.name: Rule(source=c.name) for c in self.shape.columns if self.source.has(c.name)}
        file, lost = Rows(self.stage, self.path, self.source, self.shape, rules).staged()
        total, rejected, _ = self.stage.count(file)
        rejected += lost
        source_rows = total + lost
        if self.shape is _TWEETS:
            sql = _POSTS.format(staged=parquet(file, rows=True), link=_LINK)
            posts = self.stage.query("posts", sql, rejected=rejected)
            return Reading(source_rows, [posts])
        accounts = (
            f"FROM {parquet(file)} SELECT author_id AS account, NULL::TIMESTAMPTZ AS happened_at, "
            "coalesce(any_value(author), author_id) AS name, 'twitter' AS platform, NULL::VARCHAR AS language, "
            "NULL::VARCHAR AS region, NULL::BIGINT AS followers, NULL::BIGINT AS following, "
            "NULL::VARCHAR[] AS quality WHERE reject IS NULL GROUP BY author_id ORDER BY author_id"
        )
        labels = (
            f"FROM {parquet(file)} SELECT DISTINCT 'account' AS subject_kind, author_id AS subject, "
            f"account_category AS label, '{SOURCE}' AS source, NULL::TIMESTAMPTZ AS happened_at, "
            "NULL::VARCHAR[] AS quality WHERE reject IS NULL AND account_category <> '' ORDER BY ALL"
        )
        return Reading(
            source_rows,
            [self.stage.query("accounts", accounts, rejected=rejected), self.stage.query("labels", labels)],
        )
