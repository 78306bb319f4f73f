"""Check a transparency log and proofs taken from it, with nothing but Python 3.11 and this file.

    python verify.py DIR                              is the log in this folder whole, and does it agree with itself?
    python verify.py DIR --vkey KEY                   ... and did the owner of this key sign it?
    python verify.py DIR --checkpoint OLD             ... and does it begin with what an older checkpoint said?
    python verify.py --vkey KEY --proof FILE          is the entry in this .tlog-proof file in the log of that key?
    python verify.py --checkpoint OLD --continues NEW does this proof lead from one checkpoint to the other?

It imports nothing else of Ombud on purpose: whoever does not trust Ombud can read it in ten minutes, or write it
again from the public formats it follows. The letters below stand where each is used.

    [A] RFC 6962, section 2.1            how entries become one root, and how proofs of it are built
    [B] c2sp.org/tlog-tiles              how a log lies in files
    [C] c2sp.org/signed-note             how a text is signed, and how a key is written (its "vkey")
    [D] c2sp.org/tlog-checkpoint         the text that a log signs: its name, its size, its root
    [E] c2sp.org/tlog-cosignature        how a witness signs that text
    [F] c2sp.org/tlog-proof              a proof in one file
    [G] RFC 8032, section 5.1            Ed25519 signatures

Exit code 0: everything that was asked holds. 1: something is wrong, and it says what. 2: wrong usage.
"""

# ruff: noqa: PLR2004, T201 - sizes stand as the formats' texts have them, and what was found is printed

from __future__ import annotations

import argparse
import base64
import json
import sys
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any, NamedTuple, NoReturn


class Wrong(Exception):  # noqa: N818 - reads as what it says
    """Something does not hold."""


def wrong(sentence: str) -> NoReturn:
    """Stop with a sentence."""
    raise Wrong(sentence)


# --- The tree [A] ---------------------------------------------------------------------------------------------------


def leaf_hash(entry: bytes) -> bytes:
    """Hash an entry."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two nodes into the one above them."""
    return sha256(b"\x01" + left + right).digest()


def half(size: int) -> int:
    """Return where a tree of more than one leaf splits: at the largest power of two below its size."""
    return 1 << (size - 1).bit_length() - 1


def root_of(hashes: list[bytes]) -> bytes:
    """Return the root over hashes, level by level; an odd last one moves up as it is."""
    if not hashes:
        return sha256(b"").digest()
    while len(hashes) > 1:
        above = [node_hash(*hashes[at : at + 2]) for at in range(0, len(hashes) - 1, 2)]
        hashes = above + hashes[len(above) * 2 :]
    return hashes[0]


def inclusion_root(leaf: bytes, index: int, size: int, proof: list[bytes]) -> bytes:
    """Return the root that a proof leads to from the leaf at `index` of `size`."""
    if not 0 <= index < size:
        wrong(f"there is no entry {index} among {size}")
    if size == 1:
        return wrong("the proof is too long") if proof else leaf
    if not proof:
        wrong("the proof is too short")
    *rest, sibling = proof
    if index < half(size):
        return node_hash(inclusion_root(leaf, index, half(size), rest), sibling)
    return node_hash(sibling, inclusion_root(leaf, index - half(size), size - half(size), rest))


def consistency_roots(old: int, new: int, proof: list[bytes], whole: bytes | None) -> tuple[bytes, bytes]:
    """Return the two roots that a proof leads to; `whole` is the old root where the old tree is all on this side."""
    if old == new:
        if len(proof) != (whole is None):
            wrong("the proof has the wrong length")
        root = proof[0] if whole is None else whole
        return root, root
    if not 0 < old < new or not proof:
        wrong("the proof is too short, or the sizes cannot be compared")
    *rest, last = proof
    if old <= half(new):
        before, after = consistency_roots(old, half(new), rest, whole)
        return before, node_hash(after, last)
    before, after = consistency_roots(old - half(new), new - half(new), rest, None)
    return node_hash(last, before), node_hash(last, after)


def check_inclusion(leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes) -> None:
    """Check that a leaf is in the tree with this root."""
    if {len(value) for value in (leaf, root, *proof)} != {32}:
        wrong("a hash of the proof is not 32 bytes long")
    if inclusion_root(leaf, index, size, proof) != root:
        wrong("the proof leads to another root")


def check_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: list[bytes]) -> None:
    """Check that the tree with the new root begins with the tree with the old one."""
    if old != new and {len(value) for value in (old_root, new_root, *proof)} != {32}:
        wrong("a hash of the proof is not 32 bytes long")
    if old == 0 or consistency_roots(old, new, proof, old_root) != (old_root, new_root):
        wrong("the proof does not lead from the old root to the new one")


# --- Ed25519 [G] ----------------------------------------------------------------------------------------------------
# Points are (X, Y, Z, T) with x = X/Z, y = Y/Z, xy = T/Z. Strict: S is below the group's order, and points are written
# in the one right way. Without cofactor: S*B = R + k*A must hold as it stands, as OpenSSL and Go have it.

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int, int, int]


def add(a: Point, b: Point) -> Point:
    """Add two points, or a point to itself."""
    m, n = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    t, z = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = n - m, z - t, z + t, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(number: int, point: Point) -> Point:
    """Add a point to itself so many times."""
    total = (0, 1, 1, 0)
    while number:
        if number & 1:
            total = add(total, point)
        point, number = add(point, point), number >> 1
    return total


def to_point(data: bytes) -> Point:
    """Read a point from 32 bytes."""
    number = int.from_bytes(data, "little")
    y, sign = number & (1 << 255) - 1, number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    if len(data) != 32 or y >= P or x * x % P != square or (x == 0 and sign):
        wrong("these bytes are no point of the curve")
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def to_bytes(point: Point) -> bytes:
    """Write a point in 32 bytes."""
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = to_point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def check_ed25519(public: bytes, message: bytes, signature: bytes) -> None:
    """Check a signature of 64 bytes."""
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or s >= ORDER:
        wrong("the signature is not written as it must be")
    x, y, z, t = to_point(public)
    k = int.from_bytes(sha512(r + public + message).digest(), "little") % ORDER
    if to_bytes(add(times(s, BASE), times(k, (P - x, y, z, P - t)))) != r:
        wrong("the signature is not by this key, or the text was changed")


# --- Signed notes and checkpoints [C] [D] [E] -----------------------------------------------------------------------

LOG_KEY, WITNESS_KEY = 1, 4


def decode64(text: str) -> bytes:
    """Read base64 that is written in the one right way."""
    data = base64.b64decode(text, validate=True)
    return data if base64.b64encode(data).decode() == text else wrong(f"{text[:50]!r} is no base64")


def unhex(text: str) -> bytes:
    """Read hexadecimal digits that are written in the one right way."""
    data = bytes.fromhex(text)
    return data if data.hex() == text else wrong(f"{text[:50]!r} is not written in small digits")


def decimal(text: str) -> int:
    """Read a number that is written in the one right way."""
    if not (text.isascii() and text.isdigit() and len(text) < 20) or str(int(text)) != text:
        wrong(f"{text[:50]!r} is no number")
    return int(text)


class Key(NamedTuple):
    """Somebody's key: who, which kind, and the public part."""

    name: str
    kind: int
    public: bytes
    id: bytes


def read_key(vkey: str) -> Key:
    """Read a key written in one line."""
    name, number, data = vkey.strip().split("+", 2)
    kind, public = decode64(data)[:1], decode64(data)[1:]
    key = Key(name, kind[0], public, sha256(name.encode() + b"\n" + kind + public).digest()[:4])
    if key.id.hex() != number or key.kind not in {LOG_KEY, WITNESS_KEY}:
        wrong(f"the key of {name!r} is damaged, or no Ed25519 key")
    return key


class Checkpoint(NamedTuple):
    """What a log said of itself, and which of the known keys signed that."""

    origin: str
    size: int
    root: bytes
    signers: list[str]


def read_checkpoint(note: bytes, keys: list[Key]) -> Checkpoint:
    """Read a signed checkpoint: the log's own key and every witness that is known must have signed it."""
    body, _, below = note.rpartition(b"\n\n")
    text = body + b"\n"
    if not note.decode().replace("\n", "").isprintable():
        wrong("the checkpoint has signs that no text may have; a terminal could show them as something else")
    origin, size, root, *_ = text.decode().split("\n")
    signed = []
    for line in below.decode().removesuffix("\n").split("\n"):
        dash, name, data = line.split(" ")
        number, signature = decode64(data)[:4], decode64(data)[4:]
        for key in keys:
            if (key.name, key.id) != (name, number):
                continue  # whoever that is, it does not count
            message = text
            if key.kind == WITNESS_KEY:  # a witness signs the time too
                time, signature = int.from_bytes(signature[:8], "big"), signature[8:]
                message = b"cosignature/v1\ntime %d\n" % time + text
            check_ed25519(key.public, message, signature)
            signed.append(key)
        if dash != "—":
            wrong("a line of signatures does not begin with a dash")
    if not any(key.kind == LOG_KEY and key.name == origin for key in signed):
        wrong(f"no known key of {origin!r} signed the checkpoint")
    for key in keys:
        if key.kind == WITNESS_KEY and key not in signed:
            wrong(f"{key.name} did not cosign the checkpoint")
    return Checkpoint(origin, decimal(size), decode64(root), sorted({key.name for key in signed}))


# --- A log in files [B] ---------------------------------------------------------------------------------------------


def read_file(folder: Path, kind: str, index: int, width: int) -> bytes:
    """Read a tile (`kind` is its level) or a bundle (`kind` is "entries"), cut to `width` by the caller."""
    path = f"{index % 1000:03d}"
    while index := index // 1000:
        path = f"x{index % 1000:03d}/{path}"
    full = folder / "tile" / kind / path
    part = full.with_name(f"{full.name}.p") / str(width)
    return (part if width < 256 and part.exists() else full).read_bytes()


def read_entries(folder: Path, index: int, width: int) -> list[bytes]:
    """Read the first `width` entries of a bundle; each stands behind its length in two bytes."""
    data, at, entries = read_file(folder, "entries", index, width), 0, []
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        entries.append(data[at + 2 : end])
        at = end
    if at != len(data) or len(entries) not in {width, 256}:
        wrong(f"bundle {index} does not hold {width} entries")
    return entries[:width]


def check_tile(folder: Path, level: int, index: int, hashes: list[bytes]) -> None:
    """Check that a tile holds these hashes."""
    data = read_file(folder, str(level), index, len(hashes))
    if data[: 32 * len(hashes)] != b"".join(hashes) or len(data) not in {32 * len(hashes), 32 * 256}:
        wrong(f"tile {index} of level {level} does not hold the hashes of what lies below it")


def check_log(folder: Path, size: int) -> list[bytes]:
    """Hash every entry, compare every tile of every level, and return the roots of the full bundles."""
    full = []
    for index in range(-(-size // 256)):
        leaves = [leaf_hash(entry) for entry in read_entries(folder, index, min(256, size - 256 * index))]
        check_tile(folder, 0, index, leaves)
        if len(leaves) == 256:
            full.append(root_of(leaves))
    level, hashes = 1, full
    while hashes:
        rows = [hashes[at : at + 256] for at in range(0, len(hashes), 256)]
        for index, row in enumerate(rows):
            check_tile(folder, level, index, row)
        level, hashes = level + 1, [root_of(row) for row in rows if len(row) == 256]
    return full


def root_at(folder: Path, full: list[bytes], size: int, whole: int) -> bytes:
    """Return the root over the first `size` of `whole` entries: over full bundles, and one that may be cut."""
    count, rest = divmod(size, 256)
    width = min(256, whole - 256 * count)
    last = [leaf_hash(entry) for entry in read_entries(folder, count, width)[:rest]] if rest else []
    return root_of(full[:count] + ([root_of(last)] if last else []))


# --- What can be asked ----------------------------------------------------------------------------------------------


def ask_log(folder: Path, keys: list[Key], newest: Path, old: Path | None) -> None:
    """Check that the log in this folder is whole and signed, and begins with an older checkpoint."""
    head = read_checkpoint(newest.read_bytes(), keys)
    full = check_log(folder, head.size)
    if root_at(folder, full, head.size, head.size) != head.root:
        wrong("the entries do not have the root that the checkpoint names")
    print(f"ok: {head.origin} has {head.size} entries, signed by {', '.join(head.signers)}")
    if old:
        past = read_checkpoint(old.read_bytes(), [key for key in keys if key.kind == LOG_KEY])
        if (
            past.origin != head.origin
            or past.size > head.size
            or root_at(folder, full, past.size, head.size) != past.root
        ):
            wrong("the log does not begin with the older checkpoint: it was rewritten")
        print(f"ok: it begins with the {past.size} entries of the older checkpoint")


def ask_proof(file: Path, keys: list[Key], folder: Path | None) -> None:
    """Check a proof [F]. Its entry stands in the extra line, as JSON, or in the log's folder."""
    head, _, note = file.read_bytes().partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    extra = decode64(lines.pop(0)[6:]) if lines[0].startswith("extra ") else b""
    carried = json.loads(extra) if extra.startswith(b"{") else {}
    if carried and json.dumps(carried, separators=(",", ":"), ensure_ascii=False).encode() != extra:
        wrong("the extra line is not written in the one right way")
    if first != "c2sp.org/tlog-proof@v1" or not lines[0].startswith("index "):
        wrong("this is no proof file")
    index, proof = decimal(lines[0][6:]), [decode64(line) for line in lines[1:]]
    log = read_checkpoint(note, keys)
    if "entry" in carried:
        entry = carried["entry"].encode()
    elif folder:
        entry = read_entries(folder, index // 256, min(256, log.size - index // 256 * 256))[index % 256]
    else:
        wrong("the proof does not carry its entry: give the log's folder too")
    check_inclusion(leaf_hash(entry), index, log.size, proof, log.root)
    about_a_row = bool(set(carried) - {"entry"})
    if about_a_row:  # before anything is called ok
        check_row(carried, json.loads(entry)["body"])
    print(f"ok: {file.name}: {log.origin}, signed by {', '.join(log.signers)}, has at {index} the entry {entry!r}")
    if about_a_row:
        print(f"ok: {file.name}: row {carried['position']} of that batch is {carried['row'].encode()!r}")


def check_row(carried: dict[str, Any], batch: dict[str, Any]) -> None:
    """Check that a row is one of those that a batch's entry commits to: its leaf has 16 random bytes before the row."""
    leaf = leaf_hash(unhex(carried["salt"]) + carried["row"].encode())
    siblings = [unhex(sibling) for sibling in carried["siblings"]]
    check_inclusion(leaf, decimal(str(carried["position"])), batch["padded"], siblings, unhex(batch["root"]))


def ask_continues(file: Path, keys: list[Key], old: Path) -> None:
    """Check a proof that leads from one checkpoint to the next, in the form in which witnesses are sent it."""
    head, _, note = file.read_bytes().partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    past = read_checkpoint(old.read_bytes(), [key for key in keys if key.kind == LOG_KEY])
    new = read_checkpoint(note, keys)
    if first != f"old {past.size}" or past.origin != new.origin:
        wrong("the proof begins at another checkpoint")
    check_consistency(past.size, new.size, past.root, new.root, [decode64(line) for line in lines])
    print(f"ok: {file.name}: {new.origin} of {new.size} entries begins with its {past.size} entries")


def main(arguments: list[str]) -> int:
    """Check what the command line asks for, and say what was found."""
    parser = argparse.ArgumentParser(description="Check a transparency log, or proofs taken from it.")
    parser.add_argument("folder", nargs="?", type=Path, help="the log's folder")
    parser.add_argument("--vkey", action="append", default=[], help="a key of the log or of a witness")
    parser.add_argument("--head", type=Path, help="what to check instead of the folder's own file `checkpoint`")
    parser.add_argument("--checkpoint", type=Path, help="an older checkpoint that you trust")
    parser.add_argument("--proof", action="append", default=[], type=Path, help="a .tlog-proof file")
    parser.add_argument("--continues", type=Path, help="a proof that a newer checkpoint continues --checkpoint")
    asked = parser.parse_args(arguments)
    if not (asked.folder or asked.vkey) or not (asked.folder or asked.proof or asked.continues):
        parser.error("give a folder, or --vkey with --proof or --continues")
    if asked.continues and not asked.checkpoint:
        parser.error("--continues needs --checkpoint")
    try:
        keys = [read_key(vkey) for vkey in asked.vkey or (asked.folder / "vkey").read_text().split()]
        if not asked.vkey:
            print("note: the key is the folder's own; give --vkey with one that you have from elsewhere")
        if asked.folder:
            ask_log(asked.folder, keys, asked.head or asked.folder / "checkpoint", asked.checkpoint)
        for file in asked.proof:
            ask_proof(file, keys, asked.folder)
        if asked.continues:
            ask_continues(asked.continues, keys, asked.checkpoint)
    except Wrong as error:
        print(f"WRONG: {error}")
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        print(f"WRONG: something is missing or is not what it should be: {error!r}")
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
