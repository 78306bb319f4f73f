"""AuthZEN's discovery document: where the gate's endpoints are."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from ombud.model.errors import InputError

__all__ = ["PATHS", "WELL_KNOWN", "Configuration", "configuration", "well_known_path"]

WELL_KNOWN = "/.well-known/authzen-configuration"
PATHS = {
    "access_evaluation_endpoint": "/access/v1/evaluation",
    "access_evaluations_endpoint": "/access/v1/evaluations",
    "search_subject_endpoint": "/access/v1/search/subject",
    "search_resource_endpoint": "/access/v1/search/resource",
    "search_action_endpoint": "/access/v1/search/action",
}
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Configuration(msgspec.Struct, frozen=True):
    """Where the gate's endpoints are."""

    policy_decision_point: Annotated[str, Meta(description="The address of the gate.")]
    access_evaluation_endpoint: Annotated[str, Meta(description="Where one question is asked.")]
    access_evaluations_endpoint: Annotated[str, Meta(description="Where several are asked at once.")]
    search_subject_endpoint: Annotated[str, Meta(description="Where one asks who may.")]
    search_resource_endpoint: Annotated[str, Meta(description="Where one asks on what.")]
    search_action_endpoint: Annotated[str, Meta(description="Where one asks what may be done.")]


def configuration(url: str) -> Configuration:
    """Return the document of a gate that is reached under `url`.

    Raises `InputError` unless it is an https address without query or
    fragment; http is taken on this machine only.
    """
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not (parts.scheme == "https" or local) or not parts.hostname or parts.query or parts.fragment or "@" in url:
        raise InputError(
            "The gate's address must be an https address without a query.",
            hint="Say it as https://gate.example.org, the address under which the platform's services reach it.",
        )
    stem = url.rstrip("/")
    return Configuration(policy_decision_point=stem, **{name: stem + path for name, path in PATHS.items()})


def well_known_path(url: str) -> str:
    """Return the path of the document: the well-known name stands before the address's own path."""
    return WELL_KNOWN + urlsplit(url).path.rstrip("/")
