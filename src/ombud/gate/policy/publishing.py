"""What goes on the ledger when a policy is put in force, and back."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import rfc8785

from ombud.gate.policy.checking import check
from ombud.gate.policy.faults import PolicyError, Source
from ombud.gate.policy.language import LANGUAGE, Policy

__all__ = ["ENTRY", "publication", "published"]

ENTRY = "policy"
"""The type of the ledger's entry."""


def publication(policy: Policy) -> dict[str, Any]:
    """Return the body of the ledger entry of a policy: its name, version, hash and whole text.

    The hash is that of `document` as canonical JSON, so anyone can check it.
    """
    return {"document": policy.document, "hash": policy.hash, "name": policy.name, "version": policy.version}


def published(body: dict[str, Any]) -> Policy:
    """Return the policy of such a body; `PolicyError` when hash and text differ or the text is no policy."""
    source = Source("the published policy", "")
    document = body.get("document")
    if not isinstance(document, dict) or document.get("ombud-policy") != LANGUAGE:
        raise source.fault([], "it is no policy that this release reads", "Read it with the release that wrote it.")
    if hashlib.sha256(rfc8785.dumps(document)).hexdigest() != body.get("hash"):
        raise source.fault([], "its text does not have the hash that it was published with", "Do not use it.")
    try:
        policy = msgspec.convert({k: v for k, v in document.items() if k != "ombud-policy"}, Policy)
    except msgspec.ValidationError as error:
        raise PolicyError(f"The published policy is wrong: {error}.", hint="Do not use it.") from error
    check(policy, source)
    return policy
