"""A row of the outbox as entries: parts where it is long, its hash where it cannot be cut, and never stuck."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.lake.publishing import Told, moment, tell
from ombud.ledger.bundles import MAX_ENTRY_BYTES
from ombud.ledger.entries import decode_entry
from ombud.model.ids import canonical_json, sha256_hex
from ombud.records.outbox import Entry

NOON = datetime(2018, 4, 4, 12, tzinfo=UTC)
HEAD = {"outbox": 7, "recorded": "2018-04-04T12:00:00.000000+00:00"}


def told(kind: str, payload: dict[str, Any]) -> Told:
    return tell(Entry(7, kind, payload, NOON))


def test_a_short_row_is_one_entry() -> None:
    [entry] = told("erase", {"tables": {"posts": {"removed": 2}}}).entries
    assert decode_entry(entry).body == {"tables": {"posts": {"removed": 2}}} | HEAD


def test_a_type_that_is_not_known_is_told_as_another() -> None:
    [entry] = told("from-the-future", {"x": 1}).entries
    read = decode_entry(entry)
    assert (read.type, read.body) == ("other", {"of": "from-the-future", "x": 1} | HEAD)


@pytest.mark.parametrize("payload", [{}, {"tables": 5}])
def test_a_row_that_lacks_what_its_type_needs_is_told_as_another(payload: dict[str, Any]) -> None:
    read = decode_entry(told("erase", payload).entries[0])
    assert (read.type, read.body["of"]) == ("other", "erase")


@pytest.mark.parametrize(
    "payload",
    [
        {"text": "x" * 70_000},
        {"items": ["x" * 70_000]},
        {"items": ["x", {"y": "x" * 70_000}], "other": [1]},
        {"number": 2**60},
        {"items": [2**60]},
    ],
)
def test_what_cannot_be_cut_is_told_by_its_hash(payload: dict[str, Any]) -> None:
    [entry] = told("decision", payload).entries
    read = decode_entry(entry)
    text = canonical_json(payload).encode()
    assert read.type == "digest"
    assert read.body == {"of": "decision", "sha256": sha256_hex(text), "bytes": len(text)} | HEAD


@given(
    st.lists(st.integers(0, 20_000), max_size=30),
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=200), max_size=10),
)
def test_parts_hold_everything_in_order_and_each_fits(lengths: list[int], texts: list[str]) -> None:
    payload = {"action": "add", "files": ["x" * length for length in lengths], "removed": texts, "more": {"a": [1]}}
    rows = told("import", payload)
    bodies = [decode_entry(entry).body for entry in rows.entries]
    assert all(len(entry) <= MAX_ENTRY_BYTES for entry in rows.entries)
    assert [item for body in bodies for item in body["files"]] == payload["files"]
    assert [item for body in bodies for item in body["removed"]] == payload["removed"]
    assert all((body["action"], body["more"], body["outbox"]) == ("add", {"a": [1]}, 7) for body in bodies)
    if len(bodies) > 1:
        assert [body["part"] for body in bodies] == list(range(1, len(bodies) + 1))
        assert {body["parts"] for body in bodies} == {len(bodies)}
        assert rows.entries == told("import", payload).entries
    else:
        assert "part" not in bodies[0]
    assert rows.bodies == bodies


def test_the_part_that_names_a_file() -> None:
    files = [{"path": f"{number}" * 1_000} for number in range(100)]
    rows = told("import", {"action": "add", "files": files, "removed": []})
    assert len(rows.entries) == 3
    places = [rows.part_with(file) for file in files]
    assert places == sorted(places, key=lambda place: place or 0)
    assert set(places) == {0, 1, 2}
    assert rows.part_with({"path": "another"}) is None


def test_moments_are_written_in_utc_to_the_microsecond() -> None:
    assert moment(NOON.astimezone(timezone(timedelta(hours=5)))) == HEAD["recorded"]


def test_where_attached_files_lie_is_not_told() -> None:
    own, attached = {"path": "posts/a.parquet", "sha256": "1"}, {"path": "/home/anna/b.parquet", "sha256": "2"}
    rows = told(
        "import", {"action": "replace", "files": [own, attached], "removed": [{"path": "/srv/c", "sha256": "3"}]}
    )
    body = decode_entry(rows.entries[0]).body
    assert body["files"][0] == own
    assert body["files"][1] == {"path": f"attached/{sha256_hex(b'/home/anna/b.parquet')[:32]}", "sha256": "2"}
    assert b"anna" not in rows.entries[0]
    assert b"srv" not in rows.entries[0]
    assert (rows.part_with(own), rows.part_with(attached)) == (0, 0)
