"""What a person takes with them: their own data, their contacts and correspondence, and the record of who read them.

As the European data protection board reads Article 20 of the GDPR (WP242
rev.01), one's own data include one's contacts and correspondence. Profile
fields of other people are not among them, nor who else used an app: a proof
whose row names a friend is therefore held back. Everything is in JSON and in
CSV, each read with a proof that a stranger checks with the `verify.py` beside.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
import tempfile
import zipfile
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ombud.lake import dictionary
from ombud.lake.batches import stored_batch
from ombud.lake.faults import disk_faults
from ombud.ledger.cosigned import head_of
from ombud.ledger.evidence import RowOpening, prove_entry
from ombud.ledger.faults import LogError
from ombud.ledger.reading import DirectoryLog
from ombud.model import clock, schema
from ombud.model.errors import NotFoundError, RefusedError, StorageError
from ombud.model.ids import random_id, sha256_hex
from ombud.records import consents, looks, outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ombud.lake import Lake

__all__ = ["Exported", "export"]

_OWN: dict[str, str] = {
    "accounts": "account = $person",
    "ties": "account = $person OR other = $person",
    "posts": "account = $person",
    "logins": "account = $person",
    "flags": "account = $person",
    "grants": "person = $person",
}
"""Tables with the person's own data, and which rows are theirs."""
_ANSWERS = (
    "account <> $person AND parent IN"
    " (SELECT post FROM posts WHERE account = (SELECT id FROM account_ids WHERE name = $person))"
)
_HIDDEN = {"quality", "import_id", "batch", "position", "salt", "network"}
_README = """\
What {platform} holds about {person}, taken out on {day}.

data/      your own data, your contacts and what was written to you, each as JSON and as CSV
record/    which apps asked for your data, when, what for, and what went out; what you allowed them;
           which of the platform's staff looked at your data, and why
record/proofs/  one file a read: proof that the read stands on the platform's ledger, unchanged
verify.py  checks a proof with nothing but Python: python3 verify.py --vkey "$(cat ledger.vkey)" --proof FILE

Where a read used a friend's consent, you see that it did, not whose; its proof would name the friend and is left
out. Times are in UTC.
"""


class Exported(msgspec.Struct, frozen=True):
    """What was taken out."""

    path: str
    tables: dict[str, int]
    """rows by file"""
    proofs: int
    without_proof: int
    """reads that the ledger cannot prove yet, or that came from elsewhere"""
    held_back: int
    """proofs that would name somebody else"""
    sha256: str
    """of the manifest, which has the hash of every other file"""


def export(
    lake: Lake,
    person: str,
    target: Path,
    *,
    proofs: bool = True,
    progress: Callable[[int, int | None, str], None] | None = None,
) -> Exported:
    """Write all that belongs to a person to `target`: a folder, or one file when it ends in `.zip`.

    Only its owner can read it. Raises `NotFoundError` for a person that
    neither lake nor consents know, `RefusedError` when `target` is there.
    """
    if target.exists():
        raise RefusedError(f"{target} is there already.", hint="Name a folder or a .zip file that is not.")
    with lake.records.read() as tx:
        given, history = consents.of_person(tx, person), consents.events(tx, person)
        seen = [one for one in looks.listing(tx, limit=1_000_000) if one.subject == person]
    if lake.ids("account", [person]) == [None] and not given:
        raise NotFoundError("Nobody of this id is known here.", hint="Give the id as it was imported.")
    with disk_faults(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".export-", dir=target.parent))
    try:
        with disk_faults(scratch):
            out = _Files(scratch / "out")
            for name, rows in _data(lake, person).items():
                out.table(f"data/{name}", rows)
            reads = _reads(lake, person)
            out.table("record/reads", [_shown(row) for row in reads])
            out.table("record/consents", [msgspec.to_builtins(one) for one in given])
            out.table("record/consent-history", [msgspec.to_builtins(one) for one in history])
            out.table(
                "record/looks", [{"at": one.happened_at, "what": one.what, "purpose": one.purpose} for one in seen]
            )
            counts = _prove(lake, reads, out, progress) if proofs else (0, 0, 0)
            _surround(lake, person, out)
            digest = out.finish()
            _place(scratch, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    with lake.records.begin() as tx:
        said = {"release": random_id("release"), "kind": "portability", "sha256": digest, "reads": len(reads)}
        outbox.append(tx, "release", said)
    return Exported(str(target), out.counts, *counts, digest)


class _Files:
    """A folder in the making, with the hashes of what is in it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700)
        self.folder = folder
        self.counts: dict[str, int] = {}
        self._hashes: dict[str, str] = {}

    def write(self, name: str, data: bytes) -> None:
        """Write a file that only its owner can read."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(0o600)
        path.write_bytes(data)
        self._hashes[name] = sha256_hex(data)

    def table(self, name: str, rows: Sequence[dict[str, Any]]) -> None:
        """Write rows as JSON and as CSV; nothing when there are none."""
        if not rows:
            return
        plain = [{key: _plain(value) for key, value in row.items()} for row in rows]
        self.counts[name] = len(plain)
        self.write(f"{name}.json", json.dumps(plain, ensure_ascii=False, indent=1).encode() + b"\n")
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, list(plain[0]))
        writer.writeheader()
        writer.writerows({key: _cell(value) for key, value in row.items()} for row in plain)
        self.write(f"{name}.csv", text.getvalue().encode())

    def finish(self) -> str:
        """Write the manifest; return its hash."""
        manifest = {"format": "ombud-export-1", "made_at": clock.now().isoformat(), "files": self._hashes}
        data = json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n"
        self.write("manifest.json", data)
        return sha256_hex(data)


def _data(lake: Lake, person: str) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the person's own tables, and what was written to them, ids as they came in."""
    out = {
        name: _rows(lake.read(name, where=where, parameters={"person": person}, names=True).to_pylist())
        for name, where in _OWN.items()
    }
    answers = lake.read("posts", where=_ANSWERS, parameters={"person": person}, names=True).to_pylist()
    out["answers"] = _rows(answers)
    return out


def _rows(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in _HIDDEN} for row in rows]


def _reads(lake: Lake, person: str) -> list[dict[str, Any]]:
    """Return every read about the person, oldest first."""
    with lake.duck(["reads"]) as duck:
        named = dictionary.named(schema.table("reads"))
        query = f"SELECT * FROM {named} WHERE person = $person ORDER BY happened_at, read"  # noqa: S608 - our own schema
        rows: list[dict[str, Any]] = duck.sql(query, params={"person": person}).to_arrow_table().to_pylist()
    return rows


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """Return a read as the person sees it: that a friend's consent was used, not whose."""
    shown = {key: value for key, value in row.items() if key not in _HIDDEN | {"through", "person", "key", "acts_for"}}
    return shown | {"through_a_friend": row["through"] is not None}


def _prove(
    lake: Lake, reads: list[dict[str, Any]], out: _Files, progress: Callable[[int, int | None, str], None] | None
) -> tuple[int, int, int]:
    """Write a proof for each read that can have one; return proofs, reads without, and proofs held back."""
    held_back = sum(row["through"] is not None for row in reads)
    by_batch: dict[str, list[dict[str, Any]]] = {}
    for row in reads:
        if row["through"] is None and row["batch"] is not None:
            by_batch.setdefault(row["batch"], []).append(row)
    made = 0
    log = DirectoryLog(lake.workspace.ledger_dir)
    for number, (name, rows) in enumerate(by_batch.items()):
        try:
            batch = stored_batch(lake, name)
            index = batch.ledger_index
            if index is None and batch.outbox is not None:
                with lake.records.read() as tx:
                    index = outbox.index_of(tx, batch.outbox)
            if index is None:
                continue
            head = head_of(lake.workspace.ledger_dir)
            note = head.published if index < head.published_size else head.newest
            for row in rows:
                kept = batch.rows[row["position"]]
                opening = RowOpening(kept.row, kept.salt, row["position"], batch.tree.proof(row["position"]))
                proof = prove_entry(log, index, row=opening, checkpoint=note)
                out.write(f"record/proofs/{_safe(row['read'])}.tlog-proof", proof.encode())
                made += 1
        except (LogError, NotFoundError, StorageError, KeyError):
            continue  # counted as a read without proof
        if progress:
            progress(number + 1, len(by_batch), "proving")
    return made, len(reads) - held_back - made, held_back


def _surround(lake: Lake, person: str, out: _Files) -> None:
    """Write what explains and checks the rest."""
    day = clock.now().astimezone(UTC).date().isoformat()
    name = lake.workspace.settings.name
    out.write("README.txt", _README.format(platform=name, person=person, day=day).encode())
    out.write("verify.py", files("ombud.ledger").joinpath("verify.py").read_bytes())
    vkey = lake.workspace.ledger_dir / "vkey"
    if vkey.is_file():
        out.write("ledger.vkey", vkey.read_bytes())


def _place(scratch: Path, target: Path) -> None:
    """Move what was made to its place, in one step."""
    if target.suffix != ".zip":
        (scratch / "out").rename(target)
        return
    packed = scratch / "out.zip"
    packed.touch(0o600)
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((scratch / "out").rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(scratch / "out"))
    packed.rename(target)


def _safe(read: str) -> str:
    """Return a read's id as a file's name."""
    plain = all(c.isascii() and (c.isalnum() or c in "-_.") for c in read) and not read.startswith(".")
    return read if plain and len(read) <= 100 else sha256_hex(read.encode())  # noqa: PLR2004 - names have an end


def _plain(value: object) -> object:
    """Return a value as JSON has it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if value is None or isinstance(value, str | int | float | bool | list):
        return value
    return str(value)


def _cell(value: object) -> object:
    """Return a value as a cell of a table: lists as JSON; nothing that a spreadsheet would run."""
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value
