"""Commands that change the lake take the change into the sets of people by app."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ombud.audit.people.keeping import locked
from ombud.audit.people.sets import PeopleSets
from ombud.cli import people_sets
from ombud.lake import open_lake
from ombud.model.errors import BusyError
from ombud.model.workspace import Workspace
from ombud.records import open_records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Done

    Ombud = Callable[..., Done]

HEAD = "read,app,person,through,happened_at,fields,decision\n"


@pytest.fixture
def fresh(ombud: Ombud, tmp_path: Path) -> Path:
    """Return a workspace of this test's own."""
    assert ombud("init", tmp_path / "fresh").code == 0
    return tmp_path / "fresh"


def reads(folder: Path, name: str, *lines: str) -> Path:
    """Return a file of reads."""
    file = folder / f"{name}.csv"
    file.write_text(HEAD + "".join(f"{line},2013-11-01T00:00:00Z,name,allowed\n" for line in lines))
    return file


def kept(root: Path) -> list[tuple[int, int]]:
    """Return, for each app that is in, how many people it read directly and through others."""
    workspace = Workspace.open(root)
    with open_records(workspace) as records:
        sets = PeopleSets(workspace, open_lake(workspace, records))
        assert sets.behind == 0
        return [(size.direct, size.via) for size in sets.sizes().values()]


def test_what_is_imported_compacted_or_erased_is_in_the_sets_at_once(ombud: Ombud, fresh: Path, tmp_path: Path) -> None:
    at = ("--table", "reads", "--workspace", fresh)
    done = ombud("import", "table", reads(tmp_path, "one", "1,quiz,anna,", "2,quiz,ben,anna"), *at)
    assert done.code == 0, done.err
    assert kept(fresh) == [(1, 1)]
    assert ombud("import", "table", reads(tmp_path, "two", "3,quiz,carl,", "4,game,anna,"), *at).code == 0
    assert sorted(kept(fresh)) == [(1, 0), (2, 1)]
    assert ombud("lake", "compact", "--workspace", fresh).code == 0
    assert sorted(kept(fresh)) == [(1, 0), (2, 1)]
    assert ombud("erase", "anna", "--yes", "--workspace", fresh).code == 0
    assert kept(fresh) == [(1, 1)]
    assert ombud("gate", "flush", "--workspace", fresh).code == 0


def test_sets_that_cannot_be_brought_up_are_said_and_no_error(
    ombud: Ombud, fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = ("--table", "reads", "--workspace", fresh)
    (fresh / "sets").write_text("in the way")
    done = ombud("import", "table", reads(tmp_path, "one", "1,quiz,anna,"), *at)
    assert done.code == 0, done.err
    assert "The sets of people by app are not up to date:" in done.out
    (fresh / "sets").unlink()

    def busy(*_: object, **__: object) -> int:
        raise BusyError

    with locked(fresh / "sets", 0):
        monkeypatch.setattr(people_sets, "catch_up", busy)
        done = ombud("import", "table", reads(tmp_path, "two", "2,quiz,ben,"), *at)
    assert done.code == 0, done.err
    assert "Another process brings the sets of people by app up to date" in done.out
