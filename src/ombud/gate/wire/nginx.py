"""Answer nginx's `auth_request`: the question is in headers that nginx sets, the answer is a status and headers.

nginx takes 2xx as yes and 401 or 403 as no; anything else makes it answer
500, so a gate that is down or confused lets nothing through. Values are taken
as they are, never percent-decoded: a value that somebody decodes once more is
another person's id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.gate.request import ReadRequest
from ombud.gate.wire.exchange import Exchange, Headers, Reply, text_reply
from ombud.gate.wire.faults import WireError
from ombud.gate.wire.reads import FIELDS, Reads
from ombud.gate.wire.strict import check_id

if TYPE_CHECKING:
    from ombud.gate.request import Decision
    from ombud.gate.wire.tokens import AppToken, TokenReader

__all__ = ["KEY_HEADER", "answer_nginx"]

KEY_HEADER = b"x-ombud-key"
_CHALLENGE: Headers = ((b"www-authenticate", b'Bearer error="invalid_token"'),)


async def answer_nginx(exchange: Exchange, reads: Reads, tokens: TokenReader | None) -> Reply:
    """Decide one read and put it on record. Raises the recorder's errors when nothing may go out."""
    try:
        token = None
        if tokens is not None:
            bearer = exchange.bearer()
            token = await tokens.read(bearer) if bearer else None
            if token is None:
                return text_reply(401, "The app's token is missing or not valid.", _CHALLENGE)
        request = _request(exchange, token)
        partial = exchange.text(b"x-ombud-partial") == "yes"
    except WireError as error:
        return text_reply(403, error.message, ((b"x-ombud-reason", b"bad-request"),))
    decision = reads.judge(request, partial=partial)
    await reads.keep([(request, decision)])
    return _reply(decision)


def _request(exchange: Exchange, token: AppToken | None) -> ReadRequest:
    app = _value(exchange, b"x-ombud-app")
    if token is not None:
        if app and app != token.app:
            raise WireError("The token was given to another app.")
        app = token.app
    if not app:
        raise WireError("The header x-ombud-app is missing.")
    named = [field.strip() for field in (_value(exchange, b"x-ombud-fields") or "").split(",")]
    fields = tuple(dict.fromkeys(field for field in named if field))
    if not 1 <= len(fields) <= FIELDS:
        raise WireError(f"The header x-ombud-fields must name 1 to {FIELDS} fields.")
    for field in fields:
        check_id(field, "A field")
    return ReadRequest(
        app=check_id(app, "The app"),
        person=_needed(exchange, b"x-ombud-person"),
        fields=fields,
        purpose=_needed(exchange, b"x-ombud-purpose"),
        through=_value(exchange, b"x-ombud-through"),
        region=_value(exchange, b"x-ombud-region"),
        key=token.key if token else None,
        acts_for=token.acts_for if token else None,
    )


def _value(exchange: Exchange, name: bytes) -> str | None:
    """Return a header's value, None when it is absent or empty. Raises `WireError`."""
    value = exchange.text(name)
    if not value:
        return None
    if "%" in value:
        raise WireError(f"The header {name.decode()} is percent-encoded: capture it from the path instead.")
    if name == b"x-ombud-fields":
        return value
    return check_id(value, f"The header {name.decode()}")


def _needed(exchange: Exchange, name: bytes) -> str:
    value = _value(exchange, name)
    if value is None:
        raise WireError(f"The header {name.decode()} is missing.")
    return value


def _reply(decision: Decision) -> Reply:
    headers: Headers = (
        (b"x-ombud-decision", decision.outcome.encode()),
        (b"x-ombud-read", decision.id.encode()),
        (b"x-ombud-policy", decision.policy.encode()),
        (b"x-ombud-allowed", ",".join(decision.allowed).encode()),
    )
    if decision.outcome != "refused":
        return Reply(200, b"", headers)
    reasons = ",".join(dict.fromkeys(refusal.reason for refusal in decision.refused))
    return text_reply(403, "The policy refuses this read.", (*headers, (b"x-ombud-reason", reasons.encode())))
