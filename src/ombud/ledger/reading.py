"""Logs as they are read: from a folder or from a server, file by file, with nothing believed yet."""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable
from urllib.parse import urljoin, urlsplit

import httpx

from ombud.ledger.bundles import MAX_BUNDLE_BYTES, first_entries
from ombud.ledger.faults import AbsentError, FormatError, UnreachableError
from ombud.ledger.hashing import HASH_BYTES
from ombud.ledger.notes import MAX_NOTE_BYTES
from ombud.ledger.tiles import TILE_BYTES, TILE_WIDTH, bundle_path, tile_path

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["DirectoryLog", "HttpLog", "Log", "open_log"]

TIMEOUT = httpx.Timeout(10.0)
DEADLINE_SECONDS = 60.0
"""for one file, however slowly it drips"""
MAX_REDIRECTS = 3
TRIES = 3
PAUSE_SECONDS = 0.5
"""before the second try; twice as long before the third"""
_PASSING = frozenset({429, 502, 503, 504})
"""answers after which a server may soon give another"""


@runtime_checkable
class Log(Protocol):
    """A log that can be read; every method raises `LogError` when it cannot give the file."""

    def checkpoint(self) -> bytes:
        """Return the newest signed checkpoint."""
        ...

    def tile(self, level: int, index: int, width: int = TILE_WIDTH) -> bytes:
        """Return the first `width` hashes of a tile, 32 bytes each."""
        ...

    def bundle(self, index: int, width: int = TILE_WIDTH) -> bytes:
        """Return the first `width` entries of a bundle, as they are in its file."""
        ...


def open_log(place: str | Path) -> DirectoryLog | HttpLog:
    """Return the log at a folder or at an address that begins with http:// or https://."""
    if isinstance(place, str) and place.startswith(("http://", "https://")):
        return HttpLog(place)
    return DirectoryLog(Path(place))


class _PassingError(UnreachableError):
    """The log did not answer, but may soon."""


class DirectoryLog:
    """A log in a folder, as Ombud and other tlog-tiles logs keep it."""

    def __init__(self, path: Path) -> None:
        """Take the folder that holds `checkpoint` and `tile/`."""
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def checkpoint(self) -> bytes:
        """Return the newest signed checkpoint."""
        return self.file("checkpoint", MAX_NOTE_BYTES)

    def tile(self, level: int, index: int, width: int = TILE_WIDTH) -> bytes:
        """Return the first `width` hashes of a tile; a partial one that is gone comes from the full one."""
        return _tile(self.file, level, index, width)

    def bundle(self, index: int, width: int = TILE_WIDTH) -> bytes:
        """Return the first `width` entries of a bundle; a partial one that is gone comes from the full one."""
        return _bundle(self.file, index, width)

    def file(self, name: str, limit: int) -> bytes:
        """Return a file below the folder. Raises `AbsentError`, or `FormatError` when it is over `limit` bytes."""
        try:
            handle = os.open(f"{self.path}/{name}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise AbsentError(f"{name} is missing in {self.path}.") from error
        except OSError as error:
            raise UnreachableError(f"{name} in {self.path} cannot be opened: {error.strerror}.") from error
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise FormatError(f"{name} in {self.path} is no file.")
            if found.st_size > limit:
                raise FormatError(f"{name} has {found.st_size} bytes; {limit} is the most it may have.")
            data = os.read(handle, found.st_size)
            while len(data) < found.st_size and (more := os.read(handle, found.st_size - len(data))):
                data += more
        except OSError as error:
            raise UnreachableError(f"{name} in {self.path} cannot be read: {error.strerror}.") from error
        finally:
            os.close(handle)
        return data


class HttpLog:
    """A log on a server; never follows a redirect to another host."""

    def __init__(self, url: str, client: httpx.Client | None = None) -> None:
        """Take the log's prefix. Raises `FormatError` when it is no plain address."""
        if not _is_plain(url):
            raise FormatError("This is no address of a log.", hint="Give https://HOST/PATH, without a password.")
        self.url = url.rstrip("/") + "/"
        self._client = client or httpx.Client(timeout=TIMEOUT, follow_redirects=False)

    def __str__(self) -> str:
        return self.url

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def checkpoint(self) -> bytes:
        """Return the newest signed checkpoint."""
        return self.file("checkpoint", MAX_NOTE_BYTES)

    def tile(self, level: int, index: int, width: int = TILE_WIDTH) -> bytes:
        """Return the first `width` hashes of a tile; a partial one that is gone comes from the full one."""
        return _tile(self.file, level, index, width)

    def bundle(self, index: int, width: int = TILE_WIDTH) -> bytes:
        """Return the first `width` entries of a bundle; a partial one that is gone comes from the full one."""
        return _bundle(self.file, index, width)

    def file(self, name: str, limit: int) -> bytes:
        """Return a file below the prefix. Raises `AbsentError`, `FormatError` over `limit`, `UnreachableError`.

        A server that is busy, or a connection that breaks, is tried three times.
        """
        until = time.monotonic() + DEADLINE_SECONDS
        for pause in [PAUSE_SECONDS * 2**tried for tried in range(TRIES - 1)]:
            with suppress(_PassingError):
                return self._follow(name, limit, until)
            time.sleep(pause)
        return self._follow(name, limit, until)

    def _follow(self, name: str, limit: int, until: float) -> bytes:
        """Return a file, going where the server says it is now."""
        url = self.url + name
        try:
            for _ in range(MAX_REDIRECTS + 1):
                found = self._get(url, name, limit, until)
                if isinstance(found, bytes):
                    return found
                url = found
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            what = type(error).__name__
            raise _PassingError(f"{url} could not be read: {what}.", hint="Try again later.") from error
        raise UnreachableError(f"{self.url}{name} redirects too often.")

    def _get(self, url: str, name: str, limit: int, until: float) -> bytes | str:
        """Return the file, or the address on the same host where it is now."""
        with self._client.stream("GET", url, headers={"Accept-Encoding": "gzip, identity"}) as answer:
            if answer.is_redirect:
                return _same_host(url, answer.headers.get("location", ""))
            if answer.status_code in {httpx.codes.NOT_FOUND, httpx.codes.GONE}:
                raise AbsentError(f"{name} is missing at {self.url}.")
            if answer.status_code != httpx.codes.OK:
                kind = _PassingError if answer.status_code in _PASSING else UnreachableError
                raise kind(f"{url} answers {answer.status_code}.", hint="Try again later.")
            data = bytearray()
            for piece in answer.iter_bytes():
                data += piece
                if len(data) > limit:
                    raise FormatError(f"{url} is longer than the {limit} bytes it may have.")
                if time.monotonic() > until:
                    raise UnreachableError(f"{url} took over {DEADLINE_SECONDS:.0f} seconds.", hint="Try again later.")
        return bytes(data)


def _is_plain(url: str) -> bool:
    """Say whether an address has a scheme, a host and a path, and nothing else."""
    try:
        parts = urlsplit(url)
        extra = (parts.query, parts.fragment, parts.username, parts.port == 0)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and not any(extra)


def _same_host(url: str, location: str) -> str:
    """Return where a redirect leads. Raises `UnreachableError` when that is another host or a weaker scheme."""
    try:
        target = urljoin(url, location)
        before, after = urlsplit(url), urlsplit(target)
        same = (before.hostname, before.port) == (after.hostname, after.port) and before.scheme == after.scheme
        upgraded = before.hostname == after.hostname and (before.scheme, after.scheme) == ("http", "https")
    except ValueError:
        same = upgraded = False
    if not (location and (same or upgraded)):
        raise UnreachableError(f"{url} redirects to another host; that is not followed.")
    return target


def _tile(file: Callable[[str, int], bytes], level: int, index: int, width: int) -> bytes:
    """Return a tile by way of `file`. Raises `FormatError` when its length is wrong."""
    need = width * HASH_BYTES
    path = tile_path(level, index, width)
    try:
        data = file(path, TILE_BYTES)
    except AbsentError as absent:
        if width == TILE_WIDTH:
            raise
        path = tile_path(level, index)
        data = _instead(file, path, TILE_BYTES, absent)
        if len(data) == TILE_BYTES:
            return data[:need]
        need = TILE_BYTES
    if len(data) != need:
        raise FormatError(f"{path} has {len(data)} bytes, not {need}.")
    return data


def _bundle(file: Callable[[str, int], bytes], index: int, width: int) -> bytes:
    """Return a bundle by way of `file`."""
    try:
        return file(bundle_path(index, width), MAX_BUNDLE_BYTES)
    except AbsentError as absent:
        if width == TILE_WIDTH:
            raise
        return first_entries(_instead(file, bundle_path(index), MAX_BUNDLE_BYTES, absent), width)


def _instead(file: Callable[[str, int], bytes], path: str, limit: int, absent: AbsentError) -> bytes:
    """Return the full file for a partial one; when that is missing too, it is the partial one that is `absent`."""
    try:
        return file(path, limit)
    except AbsentError:
        raise absent from None
