"""Every error that a user can meet.

::

    OmbudError
    ├── UsageError          the command or its input is wrong        exit 2
    │   ├── InputError      a file or row that cannot be taken
    │   └── NotFoundError   an id that nothing has
    ├── MissingError        something is not on this machine         exit 3
    ├── RefusedError        a rule or another process says no        exit 4
    │   ├── BusyError       another process holds the workspace
    │   └── AccessError     this role may not do that
    └── StorageError        the disk or the database failed          exit 4

A subclass's docstring is its message when none is given. Bad input never
raises anything else to a user.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "AccessError",
    "BusyError",
    "InputError",
    "MissingError",
    "NotFoundError",
    "OmbudError",
    "RefusedError",
    "StorageError",
    "UsageError",
]


class OmbudError(Exception):
    """Something went wrong in Ombud."""

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        """Take what happened and where (`message`), and what to do about it (`hint`)."""
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        self.hint = hint
        super().__init__(self.message)

    def __str__(self) -> str:
        """Say what happened and, when known, what to do: two sentences."""
        return f"{self.message} {self.hint}" if self.hint else self.message


class UsageError(OmbudError):
    """The command or its input is wrong."""

    exit_code = 2


class InputError(UsageError):
    """The input cannot be read."""


class NotFoundError(UsageError):
    """Nothing has this id."""


class MissingError(OmbudError):
    """Something this needs is not on this machine."""

    exit_code = 3


class RefusedError(OmbudError):
    """A rule refuses this."""

    exit_code = 4


class BusyError(RefusedError):
    """Another process is writing to this workspace."""


class AccessError(RefusedError):
    """Your role may not do this."""


class StorageError(OmbudError):
    """The disk or the database refused a write; nothing acknowledged is lost."""

    exit_code = 4
