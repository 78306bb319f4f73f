"""`ombud ledger verify`: what is right passes, and each thing that can be wrong becomes a sentence that names it."""

from __future__ import annotations

import json
import shutil
import threading
import time
import tracemalloc
from base64 import b64encode
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ombud.ledger.bundles import encode_bundle
from ombud.ledger.check import LogReport, check_log, folder_keys
from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.hashing import EMPTY_ROOT, leaf_hashes, root_of
from ombud.ledger.notes import Cosigner, add_signatures, sign_note
from ombud.ledger.policies import TrustPolicy
from ombud.ledger.reading import DirectoryLog, HttpLog
from ombud.ledger.tiles import MAX_INDEX, Place
from ombud.ledger.walk import MAX_PROBLEMS, reading_order
from tests.logs import ORIGIN, entries, make_log, put, signer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ITEMS = entries(66_000)
KEY = signer()
WITNESS = Cosigner("witness.example", Ed25519PrivateKey.from_private_bytes(bytes([5]) * 32))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a log of three levels; nobody changes it."""
    folder: Path = tmp_path_factory.mktemp("large")
    make_log(folder, ITEMS)
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Return a log of 600 entries, to be changed."""
    make_log(tmp_path / "log", ITEMS[:600])
    return tmp_path / "log"


def check(folder: Path) -> LogReport:
    return check_log(DirectoryLog(folder), keys=[KEY.verifier])


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 511, 512, 600])
def test_a_whole_log_passes(tmp_path: Path, size: int) -> None:
    make_log(tmp_path, ITEMS[:size])
    report = check(tmp_path)
    assert report == LogReport(
        ok=True,
        anchored=True,
        origin=ORIGIN,
        size=size,
        root=b64encode(root_of(leaf_hashes(ITEMS[:size]))).decode(),
        witnesses=[],
        problems=[],
        checked=size,
    )


def test_a_log_of_three_levels_passes_and_progress_is_told(large: Path) -> None:
    told: list[tuple[int, int]] = []
    report = check_log(DirectoryLog(large), progress=lambda done, of: told.append((done, of)))
    assert (report.ok, report.checked, report.anchored) == (True, 66_000, False)
    assert told[0] == (256, 66_000)
    assert told[-1] == (66_000, 66_000)
    assert told == sorted(told)


def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    def peak(folder: Path) -> int:
        tracemalloc.start()
        try:
            assert check(folder).ok
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    make_log(tmp_path / "short", ITEMS[:2_000])
    make_log(tmp_path / "long", ITEMS[:12_000])
    assert peak(tmp_path / "long") < peak(tmp_path / "short") + 50_000 < 1_000_000


def test_the_document_has_the_fields_that_others_script_against(small: Path) -> None:
    document = json.loads(msgspec.json.encode(check(small)))
    assert set(document) >= {"ok", "anchored", "origin", "size", "root", "witnesses", "problems"}


def damage(folder: Path, path: str, at: int) -> None:
    data = bytearray((folder / path).read_bytes())
    data[at] ^= 4
    (folder / path).write_bytes(data)


@pytest.mark.parametrize(
    ("path", "at", "sentences"),
    [
        ("tile/0/001", 5 * 32, ["tile/0/001: hash 5 is not the hash of entry 261 in tile/entries/001.", "tile/1/000"]),
        ("tile/0/002.p/88", 31, ["tile/0/002.p/88: hash 0 is not the hash of entry 512 in tile/entries/002.p/88."]),
        ("tile/1/000.p/2", 32, ["tile/1/000.p/2: hash 1 is not the root of tile/0/001."]),
        ("tile/entries/000", 0, ["tile/entries/000: The bundle ends within entry 1 of 256."]),
        ("tile/entries/002.p/88", 2, ["entry 512: The entry is no JSON.", "hash 0 is not the hash of entry 512"]),
    ],
)
def test_one_changed_bit_is_found_where_it_is(small: Path, path: str, at: int, sentences: list[str]) -> None:
    damage(small, path, at)
    report = check(small)
    assert not report.ok
    for sentence in sentences:
        assert any(sentence in problem for problem in report.problems), report.problems
    assert len(report.problems) <= 2


def test_a_damaged_tile_high_up_is_found(large: Path, tmp_path: Path) -> None:
    folder = tmp_path / "log"
    shutil.copytree(large, folder)
    damage(folder, "tile/1/000", 200 * 32)
    damage(folder, "tile/2/000.p/1", 0)
    assert check(folder).problems == [
        "tile/1/000: hash 200 is not the root of tile/0/200.",
        "tile/2/000.p/1: hash 0 is not the root of tile/1/000.",
    ]


@pytest.mark.parametrize("path", ["tile/0/001", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/000"])
def test_a_missing_or_cut_file_is_one_problem(small: Path, path: str) -> None:
    data = (small / path).read_bytes()
    (small / path).unlink()
    assert [problem.split(" in ")[0] for problem in check(small).problems] == [f"{path} is missing"]
    for changed in (data[:-1], data + b"\0", b""):
        (small / path).write_bytes(changed)
        (problem,) = check(small).problems
        assert problem.startswith((f"{path} has", f"{path}: "))


def test_a_bundle_that_is_rewritten_with_its_tiles_has_another_root(small: Path) -> None:
    changed = list(ITEMS[:600])
    changed[300] = entries(700)[699]
    note = (small / "checkpoint").read_bytes()
    make_log(small, changed)
    (small / "checkpoint").write_bytes(note)
    root = "checkpoint: its root is not the root over the tiles."
    assert check(small).problems == [root]
    assert check_log(DirectoryLog(small), keys=[KEY.verifier, WITNESS.verifier]).problems[1:] == [root]


@pytest.mark.parametrize(
    "entry", [b"", b"text", b'{"version":1,"type":"app","body":{}}', b'{"a":1}', b"\xff", b"[" * 60_000, b"NaN"]
)
def test_an_entry_that_is_not_canonical_is_named(tmp_path: Path, entry: bytes) -> None:
    make_log(tmp_path, [*ITEMS[:260], entry])
    (problem,) = check(tmp_path).problems
    assert problem.startswith("tile/entries/001.p/5: entry 260: The entry")


def test_the_own_key_shows_only_that_a_log_agrees_with_itself(small: Path) -> None:
    report = check_log(DirectoryLog(small))
    assert (report.ok, report.anchored) == (True, False)
    assert folder_keys(DirectoryLog(small)) == (KEY.verifier,)


def test_a_log_without_a_key_is_not_trusted_but_looked_at(small: Path) -> None:
    (small / "vkey").unlink()
    damage(small, "tile/0/000", 0)
    problems = check_log(DirectoryLog(small)).problems
    assert "vkey is missing" in problems[0]
    assert problems[1].startswith("tile/0/000: hash 0")
    for text in (b"nonsense\n", b"\xff\xff", b"", KEY.vkey.encode()[:-1], b"x" * 200_000):
        (small / "vkey").write_bytes(text)
        assert check_log(DirectoryLog(small)).problems[0].startswith("checkpoint: ")


def test_a_key_from_elsewhere_must_have_signed(small: Path) -> None:
    other = check_log(DirectoryLog(small), keys=[signer(seed=9).verifier])
    assert (other.ok, other.anchored) == (False, True)
    assert "No known key signed" in other.problems[0]
    named = check_log(DirectoryLog(small), keys=[signer("another.example/log").verifier])
    assert not named.ok
    assert "another.example" not in (named.origin or "")


def test_of_two_keys_of_a_log_one_is_enough_while_it_changes(small: Path) -> None:
    report = check_log(DirectoryLog(small), keys=[signer(seed=9).verifier, KEY.verifier])
    assert (report.ok, report.witnesses) == (True, [])


def test_a_witness_that_was_asked_for_must_have_signed(small: Path) -> None:
    keys = [KEY.verifier, WITNESS.verifier]
    report = check_log(DirectoryLog(small), keys=keys)
    assert report.problems == ["checkpoint: the key of witness.example did not sign it."]
    note = (small / "checkpoint").read_bytes()
    text = note.decode().rpartition("\n\n")[0] + "\n"
    (small / "checkpoint").write_bytes(add_signatures(note, [WITNESS.sign(text)]))
    report = check_log(DirectoryLog(small), keys=keys)
    assert (report.ok, report.witnesses) == (True, ["witness.example"])
    only = check_log(DirectoryLog(small), keys=[WITNESS.verifier])
    assert (only.ok, only.anchored, only.witnesses) == (True, True, ["witness.example"])
    without = check_log(DirectoryLog(small), keys=[signer(seed=9).verifier, WITNESS.verifier])
    assert without.problems == [f"checkpoint: no key of {ORIGIN} that is known signed it."]
    assert check_log(DirectoryLog(small)).witnesses == []


def test_a_policy_names_its_quorum(small: Path) -> None:
    policy = TrustPolicy.parse(f"log {KEY.vkey}\nwitness w {WITNESS.vkey}\nquorum w\n")
    report = check_log(DirectoryLog(small), policy=policy)
    assert report.anchored
    assert report.problems == ["checkpoint: its witnesses are not the quorum 'w' of the policy."]
    note = (small / "checkpoint").read_bytes()
    text = note.decode().rpartition("\n\n")[0] + "\n"
    (small / "checkpoint").write_bytes(add_signatures(note, [WITNESS.sign(text)]))
    report = check_log(DirectoryLog(small), policy=policy)
    assert (report.ok, report.witnesses) == (True, ["witness.example"])


def test_a_policy_without_anything_anchors_nothing(small: Path) -> None:
    report = check_log(DirectoryLog(small), policy=TrustPolicy.parse("quorum none"))
    assert (report.ok, report.anchored) == (True, False)


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 599, 600])
def test_a_log_continues_an_older_checkpoint(small: Path, tmp_path: Path, size: int, *, whole: bool) -> None:
    old = make_log(tmp_path / "old", ITEMS[:size])
    report = check_log(DirectoryLog(small), trusted=old, whole=whole)
    assert (report.ok, report.anchored) == (True, True)
    assert report.checked == (600 if whole else 600 - size // 256 * 256 if size < 600 else 88)


def test_what_is_older_than_a_trusted_checkpoint_need_not_be_read_again(large: Path, tmp_path: Path) -> None:
    folder = tmp_path / "log"
    shutil.copytree(large, folder)
    old = make_log(tmp_path / "old", ITEMS[:65_700])
    shutil.rmtree(folder / "tile/entries/")
    for index in (256, 257):
        name = f"tile/entries/{index}"
        put(folder, name if index == 256 else f"{name}.p/208", encode_bundle(ITEMS[index * 256 : (index + 1) * 256]))
    report = check_log(DirectoryLog(folder), trusted=old, whole=False)
    assert (report.ok, report.checked) == (True, 464)
    assert not check_log(DirectoryLog(folder), trusted=old).ok
    damage(folder, "tile/1/001.p/1", 7)
    assert not check_log(DirectoryLog(folder), trusted=old, whole=False).ok


def test_a_log_that_was_rewritten_does_not_continue(small: Path, tmp_path: Path) -> None:
    changed = [*ITEMS[:599], ITEMS[1000]]
    old = make_log(tmp_path / "old", changed[:600])
    (problem,) = check_log(DirectoryLog(small), trusted=old).problems
    assert problem.startswith("The log does not continue the trusted checkpoint of 600 entries: Two trees")
    old = make_log(tmp_path / "other", [ITEMS[5], *ITEMS[1:300]])
    (problem,) = check_log(DirectoryLog(small), trusted=old).problems
    assert problem.startswith("The log does not continue the trusted checkpoint of 300 entries: The proof")


def test_a_trusted_checkpoint_of_another_kind_is_named(small: Path, tmp_path: Path) -> None:
    def problem(trusted: bytes) -> str:
        (only,) = check_log(DirectoryLog(small), keys=[KEY.verifier], trusted=trusted).problems
        return only

    longer = make_log(tmp_path / "longer", ITEMS[:601])
    assert problem(longer) == "The log has 600 entries; the trusted checkpoint had 601 already."
    assert "is of another.example" in problem(make_log(tmp_path / "x", ITEMS[:9], signer("another.example")))
    assert "trusted checkpoint is wrong" in problem(b"nonsense")
    signed = make_log(tmp_path / "y", ITEMS[:9])
    assert "trusted checkpoint is wrong: The signature" in problem(signed.replace(b"\n9\n", b"\n8\n"))
    empty = sign_note(Checkpoint(ORIGIN, 0, EMPTY_ROOT).text(), [KEY])
    assert check_log(DirectoryLog(small), trusted=empty).ok


@pytest.mark.parametrize(
    "note", [b"", b"text", b"\xff" * 100, b"a\nb\nc\n\n" + "— a YWJjZGU=\n".encode(), b"x" * 2_000_000]
)
def test_no_checkpoint_no_check(small: Path, note: bytes) -> None:
    (small / "checkpoint").write_bytes(note)
    report = check(small)
    assert (report.ok, report.origin, report.root, report.size) == (False, None, None, 0)
    assert len(report.problems) == 1
    assert "checkpoint" in report.problems[0]


def test_an_absent_log_is_said(tmp_path: Path) -> None:
    report = check(tmp_path / "nothing")
    assert "checkpoint is missing" in report.problems[0]


def test_a_log_that_says_it_is_endless_ends_the_check(small: Path) -> None:
    text = Checkpoint(ORIGIN, MAX_INDEX, bytes(32)).text()
    (small / "checkpoint").write_bytes(sign_note(text, [KEY]))
    report = check(small)
    assert len(report.problems) == MAX_PROBLEMS + 1
    assert report.problems[-1] == "More than 100 problems; the rest was not read."


def test_files_stand_after_what_they_are_made_of() -> None:
    seen: set[Place] = set()
    order = list(reading_order(66_000))
    for place in order:
        if place.level == 0:
            assert Place(None, place.index, place.width) in seen
        elif place.level:
            for below in range(place.index * 256, place.index * 256 + place.width):
                assert Place(place.level - 1, below) in seen
        seen.add(place)
    assert len(order) == len(seen) == 2 * 258 + 2 + 1
    assert list(reading_order(0)) == []
    assert list(reading_order(66_000, 65_999)) == [
        Place(None, 257, 208),
        Place(0, 257, 208),
        Place(1, 1, 1),
        Place(2, 0, 1),
    ]


@pytest.fixture
def server(small: Path) -> Iterator[str]:
    """Serve the small log on this machine."""

    class Quiet(SimpleHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base names it
            pass

        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(small))  # type: ignore[arg-type]

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as running:
        running.daemon_threads = True
        running.block_on_close = False
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        thread.join()


@pytest.mark.enable_socket
def test_a_log_is_checked_over_http(server: str) -> None:
    log = HttpLog(server)
    report = check_log(log, keys=[KEY.verifier])
    log.close()
    assert (report.ok, report.checked) == (True, 600)


def test_a_server_that_goes_away_ends_the_check(large: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = []

    def answer(request: httpx.Request) -> httpx.Response:
        answered.append(request.url.path)
        file = large / request.url.path[1:]
        return httpx.Response(200, content=file.read_bytes()) if len(answered) < 50 else httpx.Response(503)

    monkeypatch.setattr(time, "sleep", lambda _: None)
    log = HttpLog("https://ombud.example/", httpx.Client(transport=httpx.MockTransport(answer)))
    report = check_log(log, keys=[KEY.verifier])
    (problem,) = report.problems
    assert "answers 503" in problem
    assert report.unreachable
    assert len(answered) < 150

    def never(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=note) if request.url.path == "/checkpoint" else httpx.Response(403)

    note = (large / "checkpoint").read_bytes()
    log = HttpLog("https://ombud.example/", httpx.Client(transport=httpx.MockTransport(never)))
    (problem,) = check_log(log, keys=[KEY.verifier], trusted=make_log(large.parent / "old", ITEMS[:300])).problems
    assert "answers 403" in problem


def test_what_is_wrong_is_not_hidden_by_a_server_that_goes_away(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path[1:]
        return httpx.Response(200, content=(small / path).read_bytes()) if path == "checkpoint" else httpx.Response(503)

    monkeypatch.setattr(time, "sleep", lambda _: None)
    for key, unreachable, problems in ((KEY, True, 1), (signer(seed=9), False, 2)):
        log = HttpLog("https://ombud.example/", httpx.Client(transport=httpx.MockTransport(answer)))
        report = check_log(log, keys=[key.verifier])
        assert (report.ok, report.unreachable, len(report.problems)) == (False, unreachable, problems)
    assert not check_log(HttpLog("https://ombud.example/", httpx.Client(transport=httpx.MockTransport(answer)))).ok


def test_a_server_that_goes_away_at_once_is_said() -> None:
    log = HttpLog("https://a.example", httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(500))))
    (problem,) = check_log(log, keys=[KEY.verifier], trusted=b"x").problems
    assert problem == "checkpoint: https://a.example/checkpoint answers 500."
