"""What recovery removes and what it keeps, down to the names of files; and the growth that it must undo."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.ledger.growth import grown
from ombud.ledger.hashing import leaf_hashes, root_of
from ombud.ledger.recovery import Frontier, prune
from ombud.ledger.tiles import Place, levels_of, parse_path, tiles_of, width_at
from ombud.ledger.writer import Ledger
from ombud.model.errors import OmbudError
from tests.powercut import MemoryDisk

FOLDER = Path("/ledger")


def put(disk: MemoryDisk, *paths: str) -> None:
    for path in paths:
        place = FOLDER / path
        for folder in reversed([place.parent, *place.parent.parents][:-1]):
            disk.make_folder(folder)
        disk.write_files([(place, b"x")])


def left(disk: MemoryDisk, folder: Path = FOLDER, base: Path = FOLDER) -> set[str]:
    found: set[str] = set()
    for name in disk.names(folder):
        inner = folder / name
        found |= left(disk, inner, base) if disk.is_folder(inner) else {inner.relative_to(base).as_posix()}
    return found


@pytest.mark.parametrize(
    ("size", "kept", "gone"),
    [
        (0, [], ["tile/0/000.p/1", "tile/entries/000.p/1", "tile/1/000.p/1"]),
        (5, ["tile/0/000.p/3", "tile/0/000.p/5"], ["tile/0/000.p/6", "tile/0/000", "tile/0/001", "tile/1/000.p/1"]),
        (256, ["tile/0/000", "tile/1/000.p/1"], ["tile/0/000.p/255", "tile/0/001.p/1", "tile/1/000.p/2"]),
        (
            256 * 999 + 7,
            ["tile/0/998", "tile/0/999.p/7", "tile/1/003.p/231"],
            [
                "tile/0/999",
                "tile/0/999.p/8",
                "tile/0/x001/000",
                "tile/0/x001/001.p/4",
                "tile/1/003.p/232",
                "tile/2/001",
            ],
        ),
        (
            256 * 1_234 + 9,
            ["tile/0/000", "tile/0/999", "tile/0/x001/000", "tile/0/x001/234.p/9", "tile/entries/x001/234.p/9"],
            [
                "tile/0/x001/233.p/9",
                "tile/0/x001/234",
                "tile/0/x001/235.p/1",
                "tile/0/x002/000",
                "tile/0/x001/x000/000",
                "tile/entries/x001/234.p/10",
                "tile/entries/x001/235",
            ],
        ),
        (
            256 * 1_002_003,
            ["tile/0/x001/x002/002", "tile/0/x001/000", "tile/0/x999/999", "tile/0/x001/x001/999"],
            ["tile/0/x001/x002/003", "tile/0/x001/x002/003.p/1", "tile/0/x001/x003/000", "tile/0/x002/x000/000"],
        ),
    ],
)
def test_what_lies_beyond_the_checkpoint_goes_and_what_it_needs_stays(
    size: int, kept: list[str], gone: list[str]
) -> None:
    disk = MemoryDisk()
    put(disk, "checkpoint", *kept, *gone)
    prune(disk, FOLDER, size)
    assert left(disk) == {"checkpoint", *kept}


@given(st.integers(0, 3_000_000), st.lists(st.integers(1, 70_000), max_size=4))
def test_nothing_that_a_log_of_this_size_needs_is_ever_removed(size: int, more: list[int]) -> None:
    disk = MemoryDisk()
    needed = {place.path for place in tiles_of(size, max(0, size - 600))}
    needed |= {Place(None, p.index, p.width).path for p in tiles_of(size, max(0, size - 600)) if p.level == 0}
    beyond = {
        Place(level, (size + step >> 8 * level) // 256, width).path
        for step in more
        for level in range(3)
        if (width := width_at(level, (size + step >> 8 * level) // 256, size + step))
    } - needed
    put(disk, "checkpoint", *needed, *beyond)
    prune(disk, FOLDER, size)
    there = left(disk) - {"checkpoint"}
    assert needed <= there
    for path in there - needed:
        place = parse_path(path)
        assert 0 < place.width <= width_at(place.level or 0, place.index, size), f"{path} is beyond {size}"


@given(st.lists(st.integers(1, 700), min_size=1, max_size=8))
def test_a_log_grows_to_the_same_files_and_root_in_any_steps(steps: list[int]) -> None:
    frontier, entries = Frontier(), list[bytes]()
    files: dict[str, bytes] = {}
    for number, step in enumerate(steps):
        new = [b"%d %d" % (number, inner) for inner in range(step)]
        growth = grown(frontier, new)
        files |= {place.path: data for place, data in growth.files}
        entries += new
        frontier = growth.after
        assert frontier.root() == root_of(leaf_hashes(entries))
        assert all(place.width == 256 for place in growth.filled)
    assert frontier.size == len(entries)
    once = {place.path: data for place, data in grown(Frontier(), entries).files}
    assert all(files[path] == data for path, data in once.items())
    assert {place.path for place in tiles_of(len(entries))} <= set(once)


def damages(data: bytes) -> list[bytes]:
    """Return `data` in every way that a disk or an editor may have spoilt it: each place of a small file."""
    places = range(len(data)) if len(data) < 500 else range(0, len(data), 97)
    flips = [(place, byte) for place in places for byte in (b"\x00+\nA"[place % 4], 0x2F) if data[place] != byte]
    return [
        *(data[:place] + bytes([byte]) + data[place + 1 :] for place, byte in flips),
        *(data[:place] for place in places[::9]),
        *(data + more for more in (b"\n", b"A", b"\x00" * 40)),
        b"\x00" * len(data),
    ]


def test_whatever_happens_to_a_file_ends_in_a_sentence_or_in_the_same_log() -> None:
    sound = MemoryDisk()
    sound.make_folder(Path("/w"))
    with Ledger.open(Path("/w/ledger"), Path("/w/keys"), disk=sound) as ledger:
        ledger.append([b"%d" % number for number in range(300)])
        ledger.rotate("test")
        before = ledger.checkpoint()
    tried = 0
    refused: list[OmbudError] = []
    for name in sorted(left(sound, Path("/w"), Path("/w"))):
        path = Path("/w") / name
        for data in (None, *damages(sound.read(path))):
            disk = deepcopy(sound)
            if data is None:
                disk.remove(path)
            else:
                disk.write_files([(path, data)])
            tried += 1
            try:
                with Ledger.open(Path("/w/ledger"), Path("/w/keys"), disk=disk) as again:
                    assert again.checkpoint() == before, f"{name}: {data!r}"
                    assert again.append([b"on"]) == 301, f"{name}: {data!r}"
            except OmbudError as error:
                refused.append(error)
    assert tried > 2_000
    assert len(refused) > tried / 3
    assert all(error.hint for error in refused)


def test_files_come_bundles_first_and_say_what_is_full() -> None:
    before = grown(Frontier(), [b"x"] * 250).after
    growth = grown(before, [b"y"] * 300)
    assert [place.path for place, _ in growth.files] == [
        "tile/entries/000",
        "tile/entries/001",
        "tile/entries/002.p/38",
        "tile/0/000",
        "tile/0/001",
        "tile/0/002.p/38",
        "tile/1/000.p/2",
    ]
    assert [place.path for place in growth.filled] == ["tile/entries/000", "tile/0/000"]
    assert levels_of(550) == len(growth.after.tails) == 2
