from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ombud.gate.wire.callers import CallerKeys
from ombud.model.errors import InputError, NotFoundError, StorageError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.model.workspace import Workspace


def test_only_the_hash_of_a_key_is_kept(callers: CallerKeys) -> None:
    key = callers.add("profiles")
    callers.refresh()
    assert callers.path.stat().st_mode & 0o777 == 0o600
    assert key not in callers.path.read_text()
    found = callers.find(key)
    assert found is not None
    assert (found.name, found.rights) == ("profiles", frozenset({"decide"}))
    assert callers.find(key + "x") is None
    assert callers.find("") is None
    assert callers.find("\udcff") is None


def test_two_keys_differ_and_a_name_has_one(callers: CallerKeys) -> None:
    assert callers.add("one") != callers.add("two", ("search",))
    with pytest.raises(UsageError):
        callers.add("one")
    assert list(callers.every()) == ["one", "two"]


def test_a_removed_caller_is_unknown_at_the_next_look(callers: CallerKeys) -> None:
    key = callers.add("one")
    callers.refresh()
    callers.remove("one")
    assert callers.find(key) is not None
    callers.refresh()
    assert callers.find(key) is None
    with pytest.raises(NotFoundError):
        callers.remove("one")


def test_a_file_that_cannot_be_read_lets_nobody_in(callers: CallerKeys) -> None:
    key = callers.add("one")
    callers.refresh()
    callers.path.write_text("{")
    with pytest.raises(InputError):
        callers.refresh()
    assert callers.find(key) is None
    callers.path.unlink()
    callers.refresh()
    assert callers.find(key) is None
    assert callers.every() == {}


def test_a_file_of_a_wrong_shape(callers: CallerKeys) -> None:
    callers.add("one")
    kept = json.loads(callers.path.read_text())
    kept["one"]["rights"] = ["everything"]
    callers.path.write_text(json.dumps(kept))
    with pytest.raises(InputError):
        callers.refresh()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("in the way")
    with pytest.raises(StorageError):
        CallerKeys(tmp_path / "keys" / "gate.callers.json").add("one")


def test_of_a_workspace(workspace: Workspace) -> None:
    assert CallerKeys.of(workspace).path == workspace.root / "keys" / "gate.callers.json"
