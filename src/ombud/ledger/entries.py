"""What stands on the ledger: typed, versioned entries in the canonical JSON of RFC 8785.

An entry is `{"body":{...},"type":"...","version":1}`. The fields listed here are those that every entry of a type
has; a body may have more. Personal data never stands in an entry: people's rows enter as commitments.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import rfc8785

from ombud.ledger.bundles import MAX_ENTRY_BYTES
from ombud.ledger.canonical import read_canonical
from ombud.ledger.faults import FormatError
from ombud.model.errors import InputError

__all__ = ["TYPES", "Entry", "EntryTooLargeError", "EntryType", "Field", "decode_entry", "encode_entry"]

Kind = Literal["text", "number", "list", "object", "any"]
_KINDS: dict[str, tuple[type, ...]] = {"text": (str,), "number": (int, float), "list": (list, tuple), "object": (dict,)}


class EntryTooLargeError(InputError):
    """The entry has more bytes than the ledger takes."""


class Field(msgspec.Struct, frozen=True):
    """One field of a body."""

    name: str
    kind: Kind
    says: str
    required: bool = True


class EntryType(msgspec.Struct, frozen=True):
    """One type of entry: what it says, and the fields of its body."""

    name: str
    says: str
    fields: tuple[Field, ...]
    version: int = 1


class Entry(msgspec.Struct, frozen=True):
    """An entry taken apart."""

    type: str
    version: int
    body: dict[str, Any]


def _type(name: str, says: str, *fields: Field) -> EntryType:
    return EntryType(name, says, fields)


def _may(name: str, kind: Kind, says: str) -> Field:
    return Field(name, kind, says, required=False)


_OUTBOX = (
    _may("outbox", "number", "number of the row of the records that this tells"),
    _may("part", "number", "which part of that row, from 1, when it is told in several entries"),
    _may("parts", "number", "in how many entries it is told"),
    _may("recorded", "text", "when the row was written, in UTC"),
)

TYPES: dict[str, EntryType] = {
    kind.name: kind
    for kind in (
        _type(
            "reads",
            "A batch of reads of people's data, as commitments under one root.",
            Field("batch", "text", "the batch's id"),
            Field("root", "text", "root over the commitments, in hexadecimal"),
            Field("padded", "number", "leaves the tree seems to have: the number of rows is hidden below it"),
            _may("at", "text", "when the batch was closed, in UTC"),
            _may("policy", "text", "hash of the policy that decided"),
            _may("host", "text", "which gate wrote it"),
            _may("sequence", "number", "that gate's own count of batches: a gap shows that one is missing"),
        ),
        _type("policy", "A policy came into force.", Field("hash", "text", "SHA-256 of its canonical JSON")),
        _type("app", "An app was registered, reviewed, suspended or banned.", Field("app", "text", "the app's id")),
        _type(
            "grant",
            "A batch of grants and revocations, as commitments under one root.",
            Field("root", "text", "root over the commitments, in hexadecimal"),
            Field("padded", "number", "leaves the tree seems to have"),
        ),
        _type(
            "import",
            "Files became the lake, or took the place of others.",
            Field("action", "text", "`add` or `replace`"),
            Field(
                "files", "list", "path, table and SHA-256 of each file; rows and bytes where a batch does not hide them"
            ),
            Field("removed", "list", "path and SHA-256 of each file that went"),
        ),
        _type(
            "sealed",
            "A file from before there was a gate was found: what rests on it is as found then.",
            Field("sha256", "text", "of the file's bytes, in hexadecimal"),
            Field("format", "text", "how it is read, or `attached`"),
            _may("at", "text", "when it was sealed, in UTC"),
        ),
        _type(
            "erase",
            "A person was erased.",
            Field("tables", "object", "rows removed and rewritten, by table; without numbers where a batch hides them"),
        ),
        _type(
            "review",
            "The review of apps went on: an app moved, or its developer was asked or answered.",
            Field(
                "action", "text", "enter, moved, asked, answered, corrected, withdrawn, certified, lapsed or learned"
            ),
            _may("app", "text", "the app's id"),
            _may("from", "text", "the stage before"),
            _may("to", "text", "the stage after"),
            _may("line", "text", "salted hash of the line of its history, in hexadecimal"),
        ),
        _type(
            "decision",
            "A person decided a case, or ended the review of an app.",
            _may("decision", "text", "the decision's id"),
        ),
        _type("action", "Something was done on the platform.", _may("action", "text", "the action's id")),
        _type("notice", "People were told.", _may("notice", "text", "the notice's id")),
        _type("ad", "An ad was shown, changed or taken down.", _may("ad", "text", "the ad's id")),
        _type("release", "A number or record left the system.", _may("release", "text", "the release's id")),
        _type("canary", "Test reads that must appear on the ledger.", _may("canary", "text", "the canary's id")),
        _type("coverage", "How much of what left is on the ledger.", _may("share", "any", "what was measured")),
        _type(
            "affected",
            "The people affected by an app were frozen, as commitments under one root.",
            Field("frozen", "text", "the frozen set's id"),
            Field("app", "text", "the app's id"),
            Field("root", "text", "root over the commitments, in hexadecimal"),
            Field("padded", "number", "leaves the tree seems to have: the number of people is hidden below it"),
            Field("since", "text", "reads from when on, in UTC"),
            Field("until", "text", "reads before when, in UTC"),
            _may("at", "text", "when it was frozen, in UTC"),
        ),
        _type("finding", "A tool's finding was kept.", _may("finding", "text", "the finding's id")),
        _type(
            "key",
            "The log's key was changed; the checkpoint with this entry is signed by both.",
            Field("old", "text", "the key until now, as a vkey"),
            Field("new", "text", "the key from now on, as a vkey"),
            Field("reason", "text", "why"),
            Field("at", "text", "when, in UTC"),
        ),
        _type(
            "continues",
            "First entry of a log that takes the place of one that ended, such as after its key was lost.",
            Field("origin", "text", "the ended log's origin"),
            Field("size", "number", "its number of entries"),
            Field("root", "text", "its root, in base64"),
            Field("checkpoint", "text", "its last checkpoint, with its signatures"),
            Field("reason", "text", "why it ended"),
            Field("at", "text", "when, in UTC"),
        ),
        _type(
            "digest",
            "A record too large for an entry, as its hash.",
            Field("of", "text", "the type that it would have been"),
            Field("sha256", "text", "of its canonical JSON, in hexadecimal"),
            Field("bytes", "number", "length of that JSON"),
        ),
        _type("other", "A record of a type that this version does not know.", Field("of", "text", "its type")),
    )
}
"""Every type of entry, by name."""


def encode_entry(type: str, body: dict[str, Any], *, version: int = 1) -> bytes:  # noqa: A002 - the entry's word
    """Return an entry's bytes.

    Raises `InputError` for an unknown type, a field that is missing or of another kind, or what JSON cannot hold
    (NaN, whole numbers past 2**53); `EntryTooLargeError` past 65,535 bytes.
    """
    known = TYPES.get(type)
    if known is None or version != known.version:
        raise InputError(f"There is no entry type `{type}` of version {version}.", hint="See `ombud.ledger.entries`.")
    for field in (*known.fields, *_OUTBOX):
        if field.name not in body:
            if field.required:
                raise InputError(f"An entry of type `{type}` needs the field `{field.name}`: {field.says}.")
        elif (field.required or body[field.name] is not None) and not _fits(body[field.name], field.kind):
            raise InputError(f"The field `{field.name}` of an entry of type `{type}` is no {field.kind}.")
    data = _canonical({"type": type, "version": version, "body": body})
    if len(data) > MAX_ENTRY_BYTES:
        raise EntryTooLargeError(
            f"An entry of type `{type}` has {len(data):,} bytes; the ledger takes {MAX_ENTRY_BYTES:,}.",
            hint="Cut it into parts.",
        )
    return data


def decode_entry(data: bytes) -> Entry:
    """Read an entry, of any type. Raises `FormatError` when the bytes are no canonical entry."""
    value = read_canonical(data)
    try:
        return msgspec.convert(value, Entry)
    except msgspec.ValidationError as error:
        raise FormatError(f"The entry lacks a type, version or body: {error}.") from error


def _fits(value: object, kind: Kind) -> bool:
    return kind == "any" or (isinstance(value, _KINDS[kind]) and not isinstance(value, bool))


def _canonical(value: Any) -> bytes:  # noqa: ANN401 - any JSON value
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, RecursionError, TypeError, UnicodeError) as error:
        raise InputError("The entry holds something that JSON cannot.", hint="Write it as a text.") from error
