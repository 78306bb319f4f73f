"""The log's files as C2SP tlog-tiles has them, so that anyone can check it with a program of their own."""

from __future__ import annotations

import gzip
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.responses import Response

from ombud.ledger.cosigning import addresses
from ombud.ledger.encoding import read_decimal
from ombud.ledger.evidence import prove_entry
from ombud.ledger.faults import AbsentError, FormatError, LogError
from ombud.ledger.proofs import SUFFIX
from ombud.ledger.succession import FROZEN
from ombud.ledger.tiles import Place, parse_path, width_at
from ombud.model.errors import NotFoundError, StorageError
from ombud.web.access import PUBLIC
from ombud.web.ledger.standing import Standing, standing_in, standing_of
from ombud.web.pages import Pages
from ombud.web.visit import VisitParameter

if TYPE_CHECKING:
    from ombud.ledger.reading import DirectoryLog
    from ombud.web.house import House

__all__ = ["number_of", "pages", "policy_of", "vkeys_of"]

pages = Pages()

TEXT = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"
SOON = "public, max-age=5"
"""what changes with the log"""
FOR_EVER = "public, max-age=31536000, immutable"
"""tiles: a log never changes what it once said"""
MAX_KEYS_BYTES = 1_000_000
LONGEST_PATH = 200


@pages.data("/ledger/checkpoint", access=PUBLIC, media_type=TEXT)
def checkpoint(visit: VisitParameter) -> Response:
    """Send the newest checkpoint that witnesses cosigned, or the newest one when they do not keep up."""
    return _checkpoint(standing_of(visit.house))


@pages.data("/ledger/tile/{path:path}", access=PUBLIC, media_type=BYTES)
def tile(request: Request, visit: VisitParameter, path: str) -> Response:
    """Send a tile of hashes or a bundle of entries that a checkpoint covers."""
    return _tile(standing_of(visit.house), path, request.headers.get("accept-encoding", ""))


@pages.data("/ledger/frozen/{path:path}", access=PUBLIC, media_type=BYTES)
def frozen(request: Request, visit: VisitParameter, path: str) -> Response:
    """Send a file of a log that ended and that this one continues, under the same names."""
    folder = visit.house.workspace.ledger_dir / FROZEN
    while path.startswith(f"{FROZEN}/") and len(path) <= LONGEST_PATH:
        folder, path = folder / FROZEN, path.removeprefix(f"{FROZEN}/")
    standing = standing_in(folder)
    if path == "checkpoint":
        return _checkpoint(standing)
    if path in {"vkey", "vkeys"}:
        return _small(standing, path)
    if path.startswith("rotation/"):
        return _small(standing, f"rotation/{number_of(path.removeprefix('rotation/'))}")
    if path.startswith("tile/"):
        return _tile(standing, path.removeprefix("tile/"), request.headers.get("accept-encoding", ""))
    raise NotFoundError("The ledger has nothing at this address.")


@pages.data("/ledger/vkey", access=PUBLIC, media_type=TEXT)
def vkey(visit: VisitParameter) -> Response:
    """Send the log's key of today. Compare it with one that you have from elsewhere."""
    return _small(standing_of(visit.house), "vkey")


@pages.data("/ledger/vkeys", access=PUBLIC, media_type=TEXT)
def vkeys(visit: VisitParameter) -> Response:
    """Send all keys that the log has had, each with the size from which it signs."""
    return _small(standing_of(visit.house), "vkeys")


@pages.data("/ledger/rotation/{size}", access=PUBLIC, media_type=TEXT)
def rotation(visit: VisitParameter, size: str) -> Response:
    """Send a checkpoint that an old and a new key signed, with which the new one took its place."""
    return _small(standing_of(visit.house), f"rotation/{number_of(size)}")


@pages.data("/ledger/policy", access=PUBLIC, media_type=TEXT)
def policy(visit: VisitParameter) -> Response:
    """Send the log's key and witnesses as a trust policy, a start for one of your own."""
    return Response(policy_of(visit.house), media_type=TEXT, headers={"cache-control": SOON})


@pages.data("/ledger/verify.py", access=PUBLIC, media_type="text/x-python; charset=utf-8")
def verify(visit: VisitParameter) -> Response:
    """Send the program that checks the log and its proofs with nothing but Python."""
    del visit
    return Response(_verifier(), media_type="text/x-python; charset=utf-8", headers={"cache-control": SOON})


@pages.data("/ledger/proof/{index}", access=PUBLIC, media_type=BYTES)
def proof(visit: VisitParameter, index: str) -> Response:
    """Send all that is needed to see without this server that an entry is on the ledger, as a tlog-proof file."""
    standing, number = standing_of(visit.house), number_of(index)
    note = standing.checkpoint_for(number)
    try:
        found = prove_entry(standing.log, number, checkpoint=note).encode()
    except LogError as error:
        raise StorageError("The ledger cannot be read.", hint="`ombud ledger fsck` says more.") from error
    headers = {"content-disposition": f'attachment; filename="entry-{number}{SUFFIX}"', "cache-control": SOON}
    return Response(found, media_type=BYTES, headers=headers)


def number_of(text: str) -> int:
    """Read a number of an address. Raises `NotFoundError`: only one way to write it leads anywhere."""
    try:
        return read_decimal(text, "The number")
    except FormatError:
        raise NotFoundError("The ledger has nothing at this address.") from None


def vkeys_of(house: House) -> list[str]:
    """Return the log's keys, the one of today last. Raises `NotFoundError`."""
    lines = _file(standing_of(house), "vkeys").decode().splitlines()
    return [line.split(" ")[0] for line in lines]


def policy_of(house: House) -> str:
    """Return the log and its witnesses as a tlog-policy: more than half of the witnesses must have cosigned."""
    settings = house.workspace.settings
    key = _file(standing_of(house), "vkey").decode().strip()
    address = f" {settings.public_url.rstrip('/')}/ledger" if settings.public_url else ""
    lines = [
        "# How this log describes itself. Compare the keys with what you have from elsewhere,",
        "# and name witnesses that you trust: a log that chose its own witnesses proves little.",
        f"log {key}{address}",
    ]
    try:
        asked = addresses(settings.ledger_witnesses)
    except FormatError as error:
        raise StorageError("The witnesses of this log cannot be told.", hint="`ombud doctor` says why.") from error
    names = []
    for number, one in enumerate(asked, start=1):
        names.append(f"w{number}")
        lines.append(f"witness w{number} {one.verifier.vkey} {one.url}")
    if names:
        lines.append(f"group witnesses {len(names) // 2 + 1} {' '.join(names)}")
    lines.append(f"quorum {'witnesses' if names else 'none'}")
    return "\n".join(lines) + "\n"


def _checkpoint(standing: Standing) -> Response:
    return Response(standing.head.published, media_type=TEXT, headers={"cache-control": SOON})


def _tile(standing: Standing, path: str, accepted: str) -> Response:
    try:
        place = parse_path(f"tile/{path}")
        # what lies beyond the checkpoint may come from a write that a crash undid, and would be kept for ever
        if place.width > width_at(place.level or 0, place.index, standing.size):
            raise NotFoundError("The ledger has no such tile yet.")
        data = _read(standing.log, place)
    except (FormatError, AbsentError):
        raise NotFoundError("The ledger has no such tile.") from None
    except LogError as error:
        raise StorageError("The ledger cannot be read.", hint="`ombud ledger fsck` says more.") from error
    headers = {"cache-control": FOR_EVER}
    if place.level is None:
        headers["vary"] = "Accept-Encoding"
        if _takes_gzip(accepted):
            headers["content-encoding"] = "gzip"
            data = gzip.compress(data, 6, mtime=0)
    return Response(data, media_type=BYTES, headers=headers)


def _small(standing: Standing, name: str) -> Response:
    return Response(_file(standing, name), media_type=TEXT, headers={"cache-control": SOON})


def _file(standing: Standing, name: str) -> bytes:
    try:
        return standing.log.file(name, MAX_KEYS_BYTES)
    except AbsentError:
        raise NotFoundError("The ledger has no such file.") from None
    except LogError as error:
        raise StorageError("The ledger cannot be read.", hint="`ombud ledger fsck` says more.") from error


def _read(log: DirectoryLog, place: Place) -> bytes:
    if place.level is None:
        return log.bundle(place.index, place.width)
    return log.tile(place.level, place.index, place.width)


def _takes_gzip(accepted: str) -> bool:
    """Say whether a client asks for gzip (RFC 9110, section 12.5.3)."""
    for part in accepted.split(","):
        name, *parameters = (word.strip().lower() for word in part.split(";"))
        if name in {"gzip", "*"}:
            weight = next((word.removeprefix("q=") for word in parameters if word.startswith("q=")), "1")
            return weight.strip("0.") != ""
    return False


@lru_cache(maxsize=1)
def _verifier() -> bytes:
    return files("ombud.ledger").joinpath("verify.py").read_bytes()
