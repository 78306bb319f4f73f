"""The lake's tables: one Arrow schema each, documented column by column.

Every table ends with two columns that Ombud adds: `quality` (why a value was
set to null at import) and `import_id` (which import brought the row). The time
column is `happened_at` everywhere: UTC, microseconds.

A column marked with a *kind* holds dense integers that stand for the strings
of the source, one dictionary per kind and workspace. Ids of posts, ads and
flags stay strings: each is met once or twice, so a dictionary would be as
large as the table.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from ombud.model.errors import NotFoundError

__all__ = ["KINDS", "TABLES", "Column", "Table", "table"]

MOMENT = pa.timestamp("us", tz="UTC")
MONEY = pa.decimal128(18, 2)
TEXT = pa.string()
WHOLE = pa.int64()
TEXTS = pa.list_(pa.string())

KINDS = ("account", "space", "app", "developer", "holder")
"""The kinds of thing that have a dictionary. People and accounts share one."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its Arrow type as stored, whether it may be null, and what it means."""

    name: str
    type: pa.DataType
    doc: str
    required: bool = False
    kind: str | None = None
    """The dictionary that turns the source's string into the stored integer."""
    added: bool = False
    """Whether files of an older Ombud lack it: there it reads as null."""

    @property
    def door_type(self) -> pa.DataType:
        """Return the type that an import hands in: strings where a dictionary follows."""
        return TEXT if self.kind else self.type


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the lake."""

    name: str
    doc: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    """The columns that identify a row: a second row with the same key is skipped."""
    by_day: bool = True
    """Whether files are kept in a folder per day of `happened_at`."""

    def __getitem__(self, name: str) -> Column:
        """Return the column called `name`; `KeyError` when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the column names in order."""
        return tuple(column.name for column in self.columns)

    @property
    def added(self) -> tuple[str, ...]:
        """Return the columns that files of an older Ombud lack."""
        return tuple(column.name for column in self.columns if column.added)

    @property
    def stored(self) -> pa.Schema:
        """Return the schema of the Parquet files."""
        return pa.schema(
            [
                pa.field(c.name, c.type, nullable=not c.required, metadata={"doc": c.doc, "kind": c.kind or ""})
                for c in self.columns
            ],
            metadata={"ombud.table": self.name},
        )

    @property
    def door(self) -> pa.Schema:
        """Return the schema that an import hands in: string ids, without `import_id`."""
        return pa.schema(
            [pa.field(c.name, c.door_type, nullable=not c.required) for c in self.columns if c.name != "import_id"]
        )


def _id(name: str, kind: str, doc: str, *, required: bool = True) -> Column:
    return Column(name, WHOLE, doc, required=required, kind=kind)


def _when(doc: str, *, required: bool = True) -> Column:
    return Column("happened_at", MOMENT, doc, required=required)


_ADDED = (
    Column("quality", TEXTS, "quality flags such as `happened_at:out of range`; null when there are none"),
    Column("import_id", TEXT, "the import that brought the row", required=True),
)


def _table(name: str, doc: str, key: tuple[str, ...], *columns: Column, by_day: bool = True) -> Table:
    return Table(name, doc, (*columns, *_ADDED), key, by_day)


_ALL = (
    _table(
        "accounts",
        "Accounts and people of the platform, as the platform describes them.",
        ("account",),
        _id("account", "account", "the account"),
        Column("happened_at", MOMENT, "when it was created"),
        Column("name", TEXT, "the name it shows"),
        Column("platform", TEXT, "which platform, when a lake holds several"),
        Column("language", TEXT, "its language, as the platform gives it"),
        Column("region", TEXT, "country or region, as the platform gives it"),
        Column("followers", WHOLE, "followers when it was last seen"),
        Column("following", WHOLE, "accounts it follows when it was last seen"),
        by_day=False,
    ),
    _table(
        "spaces",
        "Pages, groups and events: places that accounts post to or that buy ads.",
        ("space",),
        _id("space", "space", "the space"),
        Column("happened_at", MOMENT, "when it was created"),
        Column("space_kind", TEXT, "page, group, event, site or unknown", required=True),
        Column("name", TEXT, "the name it shows"),
        Column("url", TEXT, "its address as the source gives it"),
        Column("platform", TEXT, "which platform, when a lake holds several"),
        by_day=False,
    ),
    _table(
        "ties",
        "Who is tied to whom: friends, followers, members, administrators.",
        ("account", "other", "space", "tie", "happened_at"),
        _id("account", "account", "whose tie it is"),
        _id("other", "account", "the account at the other end", required=False),
        _id("space", "space", "the space at the other end", required=False),
        Column("tie", TEXT, "friend, follow, member or admin", required=True),
        _when("when it began; null when that is not known", required=False),
        Column("ended_at", MOMENT, "when it ended; null while it lasts"),
    ),
    _table(
        "posts",
        "What accounts said or passed on. Media are never stored, only their hashes.",
        ("post",),
        Column("post", TEXT, "the post's id at the source", required=True),
        _id("account", "account", "who posted"),
        _id("space", "space", "where, when not on the account itself", required=False),
        _when("when it was posted"),
        Column("text", TEXT, "what it says; at most 1,000,000 bytes"),
        Column("language", TEXT, "language as the source gives it"),
        Column("links", TEXTS, "addresses it links to"),
        Column("tags", TEXTS, "hashtags, without the sign, in order"),
        Column("media", TEXTS, "perceptual hashes of its images and clips"),
        Column("original", TEXT, "the post that it passes on (retweet, share)"),
        Column("parent", TEXT, "the post that it answers"),
        Column("platform", TEXT, "which platform, when a lake holds several"),
    ),
    _table(
        "logins",
        "Sessions that accounts opened, with what joins them: device, network.",
        ("account", "happened_at", "device"),
        _id("account", "account", "who signed in"),
        _when("when it happened"),
        Column("device", TEXT, "keyed hash of the device, never the device itself"),
        Column("network", TEXT, "network prefix or keyed hash of the address"),
        Column("region", TEXT, "country or region of the network"),
    ),
    _table(
        "flags",
        "People's reports about accounts, spaces, posts and ads.",
        ("flag",),
        Column("flag", TEXT, "the report's id", required=True),
        _id("account", "account", "who reported", required=False),
        Column("subject_kind", TEXT, "account, space, post or ad", required=True),
        Column("subject", TEXT, "the id of what was reported", required=True),
        Column("reason", TEXT, "reason as the platform names it"),
        _when("when it happened"),
    ),
    _table(
        "apps",
        "Apps that may ask for people's data.",
        ("app",),
        _id("app", "app", "the app"),
        _id("developer", "developer", "who makes it", required=False),
        Column("happened_at", MOMENT, "when it was registered"),
        Column("name", TEXT, "the name it shows"),
        Column("category", TEXT, "category in the platform's store"),
        Column("purpose", TEXT, "what it declared that it needs data for"),
        Column("hosts", TEXTS, "hosts it calls from or sends people to"),
        by_day=False,
    ),
    _table(
        "developers",
        "Who makes apps.",
        ("developer",),
        _id("developer", "developer", "the developer"),
        Column("happened_at", MOMENT, "when it was registered"),
        Column("name", TEXT, "its name; a firm's, or a keyed hash for a private person"),
        Column("country", TEXT, "ISO 3166-1 alpha-2"),
        by_day=False,
    ),
    _table(
        "holders",
        "Anyone whom an app's data was passed on to.",
        ("holder",),
        _id("holder", "holder", "the holder"),
        Column("happened_at", MOMENT, "when it was first known"),
        Column("name", TEXT, "its name"),
        Column("known_by", TEXT, "how we know of it: contract, answer, court, press"),
        by_day=False,
    ),
    _table(
        "transfers",
        "Data that went from an app or holder to another holder.",
        ("app", "from_holder", "holder", "happened_at"),
        _id("app", "app", "the app that first had it", required=False),
        _id("from_holder", "holder", "who passed it on, when not the app", required=False),
        _id("holder", "holder", "who received it"),
        _when("when it happened"),
        Column("fields", TEXTS, "which fields"),
        Column("known_by", TEXT, "how we know"),
    ),
    _table(
        "grants",
        "Consents: what a person allowed an app to read.",
        ("app", "person", "scope", "happened_at"),
        _id("app", "app", "the app"),
        _id("person", "account", "who consented"),
        Column("scope", TEXT, "what was allowed", required=True),
        _when("when it was granted"),
        Column("last_used_at", MOMENT, "when it was last used"),
        Column("ended_at", MOMENT, "when it was revoked or ran out"),
    ),
    _table(
        "reads",
        "Each time an app asked for a person's data, whether it was given or not.",
        ("read",),
        Column("read", TEXT, "the read's id at the source", required=True),
        _id("app", "app", "who asked"),
        _id("person", "account", "whose data"),
        _id("through", "account", "the person whose grant was used, when not the person's own", required=False),
        _when("when it happened"),
        Column("fields", TEXTS, "which fields", required=True),
        Column("purpose", TEXT, "the purpose given"),
        Column("decision", TEXT, "allowed, reduced or refused", required=True),
        Column("reason", TEXT, "the rule that decided"),
        Column("policy", TEXT, "hash of the policy in force"),
        Column("key", TEXT, "thumbprint of the key that the app's token was bound to", added=True),
        Column("acts_for", TEXT, "who acted for whom, when the token says so", added=True),
        Column(
            "batch", TEXT, "the batch on the ledger that the read is in; null when the gate did not see it", added=True
        ),
        Column("position", WHOLE, "its place in that batch, from 0", added=True),
        Column("salt", TEXT, "16 random bytes in hexadecimal; with them the row gives its commitment", added=True),
        Column("network", TEXT, "keyed hash of the address that the app called from", added=True),
    ),
    _table(
        "batches",
        "Batches of reads whose root is on the ledger: what is needed to prove one of their rows.",
        ("batch",),
        Column("batch", TEXT, "the batch", required=True),
        _when("when it was sealed"),
        Column("host", TEXT, "the gate that wrote it", required=True),
        Column("sequence", WHOLE, "its number at that gate, from 1, without gaps", required=True),
        Column("rows", WHOLE, "reads in it", required=True),
        Column("padded", WHOLE, "leaves under its root: a power of two", required=True),
        Column("root", TEXT, "its root, in hexadecimal", required=True),
        Column(
            "pad_seed", TEXT, "32 bytes in hexadecimal, from which the leaves without a read are derived", required=True
        ),
        Column("ledger_index", WHOLE, "its entry on the ledger; null when it went there by the outbox"),
        Column("outbox", WHOLE, "the row of the outbox by which it went to the ledger"),
        Column("policy", TEXT, "hash of the policy in force"),
    ),
    _table(
        "erased_rows",
        "Places in batches whose read was erased: the commitment alone stays, so that the others can be proved.",
        ("batch", "position"),
        Column("batch", TEXT, "the batch", required=True),
        Column("position", WHOLE, "the place in it", required=True),
        Column("commitment", TEXT, "hash of salt and row, in hexadecimal", required=True),
        Column("happened_at", MOMENT, "when the read was erased"),
        by_day=False,
    ),
    _table(
        "frozen",
        "Affected people of audits, as they were frozen: one row a person and set, each committed to on the ledger.",
        ("frozen", "position"),
        Column("frozen", TEXT, "the frozen set", required=True),
        Column("position", WHOLE, "the row's place under the set's root, from 0", required=True),
        _id("person", "account", "whose data went out"),
        Column("reach", TEXT, "direct, via (through a friend) or both", required=True),
        _when("the first read of the person's data"),
        Column("last_at", MOMENT, "the last one", required=True),
        Column("reads", WHOLE, "how many there were", required=True),
        Column("fields", TEXTS, "which fields went out, each once, sorted", required=True),
        Column("salt", TEXT, "16 random bytes in hexadecimal; with them the row gives its commitment", required=True),
        by_day=False,
    ),
    _table(
        "ads",
        "Ads as their buyer placed them, with what the platform counted.",
        ("ad",),
        Column("ad", TEXT, "the ad's id at the source", required=True),
        _id("space", "space", "the page that ran it, as written in the source", required=False),
        Column("happened_at", MOMENT, "when it was created"),
        Column("ended_at", MOMENT, "when it ended"),
        Column("text", TEXT, "what it says"),
        Column("landing", TEXT, "where a click leads"),
        Column("spend", MONEY, "what was paid, in `currency`"),
        Column("currency", TEXT, "ISO 4217; null when the source states none"),
        Column("impressions", WHOLE, "times shown"),
        Column("clicks", WHOLE, "clicks"),
        Column("targeting", TEXTS, "what the buyer chose, as `category:value`"),
        Column("payer", TEXT, "who paid, when stated"),
        Column("document", TEXT, "the source's document or picture of the ad"),
    ),
    _table(
        "ad_versions",
        "An ad's content over time, when it was changed.",
        ("ad", "happened_at"),
        Column("ad", TEXT, "the ad", required=True),
        _when("from when"),
        Column("text", TEXT, "what it says"),
        Column("landing", TEXT, "where a click leads"),
        Column("media", TEXTS, "hashes of its pictures"),
    ),
    _table(
        "deliveries",
        "To whom ads were shown: counts by cell, never people.",
        ("ad", "happened_at", "age", "gender", "region"),
        Column("ad", TEXT, "the ad", required=True),
        _when("the day"),
        Column("age", TEXT, "age band"),
        Column("gender", TEXT, "gender as the platform groups it"),
        Column("region", TEXT, "region"),
        Column("impressions", WHOLE, "times shown"),
        Column("reach", WHOLE, "people reached"),
    ),
    _table(
        "labels",
        "Truth from outside, for evaluation only: no detector reads it.",
        ("subject_kind", "subject", "label", "source"),
        Column("subject_kind", TEXT, "account, space, post, ad or app", required=True),
        Column("subject", TEXT, "its id at the source", required=True),
        Column("label", TEXT, "what was said of it", required=True),
        Column("source", TEXT, "who says so", required=True),
        Column("happened_at", MOMENT, "when it was said"),
        by_day=False,
    ),
)

TABLES: dict[str, Table] = {t.name: t for t in _ALL}
"""Every table of the lake by name."""


def table(name: str) -> Table:
    """Return the table called `name`; `NotFoundError` lists those that exist."""
    try:
        return TABLES[name]
    except KeyError:
        raise NotFoundError(f"The lake has no table `{name}`.", hint=f"It has {', '.join(sorted(TABLES))}.") from None
