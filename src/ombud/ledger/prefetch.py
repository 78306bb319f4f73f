"""Reading a log's files in order: one after the other from a folder, several at a time from a server."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from ombud.ledger.faults import LogError
from ombud.ledger.reading import HttpLog

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ombud.ledger.reading import Log
    from ombud.ledger.tiles import Place

__all__ = ["read_ahead"]

CONNECTIONS = 8
AHEAD = 16
"""files that may wait to be used; a bundle has at most 16 MB"""


def read_ahead(log: Log, places: Iterable[Place]) -> Iterator[tuple[Place, bytes | LogError]]:
    """Yield each place with its file's bytes, or with the error that stands for them, in the order of `places`."""
    if not isinstance(log, HttpLog):
        for place in places:
            yield place, _read(log, place)
        return
    waiting: deque[tuple[Place, Future[bytes | LogError]]] = deque()
    with ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="log") as pool:
        try:
            for place in places:
                waiting.append((place, pool.submit(_read, log, place)))
                if len(waiting) >= AHEAD:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


def _read(log: Log, place: Place) -> bytes | LogError:
    """Return a file's bytes, or why they cannot be had."""
    try:
        if place.level is None:
            return log.bundle(place.index, place.width)
        return log.tile(place.level, place.index, place.width)
    except LogError as error:
        return error
