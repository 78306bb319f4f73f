"""The weights of the ranking: data that anyone can read, with a hash."""

from __future__ import annotations

import hashlib
import tomllib
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING

import msgspec

from ombud.model.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CODES", "Weights", "load_weights"]

CODES = (
    "absent", "coverage", "circles", "strangers", "runs", "via_friends", "per_user", "after_end", "off_purpose",
    "sensitivity", "beyond_category", "burst",
)  # fmt: skip
"""Every signal."""
_LANGUAGE = 1


class Weights(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab", dict=True):
    """How signals are weighed."""

    ombud_weights: int
    """the version of this file's language"""
    cap: float
    """decades that one signal counts at most"""
    level: float
    """score from which on an app is reported"""
    weights: dict[str, float]
    """by signal; one that is left out counts nothing"""

    @cached_property
    def hash(self) -> str:
        """Return the SHA-256 of the weights as canonical JSON."""
        return hashlib.sha256(msgspec.json.encode(self, order="deterministic")).hexdigest()


def load_weights(path: Path | None = None) -> Weights:
    """Read weights from a file; those that ship if unset. Raises `InputError` with what is wrong."""
    name = str(path) if path else "weights.toml"
    hint = "Copy the weights that ship, `src/ombud/audit/ranking/weights.toml`, and change the numbers."
    try:
        text = path.read_text(encoding="utf-8") if path else (files(__package__) / name).read_text(encoding="utf-8")
        found = msgspec.convert(tomllib.loads(text), Weights)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InputError(f"The weights {name} cannot be read: {error}.", hint=hint) from error
    if found.ombud_weights != _LANGUAGE:
        raise InputError(f"The weights {name} are of version {found.ombud_weights}.", hint=f"Write {_LANGUAGE}.")
    if unknown := sorted(found.weights.keys() - set(CODES)):
        raise InputError(
            f"The weights {name} name `{unknown[0]}`, which is no signal.", hint=f"Say {', '.join(CODES)}."
        )
    numbers = (found.cap, found.level, *found.weights.values())
    if not all(0 <= number < float("inf") for number in numbers) or not found.cap:
        raise InputError(f"The weights {name} hold a number that is negative or none.", hint=hint)
    return found
