"""What the gate answers when a request itself is wrong: a status and one sentence, never data."""

from __future__ import annotations

from ombud.model.errors import OmbudError

__all__ = ["WireError"]


class WireError(OmbudError):
    """The request cannot be taken."""

    def __init__(self, message: str, *, status: int = 400, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """Take a sentence that repeats nothing of the request, its HTTP status, and headers to add."""
        super().__init__(message)
        self.status = status
        self.headers = headers
