"""What a person takes with them: all that is theirs, nothing of others, with proofs that a stranger checks."""

from __future__ import annotations

import csv
import io
import json
import stat
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

import ombud.cli.app as line
from ombud.gate import consent
from ombud.gate.flush import flush
from ombud.gate.journal import Journal
from ombud.gate.policy import load_policy
from ombud.gate.portability import export
from ombud.gate.recorder import Recorder
from ombud.gate.sinks import LedgerSink, OutboxSink
from ombud.lake.publisher import publish_all
from ombud.ledger.evidence import verify_evidence
from ombud.ledger.notes import Verifier
from ombud.ledger.proofs import TlogProof
from ombud.ledger.writer import open_ledger
from ombud.model import clock
from ombud.model.errors import NotFoundError, RefusedError
from ombud.records import apps, consents, looks, outbox, users
from ombud.records.apps import App
from tests.unit.gate.recording import row

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.lake import Lake

NOON = datetime(2014, 4, 30, 12, tzinfo=UTC)
ME, FRIEND, OTHER = "me-1", "friend-2", "stranger-3"


def write(lake: Lake, table: str, **columns: list[Any]) -> None:
    with lake.writing() as batch:
        batch.write(table, pa.table(columns), "import_1")


@pytest.fixture
def full(lake: Lake) -> Lake:
    write(
        lake, "accounts", account=[ME, FRIEND], name=["My Name", "Friends Name"], region=["here", "secret-region"],
    )  # fmt: skip
    write(
        lake,
        "ties",
        account=[ME, FRIEND, OTHER],
        other=[FRIEND, ME, FRIEND],
        tie=["friend"] * 3,
        happened_at=[NOON] * 3,
    )
    write(
        lake, "posts", post=["p1", "p2", "p3", "p4"], account=[ME, FRIEND, FRIEND, OTHER],
        happened_at=[NOON + timedelta(hours=n) for n in range(4)], text=["=mine", "to me", "to somebody", "to me too"],
        parent=[None, "p1", "p9", "p1"],
    )  # fmt: skip
    write(lake, "logins", account=[ME, OTHER], happened_at=[NOON] * 2, device=["device-mine", "device-other"])
    write(
        lake,
        "reads",
        read=["old-1"],
        app=["quiz"],
        person=[ME],
        happened_at=[NOON - timedelta(days=400)],
        fields=[["likes"]],
        decision=["allowed"],
    )
    with (
        open_ledger(lake.workspace) as ledger,
        Recorder(Journal(lake.workspace.journal_dir / "g"), LedgerSink(ledger)) as recorder,
    ):
        recorder.record([row(1, ME), row(2, OTHER), row(3, ME, through=FRIEND), row(4, ME, key="thumb")])
        recorder.record([row(5, OTHER)])
        recorder.record([row(6, ME, decision="refused", reason="no-consent")])
    flush(lake)
    with lake.records.begin() as tx, clock.frozen(NOON):
        apps.register(tx, App(app="quiz", developer="d", name="Quiz", registered_at=NOON))
        consent.grant(tx, load_policy("locked-down"), "quiz", ME, ["email"])
        consent.grant(tx, load_policy("locked-down"), "quiz", OTHER, ["email"])
        consent.revoke(tx, "quiz", ME)
        user = users.create(tx, "Mara Staff", "a long pass word", "admin")
        looks.append(tx, user.id, "evidence rows", ME, "case 3")
        looks.append(tx, user.id, "evidence rows", OTHER, "case 4")
    return lake


def table(folder: Path, name: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads((folder / f"{name}.json").read_text())


def test_all_that_is_mine_and_nothing_of_others(full: Lake, tmp_path: Path) -> None:
    done = export(full, ME, tmp_path / "out")
    out = tmp_path / "out"
    assert [one["name"] for one in table(out, "data/accounts")] == ["My Name"]
    assert {(one["account"], one["other"]) for one in table(out, "data/ties")} == {(ME, FRIEND), (FRIEND, ME)}
    assert [one["text"] for one in table(out, "data/posts")] == ["=mine"]
    assert {one["text"] for one in table(out, "data/answers")} == {"to me", "to me too"}
    assert [one["device"] for one in table(out, "data/logins")] == ["device-mine"]
    assert [one["read"] for one in table(out, "record/reads")] == ["old-1", "r-1", "r-3", "r-4", "r-6"]
    assert [one["through_a_friend"] for one in table(out, "record/reads")] == [False, False, True, False, False]
    assert [one["kind"] for one in table(out, "record/consent-history")] == ["granted", "revoked"]
    assert [one["purpose"] for one in table(out, "record/looks")] == ["case 3"]
    record = "".join(path.read_text() for path in (out / "record").rglob("*") if path.is_file())
    for foreign in (FRIEND, OTHER, "Mara Staff", "case 4"):
        assert foreign not in record
    everything = "".join(path.read_text() for path in out.rglob("*") if path.is_file())
    for foreign in ("Friends Name", "secret-region", "to somebody", "device-other"):
        assert foreign not in everything
    assert done.tables["record/reads"] == 5
    assert (done.proofs, done.without_proof, done.held_back) == (3, 1, 1)


def test_csv_says_the_same_and_runs_nothing_in_a_spreadsheet(full: Lake, tmp_path: Path) -> None:
    export(full, ME, tmp_path / "out")
    with (tmp_path / "out/data/posts.csv").open(newline="") as lines:
        (only,) = csv.DictReader(lines)
    assert only["text"] == "'=mine"
    with (tmp_path / "out/record/reads.csv").open(newline="") as lines:
        assert [one["read"] for one in csv.DictReader(lines)] == ["old-1", "r-1", "r-3", "r-4", "r-6"]


def test_a_stranger_checks_the_proofs(full: Lake, tmp_path: Path) -> None:
    export(full, ME, tmp_path / "out")
    out = tmp_path / "out"
    vkey = (out / "ledger.vkey").read_text().split()[0]
    proofs = sorted((out / "record/proofs").iterdir())
    assert [path.name for path in proofs] == ["r-1.tlog-proof", "r-4.tlog-proof", "r-6.tlog-proof"]
    for path in proofs:
        found = verify_evidence(TlogProof.parse(path.read_bytes()), [Verifier.parse(vkey)])
        assert found.row is not None
        assert json.loads(found.row)["person"] == ME
    command = [sys.executable, "-I", str(out / "verify.py"), "--vkey", vkey, "--proof", str(proofs[1])]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    assert '"key":"thumb"' in said.stdout
    proofs[1].write_bytes(proofs[1].read_bytes().replace(b"index 0", b"index 1"))
    assert subprocess.run(command, capture_output=True, check=False).returncode == 1


def test_only_its_owner_reads_it_and_its_manifest_has_every_hash(full: Lake, tmp_path: Path) -> None:
    done = export(full, ME, tmp_path / "out")
    for path in (tmp_path / "out").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    there = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert set(manifest["files"]) == there - {"manifest.json"}
    with full.records.read() as tx:
        (said,) = [entry.payload for entry in outbox.pending(tx) if entry.type == "release"]
    assert said["sha256"] == done.sha256
    assert ME not in json.dumps(said)


def test_as_one_file(full: Lake, tmp_path: Path) -> None:
    export(full, ME, tmp_path / "out.zip", proofs=False)
    assert stat.S_IMODE((tmp_path / "out.zip").stat().st_mode) == 0o600
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        names = archive.namelist()
        assert "record/reads.csv" in names
        assert not any("proofs" in name for name in names)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".export")] == []


def test_who_is_not_known_and_what_is_there(full: Lake, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="Nobody of this id"):
        export(full, "nobody", tmp_path / "out")
    (tmp_path / "out").mkdir()
    with pytest.raises(RefusedError, match="there already"):
        export(full, ME, tmp_path / "out")


def test_reads_that_wait_for_the_ledger_have_no_proof_yet(lake: Lake, tmp_path: Path) -> None:
    with Recorder(Journal(lake.workspace.journal_dir / "g"), OutboxSink(lake.records)) as recorder:
        recorder.record([row(1, ME)])
    flush(lake)
    done = export(lake, ME, tmp_path / "before")
    assert (done.proofs, done.without_proof) == (0, 1)
    publish_all(lake.workspace, lake.records)
    done = export(lake, ME, tmp_path / "after")
    assert (done.proofs, done.without_proof) == (1, 0)


def test_strange_ids_of_reads_make_no_strange_files(lake: Lake, tmp_path: Path) -> None:
    with (
        open_ledger(lake.workspace) as ledger,
        Recorder(Journal(lake.workspace.journal_dir / "g"), LedgerSink(ledger)) as recorder,
    ):
        recorder.record([row(1, ME, read=name) for name in ("../../evil", ".hidden", "x" * 300, "é")])
    flush(lake)
    assert export(lake, ME, tmp_path / "out").proofs == 4
    assert all(len(path.stem) == 64 for path in (tmp_path / "out/record/proofs").iterdir())


def test_from_the_command_line(
    full: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = str(full.workspace.root)
    full.records.close()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{ME}\n".encode())))
    code = line.run(["--workspace", root, "--json", "export", "-", "--to", str(tmp_path / "out.zip")])
    assert code == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["proofs"], document["held_back"]) == (3, 1)
    assert (tmp_path / "out.zip").is_file()


def test_erasing_takes_what_gates_recorded_last_and_the_consents(
    full: Lake, capsys: pytest.CaptureFixture[str]
) -> None:
    with Recorder(Journal(full.workspace.journal_dir / "g"), OutboxSink(full.records)) as recorder:
        recorder.record([row(70, ME), row(71, OTHER)])
    assert line.run(["--workspace", str(full.workspace.root), "--json", "erase", ME, "--yes"]) == 0
    remains = json.loads(capsys.readouterr().out)["remains"]
    assert any("Consents" in sentence for sentence in remains)
    left = full.read("reads", ["read", "person"], names=True).to_pylist()
    assert {one["read"] for one in left} == {"r-2", "r-5", "r-71"}
    with full.records.read() as tx:
        assert consents.of_person(tx, ME) == []
        assert len(consents.of_person(tx, OTHER)) == 1
