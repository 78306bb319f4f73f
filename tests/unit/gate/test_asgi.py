"""The middleware and the dependency around a real FastAPI service: what is refused never goes out."""

from __future__ import annotations

import gzip
import json
import zlib
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from fastapi import Depends, FastAPI, HTTPException, Request, Response, WebSocket
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import BaseModel
from starlette.middleware.gzip import GZipMiddleware

from ombud.gate.asgi import PEOPLE, GateMiddleware, Guard, Who, gated
from ombud.gate.asking import AskHere, NoAnswerError
from ombud.gate.request import Decision  # noqa: TC001 - FastAPI reads it
from ombud.gate.shapes import Shape
from ombud.model.errors import InputError, StorageError
from tests.gate_client import Client, ListedReads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

LIMIT = 20_000
PROFILE = Shape({"name": "name", "email": "email", "score": "name"}, free=("id",))
LISTING = Shape({"name": "name", "email": "email"}, free=("id",), each="people[]", around=("next",))
PEOPLE_KEPT = {
    "p1": {"id": "p1", "name": "One", "email": "one@example.org", "score": 0.1},
    "p2": {"id": "p2", "name": "Two", "email": "two@example.org", "score": 2},
    "p9": {"id": "p9", "name": "Nine", "email": "nine@example.org", "score": 9},
}


class Profile(BaseModel):
    id: str
    name: str
    email: str
    score: float


async def who(request: Request) -> Who | None:
    app = request.headers.get("x-app")
    return Who(app, "service") if app else None


def service() -> FastAPI:
    """Return a service that knows nothing of the gate but for one route."""
    app = FastAPI()

    @app.get("/people/{person}")
    def profile(person: str, request: Request) -> dict[str, Any]:
        assert "range" not in request.headers
        if person not in PEOPLE_KEPT:
            raise HTTPException(404, "nobody")
        return PEOPLE_KEPT[person]

    @app.get("/typed/{person}", response_model=Profile)
    def typed(person: str, decision: Annotated[Decision | None, Depends(gated(PROFILE))]) -> dict[str, Any]:
        assert decision is not None
        return PEOPLE_KEPT[person]

    @app.get("/people")
    def people(number: int = 3) -> dict[str, Any]:
        listed = [*PEOPLE_KEPT.values(), *({"id": f"q{n}"} for n in range(number - 3))]
        return {"people": listed, "next": "/people?page=2", "owner": PEOPLE_KEPT["p1"]}

    @app.get("/open")
    def everybody() -> dict[str, str]:
        return {"open": "data"}

    @app.websocket("/people/{person}")
    async def talk(socket: WebSocket, person: str) -> None:
        await socket.accept()
        await socket.send_json(PEOPLE_KEPT[person])

    _odd_routes(app)
    return app


def _odd_routes(app: FastAPI) -> None:
    """Add answers that are hard to look at."""

    @app.get("/raw/{person}/{kind}")
    def raw(person: str, kind: str) -> Response:
        body = json.dumps(PEOPLE_KEPT[person]).encode()
        packed = {
            "gzip": lambda: gzip.compress(body),
            "deflate": lambda: zlib.compress(body),
            "br": lambda: body,
            "twice": lambda: gzip.compress(zlib.compress(body)),
            "bomb": lambda: gzip.compress(b'{"name":"' + b"x" * 10_000_000 + b'"}'),
            "torn": lambda: gzip.compress(body)[:-9],
            "lie": lambda: body,
        }
        coding = {"twice": "deflate, gzip", "bomb": "gzip", "torn": "gzip", "lie": "gzip"}.get(kind, kind)
        headers = {"etag": '"x"', "digest": "sha-256=x", "cache-control": "public, max-age=600"}
        if kind in packed:
            return Response(
                packed[kind](), media_type="application/json", headers={**headers, "content-encoding": coding}
            )
        kinds: dict[str, Response] = {
            "json": Response(body, media_type="application/json", headers=headers),
            "part": Response(body, 206, media_type="application/json"),
            "utf16": Response(body.decode().encode("utf-16"), media_type="application/json; charset=utf-16"),
            "problem": Response(body, media_type="application/vnd.api+json"),
            "lines": Response(body + b"\n" + body, media_type="application/x-ndjson"),
            "text": PlainTextResponse(body),
            "none": Response(body),
            "broken": Response(body[:-1], media_type="application/json"),
            "large": Response(b'{"name":"' + b"x" * LIMIT + b'"}', media_type="application/json"),
            "empty": Response(status_code=204),
            "same": Response(status_code=304),
            "error": Response(b'{"why":"down"}', 503, media_type="application/json"),
            "away": Response(status_code=307, headers={"location": "/elsewhere"}),
        }
        return kinds[kind]

    @app.get("/stream/{person}")
    def stream(person: str, parts: int = 3) -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            text = json.dumps(PEOPLE_KEPT[person])
            yield text[:1].encode()
            for _ in range(parts):
                yield b" " * 1_000
            yield text[1:].encode()

        return StreamingResponse(pieces(), media_type="application/json")


def guarded(reads: ListedReads, **options: Any) -> FastAPI:  # noqa: ANN401 - the middleware's
    app = service()
    guards = [
        Guard("/people/{person}", PROFILE),
        Guard("/people", LISTING),
        Guard("/raw/{person}/{kind}", PROFILE),
        Guard("/stream/{person}", PROFILE),
    ]
    app.add_middleware(
        GateMiddleware, **{"ask": AskHere(reads), "who": who, "guards": guards, "limit": LIMIT, **options}
    )
    return app


class Visitor(Client):
    def see(self, path: str, app: str | None = "mailer", **headers: str) -> Any:  # noqa: ANN401 - a response
        asked = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.get(path, headers={**({"x-app": app} if app else {}), **asked})


@pytest.fixture
def reads() -> ListedReads:
    return ListedReads()


@pytest.fixture
def visiting() -> Iterator[Callable[[Any], Visitor]]:
    """Return a maker of visitors of any app."""
    opened: list[Visitor] = []

    def visit(app: Any) -> Visitor:  # noqa: ANN401 - any ASGI app
        opened.append(Visitor(app, ""))
        return opened[-1]

    yield visit
    for one in opened:
        one.close()


@pytest.fixture
def visitor(visiting: Callable[[Any], Visitor], reads: ListedReads) -> Visitor:
    return visiting(guarded(reads))


def test_all_of_it(visitor: Visitor, reads: ListedReads) -> None:
    response = visitor.see("/people/p1", range="bytes=0-5")
    assert response.json() == {"id": "p1", "name": "One", "email": "one@example.org", "score": 0.1}
    assert response.headers["content-length"] == str(len(response.content))
    assert response.headers["ombud-reads"] == "d1"
    assert "ombud-refused" not in response.headers
    assert reads.kept[0][0].fields == ("name", "email")


def test_a_part_of_it(visitor: Visitor, reads: ListedReads) -> None:
    response = visitor.see("/people/p1", "quiz")
    assert response.json() == {"id": "p1", "name": "One", "score": 0.1}
    assert response.headers["content-length"] == str(len(response.content))
    assert response.headers["ombud-refused"] == "email;not-granted"
    assert response.headers["cache-control"] == "private, no-store"
    assert reads.kept[0][1].outcome == "reduced"


def test_nothing_of_it(visitor: Visitor, reads: ListedReads) -> None:
    response = visitor.see("/people/p9")
    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["refused"][0]["reason"] == "no-consent"
    assert b"Nine" not in response.content
    assert len(reads.kept) == 1
    assert visitor.see("/people/p1", None).status_code == 401
    assert visitor.see("/people/p1", "forged").status_code == 403


def test_the_dependency(visitor: Visitor, reads: ListedReads) -> None:
    assert visitor.see("/typed/p1", "quiz").json() == {"id": "p1", "name": "One", "score": 0.1}
    assert visitor.see("/typed/p2").json()["email"] == "two@example.org"
    assert visitor.see("/typed/p9").status_code == 403
    assert visitor.see("/typed/p1", None).status_code == 401
    reads.fault = StorageError("full")
    assert visitor.see("/typed/p1").status_code == 503


def test_the_dependency_without_the_middleware_gives_nothing(visiting: Callable[[Any], Visitor]) -> None:
    visitor = visiting(service())
    with pytest.raises(Exception, match="middleware is missing"):
        visitor.see("/typed/p1")


def test_guarded_twice_is_a_mistake_that_closes(visiting: Callable[[Any], Visitor], reads: ListedReads) -> None:
    visitor = visiting(guarded(reads, guards=[Guard("/typed/{person}", PROFILE)]))
    assert visitor.see("/typed/p1").status_code == 503


def test_several_people(visitor: Visitor, reads: ListedReads) -> None:
    response = visitor.see("/people", "quiz")
    assert response.json() == {
        "people": [{"id": "p1", "name": "One"}, {"id": "p2", "name": "Two"}, {"id": "p9"}],
        "next": "/people?page=2",
    }
    assert [request.person for request, _ in reads.kept] == ["p1", "p2", "p9"]
    assert response.headers["ombud-reads"] == "d1,d2,d3"
    assert visitor.see(f"/people?number={PEOPLE + 1}").status_code == 500
    assert visitor.see("/people", None).status_code == 401
    reads.fault = StorageError("full")
    failed = visitor.see("/people")
    assert failed.status_code == 503
    assert b"One" not in failed.content


@pytest.mark.parametrize("kind", ["json", "gzip", "deflate", "twice", "problem"])
def test_packed_or_not(visitor: Visitor, kind: str) -> None:
    response = visitor.see(f"/raw/p1/{kind}", "quiz")
    assert response.status_code == 200
    assert response.json() == {"id": "p1", "name": "One", "score": 0.1}
    for header in ("content-encoding", "etag", "digest"):
        assert header not in response.headers
    assert response.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize(
    "kind", ["br", "bomb", "torn", "lie", "part", "utf16", "lines", "text", "none", "broken", "large"]
)
def test_what_cannot_be_looked_at_does_not_go_out(visitor: Visitor, kind: str) -> None:
    response = visitor.see(f"/raw/p1/{kind}")
    assert response.status_code == 500
    assert b"One" not in response.content
    assert b"xxx" not in response.content
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("kind", "status"), [("empty", 204), ("same", 304), ("error", 503)])
def test_errors_and_answers_without_a_body_pass(visitor: Visitor, kind: str, status: int) -> None:
    response = visitor.see(f"/raw/p1/{kind}")
    assert response.status_code == status
    assert visitor.see("/people/p3").json() == {"detail": "nobody"}


def test_a_redirect_with_no_json_is_held_back(visitor: Visitor) -> None:
    assert visitor.see("/raw/p1/away").status_code == 500


def test_other_kinds_pass_where_the_platform_says_so(visiting: Callable[[Any], Visitor], reads: ListedReads) -> None:
    visitor = visiting(guarded(reads, not_json="pass"))
    assert b"One" in visitor.see("/raw/p1/text").content
    assert visitor.see("/raw/p1/json", "quiz").json() == {"id": "p1", "name": "One", "score": 0.1}
    assert visitor.see("/raw/p9/text").status_code == 403


def test_streams(visitor: Visitor) -> None:
    assert visitor.see("/stream/p1", "quiz").json() == {"id": "p1", "name": "One", "score": 0.1}
    response = visitor.see(f"/stream/p1?parts={LIMIT // 1_000 + 1}")
    assert response.status_code == 500
    assert b"One" not in response.content


def test_heads_say_no_length(visitor: Visitor) -> None:
    response = visitor.ask("HEAD", "/stream/p1", headers={"x-app": "quiz"})
    assert "content-length" not in response.headers or response.headers["content-length"] == "0"


def test_routes_of_which_nobody_speaks(
    visiting: Callable[[Any], Visitor], reads: ListedReads, visitor: Visitor
) -> None:
    assert visitor.see("/open").json() == {"open": "data"}
    strict = visiting(guarded(reads, unguarded="refuse"))
    assert strict.see("/open").status_code == 500
    assert strict.see("/nowhere").status_code == 404
    assert strict.see("/people/p1").status_code == 200


def test_packing_outside_of_the_gate(visiting: Callable[[Any], Visitor], reads: ListedReads) -> None:
    app = guarded(reads)
    app.add_middleware(GZipMiddleware, minimum_size=10)
    visitor = visiting(app)
    response = visitor.see("/people/p1", "quiz", accept_encoding="gzip")
    assert response.headers["content-encoding"] == "gzip"
    assert response.json() == {"id": "p1", "name": "One", "score": 0.1}


def test_packing_inside_of_the_gate(visiting: Callable[[Any], Visitor], reads: ListedReads) -> None:
    inner = service()
    inner.add_middleware(GZipMiddleware, minimum_size=10)
    gate = GateMiddleware(inner, ask=AskHere(reads), who=who, guards=[Guard("/people/{person}", PROFILE)])
    visitor = visiting(gate)
    assert visitor.see("/people/p1", "quiz").json() == {"id": "p1", "name": "One", "score": 0.1}


def test_below_another_path(visiting: Callable[[Any], Visitor], reads: ListedReads) -> None:
    outer = FastAPI()
    outer.mount("/api", guarded(reads))
    visitor = visiting(outer)
    assert visitor.see("/api/people/p1", "quiz").json() == {"id": "p1", "name": "One", "score": 0.1}


def test_a_gate_that_does_not_answer(visiting: Callable[[Any], Visitor], reads: ListedReads) -> None:
    async def silent(requests: object) -> list[Decision]:
        raise NoAnswerError(f"{requests}")

    visitor = visiting(guarded(reads, ask=silent))
    for path in ("/people/p1", "/people", "/typed/p1"):
        response = visitor.see(path)
        assert response.status_code == 503
        assert b"One" not in response.content
        assert b"p1" not in response.content


def test_a_service_that_breaks_off(visiting: Callable[[Any], Visitor], reads: ListedReads) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        del scope, receive
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"name":"One"', "more_body": True})

    gate = GateMiddleware(broken, ask=AskHere(reads), who=who, guards=[Guard("/people/{person}", PROFILE)])
    visitor = visiting(gate)
    response = visitor.see("/people/p1")
    assert response.status_code == 500
    assert b"One" not in response.content


def test_a_service_cannot_go_around(visiting: Callable[[Any], Visitor], reads: ListedReads) -> None:
    seen: dict[str, Any] = {}

    async def sly(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        del receive
        seen.update(scope["extensions"])
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.push", "path": "/x", "headers": []})
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.pathsend", "path": "/etc/hostname"})
        await send({"type": "http.response.body", "body": b'{"name":"One","email":"E"}'})
        await send({"type": "http.response.body", "body": b'{"name":"again"}'})

    gate = GateMiddleware(sly, ask=AskHere(reads), who=who, guards=[Guard("/people/{person}", PROFILE)])
    visitor = visiting(gate)
    assert visitor.see("/people/p1", "quiz").json() == {"name": "One"}
    assert not seen


def test_sockets_of_guarded_paths_are_closed(visiting: Callable[[Any], Visitor], reads: ListedReads) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:  # noqa: ANN401 - ASGI
        sent.append(message)

    visitor = visiting(guarded(reads))
    gate = GateMiddleware(service(), ask=AskHere(reads), who=who, guards=[Guard("/people/{person}", PROFILE)])
    scope = {"type": "websocket", "path": "/people/p1", "headers": [], "query_string": b"", "subprotocols": []}
    visitor._runner.run(gate(scope, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_numbers_keep_their_digits(visiting: Callable[[Any], Visitor], reads: ListedReads) -> None:
    async def exact(scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
        del scope, receive
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"score":0.10000000000000000555,"name":1}'})

    gate = GateMiddleware(exact, ask=AskHere(reads), who=who, guards=[Guard("/people/{person}", PROFILE)])
    visitor = visiting(gate)
    assert json.loads(visitor.see("/people/p1").text, parse_float=Decimal)["score"] == Decimal("0.10000000000000000555")


def test_a_guard_needs_to_know_whose_data() -> None:
    with pytest.raises(InputError):
        Guard("/people/{name}", PROFILE)
    assert Guard("/people/{name}", PROFILE, person="name").match("/people/p1") == (True, "p1")
    assert Guard("/people", LISTING).match("/people") == (True, None)
    assert Guard("/people", LISTING).match("/people/p1") == (False, None)


def test_nothing_personal_in_logs(visitor: Visitor, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        for kind in ("br", "broken", "text"):
            visitor.see(f"/raw/p1/{kind}")
    ours = [one.getMessage() for one in caplog.records if one.name.startswith("ombud")]
    assert len(ours) == 3
    assert not [line for line in ours if "One" in line or "p1" in line]
