from __future__ import annotations

import pytest

from ombud.ledger.bundles import MAX_ENTRY_BYTES, decode_bundle, encode_bundle, first_entries
from ombud.ledger.faults import FormatError

LARGEST = bytes(MAX_ENTRY_BYTES)


@pytest.mark.parametrize("entries", [[b""], [b"a"], [b"", b"abc", b""], [LARGEST], [b"%d" % n for n in range(256)]])
def test_entries_come_back(entries: list[bytes]) -> None:
    data = encode_bundle(entries)
    assert decode_bundle(data, len(entries)) == entries
    assert len(data) == sum(2 + len(entry) for entry in entries)


def test_an_entry_stands_behind_its_length_in_two_bytes() -> None:
    assert encode_bundle([b"abc", b"", b"x" * 258]) == b"\0\3abc\0\0\1\2" + b"x" * 258


def test_a_bundle_has_1_to_256_entries_of_65535_bytes_at_most() -> None:
    for entries in ([], [b"x"] * 257):
        with pytest.raises(FormatError, match="cannot hold"):
            encode_bundle(entries)
    with pytest.raises(FormatError, match="65536 bytes"):
        encode_bundle([LARGEST + b"x"])


@pytest.mark.parametrize("cut", range(1, 8))
def test_a_cut_bundle_says_where_it_ends(cut: int) -> None:
    data = encode_bundle([b"ab", b"cd"])
    with pytest.raises(FormatError, match=r"ends within entry [01] of 2"):
        decode_bundle(data[:-cut], 2)


def test_what_follows_the_last_entry_is_refused() -> None:
    data = encode_bundle([b"ab", b"cd"])
    with pytest.raises(FormatError, match="4 bytes are left"):
        decode_bundle(data, 1)
    with pytest.raises(FormatError, match="1 bytes are left"):
        decode_bundle(data + b"\0", 2)
    with pytest.raises(FormatError, match="entry 2 of 3"):
        decode_bundle(data, 3)


def test_a_longer_bundle_begins_with_a_shorter_one() -> None:
    entries = [b"%d" % number for number in range(20)]
    for width in range(1, 20):
        assert first_entries(encode_bundle(entries), width) == encode_bundle(entries[:width])
    with pytest.raises(FormatError, match="ends within"):
        first_entries(encode_bundle(entries), 21)
