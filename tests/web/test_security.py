"""Headers, hosts, origins, forms, sessions and limits."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from starlette.datastructures import Headers

from ombud.model.settings import Settings
from ombud.records import users
from ombud.web.api.reports import violations
from ombud.web.console.sessions import local_path
from ombud.web.security.headers import CONTENT_POLICY
from ombud.web.security.hosts import known_hosts, split_host
from ombud.web.security.limits import BODY_BYTES, Attempts
from ombud.web.security.origin import same_origin
from ombud.web.security.seal import Seal
from tests.web.client import Browser
from tests.web.conftest import NOBODY
from tests.web.seeding import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI

    from ombud.model.workspace import Workspace
    from tests.web.seeding import World

Maker = "Callable[[], Browser]"


class TestHeaders:
    @pytest.mark.parametrize("path", ["/", "/nothing", "/healthz", "/console", "/archive.json", "/sign-in"])
    def test_every_answer_carries_the_policy(self, signed_in: dict[str, Browser], path: str) -> None:
        headers = signed_in[NOBODY].get(path).headers
        policy = headers["content-security-policy"]
        assert policy == CONTENT_POLICY
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "camera=()" in headers["permissions-policy"]
        assert "strict-transport-security" not in headers

    def test_https_adds_hsts_and_secure_cookies(self, app: FastAPI) -> None:
        browser = Browser(app, "https://localhost")
        answer = browser.get("/sign-in")
        assert "max-age=31536000" in answer.headers["strict-transport-security"]
        assert "Secure" in answer.headers["set-cookie"]
        browser.close()

    def test_refusals_of_the_outer_layers_carry_it_too(self, signed_in: dict[str, Browser]) -> None:
        answer = signed_in[NOBODY].get("/", headers={"host": "evil.example"})
        assert answer.status_code == 421
        assert answer.headers["content-security-policy"] == CONTENT_POLICY

    def test_an_unforeseen_error_tells_nothing(
        self,
        app: FastAPI,
        browse: Callable[[], Browser],
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        def broken(*_: object, **__: object) -> None:
            raise ZeroDivisionError("secret detail")

        monkeypatch.setattr(type(app.state.house.archive), "totals", broken)
        answer = browse().get("/")
        assert answer.status_code == 500
        assert "secret" not in answer.text
        assert "ZeroDivision" not in answer.text
        assert "Ombud made a mistake" in answer.text
        assert answer.headers["content-security-policy"] == CONTENT_POLICY
        assert "ZeroDivisionError" in caplog.text

    def test_what_staff_see_is_never_stored(self, signed_in: dict[str, Browser], world: World) -> None:
        answer = signed_in["analyst"].get(f"/console/cases/{world.case}")
        assert answer.headers["cache-control"] == "no-store"

    def test_a_public_address_is_not_stored_either_when_staff_see_more_there(
        self, signed_in: dict[str, Browser], world: World
    ) -> None:
        """The figure of a case names accounts in its parameters; its page would outlive the sign-out."""
        for path in (f"/explain/{world.figure}", f"/explain/{world.figure}.json", "/archive"):
            answer = signed_in["analyst"].get(path)
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "no-store", path
            assert "etag" not in answer.headers

    def test_public_pages_and_files_answer_304(self, browse: Callable[[], Browser]) -> None:
        browser = browse()
        browser.get("/archive")
        first = browser.get("/archive")
        again = browser.get("/archive", headers={"if-none-match": first.headers["etag"]})
        assert again.status_code == 304
        assert again.content == b""
        sheet = first.text.partition('<link rel="stylesheet" href="')[2].partition('"')[0]
        file = browser.get(sheet)
        assert "immutable" in file.headers["cache-control"]
        assert browser.get(sheet, headers={"if-none-match": file.headers["etag"]}).status_code == 304

    def test_head_is_get_without_a_body(self, signed_in: dict[str, Browser]) -> None:
        answer = signed_in[NOBODY].ask("HEAD", "/archive")
        assert answer.status_code == 200
        assert answer.content == b""


class TestHosts:
    @pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "192.168.7.5:80"])
    def test_own_names_and_addresses_are_let_in(self, signed_in: dict[str, Browser], host: str) -> None:
        assert signed_in[NOBODY].get("/healthz", headers={"host": host}).status_code == 200

    @pytest.mark.parametrize(
        "host", ["evil.example", "localhost.evil.example", "a@localhost", "", "localhost/x", "[::1"]
    )
    def test_foreign_names_are_refused(self, signed_in: dict[str, Browser], host: str) -> None:
        assert signed_in[NOBODY].get("/healthz", headers={"host": host}).status_code == 421

    def test_the_public_address_is_an_own_name(self) -> None:
        hosts = known_hosts(Settings(public_url="https://Ads.Example.org:8443/x", host="0.0.0.0"))  # noqa: S104 - a setting
        assert "ads.example.org" in hosts
        assert "0.0.0.0" not in hosts  # noqa: S104 - a setting
        assert split_host("Ads.Example.org:443") == "ads.example.org"


class TestOrigin:
    @pytest.mark.parametrize(
        ("given", "fine"),
        [
            ({}, True),
            ({"sec-fetch-site": "same-origin"}, True),
            ({"sec-fetch-site": "same-origin", "origin": "null"}, True),
            ({"sec-fetch-site": "cross-site"}, False),
            ({"sec-fetch-site": "same-site"}, False),
            ({"origin": "null"}, False),
            ({"origin": "http://localhost:8000"}, True),
            ({"origin": "http://localhost:8001"}, False),
            ({"origin": "https://evil.example"}, False),
            ({"origin": "http://[bad"}, False),
            ({"sec-fetch-site": "same-origin", "origin": "https://evil.example"}, False),
        ],
    )
    def test_rule(self, given: dict[str, str], *, fine: bool) -> None:
        assert same_origin(Headers({"host": "localhost:8000", **given})) is fine

    def test_a_change_from_another_site_is_refused_even_with_a_token(self, browse: Callable[[], Browser]) -> None:
        browser = browse()
        data = {"token": browser.token(), "theme": "dark"}
        for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
            answer = browser.ask("POST", "/display", data=data, headers=headers)
            assert answer.status_code == 403
            assert "another site" in answer.text
        assert browser.ask("POST", "/display", data=data).status_code == 303


class TestForms:
    def test_no_token_and_a_foreign_token_are_refused(self, browse: Callable[[], Browser]) -> None:
        mine, other = browse(), browse()
        mine.get("/display")
        assert mine.ask("POST", "/display", data={"theme": "dark"}).status_code == 403
        assert mine.ask("POST", "/display", data={"theme": "dark", "token": other.token()}).status_code == 403
        assert mine.ask("POST", "/display", data={"theme": "dark", "token": "é"}).status_code == 403

    def test_a_token_from_before_the_sign_in_is_spent(self, browse: Callable[[], Browser]) -> None:
        browser = browse()
        before = browser.token()
        browser.sign_in("analyst")
        assert browser.ask("POST", "/display", data={"theme": "dark", "token": before}).status_code == 403
        assert browser.token() != before

    def test_display_choices_are_kept_in_cookies_that_scripts_do_not_see(self, browse: Callable[[], Browser]) -> None:
        browser = browse()
        answer = browser.send("/display", {"theme": "dark"})
        for cookie in answer.headers.get_list("set-cookie"):
            assert "HttpOnly" in cookie
            assert "SameSite=strict" in cookie
        text = browser.get("/").text
        assert 'data-theme="dark"' in text
        assert 'data-keys="off"' in text

    def test_large_bodies_are_refused_announced_or_not(self, browse: Callable[[], Browser]) -> None:
        browser = browse()
        assert browser.ask("POST", "/display", content=b"x" * (BODY_BYTES + 1)).status_code == 413

        async def pieces() -> Any:  # noqa: ANN401 - an async generator of bytes
            for _ in range(3):
                yield b"x" * (BODY_BYTES // 2)

        assert browser.ask("POST", "/display", content=pieces()).status_code == 413


class TestSignIn:
    def test_cookie_is_strict_and_the_session_ends(self, browse: Callable[[], Browser]) -> None:
        browser = browse()
        answer = browser.send("/sign-in", {"name": "some ANALYST ", "password": PASSWORD, "next": "/console/cases"})
        assert answer.headers["location"] == "/console/cases"
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("ombud_session=")
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        session = browser.http.cookies["ombud_session"]
        assert browser.get("/console").status_code == 200
        assert browser.send("/sign-out", {}).status_code == 303
        assert browser.get("/console").headers["location"] == "/sign-in?next=/console"
        browser.http.cookies.set("ombud_session", session, domain="127.0.0.1")
        assert browser.get("/console").status_code == 303

    def test_wrong_name_and_wrong_password_look_the_same(self, browse: Callable[[], Browser]) -> None:
        answers = [
            browse().send("/sign-in", {"name": name, "password": "wrong password here"})
            for name in ("Some admin", "Nobody at all")
        ]
        assert {answer.status_code for answer in answers} == {401}
        bodies = {answer.text.replace(token, "") for answer in answers for token in _tokens(answer.text)}
        assert len(bodies) == 1

    def test_too_many_attempts_must_wait(self, browse: Callable[[], Browser]) -> None:
        browser = browse()
        for _ in range(10):
            assert browser.send("/sign-in", {"name": "Some admin", "password": "wrong wrong wrong"}).status_code == 401
        answer = browser.send("/sign-in", {"name": "Some admin", "password": PASSWORD})
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 900

    @pytest.mark.parametrize(
        "target", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "", "/a\nb", "/\t/evil"]
    )
    def test_nobody_is_sent_elsewhere(self, target: str) -> None:
        assert local_path(target) == "/console"

    def test_local_targets_stay(self) -> None:
        assert local_path("/console/cases/3?x=1#y") == "/console/cases/3?x=1#y"

    def test_first_run_makes_one_admin_and_no_more(self, workspace: Workspace) -> None:
        from ombud.records import migrate  # noqa: PLC0415 - only this test begins with nothing
        from ombud.web.app import create_app  # noqa: PLC0415 - likewise

        migrate(workspace.records_url)
        app = create_app(workspace)
        with app.state.house.records.begin() as tx:
            token = users.first_run_token(tx)
        assert token is not None
        browser = Browser(app)
        assert "Make the first account" in browser.get("/sign-in").text
        fields = {"first_run": "wrong", "name": "Ada", "password": PASSWORD}
        assert browser.send("/first-run", fields).status_code == 403
        short = browser.send("/first-run", {**fields, "first_run": token, "password": "short"})
        assert short.status_code == 400
        assert "12 to" in short.text
        assert token in short.text
        assert browser.send("/first-run", {**fields, "first_run": token}).headers["location"] == "/console"
        assert browser.get("/console/people").status_code == 200
        again = Browser(app)
        assert again.get("/first-run").headers["location"] == "/sign-in"
        assert again.send("/first-run", {**fields, "first_run": token}).status_code == 403
        for opened in (browser, again):
            opened.close()


class TestStaff:
    def test_admin_adds_and_shuts_out(self, own_app: FastAPI) -> None:
        admin, other = Browser(own_app).sign_in("admin"), Browser(own_app).sign_in("analyst")
        assert other.get("/console").status_code == 200
        fields = {"name": "New Person", "password": PASSWORD, "role": "auditor"}
        assert admin.send("/console/people", fields).status_code == 303
        assert admin.send("/console/people", fields).status_code == 400
        people = {line["name"]: line for line in admin.get("/console/people.json").json()["people"]}
        assert people["New Person"]["role"] == "auditor"
        analyst, me = people["Some analyst"]["id"], people["Some admin"]["id"]
        assert admin.send(f"/console/people/{analyst}/shut-out", {}).status_code == 303
        assert other.get("/console").status_code == 303
        listed = admin.get("/console/people").text
        assert "no, since" in listed
        assert f"/console/people/{analyst}/let-in" in listed
        assert f"/console/people/{analyst}/shut-out" not in listed
        assert other.send("/sign-in", {"name": "Some analyst", "password": PASSWORD}).status_code == 401
        assert admin.send(f"/console/people/{analyst}/let-in", {}).status_code == 303
        assert other.get("/console").status_code == 303, "an old sign-in stays ended"
        assert other.sign_in("analyst").get("/console").status_code == 200
        assert admin.send("/console/people/user_none/let-in", {}).status_code == 404
        assert admin.send(f"/console/people/{me}/shut-out", {}).status_code == 400
        assert admin.send("/console/people/user_none/shut-out", {}).status_code == 404
        for opened in (admin, other):
            opened.close()


def test_attempts_forget_after_their_window(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("ombud.web.security.limits.time.monotonic", lambda: now[0])
    attempts = Attempts(allowed=2, seconds=60)
    for _ in range(2):
        assert attempts.wait("1.2.3.4", "Ada") == 0
        attempts.failed("1.2.3.4", "Ada")
    assert attempts.wait("5.6.7.8", "ada") == 60
    assert attempts.wait("1.2.3.4", "Bob") == 60
    assert attempts.wait("5.6.7.8", "Bob") == 0
    assert "Ada" not in repr(vars(attempts))
    now[0] += 61
    assert attempts.wait("1.2.3.4", "Ada") == 0
    attempts.failed("1.2.3.4", "Ada")
    attempts.succeeded("1.2.3.4", "Ada")
    assert not attempts._failures


def test_seal_is_made_once_and_only_for_the_owner(workspace: Workspace) -> None:
    first, second = Seal.of(workspace), Seal.of(workspace)
    mark = first.mark("form", "session abc")
    assert second.holds("form", "session abc", mark)
    assert not second.holds("purposes", "session abc", mark)
    assert not second.holds("form", "session abd", mark)
    assert (workspace.keys_dir / "web.key").stat().st_mode & 0o777 == 0o600
    assert [p.name for p in workspace.keys_dir.iterdir()] == ["web.key"]


class TestReports:
    def test_reports_are_kept_without_addresses(self, app: FastAPI, browse: Callable[[], Browser]) -> None:
        app.state.house.violations.clear()
        old = {
            "csp-report": {
                "effective-directive": "script-src",
                "blocked-uri": "https://evil.example/secret?person=x",
                "document-uri": "http://127.0.0.1:8000/archive?q=secret",
            }
        }
        assert browse().ask("POST", "/csp-reports", json=old).status_code == 204
        (kept,) = app.state.house.violations
        assert (kept.directive, kept.blocked, kept.page) == ("script-src", "https:", "/archive")
        app.state.house.violations.clear()

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[1]", b'{"csp-report": 3}', b"\xff", b"[" * 5000, b"null"])
    def test_nonsense_is_taken_for_nothing(self, body: bytes) -> None:
        assert violations(body) == []

    def test_new_form(self) -> None:
        body = b'[{"type":"csp-violation","body":{"effectiveDirective":"style-src","blockedURL":"inline"}}]'
        (kept,) = violations(body)
        assert (kept.directive, kept.blocked) == ("style-src", "inline")


def _tokens(text: str) -> list[str]:
    return [part.partition('"')[0] for part in text.split('name="token" value="')[1:]]


def test_logs_carry_no_query_and_no_name(
    browse: Callable[[], Browser], caplog: pytest.LogCaptureFixture, world: World
) -> None:
    caplog.set_level("INFO", logger="ombud.web")
    browser = browse()
    browser.get("/archive?q=a-private-matter")
    browser.get(f"/archive/ads/{world.ad}")
    browser.send("/sign-in", {"name": "A Private Name", "password": "wrong wrong wrong"})
    assert "/archive/ads/{ad}" in caplog.text
    assert "private" not in caplog.text.lower()


def test_concurrent_visits_do_not_mix(app: FastAPI, signed_in: dict[str, Browser]) -> None:
    async def everybody() -> list[str]:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as http:
            cookies = [dict(signed_in[role].http.cookies) for role in ("admin", "auditor")] * 8
            asked = [
                http.get("/console", headers={"cookie": "; ".join(f"{k}={v}" for k, v in c.items())}) for c in cookies
            ]
            return [answer.text for answer in await asyncio.gather(*asked)]

    texts = asyncio.run(everybody())
    for text, role in zip(texts, ["admin", "auditor"] * 8, strict=True):
        assert f"Some {role}, {role}" in text
