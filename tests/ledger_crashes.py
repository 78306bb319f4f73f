"""Lives of a ledger on a disk whose power fails after any step, and what must hold when it is opened again."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ombud.ledger.bundles import encode_bundle
from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.hashing import leaf_hashes, root_of
from ombud.ledger.notes import Verifier, open_note, parse_note
from ombud.ledger.tiles import TILE_WIDTH, Place, encode_tile, levels_of
from ombud.ledger.writer import Ledger
from ombud.model.errors import OmbudError
from tests.powercut import KilledError, MemoryDisk

if TYPE_CHECKING:
    from concurrent.futures import Future

SIZES = (1, 1, 2, 7, 40, 130)
"""entries of one call"""
FOLDER, KEYS = Path("/w/ledger"), Path("/w/keys")


@dataclass
class State:
    """What the disk may hold after a power cut, and what had been promised by then."""

    disk: MemoryDisk
    step: int
    acked: int
    """how many of the history's acknowledgements had been given"""
    seen: int
    """how many checkpoints readers could have seen"""


@dataclass
class History:
    """A ledger's lives on one disk, and the states that power cuts would have left."""

    disk: MemoryDisk
    rng: random.Random
    each: float
    """states to take after each step, on average"""
    submitted: set[bytes] = field(default_factory=set)
    acked: list[tuple[int, list[bytes]]] = field(default_factory=list)
    """index of the first entry, and the entries, in the order of the answers"""
    states: list[State] = field(default_factory=list)
    seen_before: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.disk.make_folder(Path("/w"))
        self.disk.sync_folders([Path("/")])
        self.disk.watch = self._watch

    def _watch(self) -> None:
        count = int(self.each) + (self.rng.random() < self.each % 1)
        for _ in range(count):
            state = self.disk.after_power_cut(self.rng)
            self.states.append(State(state, self.disk.steps, len(self.acked), len(self.disk.seen)))

    def live(
        self, rounds: int, *, kill_after: int | None = None, sizes: tuple[int, ...] = (1, 1, 2, 7, 40, 130)
    ) -> bool:
        """Open the ledger, append in `rounds` groups and close it; return whether it lived to its end."""
        self.disk.kill_at = None if kill_after is None else self.disk.steps + kill_after
        try:
            ledger = Ledger.open(FOLDER, KEYS, disk=self.disk)
        except KilledError:
            return False
        try:
            for _ in range(rounds):
                waiting = [self._submit(ledger, self.rng.choice(sizes)) for _ in range(self.rng.randint(1, 3))]
                for future in waiting:
                    future.result()
        except (KilledError, OmbudError):
            return False
        finally:
            self.disk.kill_at = None
            ledger.close()
        return True

    def _submit(self, ledger: Ledger, count: int) -> Future[int]:
        entries = [b"entry %d %d" % (len(self.submitted), self.rng.getrandbits(60)) for _ in range(count)]
        self.submitted.update(entries)

        def answered(future: Future[int]) -> None:
            if future.exception() is None:
                self.acked.append((future.result(), entries))

        future = ledger.submit(entries)
        future.add_done_callback(answered)
        return future

    def problems(self, state: State, *, twice: int = 0) -> list[str]:
        """Open the ledger on what is left and return what is wrong with it.

        `twice`: after a second power cut, that many steps into the recovery. A state can be looked at many times.
        """
        acked, seen = self.acked[: state.acked], [note for _, note in self.disk.seen[: state.seen]]
        disk, submitted = state.disk.copy(), set(self.submitted)
        if twice:
            disk.kill_at = twice
            submitted.add(b"between")
            try:
                with Ledger.open(FOLDER, KEYS, disk=disk) as ledger:
                    acked = [*acked, (ledger.append([b"between"]), [b"between"])]
            except KilledError:
                pass
            except OmbudError as error:
                return [f"the ledger does not open: {error}"]
            disk.kill_at = None
            seen += [note for _, note in disk.seen]
            disk = disk.after_power_cut(self.rng)
        try:
            with Ledger.open(FOLDER, KEYS, disk=disk) as ledger:
                return judged(disk, ledger, acked, seen, submitted)
        except OmbudError as error:
            return [f"the ledger does not open: {error}"]


def judged(
    disk: MemoryDisk, ledger: Ledger, acked: list[tuple[int, list[bytes]]], seen: list[bytes], submitted: set[bytes]
) -> list[str]:
    """Return what is wrong with an open ledger, before and after one more entry."""
    entries = list(ledger.entries())
    wrong = [f"the entries from {first} are lost" for first, own in acked if entries[first : first + len(own)] != own]
    wrong += ["an entry was never handed in"] * any(entry not in submitted for entry in entries)
    leaves = leaf_hashes(entries)
    for note in seen[-1:]:  # that those before it agree with it is shown once, over the whole history
        shown = Checkpoint.parse(parse_note(note).text)
        if shown.size > len(leaves) or root_of(leaves[: shown.size]) != shown.root:
            wrong.append(f"a checkpoint of {shown.size} entries that was seen is contradicted: a fork")
    wrong += proved(disk, ledger, entries, leaves)
    first = ledger.append([b"afterwards"])
    if first != len(entries):
        wrong.append("the log does not go on where it stopped")
    more = [*leaves, *leaf_hashes([b"afterwards"])]
    return wrong + proved(disk, ledger, [*entries, b"afterwards"], more, newest=True)


def proved(
    disk: MemoryDisk,
    ledger: Ledger,
    entries: list[bytes],
    leaves: list[bytes] | None = None,
    *,
    newest: bool = False,
) -> list[str]:
    """Return what is wrong with the checkpoint, the tiles or the bundles of a log that should hold `entries`.

    `newest`: of each level, only the last file is compared.
    """
    note = disk.read(FOLDER / "checkpoint")
    checkpoint = Checkpoint.parse(open_note(note, [Verifier.parse(ledger.vkey)]).text)
    hashes = leaf_hashes(entries) if leaves is None else leaves
    wrong = []
    if (checkpoint.size, checkpoint.root) != (len(entries), root_of(hashes)) or note != ledger.checkpoint():
        wrong.append("the checkpoint is not that of the entries")
    files = [(Place(None, at // TILE_WIDTH, len(part)), encode_bundle(part)) for at, part in cut(entries, newest)]
    for level in range(levels_of(len(entries))):
        parts = cut(hashes, newest)
        files += [(Place(level, at // TILE_WIDTH, len(part)), encode_tile(part)) for at, part in parts]
        hashes = [root_of(part) for _, part in cut(hashes) if len(part) == TILE_WIDTH]
    for place, data in files:
        path = FOLDER / place.path
        try:
            if disk.read(path) != data:
                wrong.append(f"{path} is not what it should be")
        except FileNotFoundError:
            wrong.append(f"{path} is missing")
    return wrong


def cut(items: list[bytes], newest: bool = False) -> list[tuple[int, list[bytes]]]:  # noqa: FBT001, FBT002 - see `proved`
    """Return what each file holds and where it begins; `newest`: the last one alone."""
    parts = [(at, items[at : at + TILE_WIDTH]) for at in range(0, len(items), TILE_WIDTH)]
    return parts[-1:] if newest else parts


def forks(history: History) -> list[str]:
    """Return which checkpoints that were ever seen contradict what the ledger holds at the end."""
    with Ledger.open(FOLDER, KEYS, disk=history.disk) as ledger:
        leaves = leaf_hashes(ledger.entries())
    shown = [Checkpoint.parse(parse_note(note).text) for _, note in history.disk.seen]
    return [
        f"a checkpoint of {item.size} entries"
        for item in shown
        if item.size > len(leaves) or root_of(leaves[: item.size]) != item.root
    ]


def many_lives(seed: int, each: float, *, disk: MemoryDisk | None = None, lives: int = 4, rounds: int = 6) -> History:
    """Return a history of some lives, of which all but the last are killed at a step by chance."""
    rng = random.Random(seed)  # noqa: S311 - a repeatable choice of crashes, no secret
    history = History(disk or MemoryDisk(), rng, each)
    for _ in range(lives - 1):
        history.live(rounds, kill_after=rng.randint(5, 150))
    assert history.live(rounds)
    return history
