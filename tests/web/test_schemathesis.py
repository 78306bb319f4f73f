"""Whatever is asked, no answer is a 5xx: requests made from the OpenAPI document, as nobody, a person and an admin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from tests.web.client import BASE

if TYPE_CHECKING:
    from fastapi import FastAPI

    from tests.web.client import Browser

LIMITS = settings(
    max_examples=8,
    deadline=None,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
"""Some fifty operations: all of it stays under a minute."""


@pytest.mark.parametrize("who", ["anonymous", "person", "admin"])
def test_no_request_breaks_it(app: FastAPI, signed_in: dict[str, Browser], who: str) -> None:
    schema = schemathesis.openapi.from_dict(app.openapi())
    browser = signed_in[who]
    asked = 0

    def ask(case: schemathesis.Case) -> None:
        nonlocal asked
        sent = case.as_transport_kwargs(base_url=BASE)
        headers = {name: value for name, value in (sent.get("headers") or {}).items() if name.lower() != "cookie"}
        body = {part: sent[part] for part in ("data", "json") if sent.get(part)}
        answer = browser.ask(sent["method"], sent["url"], params=sent.get("params"), headers=headers, **body)
        asked += 1
        assert answer.status_code < 500, f"{case.method} {case.path}: {answer.text[:300]}"

    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path not in {"/sign-out", "/me/leave"}:
            LIMITS(given(case=operation.as_strategy())(ask))()
    assert asked > 200
