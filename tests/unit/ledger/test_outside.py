"""A log of our writer, judged by programs of others: OpenSSL, the package metamorphic-log, and Go's own packages.

Set `OMBUD_LOG_ENTRIES` (by default 70,000) to let Go read a larger log, such as 1000000.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

import metamorphic_log  # type: ignore[import-untyped]
import pytest

from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.hashing import leaf_hash
from ombud.ledger.notes import Verifier, parse_note
from ombud.ledger.proofs import entry_at
from ombud.ledger.reading import DirectoryLog
from ombud.ledger.tree import Tree
from ombud.ledger.writer import Ledger
from tests.logs import ORIGIN, entries

COUNT = int(os.environ.get("OMBUD_LOG_ENTRIES", "70000"))
STEPS = (1, 255, 256, 1_000, 65_536, 65_700, COUNT)
PROOFS = 200
GO = Path(__file__).resolve().parents[2] / "outside" / "checklog.go"
GOCODE = Path("/usr/share/gocode")


@dataclass
class Written:
    """A log and all checkpoints it ever signed."""

    log: DirectoryLog
    vkey: str
    notes: dict[int, bytes]

    @property
    def heads(self) -> dict[int, Checkpoint]:
        return {size: Checkpoint.parse(parse_note(note).text) for size, note in self.notes.items()}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder: Path = tmp_path_factory.mktemp("written")
    items, notes = entries(COUNT), {}
    with Ledger.open(folder / "log", folder / "keys", origin=ORIGIN) as ledger:
        for size in STEPS:
            ledger.append(items[ledger.size : size])
            notes[size] = ledger.checkpoint()
        return Written(DirectoryLog(folder / "log"), ledger.vkey, notes)


@pytest.fixture(scope="module")
def numbers() -> list[int]:
    chosen = random.Random(20161108).sample(range(COUNT), PROOFS - 4)  # noqa: S311 - which entries are looked at
    return [0, 255, 256, COUNT - 1, *chosen]


def test_openssl_verifies_a_checkpoint(written: Written, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not on this machine: nobody else checked the signature; `apt-get install openssl`")
    note = parse_note(written.log.checkpoint())
    public = Verifier.parse(written.vkey).public
    (tmp_path / "key.der").write_bytes(bytes.fromhex("302a300506032b6570032100") + public)  # RFC 8410, section 4
    (tmp_path / "text").write_text(note.text)
    (tmp_path / "signature").write_bytes(note.signatures[0].blob)
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key.der", "-rawin"]
    command += ["-in", "text", "-sigfile", "signature"]
    good = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (good.returncode, good.stdout) == (0, "Signature Verified Successfully\n")
    (tmp_path / "text").write_text(note.text.replace(f"\n{COUNT}\n", f"\n{COUNT + 1}\n"))
    bad = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert bad.returncode == 1


def test_metamorphic_takes_our_checkpoints_and_no_changed_one(written: Written) -> None:
    for size, note in written.notes.items():
        head = metamorphic_log.checkpoint_verify(note.decode(), [written.vkey])
        assert (head.origin, head.size) == (ORIGIN, size)
    newest = written.notes[COUNT].decode()
    changed = [
        newest.replace(f"\n{COUNT}\n", f"\n{COUNT + 1}\n"),
        newest.replace(ORIGIN, "another.example/log"),
        newest[:-5] + ("A" if newest[-5] != "A" else "B") + newest[-4:],
    ]
    for other in changed:
        with pytest.raises(metamorphic_log.VerifyError):
            metamorphic_log.checkpoint_verify(other, [written.vkey])


def test_metamorphic_takes_our_proofs_and_no_changed_one(written: Written, numbers: list[int]) -> None:
    tree, note = Tree(written.log), written.notes[COUNT].decode()
    for index in numbers:
        leaf, proof = leaf_hash(entry_at(tree, index, COUNT)), tree.inclusion(index, COUNT)
        metamorphic_log.checkpoint_verify_inclusion(note, [written.vkey], index, leaf, proof)
    for leaf_index, path in ((index ^ 1, proof), (index, proof[:-1]), (index, [bytes(32), *proof[1:]])):
        with pytest.raises(metamorphic_log.VerifyError):
            metamorphic_log.checkpoint_verify_inclusion(note, [written.vkey], leaf_index, leaf, path)
    for old in STEPS[:-1]:
        proof = tree.consistency(old, COUNT)
        metamorphic_log.checkpoint_verify_consistency(written.notes[old].decode(), note, [written.vkey], proof)
        with pytest.raises(metamorphic_log.VerifyError):
            metamorphic_log.checkpoint_verify_consistency(
                written.notes[old].decode(), note, [written.vkey], [*proof[:-1], bytes(32)]
            )


@pytest.fixture(scope="module")
def checklog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return our small program around Go's packages."""
    if shutil.which("go") is None or not (GOCODE / "src/golang.org/x/mod/sumdb").is_dir():
        pytest.skip("Go is not on this machine: nobody else read the tiles; `apt-get install golang-go` and x/mod")
    folder: Path = tmp_path_factory.mktemp("go")
    program = folder / "checklog"
    setting = {"GO111MODULE": "off", "GOPATH": str(GOCODE), "GOCACHE": str(folder / "cache"), "HOME": str(folder)}
    subprocess.run(
        ["go", "build", "-o", str(program), str(GO)], check=True, env={"PATH": os.environ["PATH"], **setting}
    )
    return program


def ask(program: Path, folder: Path, vkey: str, questions: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(program), str(folder), vkey], input="\n".join(questions), capture_output=True, text=True, check=False
    )


def question(kind: str, number: int, first: bytes, proof: list[bytes]) -> str:
    return " ".join([kind, str(number), first.hex(), *(value.hex() for value in proof)])


def test_go_reads_the_whole_log_and_takes_our_proofs(written: Written, checklog: Path, numbers: list[int]) -> None:
    tree = Tree(written.log)
    questions = [
        question("inclusion", index, leaf_hash(entry_at(tree, index, COUNT)), tree.inclusion(index, COUNT))
        for index in numbers
    ]
    questions += [
        question("consistency", size, head.root, tree.consistency(size, COUNT)) for size, head in written.heads.items()
    ]
    done = ask(checklog, written.log.path, written.vkey, questions)
    assert done.stderr == ""
    assert done.stdout == f"{ORIGIN}: {COUNT} entries, {PROOFS} inclusion, {len(STEPS)} consistency\n"


def test_go_refuses_what_is_changed(written: Written, checklog: Path, tmp_path: Path) -> None:
    tree = Tree(written.log)
    leaf, proof = leaf_hash(entry_at(tree, 7, COUNT)), tree.inclusion(7, COUNT)
    wrong = [
        question("inclusion", 8, leaf, proof),
        question("inclusion", 7, leaf, proof[:-1]),
        question("consistency", 256, bytes(32), tree.consistency(256, COUNT)),
    ]
    for one in wrong:
        assert ask(checklog, written.log.path, written.vkey, [one]).returncode == 1
    with tempfile.TemporaryDirectory(dir=tmp_path) as scratch:
        copy = Path(scratch) / "log"
        shutil.copytree(written.log.path, copy)
        for path in ("tile/0/007", "tile/entries/200", "tile/1/000", "checkpoint"):
            data = (copy / path).read_bytes()
            (copy / path).write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
            assert ask(checklog, copy, written.vkey, []).returncode == 1
            (copy / path).write_bytes(data)
        assert ask(checklog, copy, written.vkey, []).returncode == 0


def test_the_root_is_what_the_checkpoint_has_in_base64(written: Written) -> None:
    line = written.notes[COUNT].decode().split("\n")[2]
    assert b64decode(line) == Tree(written.log).root(COUNT)
