from __future__ import annotations

import pytest

from ombud.ledger.faults import FormatError
from ombud.ledger.hashing import leaf_hash, leaf_hashes, root_of
from ombud.ledger.tiles import (
    MAX_INDEX,
    TILE_BYTES,
    Place,
    bundle_path,
    decode_tile,
    encode_tile,
    levels_of,
    parse_path,
    tile_path,
    tile_root,
    tiles_of,
    width_at,
)

WRITTEN = [
    (tile_path(0, 0), "tile/0/000", Place(0, 0)),
    (tile_path(0, 999), "tile/0/999", Place(0, 999)),
    (tile_path(3, 1000), "tile/3/x001/000", Place(3, 1000)),
    (tile_path(0, 1234067), "tile/0/x001/x234/067", Place(0, 1234067)),
    (tile_path(63, 273, 112), "tile/63/273.p/112", Place(63, 273, 112)),
    (bundle_path(0), "tile/entries/000", Place(None, 0)),
    (bundle_path(1234067, 1), "tile/entries/x001/x234/067.p/1", Place(None, 1234067, 1)),
    (tile_path(0, MAX_INDEX), "tile/0/x009/x223/x372/x036/x854/x775/807", Place(0, MAX_INDEX)),
]


@pytest.mark.parametrize(("path", "right", "place"), WRITTEN)
def test_paths_are_written_and_read_as_the_standard_says(path: str, right: str, place: Place) -> None:
    assert path == right == place.path
    assert parse_path(path) == place


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile",
        "tile/0",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/99/000",
        "tile/100/000",
        "tile/-1/000",
        "tile/0/001/000",
        "tile/0/x000/001",
        "tile/0/x001",
        "tile/0/X001/000",
        "tile/0/x001/x000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/999",
        "tile/0/000.p",
        "tile/0/000.p/",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/../000",
        "tile/0/\u0660\u0660\u0660",
        "tile/entries/000\n",
        "tile/Entries/000",
        "tile/0/x009/x223/x372/x036/x854/x775/808",
        "tile/0/" + "x001/" * 30 + "000",
        "checkpoint",
    ],
)
def test_other_spellings_are_refused(path: str) -> None:
    with pytest.raises(FormatError):
        parse_path(path)


@pytest.mark.parametrize(("level", "index", "width"), [(-1, 0, 1), (64, 0, 1), (0, -1, 1), (0, 0, 0), (0, 0, 257)])
def test_no_path_is_made_for_a_place_that_cannot_be(level: int, index: int, width: int) -> None:
    with pytest.raises(FormatError, match="No tile has"):
        tile_path(level, index, width)
    if level >= 0 and level < 64:
        with pytest.raises(FormatError):
            bundle_path(index, width)


def test_a_log_of_70000_has_the_tiles_of_the_standards_example() -> None:
    places = list(tiles_of(70_000))
    assert len(places) == 274 + 2 + 1
    assert [place for place in places if place.level != 0 or place.width != 256] == [
        Place(0, 273, 112),
        Place(1, 0, 256),
        Place(1, 1, 17),
        Place(2, 0, 1),
    ]


def test_a_log_of_256_has_a_full_tile_and_one_hash_above() -> None:
    assert list(tiles_of(256)) == [Place(0, 0, 256), Place(1, 0, 1)]
    assert list(tiles_of(0)) == []
    assert list(tiles_of(255)) == [Place(0, 0, 255)]


def test_tiles_from_an_entry_on_are_those_that_cover_it_or_more() -> None:
    late = list(tiles_of(70_000, 69_999))
    assert late == [Place(0, 273, 112), Place(1, 1, 17), Place(2, 0, 1)]
    everything = list(tiles_of(70_000))
    assert list(tiles_of(70_000, 65_535)) == [place for place in everything if place.level or place.index >= 255]


@pytest.mark.parametrize(
    ("level", "index", "size", "width"),
    [
        (0, 0, 0, 0),
        (0, 0, 1, 1),
        (0, 0, 256, 256),
        (0, 1, 256, 0),
        (0, 273, 70_000, 112),
        (1, 1, 70_000, 17),
        (2, 0, 70_000, 1),
        (3, 0, 70_000, 0),
        (0, 0, 70_000, 256),
    ],
)
def test_a_tiles_width_follows_from_the_size(level: int, index: int, size: int, width: int) -> None:
    assert width_at(level, index, size) == width


@pytest.mark.parametrize(("size", "levels"), [(0, 0), (1, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 3)])
def test_levels_grow_with_the_size(size: int, levels: int) -> None:
    assert levels_of(size) == levels


def test_a_tile_holds_hashes() -> None:
    hashes = leaf_hashes([b"%d" % number for number in range(256)])
    full = encode_tile(hashes)
    assert len(full) == TILE_BYTES
    assert decode_tile(full) == hashes
    assert tile_root(full) == root_of(hashes)
    assert decode_tile(encode_tile(hashes[:3]), 3) == hashes[:3]
    for wrong in ([], [*hashes, leaf_hash(b"")]):
        with pytest.raises(FormatError, match="cannot hold"):
            encode_tile(wrong)
    for data, width in ((full, 255), (full[:-1], 256), (b"", 1), (full + b"\0", 256)):
        with pytest.raises(FormatError, match=r"has .* bytes, not"):
            decode_tile(data, width)
