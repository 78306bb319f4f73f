"""Each page's JSON twin is its documented context, whole and nothing else."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec import inspect

from ombud.web.app import MODULES
from ombud.web.pages import PageSpec, twin_path
from ombud.web.problems import Problem
from tests.web.conftest import NOBODY

if TYPE_CHECKING:
    from fastapi import FastAPI

    from tests.web.client import Browser
    from tests.web.seeding import World

SHOWN = [spec for module in MODULES for spec in module.specs if spec.shows is not None]
TWINS = [spec for spec in SHOWN if spec.twin]


def _structs(root: type) -> set[type]:
    """Return the structs of ours that a context is made of."""
    found: set[type] = set()

    def walk(node: inspect.Type) -> None:
        if isinstance(node, inspect.Metadata):
            walk(node.type)
        elif isinstance(node, inspect.StructType):
            if node.cls not in found:
                found.add(node.cls)
                for field in node.fields:
                    walk(field.type)
        elif isinstance(node, inspect.UnionType):
            for part in node.types:
                walk(part)
        elif isinstance(node, (inspect.ListType, inspect.VarTupleType)):
            walk(node.item_type)
        elif isinstance(node, inspect.DictType):
            walk(node.value_type)

    walk(inspect.type_info(root))
    return found


@pytest.mark.parametrize("spec", SHOWN, ids=lambda spec: spec.path)
def test_every_field_of_a_context_is_documented(spec: PageSpec) -> None:
    assert spec.shows is not None
    ours = [cls for cls in _structs(spec.shows) if cls.__module__.startswith("ombud.web")]
    assert spec.shows in ours
    for cls in ours:
        assert cls.__doc__, cls
        for name, hint in typing.get_type_hints(cls, include_extras=True).items():
            docs = [m.description for m in getattr(hint, "__metadata__", ()) if isinstance(m, msgspec.Meta)]
            assert docs, f"{cls.__name__}.{name} has no description"
            assert str(docs[0]).endswith("."), f"{cls.__name__}.{name}: a description is a sentence"
        assert issubclass(cls, msgspec.Struct)
        assert cls.__struct_config__.frozen, cls


@pytest.mark.parametrize("spec", TWINS, ids=lambda spec: spec.path)
def test_twin_is_the_context_and_is_announced(signed_in: dict[str, Browser], world: World, spec: PageSpec) -> None:
    values: dict[str, Any] = {
        "number": world.case,
        "place": 1,
        "figure": world.public_figure,
        "ad": world.ad,
        "slug": world.page,
        "app": world.app,
        "digest": world.policy,
        "index": 20,
    }
    path = spec.path.format(**values)
    who = {"public": NOBODY, "person": "person"}.get(str(spec.access), "admin")
    assert f'href="{twin_path(path)}"' in signed_in[who].get(path).text
    answer = signed_in[who].get(twin_path(path))
    assert answer.headers["content-type"] == "application/json"
    assert spec.shows is not None
    document: Any = msgspec.json.decode(answer.content, type=spec.shows, strict=True)
    names = {field.encode_name for field in msgspec.structs.fields(spec.shows)}
    assert set(answer.json()) <= names
    assert document == msgspec.json.decode(msgspec.json.encode(document), type=spec.shows)


def test_openapi_describes_every_twin(app: FastAPI, signed_in: dict[str, Browser]) -> None:
    document = signed_in[NOBODY].get("/openapi.json").json()
    assert document == msgspec.json.decode(msgspec.json.encode(app.openapi()))
    for spec in TWINS:
        schema = document["paths"][twin_path(spec.path)]["get"]["responses"]["200"]["content"]["application/json"]
        name = schema["schema"]["$ref"].rsplit("/", 1)[-1]
        assert name in document["components"]["schemas"]
    described = document["components"]["schemas"]["CasePage"]["properties"]
    assert all("description" in field for field in described.values())
    identifiers = [op["operationId"] for item in document["paths"].values() for op in item.values()]
    assert len(identifiers) == len(set(identifiers))


def test_errors_of_twins_are_problem_documents(signed_in: dict[str, Browser]) -> None:
    answer = signed_in[NOBODY].get("/archive/ads/none-such.json")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    problem = msgspec.json.decode(answer.content, type=Problem)
    assert problem.status == 404
    assert "none-such" in problem.detail


def test_case_twin_takes_its_purpose_from_a_header(browse: Any, world: World) -> None:  # noqa: ANN401 - the fixture's maker
    browser = browse().sign_in("analyst")
    path = f"/console/cases/{world.case}"
    assert browser.get(f"{path}.json").json()["detail"] is None
    assert browser.get(f"{path}/graph.json").status_code == 403
    told = browser.get(f"{path}.json", headers={"Ombud-Purpose": "quality"}).json()
    assert told["purpose"] == "quality"
    assert len(told["detail"]["members"]) == 24
    assert browser.get(f"{path}/graph.json", headers={"Ombud-Purpose": "curiosity"}).status_code == 403


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/archive", "text/html"),
        ("/archive.json", "application/json"),
        ("/archive/ads.csv", "text/csv"),
        ("/console/cases/{number}/members.csv", "text/csv"),
    ],
)
def test_openapi_states_the_type_that_is_sent_and_no_other(app: FastAPI, path: str, kind: str) -> None:
    assert list(app.openapi()["paths"][path]["get"]["responses"]["200"]["content"]) == [kind]
