"""The power fails after any step: nothing acknowledged is lost, no log forks, every checkpoint can be proved.

Kills come before the power cut, and a second power cut while the ledger recovers.
`OMBUD_CRASH_STATES=100000` checks that many states instead of two thousand.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from ombud.ledger.growth import Growth, grown
from ombud.ledger.tiles import levels_of
from ombud.ledger.writer import Ledger
from tests.ledger_crashes import FOLDER, KEYS, History, State, forks, many_lives
from tests.powercut import MemoryDisk

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ombud.ledger.notes import Signer

STATES = int(os.environ.get("OMBUD_CRASH_STATES", "2000"))


def found(history: History, most: int) -> Counter[str]:
    """Return what is wrong with up to `most` of a history's states, by kind; every fifth sees a second power cut."""
    chosen = history.rng.sample(history.states, min(most, len(history.states)))
    wrong: Counter[str] = Counter()
    for number, state in enumerate(chosen):
        again = history.rng.randint(1, 30) if number % 5 == 0 else 0
        for problem in history.problems(state, twice=again)[:1]:
            wrong[problem] += 1
    return wrong


def test_thousands_of_power_cuts_lose_nothing() -> None:
    checked = seed = grown = 0
    while checked < STATES:
        history = many_lives(seed, 2.0)
        assert found(history, STATES - checked) == {}
        assert forks(history) == []
        checked += len(history.states)
        grown = max(grown, sum(len(entries) for _, entries in history.acked))
        seed += 1
    assert checked >= STATES
    assert grown > 2 * 256, "the histories are too short to fill a tile"


def cut_again() -> Counter[str]:
    """Return what is wrong after a second power cut at any step of a recovery that finds `checkpoint.next`."""
    history = many_lives(1, 3.0, lives=3)
    waiting = [state for state in history.states if "checkpoint.next" in state.disk.names(FOLDER)]
    shown = [state for state in waiting if _shown(history, state)]
    assert len(shown) > 10, "too few states have a checkpoint that was seen and whose renaming is lost"
    wrong: Counter[str] = Counter()
    for state in [*history.rng.sample(shown, 10), *history.rng.sample(waiting, 8)]:
        for step in range(1, 12):
            wrong.update(history.problems(state, twice=step))
    return wrong


def test_a_second_power_cut_while_a_waiting_checkpoint_is_put_in_force() -> None:
    assert cut_again() == {}


def test_a_recovery_that_writes_over_a_waiting_checkpoint_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be all that is left of a checkpoint that readers saw."""
    monkeypatch.setattr(MemoryDisk, "sync_file", lambda disk, path: disk.write_files([(path, disk.read(path))]))
    assert any("fork" in problem for problem in cut_again())


def _shown(history: History, state: State) -> bool:
    """Return whether readers saw a checkpoint that only `checkpoint.next` holds now."""
    newest = history.disk.seen[state.seen - 1][1] if state.seen else b""
    return state.disk.read(FOLDER / "checkpoint.next") == newest


def test_power_cuts_while_the_tree_gets_another_level() -> None:
    disk = MemoryDisk()
    history = History(disk, random.Random(7), 0.0)  # noqa: S311 - a repeatable choice
    many = [b"%d" % number for number in range(65_530)]
    history.submitted.update(many)
    with Ledger.open(FOLDER, KEYS, disk=disk) as ledger:
        ledger.append(many)
    history.acked.append((0, many))
    history.each = 1.0
    assert history.live(3, sizes=(1, 2, 9))
    assert found(history, max(6, STATES // 500)) == {}
    with Ledger.open(FOLDER, KEYS, disk=disk) as ledger:
        assert levels_of(ledger.size) == 3
    assert not disk.names(FOLDER / "tile/1/000.p"), "the partial tiles of a full one are gone"
    assert disk.names(FOLDER / "tile/1") == ["000"]


class Careless(MemoryDisk):
    """A disk on which one kind of sync does nothing, as if the writer had forgotten it."""

    def __init__(self, forgets: str) -> None:
        super().__init__()
        self.forgets = forgets

    def _sync_file(self, path: Path) -> None:
        kind = {"checkpoint.next": "next"}.get(path.name, "bundle" if "entries" in path.parts else "tile")
        if kind == self.forgets and path.is_relative_to(FOLDER):
            self._step()
        else:
            super()._sync_file(path)

    def _sync_folder(self, path: Path) -> None:
        kind = "name of the checkpoint" if path == FOLDER else "names of tiles" if "tile" in path.parts else ""
        if kind == self.forgets:
            self._step()
        else:
            super()._sync_folder(path)


class Hasty(MemoryDisk):
    """A disk whose writer shows each checkpoint first and makes it durable afterwards."""

    def _sync_file(self, path: Path) -> None:
        if path.name == "checkpoint.next":
            self._step()
        else:
            super()._sync_file(path)

    def _sync_folder(self, path: Path) -> None:
        if path == FOLDER and "checkpoint.next" in self.names(FOLDER):
            self._step()
        else:
            super()._sync_folder(path)

    def rename(self, old: Path, new: Path) -> None:
        super().rename(old, new)
        if new.name == "checkpoint":
            super()._sync_file(new)


def broken(make: Callable[[], MemoryDisk]) -> Counter[str]:
    """Return what goes wrong on disks that `make` makes, until something does."""
    wrong: Counter[str] = Counter()
    for seed in range(8):
        wrong += found(many_lives(seed, 1.0, disk=make(), lives=2), 100)
        if wrong:
            break
    return wrong


@pytest.mark.parametrize("forgets", ["bundle", "tile", "next", "names of tiles", "name of the checkpoint"])
def test_each_sync_is_needed(forgets: str) -> None:
    """A writer that forgets one kind of sync is caught: the states do tell right from wrong."""
    assert broken(lambda: Careless(forgets)), f"nobody noticed that a sync was forgotten: {forgets}"


def test_a_checkpoint_shown_before_it_is_durable_is_a_fork() -> None:
    assert any("fork" in problem for problem in broken(Hasty))


def test_a_bundle_removed_too_early_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Partial files that go before the checkpoint with the full one is durable leave the old one without proof."""
    commit = Ledger.commit

    def early(self: Ledger, entries: Sequence[bytes], signers: Sequence[Signer]) -> None:
        self._clear(grown(self._frontier, entries))
        commit(self, entries, signers)

    clear = Ledger._clear

    def carefully(self: Ledger, growth: Growth) -> None:
        with suppress(OSError):
            clear(self, growth)

    monkeypatch.setattr(Ledger, "_clear", carefully)
    monkeypatch.setattr(Ledger, "commit", early)
    assert broken(MemoryDisk)
