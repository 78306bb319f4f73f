"""The gate's routes, each with who may use it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec

from ombud.gate.wire.callers import CONSENT, DECIDE, NGINX, PUBLIC, SEARCH, Access
from ombud.gate.wire.consenting import CONSENTS_PATH, ConsentChange, ConsentState, change_consent
from ombud.gate.wire.discovery import PATHS, Configuration
from ombud.gate.wire.messages import (
    ActionSearch,
    ActionsFound,
    Answer,
    Answers,
    Batch,
    EntitiesFound,
    Evaluation,
    ResourceSearch,
    SubjectSearch,
)
from ombud.gate.wire.search import search_actions, search_resources, search_subjects

if TYPE_CHECKING:
    from ombud.gate.wire.point import DecisionPoint

__all__ = ["BODY", "NGINX_PATH", "QUESTIONS", "Health", "PlainRoute", "QuestionRoute", "plain_routes"]

BODY = 64 * 1024
"""Bytes of one question, at most."""
BATCH_BODY = 1024 * 1024
"""Bytes of a batch, at most."""
NGINX_PATH = "/nginx"


class QuestionRoute(msgspec.Struct, frozen=True, dict=True):
    """A route that takes a JSON question by POST."""

    path: str
    access: Access
    summary: str
    asks: Any
    answers: Any
    handle: Callable[[Any, Any], Awaitable[Any]]
    """from the decision point and the question to the answer"""
    limit: int = BODY

    @cached_property
    def decoder(self) -> msgspec.json.Decoder[Any]:
        """Return what reads the question."""
        return msgspec.json.Decoder(self.asks)


class PlainRoute(msgspec.Struct, frozen=True):
    """A route without a body."""

    path: str
    access: Access
    summary: str
    answers: Any


class Health(msgspec.Struct, frozen=True):
    """Whether the gate can decide."""

    ok: bool
    policy: str
    """the hash of the policy in force"""


async def _evaluate(point: DecisionPoint, asked: Evaluation) -> Answer:
    return await point.evaluate(asked)


async def _evaluate_all(point: DecisionPoint, asked: Batch) -> Answer | Answers:
    return await point.evaluate_all(asked)


QUESTIONS: dict[str, QuestionRoute] = {
    route.path: route
    for route in (
        QuestionRoute(
            path=PATHS["access_evaluation_endpoint"],
            access=DECIDE,
            summary="Whether a subject may do something",
            asks=Evaluation,
            answers=(Answer,),
            handle=_evaluate,
        ),
        QuestionRoute(
            path=PATHS["access_evaluations_endpoint"],
            access=DECIDE,
            summary="Several questions at once",
            asks=Batch,
            answers=(Answers, Answer),
            handle=_evaluate_all,
            limit=BATCH_BODY,
        ),
        QuestionRoute(
            path=PATHS["search_subject_endpoint"],
            access=SEARCH,
            summary="Who may do something",
            asks=SubjectSearch,
            answers=(EntitiesFound,),
            handle=search_subjects,
        ),
        QuestionRoute(
            path=PATHS["search_resource_endpoint"],
            access=SEARCH,
            summary="To what a subject may do something",
            asks=ResourceSearch,
            answers=(EntitiesFound,),
            handle=search_resources,
        ),
        QuestionRoute(
            path=PATHS["search_action_endpoint"],
            access=SEARCH,
            summary="What a subject may do",
            asks=ActionSearch,
            answers=(ActionsFound,),
            handle=search_actions,
        ),
        QuestionRoute(
            path=CONSENTS_PATH,
            access=CONSENT,
            summary="What a person allows an app",
            asks=ConsentChange,
            answers=(ConsentState,),
            handle=change_consent,
        ),
    )
}
"""Routes with a JSON question, by path."""


def plain_routes(well_known: str) -> dict[str, PlainRoute]:
    """Return the routes without a body, by path."""
    return {
        route.path: route
        for route in (
            PlainRoute(well_known, PUBLIC, "Where the endpoints are", Configuration),
            PlainRoute("/health", PUBLIC, "Whether the gate can decide", Health),
            PlainRoute("/openapi.json", PUBLIC, "This document", None),
            PlainRoute(NGINX_PATH, NGINX, "A read, asked by nginx's auth_request in headers", None),
        )
    }
