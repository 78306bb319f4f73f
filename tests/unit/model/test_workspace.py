from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from ombud.model.errors import InputError, NotFoundError, StorageError
from ombud.model.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMBUD_WORKSPACE", "OMBUD_PORT", "OMBUD_NAME"):
        monkeypatch.delenv(name, raising=False)


def test_a_new_workspace_has_its_folders_and_keys_that_only_the_owner_reads(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "new" / "one")
    assert workspace.lake_dir.is_dir()
    assert workspace.ledger_dir.is_dir()
    assert workspace.rejects_dir.is_dir()
    assert stat.S_IMODE(workspace.keys_dir.stat().st_mode) == 0o700
    assert workspace.records_url == f"sqlite:///{tmp_path}/new/one/records.sqlite"


def test_making_it_again_keeps_the_settings(tmp_path: Path) -> None:
    Workspace.create(tmp_path)
    (tmp_path / "ombud.toml").write_text('name = "Agora"\nport = 9000\n')
    assert Workspace.create(tmp_path).settings.name == "Agora"
    assert Workspace.open(tmp_path).settings.port == 9000


def test_the_environment_names_the_workspace_and_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Workspace.create(tmp_path / "a")
    monkeypatch.setenv("OMBUD_WORKSPACE", str(tmp_path / "a"))
    monkeypatch.setenv("OMBUD_PORT", "8123")
    workspace = Workspace.open()
    assert workspace.root == (tmp_path / "a").resolve()
    assert workspace.settings.port == 8123


def test_a_folder_without_settings_is_no_workspace(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no workspace") as caught:
        Workspace.open(tmp_path)
    assert "ombud init" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "says"),
    [("name = ", "not TOML"), ("port = 70000", "`port`"), ('fdr = "much"', "`fdr`"), ("colour = 1", "`colour`")],
)
def test_a_wrong_setting_is_named_in_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    Workspace.create(tmp_path)
    (tmp_path / "ombud.toml").write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        Workspace.open(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_place_that_cannot_hold_a_workspace_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Cannot make a workspace"):
        Workspace.create(tmp_path / "file" / "inside")
