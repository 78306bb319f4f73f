"""A backup holds one moment of a workspace, and only a whole one is restored."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import tarfile
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from sqlalchemy import select

from ombud.lake import backup as backups
from ombud.lake import packing
from ombud.model.errors import InputError, NotFoundError, RefusedError, StorageError
from ombud.model.workspace import Workspace
from ombud.records import dictionaries, lake_files, looks, migrate, open_records, outbox, users
from ombud.records.database import SCHEMAS
from ombud.records.lake_files import LakeFile
from ombud.records.tables import metadata
from tests.databases import backend, migrated, new_url, postgres, template

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Connection

__all__ = ["backend", "migrated", "new_url", "postgres", "template"]

PASSWORD = "correct horse battery staple"


def place(workspace: Workspace, path: str, content: bytes) -> LakeFile:
    target = workspace.lake_dir / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    return LakeFile(path, "posts", "2016-06-01", 1, None, None, len(content), digest, "import_1")


@pytest.fixture
def full(workspace: Workspace, backend: str, new_url: Callable[[], str]) -> Workspace:
    """Return a workspace with something of everything, its records on the database of this run."""
    if backend == "postgresql":
        (workspace.root / "ombud.toml").write_text(f'records_url = "{new_url()}"\n')
        workspace = Workspace.open(workspace.root)
    else:
        migrate(workspace.records_url)
    files = [place(workspace, f"posts/day=2016-06-0{n}/a.parquet", bytes([n]) * 100_000 * n) for n in range(1, 4)]
    place(workspace, "posts/day=2016-06-01/not-listed.parquet", b"left by a dead writer")
    away = LakeFile(
        "/data/away.parquet", "posts", None, 1, None, None, 1, "ab", None, attached=True, mapping={"a": "b"}
    )
    (workspace.ledger_dir / "tile").mkdir()
    (workspace.ledger_dir / "tile" / "000").write_bytes(b"tile")
    (workspace.ledger_dir / "checkpoint").write_text("ombud/test\n1\n")
    (workspace.keys_dir / "ledger.key").write_text("secret")
    (workspace.rejects_dir / "import_1.ndjson").write_text('{"line": 3}\n')
    workspace.archive_file.write_bytes(b"derived")
    with open_records(workspace) as records, records.begin() as tx:
        lake_files.add(tx, [*files, away])
        user = users.create(tx, "Mara", PASSWORD, "admin")
        users.open_session(tx, user.id, 12)
        looks.append(tx, user.id, "rows", "account 1", "test\u2028")
        dictionaries.advance(tx, "account", 77)
    return workspace


@pytest.fixture
def elsewhere(backend: str, new_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let restored rows go to another, empty database."""
    if backend == "postgresql":
        monkeypatch.setenv("OMBUD_RECORDS_URL", new_url())


def rows(tx: Connection) -> dict[str, list[Any]]:
    return {t.name: list(tx.execute(select(t).order_by(*t.primary_key)).all()) for t in metadata.sorted_tables}


@pytest.fixture(params=["saved", "saved.tar"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return where to write: a folder, a file."""
    return tmp_path / str(request.param)


def test_there_and_back(full: Workspace, target: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with open_records(full) as records, records.read() as tx:
        before = rows(tx)
    steps: list[tuple[int, int | None]] = []
    report = backups.backup(full, target, progress=lambda done, total, _: steps.append((done, total)))
    assert steps == [(100_000, 600_000), (300_000, 600_000), (600_000, 600_000)]
    assert (report.attached, report.with_keys) == (["/data/away.parquet"], False)
    assert stat.S_IMODE(target.stat().st_mode) == (0o600 if target.suffix else 0o700)

    request.getfixturevalue("elsewhere")
    restored = backups.restore(target, tmp_path / "new")
    assert (restored.files, restored.bytes, restored.attached) == (report.files, report.bytes, report.attached)
    new = Workspace.open(tmp_path / "new")
    with open_records(new) as records, records.read() as tx:
        assert rows(tx) == before | {"staff_session": []}
        for file in lake_files.every(tx):
            if not file.attached:
                assert hashlib.sha256((new.lake_dir / file.path).read_bytes()).hexdigest() == file.sha256
    assert not list(new.root.rglob("not-listed.parquet"))
    assert not new.archive_file.exists()
    assert (new.ledger_dir / "tile" / "000").read_bytes() == b"tile"
    assert (new.rejects_dir / "import_1.ndjson").read_text() == '{"line": 3}\n'
    assert (stat.S_IMODE(new.keys_dir.stat().st_mode), list(new.keys_dir.iterdir())) == (0o700, [])
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["workspace", "new", target.name, *leftover(tmp_path)])
    with open_records(new) as records, records.begin() as tx:
        assert outbox.append(tx, "test", {}) == 2, "numbers go on"


def leftover(folder: Path) -> list[str]:
    """Return the databases that the fixtures made; a hidden folder would be ours, left behind."""
    return [path.name for path in folder.iterdir() if path.name.startswith("records")]


def test_keys_only_when_asked_for(full: Workspace, target: Path, tmp_path: Path, elsewhere: None) -> None:
    del elsewhere
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OMBUD_RECORDS_URL", raising=False)
        assert backups.backup(full, target, with_keys=True).with_keys
    backups.restore(target, tmp_path / "new")
    key = tmp_path / "new" / "keys" / "ledger.key"
    assert key.read_text() == "secret"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("name", ["records.sqlite", "lake/posts/day=2016-06-02/a.parquet", "ombud.toml"])
def test_a_damaged_backup_is_not_restored(full: Workspace, tmp_path: Path, name: str) -> None:
    backups.backup(full, tmp_path / "saved")
    file = tmp_path / "saved" / name
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match=f"{name} in .* is damaged; nothing was restored"):
        backups.restore(tmp_path / "saved", tmp_path / "new")
    file.write_bytes(bytes(content) + b"more")
    with pytest.raises(InputError, match="is damaged"):
        backups.restore(tmp_path / "saved", tmp_path / "new")
    file.unlink()
    with pytest.raises(InputError, match="is missing"):
        backups.restore(tmp_path / "saved", tmp_path / "new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["saved", "workspace"]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.99])
def test_a_file_cut_short_is_not_restored(full: Workspace, tmp_path: Path, share: float) -> None:
    whole = tmp_path / "saved.tar"
    backups.backup(full, whole)
    content = whole.read_bytes()
    whole.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError) as caught:
        backups.restore(whole, tmp_path / "new")
    assert caught.value.hint
    assert not (tmp_path / "new").exists()


def a_tar(path: Path, manifest: dict[str, Any]) -> None:
    content = json.dumps(manifest).encode()
    with tarfile.open(path, "w") as tar:
        entry = tarfile.TarInfo(packing.MANIFEST)
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "lake/../../evil", "", "manifest.json"])
def test_a_backup_that_reaches_outside(tmp_path: Path, name: str) -> None:
    manifest = {
        "format": "ombud-backup-1", "made_by": "0", "made_at": "2016-01-01T00:00:00Z", "schema": "0001",
        "records": "sqlite", "with_keys": False, "attached": [],
        "files": [{"path": name, "bytes": 0, "sha256": ""}],
    }  # fmt: skip
    a_tar(tmp_path / "saved.tar", manifest)
    with pytest.raises(InputError, match="outside itself"):
        backups.restore(tmp_path / "saved.tar", tmp_path / "new")
    a_tar(tmp_path / "saved.tar", manifest | {"files": []})
    with pytest.raises(InputError, match="does not describe a workspace"):
        backups.restore(tmp_path / "saved.tar", tmp_path / "new")
    a_tar(tmp_path / "saved.tar", manifest | {"format": "ombud-backup-99"})
    with pytest.raises(InputError, match="cannot be read"):
        backups.restore(tmp_path / "saved.tar", tmp_path / "new")


def test_what_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="There is no backup"):
        backups.restore(tmp_path / "nothing", tmp_path / "new")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(InputError, match="is not a backup"):
        backups.restore(tmp_path / "text", tmp_path / "new")
    with pytest.raises(InputError, match="is not a whole backup"):
        backups.restore(tmp_path, tmp_path / "new")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match="neither a file nor a folder"):
        backups.restore(tmp_path / "pipe", tmp_path / "new")


def test_nothing_is_written_over(full: Workspace, target: Path, tmp_path: Path) -> None:
    backups.backup(full, target)
    with pytest.raises(RefusedError, match="is there already"):
        backups.backup(full, target)
    with pytest.raises(RefusedError, match="is not empty"):
        backups.restore(target, full.root)
    if not full.records_url.startswith("sqlite"):
        with pytest.raises(RefusedError, match="is not empty") as caught:
            backups.restore(target, tmp_path / "new")
        assert "empty database" in str(caught.value.hint)
        assert not (tmp_path / "new").exists()


def test_a_lake_that_is_not_what_it_says(full: Workspace, target: Path) -> None:
    file = full.lake_dir / "posts/day=2016-06-02/a.parquet"
    file.write_bytes(b"changed")
    with pytest.raises(StorageError, match="was changed after it was written"):
        backups.backup(full, target)
    file.unlink()
    with pytest.raises(StorageError, match="is missing"):
        backups.backup(full, target)
    assert not target.exists()
    assert not [path for path in target.parent.iterdir() if path.name.startswith(".")]


def test_a_file_replaced_meanwhile(full: Workspace, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = backups._lake_file, []

    def compacting(workspace: Workspace, pack: packing.Packing, file: LakeFile) -> None:
        calls.append(file.path)
        if len(calls) == 1:
            new = place(workspace, "posts/day=2016-06-01/compacted.parquet", b"both")
            with open_records(workspace) as records, records.begin() as tx:
                lake_files.replace(tx, [file.path], [new])
            (workspace.lake_dir / file.path).unlink()
        real(workspace, pack, file)

    monkeypatch.setattr(backups, "_lake_file", compacting)
    backups.backup(full, target)
    assert calls[1] == "posts/day=2016-06-01/compacted.parquet"


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_rows_of_another_schema(full: Workspace, tmp_path: Path) -> None:
    backups.backup(full, tmp_path / "saved")
    file = tmp_path / "saved" / packing.MANIFEST
    manifest = msgspec.json.decode(file.read_bytes())
    file.write_text(json.dumps(manifest | {"schema": "0000", "made_by": "0.0.1"}))
    with pytest.raises(RefusedError, match="schema 0000") as caught:
        backups.restore(tmp_path / "saved", tmp_path / "new")
    assert "Restore with Ombud 0.0.1" in str(caught.value.hint)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_rows_go_to_sqlite_too(full: Workspace, tmp_path: Path) -> None:
    backups.backup(full, tmp_path / "saved")
    file, name = tmp_path / "saved" / packing.MANIFEST, "ombud.toml"
    (tmp_path / "saved" / name).write_text("")
    manifest = msgspec.json.decode(file.read_bytes(), type=packing.Manifest)
    empty = packing.Packed(name, 0, hashlib.sha256(b"").hexdigest())
    manifest = msgspec.structs.replace(manifest, files=[f if f.path != name else empty for f in manifest.files])
    file.write_bytes(msgspec.json.encode(manifest))
    backups.restore(tmp_path / "saved", tmp_path / "new")
    new = Workspace.open(tmp_path / "new")
    with open_records(new) as records, records.read() as tx:
        assert dictionaries.next_id(tx, "account") == 77
        assert users.verify(tx, "Mara", PASSWORD) is not None
    assert stat.S_IMODE((new.root / "records.sqlite").stat().st_mode) == 0o600


def test_upgrade(workspace: Workspace) -> None:
    assert backups.upgrade(workspace).schema == SCHEMAS[-1]
    open_records(workspace).close()
