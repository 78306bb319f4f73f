"""What is wrong with a policy file, said with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.gate.policy.lines import line_of
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PolicyError", "Source"]


class PolicyError(InputError):
    """The policy is wrong."""


class Source:
    """The text of a policy and what it is called in messages."""

    def __init__(self, name: str, text: str) -> None:
        """Take the file's name and its text."""
        self.name = name
        self.text = text

    def fault(self, path: Sequence[str | int], what: str, hint: str) -> PolicyError:
        """Return an error about the key at `path`: file, line where it can be found, key, what, and what to do."""
        line = line_of(self.text, path)
        key = ".".join(str(part) for part in path)
        place = self.name if line is None else f"{self.name}, line {line}"
        return PolicyError(f"{place}: `{key}` {what}." if key else f"{place}: {what}.", hint=hint)
