"""Identifiers: random ones for what happens once, derived ones for what can be computed again."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Any

__all__ = ["canonical_json", "derived_id", "random_id", "sha256_hex"]

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u


def _base32(number: int, digits: int) -> str:
    out = []
    for _ in range(digits):
        number, rest = divmod(number, 32)
        out.append(_ALPHABET[rest])
    return "".join(reversed(out))


def random_id(kind: str) -> str:
    """Return a new id such as `case_7m2k...`: 80 random bits after the kind."""
    return f"{kind}_{_base32(secrets.randbits(80), 16)}"


def derived_id(kind: str, *parts: object) -> str:
    """Return the id that these parts always have: the same computation, the same id.

    80 bits of SHA-256 over the canonical JSON of `parts`, so that running a
    detector twice over the same rows writes the same finding once.
    """
    digest = hashlib.sha256(canonical_json([kind, *parts]).encode()).digest()
    return f"{kind}_{_base32(int.from_bytes(digest[:10], 'big'), 16)}"


def canonical_json(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return JSON with sorted keys and no spaces, the same text for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=str)


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of `data` in lower-case hexadecimal."""
    return hashlib.sha256(data).hexdigest()
