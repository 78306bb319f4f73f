"""Ask a gate from the platform's own code: one in this process, or one over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import httpx
import msgspec

from ombud.gate.request import Decision, Refusal
from ombud.model.errors import InputError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ombud.gate.request import Outcome, ReadRequest
    from ombud.gate.wire.reads import Reads

__all__ = ["Ask", "AskHere", "AskThere", "NoAnswerError"]


class NoAnswerError(RefusedError):
    """The gate gave no answer, so nothing goes out."""


class Ask(Protocol):
    """Decides reads and puts them on record; a part of the fields is taken."""

    async def __call__(self, requests: Sequence[ReadRequest]) -> list[Decision]:
        """Return one decision for each request, in order. Raises an `OmbudError` when nothing may go out."""


class AskHere:
    """Asks the gate of this process."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def __call__(self, requests: Sequence[ReadRequest]) -> list[Decision]:
        """Decide, and return once the reads are on record."""
        decided = [(request, self._reads.judge(request, partial=True)) for request in requests]
        await self._reads.keep(decided)
        return [decision for _, decision in decided]


class _Told(msgspec.Struct, frozen=True):
    id: str
    outcome: str
    allowed: tuple[str, ...]
    refused: tuple[Refusal, ...]
    policy: str
    path: str


class _Answer(msgspec.Struct, frozen=True):
    decision: bool
    context: _Told | None = None


class _Answers(msgspec.Struct, frozen=True):
    evaluations: list[msgspec.Raw]


class AskThere:
    """Asks a gate over HTTP, in AuthZEN's words: `url` is its address, `key` this service's key."""

    def __init__(self, url: str, key: str, *, client: httpx.AsyncClient | None = None, seconds: float = 5.0) -> None:
        """Take the address and the key; `client` when the service has one already."""
        self._url = url.rstrip("/") + "/access/v1/evaluations"
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._client = client or httpx.AsyncClient(timeout=seconds)

    async def __call__(self, requests: Sequence[ReadRequest]) -> list[Decision]:
        """Ask all at once. Raises `NoAnswerError` when the gate does not answer each of them."""
        if not requests:
            return []
        body = msgspec.json.encode({"evaluations": [_asked(request) for request in requests]})
        try:
            response = await self._client.post(self._url, content=body, headers=self._headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NoAnswerError(f"The gate cannot be reached: {type(error).__name__}.") from error
        if response.status_code != httpx.codes.OK:
            raise NoAnswerError(f"The gate answered {response.status_code}.")
        try:
            answers = msgspec.json.decode(response.content, type=_Answers).evaluations
            found = [_decision(request, raw) for request, raw in zip(requests, answers, strict=True)]
        except (msgspec.DecodeError, ValueError) as error:
            raise NoAnswerError("The gate's answer cannot be read.") from error
        return found

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _asked(request: ReadRequest) -> dict[str, Any]:
    """Return a read as an AuthZEN evaluation that takes a part of the fields."""
    if request.at is not None:
        raise InputError("A gate over HTTP decides by its own clock.", hint="Leave `at` out.")
    properties: dict[str, Any] = {"fields": request.fields, "purpose": request.purpose, "partial": True}
    by = {name: value for name, value in (("key", request.key), ("acts_for", request.acts_for)) if value is not None}
    if request.through is not None:
        properties["through"] = request.through
    asked: dict[str, Any] = {
        "subject": {"type": "app", "id": request.app, **({"properties": by} if by else {})},
        "action": {"name": "read"},
        "resource": {"type": "person", "id": request.person, "properties": properties},
    }
    if request.region is not None:
        asked["context"] = {"region": request.region}
    return asked


def _decision(request: ReadRequest, raw: msgspec.Raw) -> Decision:
    """Return the decision in an answer; one that the gate refused by itself refuses every field."""
    try:
        answer = msgspec.json.decode(raw, type=_Answer)
    except msgspec.ValidationError:
        answer = None
    told = answer.context if answer is not None else None
    if answer is None or told is None or answer.decision != (told.outcome != "refused"):
        return Decision("", "refused", (), tuple(Refusal(name, "bad-request") for name in request.fields), "", "-")
    allowed = tuple(name for name in told.allowed if name in request.fields) if answer.decision else ()
    outcome: Outcome = (
        "refused" if not allowed else "allowed" if len(allowed) == len(set(request.fields)) else "reduced"
    )
    return Decision(told.id, outcome, allowed, told.refused, told.policy, told.path)
