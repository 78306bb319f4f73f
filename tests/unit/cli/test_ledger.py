"""`ombud ledger`: reading, checking and proving, for people and for scripts."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from ombud.ledger.cosigned import keep
from ombud.ledger.entries import encode_entry
from ombud.ledger.evidence import verify_evidence
from ombud.ledger.notes import Cosigner, Signer, Verifier, parse_note
from ombud.ledger.proofs import TlogProof
from ombud.ledger.reading import DirectoryLog
from ombud.ledger.tiles import bundle_path
from ombud.ledger.writer import open_ledger
from ombud.model.errors import StorageError
from ombud.model.workspace import Workspace
from ombud.records import open_records, outbox

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Done

    Ombud = Callable[..., Done]


def append(root: Path, kinds: list[str]) -> None:
    """Append entries of these types: policy or app."""
    field = {"policy": "hash", "app": "app"}
    with open_ledger(Workspace.open(root)) as ledger:
        start = ledger.size
        ledger.append([encode_entry(kind, {field[kind]: f"{kind}{start + n}"}) for n, kind in enumerate(kinds)])


@pytest.fixture(autouse=True)
def _nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every address be one at which nobody is."""

    def refuse(_: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", refuse)


@pytest.fixture(scope="module")
def kept(bare: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a workspace with 300 entries: every fifth an app, the others policies."""
    root = shutil.copytree(bare, tmp_path_factory.mktemp("kept") / "workspace")
    append(root, ["app" if n % 5 == 0 else "policy" for n in range(300)])
    return root


@pytest.fixture
def own(kept: Path, tmp_path: Path) -> Path:
    """Return such a workspace to change."""
    return shutil.copytree(kept, tmp_path / "own")


def vkey_of(root: Path) -> str:
    """Return the log's key."""
    return (root / "ledger" / "vkey").read_text().strip()


class TestInfo:
    def test_says_how_it_stands(self, ombud: Ombud, kept: Path) -> None:
        document = ombud("ledger", "info", "--json", "--workspace", kept).document
        assert (document["size"], document["vkey"], document["waiting"]) == (300, vkey_of(kept), 0)
        assert (document["witnesses"], document["cosigned"]) == ([], None)
        shown = ombud("ledger", "info", "--workspace", kept).out
        assert "300 entries" in shown
        assert "Unwitnessed" in shown

    def test_records_that_cannot_be_opened_do_not_hide_it(
        self, ombud: Ombud, kept: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(_: object) -> None:
            raise StorageError("The records are read-only.", hint="Mount the disk for writing.")

        monkeypatch.setattr("ombud.cli.ledger.open_records", refuse)
        done = ombud("ledger", "info", "--json", "--workspace", kept)
        assert (done.code, done.document["size"], done.document["waiting"]) == (0, 300, None)
        shown = ombud("ledger", "info", "--workspace", kept).out
        assert "300 entries; how many more wait is not known. The records are read-only." in shown

    def test_without_a_ledger_it_says_what_makes_one(self, ombud: Ombud, bare: Path) -> None:
        for command in (["info"], ["verify"], ["fsck"], ["tail"], ["prove", "0"]):
            done = ombud("ledger", *command, "--workspace", bare)
            assert done.code == 2
            assert "no ledger in this workspace yet" in done.err
            assert "`ombud import`" in done.err, "publishing nothing would make none"


class TestVerify:
    def test_a_whole_log_agrees_with_itself(self, ombud: Ombud, kept: Path) -> None:
        done = ombud("ledger", "verify", "--json", "--workspace", kept)
        assert done.code == 0
        assert {name: done.document[name] for name in ("ok", "anchored", "size", "witnesses", "problems")} == {
            "ok": True,
            "anchored": False,
            "size": 300,
            "witnesses": [],
            "problems": [],
        }
        assert "only a key from elsewhere" in ombud("ledger", "verify", "--workspace", kept).out

    def test_a_key_from_outside_anchors_it(self, ombud: Ombud, kept: Path, here: Path) -> None:
        folder = kept / "ledger"
        document = ombud("ledger", "verify", folder, "--vkey", vkey_of(kept), "--json").document
        assert (document["ok"], document["anchored"]) == (True, True)
        (here / "policy").write_text(f"log {vkey_of(kept)}\nquorum none\n")
        assert ombud("ledger", "verify", folder, "--policy", "policy", "--json").document["anchored"]
        shutil.copy(folder / "checkpoint", here / "old")
        assert ombud("ledger", "verify", folder, "--checkpoint", "old", "--json").document["anchored"]

    def test_another_key_is_a_problem(self, ombud: Ombud, kept: Path) -> None:
        name = vkey_of(kept).partition("+")[0]
        other = Signer(name, _key()).vkey
        done = ombud("ledger", "verify", kept / "ledger", "--vkey", other)
        assert done.code == 1
        assert "not what it should be" in done.out

    def test_a_log_that_does_not_answer_is_no_damaged_one(
        self, ombud: Ombud, kept: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(time, "sleep", lambda _: None)
        for more in ([], ["--vkey", vkey_of(kept)]):
            done = ombud("ledger", "verify", "https://log.example/", *more, "--json")
            assert (done.code, done.document["error"]["kind"]) == (2, "UnreachableError")
            assert "does not answer, so it was not checked to the end" in done.document["error"]["message"]
        done = ombud("ledger", "verify", kept / "nowhere")
        assert (done.code, "There is no folder" in done.err) == (2, True)

    def test_damage_is_a_problem(self, ombud: Ombud, own: Path) -> None:
        path = own / "ledger" / bundle_path(0)
        path.write_bytes(path.read_bytes().replace(b"policy1", b"policy9"))
        done = ombud("ledger", "verify", "--json", "--workspace", own)
        assert done.code == 1
        assert not done.document["ok"]
        assert done.document["problems"]
        assert ombud("ledger", "fsck", "--workspace", own).code == 1

    def test_a_key_that_was_changed_is_followed(self, ombud: Ombud, own: Path) -> None:
        before = vkey_of(own)
        done = ombud("ledger", "rotate-key", "--reason", "yearly", "--json", "--workspace", own)
        assert done.document == {"old": before, "new": vkey_of(own), "index": 300}
        append(own, ["app"] * 3)
        document = ombud("ledger", "verify", own / "ledger", "--vkey", before, "--json").document
        assert document["problems"] == []
        assert document["anchored"]

    def test_a_witness_must_have_signed_when_its_key_is_given(self, ombud: Ombud, kept: Path) -> None:
        witness = Cosigner("witness.example", _key()).vkey
        words = ["ledger", "verify", kept / "ledger", "--vkey", vkey_of(kept), "--vkey", witness]
        done = ombud(*words, "--json")
        assert done.code == 1
        assert "witness.example" in done.document["problems"][0]

    def test_it_says_how_much_a_witness_vouches_for(self, ombud: Ombud, own: Path) -> None:
        folder, witness = own / "ledger", Cosigner("witness.example", _key())
        words = ["ledger", "verify", folder, "--vkey", vkey_of(own)]
        assert "Unwitnessed, as far as this check goes" in ombud(*words).out
        words += ["--vkey", witness.vkey]
        note = DirectoryLog(folder).checkpoint()
        assert keep(folder, note, [witness.sign(parse_note(note).text)], [witness.verifier])
        assert "Cosigned by witness.example." in ombud(*words).out
        append(own, ["app"] * 3)
        assert "witness.example cosigned the first 300 of them, not the rest." in ombud(*words).out
        document = ombud(*words, "--json").document
        assert (document["size"], document["checked"], document["cosigned"]) == (303, 303, 300)

    def test_only_what_is_new_can_be_read(self, ombud: Ombud, own: Path, here: Path) -> None:
        shutil.copy(own / "ledger" / "checkpoint", here / "old")
        append(own, ["app"] * 300)
        words = ["ledger", "verify", own / "ledger", "--checkpoint", "old"]
        document = ombud(*words, "--new", "--json").document
        assert document["ok"]
        assert document["size"] == 600
        assert 300 <= document["checked"] < 600
        assert ombud(*words, "--json").document["checked"] == 600
        done = ombud("ledger", "verify", own / "ledger", "--new")
        assert done.code == 2
        assert "--checkpoint" in done.err

    @pytest.mark.parametrize(
        ("words", "code"),
        [
            (["no-such-folder"], 2),
            (["--vkey", "nonsense"], 2),
            (["--policy", "no-such-file"], 2),
            (["--checkpoint", "no-such-file"], 2),
            (["http://127.0.0.1:1/ledger"], 2),
            (["http://user:secret@host/ledger"], 2),
        ],
    )
    def test_wrong_words_are_told(self, ombud: Ombud, kept: Path, here: Path, words: list[str], code: int) -> None:
        done = ombud("ledger", "verify", *words, "--workspace", kept)
        assert done.code == code, done.out + done.err
        assert "Traceback" not in done.err
        assert here.is_dir()


def _key() -> Any:  # noqa: ANN401 - a private key
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - only here

    return Ed25519PrivateKey.generate()


class TestProve:
    def test_an_entry_by_its_number(self, ombud: Ombud, kept: Path, here: Path) -> None:
        done = ombud("ledger", "prove", 7, "--json", "--workspace", kept)
        assert done.document == {"index": 7, "size": 300, "file": "entry-7.tlog-proof"}
        proof = TlogProof.parse((here / "entry-7.tlog-proof").read_bytes())
        found = verify_evidence(proof, [Verifier.parse(vkey_of(kept))])
        assert found.entry == encode_entry("policy", {"hash": "policy7"})
        assert "verify.py --vkey" in ombud("ledger", "prove", 7, "-o", here / "p", "--workspace", kept).out
        assert (here / "p").read_bytes() == proof.encode()

    @pytest.mark.parametrize("what", ["300", "9" * 5000, "read_nobody", "٣"])
    def test_what_is_not_there_is_told(self, ombud: Ombud, kept: Path, here: Path, what: str) -> None:
        done = ombud("ledger", "prove", what, "--workspace", kept)
        assert done.code == 2
        assert "no" in done.err
        assert list(here.glob("*.tlog-proof")) == []

    def test_a_file_that_cannot_be_written_is_told(self, ombud: Ombud, kept: Path) -> None:
        assert ombud("ledger", "prove", 1, "-o", "/nowhere/p", "--workspace", kept).code == 2


class TestTail:
    def test_shows_the_newest(self, ombud: Ombud, kept: Path) -> None:
        document = ombud("ledger", "tail", "--json", "--workspace", kept).document
        assert [one["index"] for one in document["entries"]] == list(range(290, 300))
        assert document["entries"][0] == {"index": 290, "type": "app", "version": 1, "body": {"app": "app290"}}
        lines = ombud("ledger", "tail", "-n", 2, "--workspace", kept).out.splitlines()
        assert [line.split() for line in lines] == [
            ["298", "policy", '{"hash":"policy298"}'],
            ["299", "policy", '{"hash":"policy299"}'],
        ]

    def test_of_one_type_across_bundles(self, ombud: Ombud, kept: Path) -> None:
        words = ["ledger", "tail", "--type", "app", "-n", 12, "--json", "--workspace", kept]
        assert [one["index"] for one in ombud(*words).document["entries"]] == list(range(240, 300, 5))
        words = ["ledger", "tail", "--type", "app", "-n", 0, "--json", "--workspace", kept]
        assert ombud(*words).document["entries"] == []
        assert ombud("ledger", "tail", "--type", "nothing", "--workspace", kept).code == 2

    def test_follows(
        self, ombud: Ombud, own: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Each look shows what came since; Ctrl-C ends."""
        looks = iter([["app", "policy"], [], ["policy"] * 300, None])

        def look(_: float) -> None:
            kinds = next(looks)
            if kinds is None:
                raise KeyboardInterrupt
            if kinds:
                append(own, kinds)

        monkeypatch.setattr("ombud.cli.ledger.time.sleep", look)
        done = ombud("ledger", "tail", "-f", "-n", 1, "--json", "--workspace", own)
        assert done.code == 130
        lines = [line for line in done.out.splitlines() if line.startswith("{")]
        assert len(lines) == 1 + 2 + 300
        assert '"index":299' in lines[0]
        assert '"app300"' in lines[1]
        del capsys

    @pytest.mark.parametrize("more", [[], ["--json"]])
    def test_head_ends_it_while_it_follows(self, own: Path, more: list[str]) -> None:
        words = ["-m", "ombud", "ledger", "tail", "-f", "-n", "1", "--workspace", str(own), *more]
        with subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
            assert running.stdout is not None
            assert b"policy" in running.stdout.readline()
            running.stdout.close()
            append(own, ["app"])
            try:
                assert running.wait(timeout=100) == 0
            finally:
                running.kill()
            assert running.stderr is not None
            assert running.stderr.read() == b""


class TestFsck:
    def test_counts_the_files(self, ombud: Ombud, own: Path) -> None:
        document = ombud("ledger", "fsck", "--json", "--workspace", own).document
        assert (document["ok"], document["size"], document["strays"]) == (True, 300, [])
        (own / "ledger" / "tile" / "0" / "notes.txt").write_text("mine")
        append(own, ["app"])
        shown = ombud("ledger", "fsck", own / "ledger").out
        assert "nothing is wrong" in shown
        assert "1 files that are no part of a log" in shown
        assert "older checkpoints" in shown


class TestCopy:
    def test_copies_and_brings_up_to_date(self, ombud: Ombud, own: Path, here: Path) -> None:
        document = ombud("ledger", "copy", own / "ledger", "mine", "--json").document
        assert (document["size"], document["before"]) == (300, 0)
        append(own, ["app"] * 300)
        ombud("ledger", "rotate-key", "--reason", "x", "--workspace", own)
        shown = ombud("ledger", "copy", own / "ledger", "mine").out
        assert "601 entries" in shown
        assert "301 of them new" in shown
        first = (own / "ledger" / "vkeys").read_text().split()[0]
        assert ombud("ledger", "verify", here / "mine", "--vkey", first, "--json").document["ok"]
        assert ombud("ledger", "copy", own / "ledger", "mine", "--json").document["files"] == 0

    def test_a_rewritten_log_is_refused(self, ombud: Ombud, kept: Path, tmp_path: Path, here: Path) -> None:
        for name in ("one", "two"):
            shutil.copytree(kept, tmp_path / name)
        append(tmp_path / "one", ["app"] * 3)
        append(tmp_path / "two", ["policy"] * 5)
        assert ombud("ledger", "copy", tmp_path / "one" / "ledger", "mine").code == 0
        before = {path: path.read_bytes() for path in (here / "mine").rglob("*") if path.is_file()}
        done = ombud("ledger", "copy", tmp_path / "two" / "ledger", "mine")
        assert done.code == 2
        assert "does not continue the copy" in done.err
        assert "it shows what the log said before" in done.err
        done = ombud("ledger", "copy", kept / "ledger", "mine")
        assert "the copy has 303 already" in done.err
        assert {path: path.read_bytes() for path in (here / "mine").rglob("*") if path.is_file()} == before

    def test_another_log_is_refused(self, ombud: Ombud, kept: Path, root: Path, here: Path) -> None:
        append(root, ["app"])
        ombud("ledger", "copy", kept / "ledger", "mine")
        assert "is a copy of" in ombud("ledger", "copy", root / "ledger", "mine").err
        assert here.is_dir()


class TestKeeping:
    def test_publishes_what_waits(self, ombud: Ombud, root: Path) -> None:
        assert ombud("ledger", "publish", "--workspace", root).out == "Nothing waits.\n"
        with open_records(Workspace.open(root)) as records, records.begin() as tx:
            outbox.append(tx, "policy", {"hash": "ab"})
        document = ombud("ledger", "publish", "--json", "--workspace", root).document
        assert (document["entries"], document["waiting"], document["size"]) == (1, 0, 1)

    def test_a_busy_ledger_is_told(self, ombud: Ombud, own: Path) -> None:
        with open_records(Workspace.open(own)) as records, records.begin() as tx:
            outbox.append(tx, "policy", {"hash": "ab"})
        with open_ledger(Workspace.open(own)):
            done = ombud("ledger", "publish", "--workspace", own)
        assert done.code == 4
        assert "Still waiting: 1." in done.out

    def test_a_log_whose_key_is_lost_is_ended_and_another_begun(self, ombud: Ombud, own: Path) -> None:
        before = vkey_of(own)
        (own / "keys" / "ledger.key").unlink()
        words = ["ledger", "start-anew", "--reason", "key lost", "--workspace", own]
        assert ombud(*words, "--json").code == 4
        assert vkey_of(own) == before
        document = ombud(*words, "--yes", "--origin", "log.example/second", "--json").document
        assert document["vkey"] == vkey_of(own) != before
        assert document["vkey"].startswith("log.example/second+")
        (first,) = ombud("ledger", "tail", "--json", "--workspace", own).document["entries"]
        assert (first["type"], first["body"]["size"], first["body"]["reason"]) == ("continues", 300, "key lost")
        old = ombud("ledger", "verify", own / "ledger" / "frozen", "--vkey", before, "--json").document
        assert (old["ok"], old["size"]) == (True, 300)

    def test_people_are_asked_first(self, ombud: Ombud, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("typer.confirm", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        assert ombud("ledger", "start-anew", "--reason", "x", "--workspace", own).code == 130
        assert not (own / "ledger" / "frozen").exists()

    def test_a_restored_log_goes_on_after_it_was_compared(self, ombud: Ombud, own: Path, here: Path) -> None:
        ombud("backup", here / "b.tar", "--with-keys", "--workspace", own)
        append(own, ["app"])
        ombud("restore", here / "b.tar", here / "again")
        newer = own / "ledger" / "checkpoint"
        done = ombud("ledger", "resume", "--seen", newer, "--workspace", here / "again")
        assert done.code == 4
        assert "were seen" in done.err
        assert ombud("ledger", "resume", "--seen", "nowhere", "--workspace", here / "again").code == 2
        document = ombud("ledger", "resume", "--json", "--workspace", here / "again").document
        assert document == {"size": 300, "asked": 0, "silent": []}
        append(here / "again", ["app"])

    def test_a_restored_log_asks_its_witnesses(self, ombud: Ombud, own: Path, here: Path) -> None:
        ombud("backup", here / "b.tar", "--with-keys", "--workspace", own)
        ombud("restore", here / "b.tar", here / "again")
        settings = here / "again" / "ombud.toml"
        line = f'["{Cosigner("w.example", _key()).vkey} http://127.0.0.1:1"]'
        settings.write_text(settings.read_text() + f"ledger_witnesses = {line}\n")
        done = ombud("ledger", "resume", "--workspace", here / "again")
        assert done.code == 4
        assert "w.example did not say" in done.err
        words = ["ledger", "resume", "--without-witnesses", "--json", "--workspace", here / "again"]
        assert ombud(*words).document["silent"] == ["w.example"]

    def test_cosign_needs_witnesses(self, ombud: Ombud, own: Path) -> None:
        done = ombud("ledger", "cosign", "--workspace", own)
        assert done.code == 3
        assert "ledger_witnesses" in done.err
        settings = own / "ombud.toml"
        line = f'["{Cosigner("w.example", _key()).vkey} http://127.0.0.1:1"]'
        settings.write_text(settings.read_text() + f"ledger_witnesses = {line}\n")
        done = ombud("ledger", "cosign", "--json", "--workspace", own)
        assert done.code == 1
        assert [one["outcome"] for one in done.document["asked"]] == ["unreachable"]
        assert "0 of 1 witnesses cosigned" in ombud("ledger", "cosign", "--workspace", own).out
        document = ombud("ledger", "info", "--json", "--workspace", own).document
        assert document["witnesses"] == [{"name": "w.example", "cosigned": False, "outside": False}]


class TestWitness:
    def test_says_its_key_and_serves(
        self, ombud: Ombud, kept: Path, here: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        served: list[Any] = []
        monkeypatch.setattr(
            "ombud.cli.ledger_witness.bind", lambda host, port, option: _Listener(host, port or 4000, option)
        )
        monkeypatch.setattr("ombud.cli.ledger_witness.serve", lambda *arguments: served.append(arguments))
        (here / "witness.toml").write_text(
            f'state = "state"\nname = "w.example/1"\nlogs = ["{vkey_of(kept)}"]\nlisten = "127.0.0.1:0"\n'
        )
        done = ombud("ledger", "witness", "--config", "witness.toml", "--json")
        assert done.code == 0, done.out
        document = done.document
        assert document["url"] == "http://127.0.0.1:4000"
        assert document["logs"] == {vkey_of(kept).partition("+")[0]: None}
        assert [Verifier.parse(key).name for key in document["vkeys"]] == ["w.example/1"] * 2
        assert len(served) == 1
        shown = ombud("ledger", "witness", "--config", "witness.toml", "--listen", "[::1]:80").out
        assert "http://[::1]:80" in shown
        assert document["vkeys"][0] in shown

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            ([], "needs a folder"),
            (["--state", "s"], "at least one log"),
            (["--state", "s", "--log", "KEY"], "no witness in"),
            (["--state", "s", "--log", "nonsense", "--name", "w"], "key"),
            (["--state", "s", "--log", "KEY", "--name", "w", "--listen", "nowhere"], "no HOST:PORT"),
            (["--state", "s", "--log", "KEY", "--name", "w", "--listen", "h:99999"], "no HOST:PORT"),
            (["--config", "nowhere.toml"], "Cannot read"),
            (["--config", "wrong.toml"], "no configuration"),
        ],
    )
    def test_wrong_words_are_told(self, ombud: Ombud, kept: Path, here: Path, words: list[str], says: str) -> None:
        (here / "wrong.toml").write_text("port = 5\n")
        done = ombud("ledger", "witness", *[vkey_of(kept) if word == "KEY" else word for word in words])
        assert done.code == 2
        assert says in done.err


class _Listener:
    """What `bind` returns, without a socket."""

    def __init__(self, host: str, port: int, option: str) -> None:
        assert option == "--listen", "what to say when the port is taken"
        self.name = (host, port)

    def getsockname(self) -> tuple[str, int]:
        return self.name


def test_no_thread_is_left_behind() -> None:
    assert [one.name for one in threading.enumerate() if one.name.startswith(("cosign", "ledger"))] == []
