"""What is read from the posts: links without their decoration, texts that say enough, each thing once a post."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ombud.detect.traces import DEFAULT, _address, read_posts

if TYPE_CHECKING:
    from ombud.lake import Lake


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("https://www.Example.org/a/?utm_source=x&id=3#part", "example.org/a/?id=3"),
        ("http://example.org/a/", "example.org/a"),
        ("example.org/a?fbclid=1", "example.org/a"),
        ("17599", "17599"),
        ("https://t.co/AbC", "t.co/AbC"),
        ("", ""),
    ],
)
def test_links_are_compared_without_what_leads_nowhere_else(link: str, address: str) -> None:
    assert _address(link) == address


def test_every_trace_points_at_posts_and_labels(lake: Lake) -> None:
    posts = read_posts(lake, [*DEFAULT, "tag"], None, None)
    assert (np.diff(posts.time) >= 0).all()
    assert len(posts.ids) == len(posts.account) == len(posts.time)
    for trace in posts.traces.values():
        assert len(trace.post) == len(trace.object)
        assert trace.object.max(initial=-1) < len(trace.labels)
        assert trace.post.max(initial=-1) < len(posts.account)
    assert len(posts.traces["tag"].post) == 0
    assert len(posts.traces["image"].labels) == 30
    assert posts.files


def test_shares_are_those_of_the_table(lake: Lake) -> None:
    posts = read_posts(lake, ["repost"], None, None)
    trace = posts.traces["repost"]
    table = lake.read("posts", ["post", "original"]).to_pylist()
    wanted = {r["post"]: r["original"] for r in table if r["original"]}
    ids = posts.ids.to_pylist()
    got = {ids[p]: trace.labels[o].as_py() for p, o in zip(trace.post.tolist(), trace.object.tolist(), strict=True)}
    assert got == wanted


def test_near_duplicates_of_one_report_are_one_object(lake: Lake) -> None:
    trace = read_posts(lake, ["text"], None, None).traces["text"]
    # thirty reports of six near-identical posts each; the wording differs in one word
    assert len(trace.post) == 180
    assert np.bincount(trace.object).max() <= 180
    assert all("report number" in str(label) for label in trace.labels.to_pylist())
