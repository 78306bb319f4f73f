"""Find the line of a TOML file that a key stands on, for messages to people."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["line_of"]

_HEADER = re.compile(r"\s*(\[\[?)(?P<key>[^\[\]]+)\]\]?\s*(?:#.*)?$")
_KEY = re.compile(
    r"""\s*(?P<key>(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*="""
)


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    """Return the line, from 1, of the longest known beginning of `path`, else of the first key inside it."""
    best, found, inside = 0, None, None
    table: list[str | int] = []
    arrays: dict[tuple[str | int, ...], int] = {}
    quotes = None
    for number, line in enumerate(text.splitlines(), 1):
        if quotes:
            quotes = None if quotes in line else quotes
            continue
        if header := _HEADER.match(line):
            table = list(_parts(header["key"]))
            if header[1] == "[[":
                arrays[tuple(table)] = arrays.get(tuple(table), -1) + 1
                table.append(arrays[tuple(table)])
            here = table
        elif key := _KEY.match(line):
            here = table + _parts(key["key"])
            quotes = next((mark for mark in ('"""', "'''") if line.count(mark) % 2), None)
        else:
            continue
        if len(here) > best and list(path[: len(here)]) == here:
            best, found = len(here), number
        elif inside is None and path and here[: len(path)] == list(path):
            inside = number
    return found or inside


def _parts(key: str) -> list[str | int]:
    """Return the parts of a dotted key; none when it is no key."""
    try:
        value: object = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        return []
    parts: list[str | int] = []
    while isinstance(value, dict):
        ((name, value),) = value.items()
        parts.append(name)
    return parts
