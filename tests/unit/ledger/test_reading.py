from __future__ import annotations

import gzip
import os
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from ombud.ledger.bundles import MAX_BUNDLE_BYTES, decode_bundle, encode_bundle
from ombud.ledger.faults import AbsentError, FormatError, LogError, UnreachableError
from ombud.ledger.notes import MAX_NOTE_BYTES
from ombud.ledger.reading import DirectoryLog, HttpLog, Log, open_log
from tests.logs import entries, make_log, put

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ITEMS = entries(300)
URL = "https://ombud.example/ledger"


@pytest.fixture(autouse=True)
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let no test wait, and keep how long it would have."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_log(tmp_path, ITEMS)
    return tmp_path


def served(answer: Callable[[httpx.Request], httpx.Response], url: str = URL) -> HttpLog:
    """Return a log whose server is `answer`."""
    return HttpLog(url, httpx.Client(transport=httpx.MockTransport(answer), follow_redirects=False))


def of_folder(folder: Path, asked: list[str] | None = None) -> HttpLog:
    """Return a log that a plain file server serves."""

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/ledger/")
        if asked is not None:
            asked.append(path)
        file = folder / path
        return httpx.Response(200, content=file.read_bytes()) if file.is_file() else httpx.Response(404)

    return served(answer)


@pytest.mark.parametrize("kind", ["folder", "server"])
def test_a_log_gives_checkpoint_tiles_and_bundles(folder: Path, kind: str) -> None:
    log: Log = DirectoryLog(folder) if kind == "folder" else of_folder(folder)
    assert isinstance(log, Log)
    assert log.checkpoint() == (folder / "checkpoint").read_bytes()
    assert log.tile(0, 0) == (folder / "tile/0/000").read_bytes()
    assert log.tile(0, 1, 44) == (folder / "tile/0/001.p/44").read_bytes()
    assert decode_bundle(log.bundle(1, 44), 44) == ITEMS[256:]


@pytest.mark.parametrize("kind", ["folder", "server"])
def test_a_partial_file_that_is_gone_comes_from_the_full_one(folder: Path, kind: str) -> None:
    log: Log = DirectoryLog(folder) if kind == "folder" else of_folder(folder)
    assert log.tile(0, 0, 7) == (folder / "tile/0/000").read_bytes()[: 7 * 32]
    assert decode_bundle(log.bundle(0, 7), 7) == ITEMS[:7]


@pytest.mark.parametrize("kind", ["folder", "server"])
def test_a_missing_file_is_named_as_it_was_asked_for(folder: Path, kind: str) -> None:
    log: Log = DirectoryLog(folder) if kind == "folder" else of_folder(folder)
    with pytest.raises(AbsentError, match=r"tile/0/002 is missing"):
        log.tile(0, 2)
    with pytest.raises(AbsentError, match=r"tile/0/001\.p/45 is missing"):
        log.tile(0, 1, 45)
    with pytest.raises(AbsentError, match=r"tile/entries/001\.p/45 is missing"):
        log.bundle(1, 45)
    with pytest.raises(AbsentError, match=r"tile/entries/x001/234 is missing"):
        log.bundle(1234)


@pytest.mark.parametrize("kind", ["folder", "server"])
@pytest.mark.parametrize("size", [0, 31, 44 * 32 - 1, 44 * 32 + 1, 8192])
def test_a_tile_of_another_length_is_refused(folder: Path, kind: str, size: int) -> None:
    log: Log = DirectoryLog(folder) if kind == "folder" else of_folder(folder)
    put(folder, "tile/0/001.p/44", bytes(size))
    with pytest.raises(FormatError, match=rf"tile/0/001\.p/44 has {size} bytes, not 1408"):
        log.tile(0, 1, 44)
    put(folder, "tile/0/000", bytes(size) if size != 8192 else bytes(8191))
    with pytest.raises(FormatError, match="tile/0/000 has"):
        log.tile(0, 0, 3)


@pytest.mark.parametrize("kind", ["folder", "server"])
def test_files_that_are_too_long_are_not_read(folder: Path, kind: str) -> None:
    log: Log = DirectoryLog(folder) if kind == "folder" else of_folder(folder)
    for name, limit in (("checkpoint", MAX_NOTE_BYTES), ("tile/entries/000", MAX_BUNDLE_BYTES), ("tile/0/000", 8192)):
        with (folder / name).open("wb") as file:
            file.truncate(limit + 1)
    for read in (log.checkpoint, lambda: log.bundle(0), lambda: log.tile(0, 0)):
        with pytest.raises(FormatError):
            read()


@pytest.mark.parametrize("kind", ["folder", "server"])
def test_the_largest_bundle_is_read(tmp_path: Path, kind: str) -> None:
    items = [os.urandom(65_535)] * 256
    put(tmp_path, "tile/entries/000", encode_bundle(items))
    log: Log = DirectoryLog(tmp_path) if kind == "folder" else of_folder(tmp_path)
    assert decode_bundle(log.bundle(0)) == items


@pytest.mark.parametrize("kind", ["folder", "server"])
def test_no_place_outside_the_range_is_asked_for(folder: Path, kind: str) -> None:
    asked: list[str] = []
    log: Log = DirectoryLog(folder) if kind == "folder" else of_folder(folder, asked)
    for level, index, width in ((64, 0, 1), (0, -1, 1), (0, 0, 257), (0, 0, 0)):
        with pytest.raises(FormatError, match="No tile has"):
            log.tile(level, index, width)
    assert asked == []


def test_what_is_no_file_does_not_hang_or_raise_something_else(folder: Path) -> None:
    log = DirectoryLog(folder)
    (folder / "checkpoint").unlink()
    os.mkfifo(folder / "checkpoint")
    with pytest.raises(FormatError, match="is no file"):
        log.checkpoint()
    (folder / "checkpoint").unlink()
    (folder / "checkpoint").mkdir()
    with pytest.raises(FormatError, match="is no file"):
        log.checkpoint()
    (folder / "tile/0/000").unlink()
    (folder / "tile/0/000").symlink_to("000")
    with pytest.raises(UnreachableError, match="cannot be opened"):
        log.tile(0, 0)
    with pytest.raises(UnreachableError, match="cannot be opened"):
        DirectoryLog(folder / "vkey").checkpoint()
    with pytest.raises(AbsentError, match="checkpoint is missing"):
        DirectoryLog(folder / "nowhere").checkpoint()


def test_a_disk_that_fails_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(handle: int, count: int) -> bytes:
        raise OSError(5, f"Input/output error {handle} {count}")

    monkeypatch.setattr(os, "read", fail)
    with pytest.raises(UnreachableError, match=r"checkpoint in .* cannot be read: Input/output error"):
        DirectoryLog(folder).checkpoint()


def test_a_file_that_comes_in_pieces_is_read_to_its_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.read
    monkeypatch.setattr(os, "read", lambda handle, count: real(handle, min(count, 1_000)))
    assert DirectoryLog(folder).tile(0, 0) == (folder / "tile/0/000").read_bytes()


def test_a_place_is_a_folder_or_an_address(folder: Path) -> None:
    assert isinstance(open_log(folder), DirectoryLog)
    assert str(open_log(str(folder))) == str(folder)
    log = open_log(f"{URL}/")
    assert isinstance(log, HttpLog)
    assert str(log) == f"{URL}/"
    log.close()


@pytest.mark.parametrize(
    "url",
    [
        "http://",
        "ftp://a/b",
        "https://u:p@host/log",
        "https://host/log?x=1",
        "https://host/log#x",
        "http://[::1",
        "http://a:99999",
        "",
    ],
)
def test_an_address_is_plain(url: str) -> None:
    with pytest.raises(FormatError):
        HttpLog(url)


def test_redirects_stay_on_the_host(folder: Path) -> None:
    note = (folder / "checkpoint").read_bytes()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/ledger/checkpoint":
            return httpx.Response(302, headers={"location": "/moved/checkpoint"})
        return httpx.Response(200, content=note)

    assert served(answer).checkpoint() == note


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/checkpoint",
        "//evil.example/checkpoint",
        "http://ombud.example/ledger/checkpoint",
        "https://ombud.example:444/checkpoint",
        "file:///etc/hostname",
        "https://[::1",
        "",
    ],
)
def test_redirects_elsewhere_are_refused(location: str) -> None:
    log = served(lambda _: httpx.Response(301, headers={"location": location} if location else {}))
    with pytest.raises(UnreachableError, match=r"redirects to another host|answers 301|could not be read"):
        log.checkpoint()


def test_an_upgrade_to_https_on_the_same_host_is_followed() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.scheme == "http":
            return httpx.Response(308, headers={"location": f"{URL}/checkpoint"})
        return httpx.Response(200, content=b"note")

    assert served(answer, "http://ombud.example/ledger").checkpoint() == b"note"


def test_a_circle_of_redirects_ends() -> None:
    log = served(lambda request: httpx.Response(302, headers={"location": str(request.url)}))
    with pytest.raises(UnreachableError, match="too often"):
        log.checkpoint()


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500, 503, 204, 206])
def test_any_other_answer_is_said(status: int) -> None:
    log = served(lambda _: httpx.Response(status))
    with pytest.raises(UnreachableError, match=f"answers {status}"):
        log.checkpoint()


@pytest.mark.parametrize("broken", [429, 502, 503, 504, "connection"])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_busy_server_is_tried_three_times(broken: int | str, times: int, pauses: list[float]) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        if len(asked) > times:
            return httpx.Response(200, content=b"note")
        if isinstance(broken, int):
            return httpx.Response(broken)
        raise httpx.ConnectError("gone", request=request)

    if times < 3:
        assert served(answer).checkpoint() == b"note"
        assert pauses == [0.5, 1.0][:times]
    else:
        with pytest.raises(UnreachableError):
            served(answer).checkpoint()
        assert len(asked) == 3


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_a_server_that_says_no_is_not_asked_again(status: int, pauses: list[float]) -> None:
    with pytest.raises(LogError):
        served(lambda _: httpx.Response(status)).checkpoint()
    assert pauses == []


@pytest.mark.parametrize("status", [404, 410])
def test_what_the_server_does_not_have_is_missing(status: int) -> None:
    with pytest.raises(AbsentError, match=r"checkpoint is missing at https://ombud\.example/ledger/"):
        served(lambda _: httpx.Response(status)).checkpoint()


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError])
def test_a_server_that_is_gone_is_said(error: type[httpx.TransportError]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error("secret detail", request=request)

    with pytest.raises(UnreachableError, match=error.__name__) as caught:
        served(answer).checkpoint()
    assert "secret" not in str(caught.value)
    assert caught.value.hint


def test_bundles_may_come_compressed() -> None:
    data = encode_bundle(ITEMS[:3])

    def answer(request: httpx.Request) -> httpx.Response:
        assert "gzip" in request.headers["accept-encoding"]
        return httpx.Response(200, content=gzip.compress(data), headers={"content-encoding": "gzip"})

    assert served(answer).bundle(0, 3) == data


def test_damaged_compression_is_said() -> None:
    log = served(lambda _: httpx.Response(200, stream=Stream([b"no gzip"]), headers={"content-encoding": "gzip"}))
    with pytest.raises(UnreachableError, match="DecodingError"):
        log.bundle(0, 3)


class Stream(httpx.SyncByteStream):
    """A body that comes in pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces
        self.given = 0

    def __iter__(self):  # type: ignore[no-untyped-def]  # noqa: ANN204 - the iterator of httpx
        for piece in self.pieces:
            self.given += 1
            yield piece


def test_an_endless_body_is_cut_off() -> None:
    body = Stream([bytes(100_000)] * 1_000)
    with pytest.raises(FormatError, match="longer than"):
        served(lambda _: httpx.Response(200, stream=body)).checkpoint()
    assert body.given == 11


def test_a_dripping_body_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter(range(0, 10_000, 25))
    monkeypatch.setattr(time, "monotonic", lambda: next(times))
    body = Stream([b"x"] * 1_000)
    with pytest.raises(UnreachableError, match="over 60 seconds"):
        served(lambda _: httpx.Response(200, stream=body)).checkpoint()
    assert body.given == 3
