"""Traces: what two posts can have in common, read from the lake's posts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ombud.detect.texts import informative, normalised, same_text
from ombud.model.errors import UsageError
from ombud.model.findings import SourceFile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ombud.lake import Lake

__all__ = ["DEFAULT", "TRACES", "Posts", "Trace", "read_posts"]

Ints = NDArray[np.int64]

TRACES = {
    "link": "the same link",
    "text": "the same text, or nearly",
    "image": "the same image or clip, by its hash",
    "repost": "the same post, passed on",
    "tag": "the same hashtag",
}
"""What each trace means. Tags are too common to be one unless asked for."""
DEFAULT = ("link", "text", "image", "repost")

_LISTS = {"link": "links", "image": "media", "tag": "tags"}
_TRACKING = re.compile(r"(?<=[?&])(?:utm_\w+|fbclid|gclid|mc_[ce]id|igshid)=[^&]*&?")
_ADDRESS = re.compile(r"^([a-z][a-z0-9+.-]*://)?(?:www\.)?([^/?#]*)(.*)$", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Trace:
    """The shares of one trace: each row is a post (an index into `Posts`) and an object."""

    post: Ints
    object: Ints
    labels: pa.Array[Any]
    """by object: what it is, readable"""


@dataclass(frozen=True, slots=True)
class Posts:
    """All posts of the period, by dense account, and their traces."""

    ids: pa.ChunkedArray[Any]
    account: Ints
    """dense: 0 to `len(accounts)`"""
    time: Ints
    """seconds since 1970, UTC"""
    accounts: Ints
    """by dense account: its id in the lake"""
    traces: dict[str, Trace]
    files: list[SourceFile]


def read_posts(lake: Lake, traces: Sequence[str], since: datetime | None, until: datetime | None) -> Posts:
    """Read the posts from `since` to before `until` and cut them into `traces`."""
    unknown = [t for t in traces if t not in TRACES]
    if unknown or not traces:
        raise UsageError(
            f"There is no trace `{unknown[0]}`." if unknown else "No trace is named.",
            hint=f"Choose from {', '.join(TRACES)}.",
        )
    with lake.duck(["posts"]) as duck:
        columns = ["post", "account", "epoch_us(happened_at) AS at"]
        columns += [_LISTS[t] for t in traces if t in _LISTS]
        columns += ["original"] if {"text", "repost"} & set(traces) else []
        columns += ["CASE WHEN original IS NULL THEN text END AS text"] if "text" in traces else []
        period, given = ["happened_at IS NOT NULL"], {}
        for name, moment, sign in (("since", since, ">="), ("until", until, "<")):
            if moment is not None:
                period.append(f"happened_at {sign} ${name}")
                given[name] = moment
        sql = f"SELECT {', '.join(columns)} FROM posts WHERE {' AND '.join(period)} ORDER BY happened_at, post"  # noqa: S608 - names from the lists above, values as parameters
        rows = duck.sql(sql, params=given).to_arrow_table() if given else duck.sql(sql).to_arrow_table()
    accounts, dense = np.unique(rows["account"].to_numpy(), return_inverse=True)
    found = {}
    for trace in traces:
        if trace in _LISTS:
            found[trace] = _of_list(rows[_LISTS[trace]], trace)
        elif trace == "repost":
            found[trace] = _of_values(rows["original"])
        else:
            found[trace] = _of_texts(rows["text"], len(rows))
    at = rows["at"].to_numpy() // 1_000_000
    return Posts(
        rows["post"],
        dense.reshape(-1).astype(np.int64),
        at.astype(np.int64),
        accounts.astype(np.int64),
        found,
        _sources(lake),
    )


def _sources(lake: Lake) -> list[SourceFile]:
    return [SourceFile(f.path, f.sha256) for f in lake.files("posts")]


def _of_list(column: pa.ChunkedArray[Any], trace: str) -> Trace:
    """Return a row for each thing in each post's list, once."""
    post = pc.list_parent_indices(column).to_numpy().astype(np.int64)
    names, code = _encoded(cast("pa.ChunkedArray[Any]", pc.list_flatten(column)))
    if trace == "link":
        names, code = _merged([_address(v) for v in names.to_pylist()], code)
    elif trace == "tag":
        names, code = _merged([(v or "").casefold() for v in names.to_pylist()], code)
    keep = code >= 0
    pair = np.unique(np.stack([post[keep], code[keep]]), axis=1)
    return Trace(pair[0], pair[1], names)


def _of_values(column: pa.ChunkedArray[Any]) -> Trace:
    names, code = _encoded(column)
    keep = np.flatnonzero(code >= 0)
    return Trace(keep, code[keep], names)


def _encoded(column: pa.ChunkedArray[Any]) -> tuple[pa.Array[Any], Ints]:
    """Return the distinct values and each row's index among them; -1 for null."""
    whole = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], pa.string())
    encoded = whole.dictionary_encode()
    return encoded.dictionary, encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)


def _of_texts(column: pa.ChunkedArray[Any], posts: int) -> Trace:
    """Return a row for each post whose text says enough to be told by; near-duplicates are one object."""
    raw = _of_values(column)
    plain, code = _merged([normalised(v or "") for v in raw.labels.to_pylist()], raw.object)
    texts = [str(t) for t in plain.to_pylist()]
    tells = informative(texts, posts)
    label = np.full(len(texts), -1, dtype=np.int64)
    chosen = np.flatnonzero(tells)
    label[chosen] = chosen[same_text([texts[i] for i in chosen])]
    group = np.where(code >= 0, label[code], -1) if len(label) else code
    keep = group >= 0
    numbers, dense = np.unique(group[keep], return_inverse=True)
    # the text as one of its authors wrote it
    written = np.zeros(len(texts), dtype=np.int64)
    written[code[::-1]] = raw.object[::-1]
    return Trace(raw.post[keep], dense.reshape(-1).astype(np.int64), raw.labels.take(pa.array(written[numbers])))


def _address(link: str | None) -> str:
    """Return a link without what does not change where it leads: scheme, www, tracking, anchor, last slash."""
    match = _ADDRESS.match((link or "").strip())
    if match is None:
        return link or ""
    rest = _TRACKING.sub("", match[3].split("#", 1)[0]).rstrip("?&/")
    return match[2].lower() + rest


def _merged(names: list[str], code: Ints) -> tuple[pa.Array[Any], Ints]:
    """Return the distinct names, and the codes that now point at them; an empty name is none."""
    distinct, to = _encoded(pa.chunked_array([pa.array([n or None for n in names], pa.string())]))
    return distinct, np.where(code >= 0, to[code], -1) if len(to) else code
