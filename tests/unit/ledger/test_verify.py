"""`verify.py`, the one file that imports nothing of Ombud, as a stranger runs it."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from ombud.ledger import verify
from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.hashing import EMPTY_ROOT
from ombud.ledger.notes import Cosigner, Signature, add_signatures, sign_note
from ombud.ledger.proofs import TlogProof, prove
from ombud.ledger.reading import DirectoryLog
from ombud.ledger.submissions import encode_submission
from ombud.ledger.tiles import bundle_path
from ombud.ledger.tree import consistency_proof
from tests.logs import ORIGIN, entries, make_log, put, signer

if TYPE_CHECKING:
    from collections.abc import Callable

ITEMS = entries(66_000)
KEY = signer()
WITNESS = Cosigner("witness.example", Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32))
FILE = Path(verify.__file__)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """Return a function that runs `verify.py` and gives its exit code and what it printed."""

    def call(*arguments: object) -> tuple[int, str]:
        code = verify.main([str(argument) for argument in arguments])
        return code, capsys.readouterr().out

    return call


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("large")
    make_log(folder, ITEMS)
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    make_log(tmp_path / "log", ITEMS[:600])
    return tmp_path / "log"


def test_it_is_one_file_of_the_standard_library() -> None:
    tree = ast.parse(FILE.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names
    assert len(FILE.read_text().splitlines()) < 425


def test_it_runs_alone(small: Path, tmp_path: Path) -> None:
    alone = tmp_path / "elsewhere" / "verify.py"
    alone.parent.mkdir()
    shutil.copy(FILE, alone)
    command = [sys.executable, "-I", "-S", str(alone), str(small), "--vkey", KEY.vkey]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"ok: {ORIGIN} has 600 entries, signed by {ORIGIN}\n"
    wrong = subprocess.run([*command[:-1], signer(seed=2).vkey], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stderr) == (1, "")
    assert wrong.stdout == f"WRONG: no known key of '{ORIGIN}' signed the checkpoint\n"


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 512, 600])
def test_whole_logs_pass(tmp_path: Path, run: Callable[..., tuple[int, str]], size: int) -> None:
    make_log(tmp_path, ITEMS[:size])
    code, said = run(tmp_path)
    assert code == 0
    assert said.startswith("note: the key is the folder's own")
    assert f"has {size} entries" in said


def test_a_log_of_three_levels_passes(large: Path, tmp_path: Path, run: Callable[..., tuple[int, str]]) -> None:
    old = tmp_path / "old"
    for size in (1, 256, 65_536, 65_700, 66_000):
        old.write_bytes(make_log(tmp_path / "log", ITEMS[:size]))
        code, said = run(large, "--vkey", KEY.vkey, "--checkpoint", old)
        assert code == 0
        assert f"ok: it begins with the {size} entries of the older checkpoint" in said


def test_indexes_past_a_thousand_have_folders(tmp_path: Path) -> None:
    for index in (7, 999, 1_000, 1_234_067):
        put(tmp_path, bundle_path(index), b"full")
        put(tmp_path, bundle_path(index, 9), b"part")
        assert verify.read_file(tmp_path, "entries", index, 256) == b"full"
        assert verify.read_file(tmp_path, "entries", index, 9) == b"part"
        assert verify.read_file(tmp_path, "entries", index, 8) == b"full"


def test_another_beginning_is_found(small: Path, tmp_path: Path, run: Callable[..., tuple[int, str]]) -> None:
    old = tmp_path / "old"
    for items in ([ITEMS[5], *ITEMS[1:300]], ITEMS[:601], [*ITEMS[:599], ITEMS[7]]):
        old.write_bytes(make_log(tmp_path / "other", items))
        code, said = run(small, "--checkpoint", old)
        assert code == 1
        assert "WRONG: the log does not begin with the older checkpoint: it was rewritten" in said
    old.write_bytes(make_log(tmp_path / "other", ITEMS[:300], signer(seed=2)))
    assert run(small, "--checkpoint", old)[0] == 1


@pytest.mark.parametrize("path", ["tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/001"])
def test_missing_cut_and_changed_files_are_found(small: Path, run: Callable[..., tuple[int, str]], path: str) -> None:
    data = (small / path).read_bytes()
    for changed in (data[:-1], data + b"\0", bytes([data[0] ^ 1]) + data[1:], b""):
        (small / path).write_bytes(changed)
        code, said = run(small)
        assert code == 1
        assert "WRONG" in said
    (small / path).unlink()
    assert run(small)[0] == 1


def test_entries_with_their_tiles_rewritten_have_another_root(small: Path, run: Callable[..., tuple[int, str]]) -> None:
    note = (small / "checkpoint").read_bytes()
    make_log(small, [*ITEMS[:599], ITEMS[7]])
    (small / "checkpoint").write_bytes(note)
    assert "WRONG: the entries do not have the root that the checkpoint names" in run(small)[1]


def test_witnesses_that_are_asked_for_must_have_signed(small: Path, run: Callable[..., tuple[int, str]]) -> None:
    keys = ["--vkey", KEY.vkey, "--vkey", WITNESS.vkey]
    assert run(small, *keys) == (1, "WRONG: witness.example did not cosign the checkpoint\n")
    note = (small / "checkpoint").read_bytes()
    text = note.decode().rpartition("\n\n")[0] + "\n"
    (small / "checkpoint").write_bytes(add_signatures(note, [WITNESS.sign(text)]))
    assert run(small, *keys) == (0, f"ok: {ORIGIN} has 600 entries, signed by {ORIGIN}, witness.example\n")
    only = run(small, "--vkey", WITNESS.vkey)
    assert only == (1, f"WRONG: no known key of '{ORIGIN}' signed the checkpoint\n")
    wrong = Signature(WITNESS.name, WITNESS.verifier.key_id, bytes(72))
    (small / "checkpoint").write_bytes(add_signatures(note, [wrong]))
    assert run(small, *keys)[0] == 1
    assert run(small, "--vkey", KEY.vkey)[0] == 0


def test_another_checkpoint_of_the_log_may_be_the_head(small: Path, run: Callable[..., tuple[int, str]]) -> None:
    keys = ["--vkey", KEY.vkey, "--vkey", WITNESS.vkey]
    note = (small / "checkpoint").read_bytes()
    cosigned = small / "checkpoint.cosigned"
    text = note.decode().rpartition("\n\n")[0] + "\n"
    cosigned.write_bytes(add_signatures(note, [WITNESS.sign(text)]))
    assert run(small, *keys)[0] == 1
    assert run(small, *keys, "--head", cosigned)[0] == 0
    cosigned.write_bytes(b"")
    assert run(small, *keys, "--head", cosigned)[0] == 1


def test_a_key_it_does_not_know_is_refused_not_ignored(small: Path, run: Callable[..., tuple[int, str]]) -> None:
    strange = Cosigner("pq.example", MLDSA44PrivateKey.from_seed_bytes(bytes(32))).vkey
    for vkey in (strange, KEY.vkey[:-4], KEY.vkey.replace("+", "-", 1), "a+b", "", KEY.vkey.replace("ombud", "bombu")):
        code, said = run(small, "--vkey", vkey)
        assert code == 1
        assert said.startswith("WRONG")
    (small / "vkey").write_bytes(b"")
    assert run(small)[0] == 1


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"text",
        b"\xff\xff",
        b"a\nb\nc\n\n",
        f"{ORIGIN}\n600\n\n— {ORIGIN} YWJjZGU=\n".encode(),
        f"{ORIGIN}\n600\nYQ==\n\n- {ORIGIN} YWJjZGU=\n".encode(),
        sign_note(f"{ORIGIN}\n0600\nYQ==\n", [KEY]),
        sign_note(f"{ORIGIN}\n٦\nYQ==\n", [KEY]),
        sign_note(f"{ORIGIN}\n600\nYR==\n", [KEY]),
        sign_note(f"{ORIGIN}\n600\n", [KEY]),
        sign_note("another\n600\nYQ==\n", [KEY]),
        sign_note(Checkpoint(ORIGIN, 2**63 - 1, bytes(32)).text(), [KEY]),
    ],
)
def test_what_is_no_checkpoint_of_this_log_is_refused(
    small: Path, run: Callable[..., tuple[int, str]], note: bytes
) -> None:
    (small / "checkpoint").write_bytes(note)
    code, said = run(small, "--vkey", KEY.vkey)
    assert code == 1
    assert said.startswith("WRONG")


def test_a_name_cannot_command_the_terminal(tmp_path: Path, run: Callable[..., tuple[int, str]]) -> None:
    up_and_clear, key = "\x1b[1A\x1b[2K", Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
    name, kind = f"{up_and_clear}log.example", b"\x01" + key.public_key().public_bytes_raw()
    number = sha256(name.encode() + b"\n" + kind).digest()[:4]
    text = f"{name}\n0\n{b64encode(EMPTY_ROOT).decode()}\n"
    line = f"— {name} {b64encode(number + key.sign(text.encode())).decode()}\n"
    (tmp_path / "vkey").write_text(f"{name}+{number.hex()}+{b64encode(kind).decode()}\n")
    (tmp_path / "checkpoint").write_text(f"{text}\n{line}")
    code, out = run(tmp_path)
    assert code == 1
    assert "\x1b" not in out
    assert "signs that no text may have" in out


def test_proof_files_are_checked_with_and_without_the_log(
    large: Path, tmp_path: Path, run: Callable[..., tuple[int, str]]
) -> None:
    log = DirectoryLog(large)
    file, bad = tmp_path / "good.tlog-proof", tmp_path / "bad.tlog-proof"
    for index in (0, 65_999, 12_345):
        proof = prove(log, index)
        file.write_bytes(proof.encode())
        keys = [verify.read_key(KEY.vkey)]
        verify.ask_proof(file, keys, large)
        bad.write_bytes(TlogProof(index ^ 1, proof.proof, proof.checkpoint).encode())
        with pytest.raises(verify.Wrong, match="another root"):
            verify.ask_proof(bad, keys, large)
    run(large, "--vkey", KEY.vkey)
    code, said = run("--vkey", KEY.vkey, "--proof", file)
    assert (code, said) == (1, "WRONG: the proof does not carry its entry: give the log's folder too\n")
    code, said = run("--vkey", signer(seed=2).vkey, "--proof", file)
    assert code == 1
    file.write_bytes(prove(log, 5, extra=b"for another tool").encode())
    verify.ask_proof(file, keys, large)


@pytest.mark.parametrize("text", ["", "c2sp.org/tlog-proof@v1\n", "c2sp.org/tlog-proof@v1\nextra e30=\n\n", "\n\n\n"])
def test_what_is_no_proof_is_refused(run: Callable[..., tuple[int, str]], tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.tlog-proof"
    file.write_text(text)
    code, said = run("--vkey", KEY.vkey, "--proof", file)
    assert (code, said[:5]) == (1, "WRONG")


def test_a_proof_from_one_checkpoint_to_the_next(
    large: Path, tmp_path: Path, run: Callable[..., tuple[int, str]]
) -> None:
    log, old, new = DirectoryLog(large), tmp_path / "old", tmp_path / "new"
    for size in (1, 300, 65_536, 66_000):
        old.write_bytes(make_log(tmp_path / "log", ITEMS[:size]))
        proof = consistency_proof(log, size, 66_000)
        new.write_bytes(encode_submission(size, proof, log.checkpoint()))
        code, said = run("--vkey", KEY.vkey, "--checkpoint", old, "--continues", new)
        assert (code, said) == (0, f"ok: new: {ORIGIN} of 66000 entries begins with its {size} entries\n")
        new.write_bytes(encode_submission(size, [*proof, bytes(32)], log.checkpoint()))
        assert run("--vkey", KEY.vkey, "--checkpoint", old, "--continues", new)[0] == 1
        new.write_bytes(encode_submission(size + 1, proof, log.checkpoint()))
        assert "begins at another checkpoint" in run("--vkey", KEY.vkey, "--checkpoint", old, "--continues", new)[1]
    old.write_bytes(sign_note(Checkpoint(ORIGIN, 0, EMPTY_ROOT).text(), [KEY]))
    new.write_bytes(encode_submission(0, [], log.checkpoint()))
    assert run("--vkey", KEY.vkey, "--checkpoint", old, "--continues", new)[0] == 1


@pytest.mark.parametrize(
    "arguments", [[], ["--vkey", "k"], ["--proof", "p"], ["--vkey", "k", "--continues", "c"], ["--nonsense"]]
)
def test_a_wrong_question_is_wrong_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        verify.main(arguments)
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err
