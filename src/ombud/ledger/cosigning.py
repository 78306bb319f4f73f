"""Asking witnesses to cosign the log's newest checkpoint (the client of C2SP tlog-witness).

Each witness is asked by itself: one that is slow, down or wrong keeps no other from signing. A witness that saw
another size than was thought says which, and gets the proof from there. A witness that holds a tree which this
log does not continue is the one thing that must never be passed over: then this log was rewritten, or brought
back from an older copy.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias
from urllib.parse import urlsplit

import httpx
import msgspec

from ombud.ledger.checkpoints import Checkpoint
from ombud.ledger.cosigned import head_of, keep, log_keys
from ombud.ledger.encoding import read_decimal
from ombud.ledger.faults import AbsentError, FormatError, LogError
from ombud.ledger.notes import COSIGNATURE, ML_DSA_44, Verifier, open_note, parse_note
from ombud.ledger.reading import DirectoryLog, HttpLog
from ombud.ledger.submissions import encode_submission
from ombud.ledger.tree import Tree
from ombud.ledger.witness_state import log_id
from ombud.model import clock

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ombud.ledger.notes import Signature

__all__ = ["Asked", "CosignReport", "WitnessAddress", "addresses", "cosign", "seen_by"]

TIMEOUT = httpx.Timeout(10.0)
DEADLINE_SECONDS = 30.0
"""for one witness with all its answers"""
MAX_ANSWER = 64 * 1024
MAX_TRIES = 4
"""a witness whose size moves more often between two questions is asked again next time"""
MAX_AT_ONCE = 8
CLOCK_SECONDS = 3600
"""by how much a witness's clock may differ from this one"""

Outcome: TypeAlias = Literal["cosigned", "unreachable", "refused", "ahead", "forked"]

_log = logging.getLogger(__name__)


class WitnessAddress(NamedTuple):
    """A witness that this log asks: its key, and where it takes checkpoints."""

    verifier: Verifier
    url: str

    @property
    def outside(self) -> bool:
        """Whether it is at another machine: one beside its own log vouches for nothing."""
        host = urlsplit(self.url).hostname or ""
        try:
            return not ip_address(host).is_loopback
        except ValueError:
            return host != "localhost" and not host.endswith(".localhost")

    @classmethod
    def parse(cls, line: str) -> WitnessAddress:
        """Read `VKEY URL`. Raises `FormatError`."""
        vkey, _, url = line.strip().partition(" ")
        verifier = Verifier.parse(vkey)
        if verifier.kind not in {COSIGNATURE, ML_DSA_44}:
            raise FormatError(f"The key of {verifier.name} is not the key of a witness.", hint="Its type is 4 or 6.")
        try:
            parts = urlsplit(url.strip())
            plain = parts.scheme in {"http", "https"} and parts.hostname and not (parts.query or parts.fragment)
        except ValueError:
            plain = False
        if not plain or parts.username is not None:
            raise FormatError(f"The witness {verifier.name} has no address.", hint="Write `VKEY https://HOST/PATH`.")
        return cls(verifier, url.strip().rstrip("/"))


class Asked(msgspec.Struct, frozen=True):
    """What became of asking one witness."""

    witness: str
    """the witness's name"""
    outcome: Outcome
    """`cosigned`; `unreachable`: no answer; `refused`: it will not; `ahead`: it saw a larger log than this;
    `forked`: it saw a log that this one does not continue"""
    says: str
    """what happened, in a sentence"""
    size: int | None = None
    """entries that the witness has seen; null when it did not say"""


class CosignReport(msgspec.Struct, frozen=True):
    """What became of asking all of them: the document of `ombud ledger cosign`."""

    origin: str
    """the log"""
    size: int
    """entries of the checkpoint that was sent"""
    at: datetime
    """when the witnesses were asked"""
    asked: list[Asked]
    """each witness, in the order of the settings"""
    kept: bool
    """whether the cosigned checkpoint was written"""

    @property
    def cosigned(self) -> list[str]:
        """The witnesses that cosigned."""
        return [one.witness for one in self.asked if one.outcome == "cosigned"]

    @property
    def forked(self) -> list[Asked]:
        """The witnesses that hold something that this log does not continue, or more than it has."""
        return [one for one in self.asked if one.outcome in {"forked", "ahead"}]


def addresses(lines: Sequence[str]) -> list[WitnessAddress]:
    """Read the setting `ledger_witnesses`. Raises `FormatError` for a line that is wrong or a key that comes twice."""
    try:
        found = [WitnessAddress.parse(line) for line in lines]
    except FormatError as error:
        raise FormatError(
            f"`ledger_witnesses` in ombud.toml: {error.message}", hint="Each line is `VKEY https://HOST/PATH`."
        ) from error
    if len({one.verifier.public for one in found}) < len(found):
        raise FormatError("Two lines of `ledger_witnesses` have the same key.")
    return found


def cosign(folder: Path, witnesses: Sequence[WitnessAddress], client: httpx.Client | None = None) -> CosignReport:
    """Ask all witnesses to cosign the newest checkpoint of the log in `folder`, and keep what they sign.

    Raises `LogError` when there is no log, or its checkpoint is not signed by its key; `BusyError` when another
    process is keeping cosignatures. What goes wrong with a witness is in the report.
    """
    now = clock.now()
    head = head_of(folder)
    note = DirectoryLog(folder).checkpoint()
    checkpoint = Checkpoint.parse(open_note(note, log_keys(folder)).text)
    seen = (
        {line.name: head.cosigned_size or 0 for line in parse_note(head.cosigned).signatures} if head.cosigned else {}
    )
    tree = Tree(DirectoryLog(folder))
    with (
        client or httpx.Client(timeout=TIMEOUT, follow_redirects=False) as http,
        ThreadPoolExecutor(MAX_AT_ONCE, thread_name_prefix="cosign") as pool,
    ):
        question = _Question(http, tree, note, checkpoint)
        old = [min(seen.get(one.verifier.name, 0), checkpoint.size) for one in witnesses]
        # each thread has the caller's clock
        asked = [
            pool.submit(copy_context().run, question.ask, one, size) for one, size in zip(witnesses, old, strict=True)
        ]
        answers = [one.result() for one in asked]
    lines = [line for _, line in answers if line is not None]
    kept = bool(lines) and keep(folder, note, lines, [one.verifier for one in witnesses])
    report = CosignReport(checkpoint.origin, checkpoint.size, now, [asked for asked, _ in answers], kept)
    for one in report.forked:
        _log.critical("Witness %s: %s", one.witness, one.says)
    return report


def seen_by(witness: WitnessAddress, origin: str, client: httpx.Client | None = None) -> tuple[bool, bytes | None]:
    """Ask a witness for the newest checkpoint that it cosigned of a log.

    Returns whether it gave an answer, and the checkpoint; none when it has not seen the log, or has no such address.
    """
    with client or httpx.Client(timeout=TIMEOUT, follow_redirects=False) as http:
        log = HttpLog(f"{witness.url}/{log_id(origin)}", http)
        try:
            note = log.checkpoint()
            open_note(note, [witness.verifier])
        except AbsentError:
            return True, None
        except LogError:
            return False, None
    return True, note


class _RefusedError(Exception):
    """The witness will not cosign."""


class _Question(NamedTuple):
    """One checkpoint that is sent to witnesses."""

    client: httpx.Client
    tree: Tree
    note: bytes
    checkpoint: Checkpoint

    def ask(self, witness: WitnessAddress, old: int) -> tuple[Asked, Signature | None]:
        """Ask one witness that is thought to have seen `old` entries; every failure is an answer."""
        name = witness.verifier.name
        try:
            return self._ask(witness, old)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return Asked(name, "unreachable", f"It did not answer: {type(error).__name__}."), None
        except (LogError, _RefusedError) as error:
            return Asked(name, "refused", str(error)), None

    def _ask(self, witness: WitnessAddress, old: int) -> tuple[Asked, Signature | None]:
        name, size = witness.verifier.name, self.checkpoint.size
        until = time.monotonic() + DEADLINE_SECONDS
        for _ in range(MAX_TRIES):
            proof = self.tree.consistency(old, size) if old else []
            status, body = self._post(witness, encode_submission(old, proof, self.note), until)
            if status == httpx.codes.OK:
                line = self._signature(witness, body)
                at = _time_of(line)
                return Asked(name, "cosigned", f"It cosigned {size:,} entries at {at:%H:%M:%S} UTC.", size), line
            if status == httpx.codes.UNPROCESSABLE_ENTITY:
                return Asked(name, "forked", _FORKED.format(f"{old:,}"), old), None
            if status != httpx.codes.CONFLICT:
                raise _RefusedError(f"It answers {status}: {_plain(body)}")
            told = read_decimal(body.decode("ascii", "replace").removesuffix("\n"), "The size that it saw")
            if told > size:
                return Asked(name, "ahead", _AHEAD.format(f"{told:,}", f"{size:,}"), told), None
            if told == old == size:
                return Asked(name, "forked", _FORKED.format(f"{old:,}"), old), None
            old = told
        raise _RefusedError("Its size changed with each question.")

    def _post(self, witness: WitnessAddress, body: bytes, until: float) -> tuple[int, bytes]:
        """Send a checkpoint and return status and body. Raises `httpx.HTTPError`, `_RefusedError` for a long body."""
        url = f"{witness.url}/add-checkpoint"
        with self.client.stream("POST", url, content=body, headers={"content-type": "text/plain"}) as answer:
            found = bytearray()
            for piece in answer.iter_bytes():
                found += piece
                if len(found) > MAX_ANSWER:
                    raise _RefusedError("Its answer is too long.")
                if time.monotonic() > until:
                    raise httpx.ReadTimeout("The witness is too slow.")
            return answer.status_code, bytes(found)

    def _signature(self, witness: WitnessAddress, body: bytes) -> Signature:
        """Return the witness's own line of an answer. Raises `LogError` when it is missing or wrong."""
        whole = self.note.partition(b"\n\n")[0] + b"\n\n" + body
        open_note(whole, [witness.verifier])
        key = (witness.verifier.name, witness.verifier.key_id)
        return next(line for line in parse_note(whole).signatures if (line.name, line.key_id) == key)


_FORKED = (
    "It saw {} entries that this log does not continue: the log was rewritten or comes from an older copy."
    " Stop publishing it, and find out which."
)
_AHEAD = (
    "It saw {} entries of this log, which has {}: another process cosigned a newer checkpoint just now,"
    " or this log comes from an older copy."
)


def _time_of(line: Signature) -> datetime:
    """Return when a witness says that it signed. Raises `_RefusedError` when that is far from now."""
    seconds = int.from_bytes(line.blob[:8], "big")
    if abs(seconds - clock.now().timestamp()) > CLOCK_SECONDS:
        raise _RefusedError("Its clock is off by more than an hour.")
    return datetime.fromtimestamp(seconds, UTC)


def _plain(body: bytes) -> str:
    """Return the first line of a stranger's answer, short."""
    return body.decode("utf-8", "replace").partition("\n")[0][:200]
