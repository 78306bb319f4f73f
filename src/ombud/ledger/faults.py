"""What can be wrong with a log, or with something that is said to come from it.

::

    LogError                what a log says does not hold
    ├── FormatError         bytes that are not what they should be
    ├── SignatureError      a note that nobody trusted signed, or signed wrongly
    ├── ProofError          a proof that does not prove
    ├── AbsentError         the log has no such file
    └── UnreachableError    the log did not answer, or not as a log does
"""

from __future__ import annotations

from ombud.model.errors import InputError

__all__ = ["AbsentError", "FormatError", "LogError", "ProofError", "SignatureError", "UnreachableError"]


class LogError(InputError):
    """The log, or something taken from it, is wrong."""


class FormatError(LogError):
    """These bytes are not in the format they should be in."""


class SignatureError(LogError):
    """The note is not signed by anyone who is trusted here."""


class ProofError(LogError):
    """The proof does not prove what it says."""


class AbsentError(LogError):
    """The log does not have this file."""


class UnreachableError(LogError):
    """The log did not answer as a log does."""
