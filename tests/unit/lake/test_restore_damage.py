"""One byte that changed anywhere in a backup, and nothing is restored; the manifest is not believed either."""

from __future__ import annotations

import json
import shutil
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from ombud.lake import open_lake
from ombud.lake.backup import backup, restore
from ombud.model.errors import InputError, NotFoundError, OmbudError, RefusedError
from ombud.model.workspace import Workspace
from ombud.records import migrate, open_records

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = ("ombud.toml", "records.sqlite", "lake/posts/", "lake/_ids/", "ledger/", "rejects/", "keys/")


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace and its backup in a folder, with one or more files of every kind."""
    root = tmp_path_factory.mktemp("once")
    workspace = Workspace.create(root / "workspace")
    migrate(workspace.records_url)
    start = datetime(2016, 11, 7, tzinfo=UTC)
    rows = [{"post": f"p{i:03}", "account": f"u{i % 6}", "happened_at": start + timedelta(hours=i)} for i in range(60)]
    with open_records(workspace) as records, open_lake(workspace, records).writing() as batch:
        batch.write("posts", pa.Table.from_pylist(rows), "import_1")
    (workspace.ledger_dir / "checkpoint").write_text("ombud/test\n1\n")
    (workspace.rejects_dir / "import_1.ndjson").write_text('{"line": 3}\n')
    (workspace.keys_dir / "ledger.key").write_text("secret")
    backup(workspace, root / "saved", with_keys=True)
    return root


@pytest.fixture
def saved(once: Path, tmp_path: Path) -> Path:
    """Return a copy of the backup to damage."""
    return Path(shutil.copytree(once / "saved", tmp_path / "saved"))


def as_tar(folder: Path) -> Path:
    target = folder.with_suffix(".tar")
    with tarfile.open(target, "w") as tar:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                tar.add(path, path.relative_to(folder).as_posix())
    return target


def refuse(source: Path, root: Path, says: str) -> OmbudError:
    before = sorted(root.parent.iterdir())
    with pytest.raises(OmbudError, match=says) as raised:
        restore(source, root)
    assert not root.exists()
    assert sorted(root.parent.iterdir()) == before  # no staging folder is left either
    assert raised.value.hint
    return raised.value


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "tar"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_flipped_byte_in_any_kind_of_file(saved: Path, tmp_path: Path, kind: str, *, packed: bool) -> None:
    names = [f["path"] for f in json.loads((saved / "manifest.json").read_text())["files"]]
    name = next(n for n in names if n.startswith(kind))
    content = bytearray((saved / name).read_bytes())
    content[len(content) // 2] ^= 1
    (saved / name).write_bytes(content)
    error = refuse(
        as_tar(saved) if packed else saved, tmp_path / "new", f"{name} in .* is damaged; nothing was restored"
    )
    assert isinstance(error, InputError)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_missing_longer_or_shorter(saved: Path, tmp_path: Path, kind: str) -> None:
    names = [f["path"] for f in json.loads((saved / "manifest.json").read_text())["files"]]
    place = saved / next(n for n in names if n.startswith(kind))
    content = place.read_bytes()
    place.write_bytes(content + b"\0")
    refuse(saved, tmp_path / "new", "is damaged")
    place.write_bytes(content[:-1])
    refuse(saved, tmp_path / "new", "is damaged")
    place.unlink()
    refuse(saved, tmp_path / "new", f"{place.name} is missing in")
    place.mkdir()
    refuse(saved, tmp_path / "new", f"{place.name} is missing in")


def test_the_manifest_with_one_flipped_byte_is_refused_or_says_the_same(saved: Path, tmp_path: Path) -> None:
    # A byte of white space, of the version or of the time may change unseen: no file is believed for it.
    place = saved / "manifest.json"
    content = place.read_bytes()
    refused = 0
    for at in range(0, len(content), 61):
        flipped = bytearray(content)
        flipped[at] ^= 1
        place.write_bytes(flipped)
        try:
            restore(saved, tmp_path / "new")
        except OmbudError:
            refused += 1
            assert not (tmp_path / "new").exists()
        else:
            with open_records(Workspace.open(tmp_path / "new")) as records:
                assert open_lake(Workspace.open(tmp_path / "new"), records).check() == []
            shutil.rmtree(tmp_path / "new")
    assert refused > len(content) // 61 // 2
    place.write_bytes(content)
    assert restore(saved, tmp_path / "new").with_keys


def edited(saved: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    manifest = json.loads((saved / "manifest.json").read_text())
    change(manifest)
    (saved / "manifest.json").write_text(json.dumps(manifest))
    return saved


@pytest.mark.parametrize("name", ["/etc/passwd", "../out", "lake/../../out", "a\0b", "", ".", "manifest.json"])
def test_a_manifest_that_names_what_is_outside(saved: Path, tmp_path: Path, name: str) -> None:
    entry = {"path": name, "bytes": 1, "sha256": "0"}
    refuse(edited(saved, lambda m: m["files"].append(entry)), tmp_path / "new", "names a file outside itself")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m.update(format="ombud-backup-2"), "cannot be read"),
        (lambda m: m.pop("files"), "cannot be read"),
        (lambda m: m.update(made_at="yesterday"), "cannot be read"),
        (lambda m: m["files"][0].update(bytes="many"), "cannot be read"),
        (lambda m: m["files"].append(m["files"][0]), "does not describe a workspace"),
        (lambda m: m.update(files=[f for f in m["files"] if f["path"] != "ombud.toml"]), "does not describe"),
        (lambda m: m.update(files=[f for f in m["files"] if f["path"] != "records.sqlite"]), "does not describe"),
        (lambda m: m.update(records="rows"), "does not describe a workspace"),
        (lambda m: m["files"][0].update(sha256="0" * 64), "is damaged; nothing was restored"),
        (lambda m: m["files"][0].update(bytes=1), "is damaged; nothing was restored"),
    ],
)
def test_a_manifest_that_is_no_manifest(
    saved: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], says: str
) -> None:
    refuse(edited(saved, change), tmp_path / "new", says)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_a_tar_file_cut_anywhere(saved: Path, tmp_path: Path, share: float) -> None:
    tar = as_tar(saved)
    whole = tar.read_bytes()
    tar.write_bytes(whole[: int(len(whole) * share)])
    error = refuse(tar, tmp_path / "new", r".")
    assert isinstance(error, InputError)


def test_a_damaged_header_inside_a_tar_file(saved: Path, tmp_path: Path) -> None:
    tar = as_tar(saved)
    with tarfile.open(tar) as opened:
        offsets = [member.offset for member in opened.getmembers()]
    for offset in offsets:
        content = bytearray(tar.read_bytes())
        content[offset + 3] ^= 1
        place = tmp_path / "broken.tar"
        place.write_bytes(content)
        refuse(place, tmp_path / "new", r"is missing|not a backup|cut short|no manifest")


def test_a_link_in_a_tar_file_leads_nowhere_outside(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text((saved / "ombud.toml").read_text())
    (saved / "ombud.toml").unlink()
    tar = as_tar(saved)
    with tarfile.open(tar, "a") as opened:
        link = tarfile.TarInfo("ombud.toml")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "outside")
        opened.addfile(link)
    refuse(tar, tmp_path / "new", "ombud.toml is missing")


def test_what_is_no_backup_is_told_apart(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="There is no backup"):
        restore(tmp_path / "nothing", tmp_path / "new")
    (tmp_path / "empty").mkdir()
    refuse(tmp_path / "empty", tmp_path / "new", "not a whole backup: it has no manifest.json")
    (tmp_path / "text.tar").write_text("no tar file at all" * 100)
    refuse(tmp_path / "text.tar", tmp_path / "new", "is not a backup")
    (tmp_path / "file").write_text("here")
    with pytest.raises(RefusedError, match="is not empty"):
        restore(saved, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "here"


def test_records_elsewhere_are_not_written_over(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMBUD_RECORDS_URL", "postgresql+psycopg://nobody@localhost/none")
    assert refuse(saved, tmp_path / "new", "`records_url` names another database").hint == "Unset OMBUD_RECORDS_URL."


def test_a_sound_backup_is_the_same_lake(once: Path, saved: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    done = restore(as_tar(saved), tmp_path / "new", progress=lambda n, of, _: seen.append((n, of)))
    assert seen[-1] == (done.bytes, done.bytes)
    ours, other = Workspace.open(once / "workspace"), Workspace.open(tmp_path / "new")
    with open_records(ours) as mine, open_records(other) as records:
        lake, theirs = open_lake(ours, mine), open_lake(other, records)
        assert theirs.check() == []
        assert theirs.read("posts", names=True).sort_by("post") == lake.read("posts", names=True).sort_by("post")
        with theirs.writing() as batch:  # and it goes on from there
            batch.write("posts", lake.read("posts", names=True).drop(["import_id"]), "import_2")
        assert theirs.read("posts", ["post"]).num_rows == 60
    assert (other.keys_dir.stat().st_mode & 0o777, (other.keys_dir / "ledger.key").stat().st_mode & 0o777) == (
        0o700,
        0o600,
    )


def test_an_empty_folder_is_filled(saved: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    restore(saved, tmp_path / "new")
    migrate(Workspace.open(tmp_path / "new").records_url)  # nothing to do: it is the present schema
