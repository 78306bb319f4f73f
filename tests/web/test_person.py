"""A person's own page: who gets in, what they see, what they can take back; nobody else sees any of it."""

from __future__ import annotations

import base64
import io
import json
import logging
import re
import zipfile
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ombud.gate.live import LiveGate
from ombud.gate.request import ReadRequest
from ombud.model import clock
from ombud.model.workspace import Workspace
from ombud.records import consents, outbox
from ombud.web.app import create_app
from ombud.web.person.entry import own_path
from tests.web.client import Browser
from tests.web.gate_seed import AUDIENCE, BANNED, CHAT, HOSTILE, ISSUER, JON, KID, MARA, PLAIN, QUIZ, Platform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi import FastAPI

    from tests.web.seeding import World

CROSS = {"sec-fetch-site": "cross-site", "origin": "https://platform.example"}


def _enter(browser: Browser, **fields: str) -> Any:  # noqa: ANN401 - httpx's answer
    return browser.ask("POST", "/me/enter", data=fields, headers=CROSS)


def _unsigned(claims: dict[str, Any]) -> str:
    parts = [{"alg": "none", "typ": "JWT", "kid": KID}, claims]
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*coded, ""])


def _by_public_key(platform: Platform, claims: dict[str, Any]) -> str:
    """Return a token whose signature uses the public key as a secret: the old confusion of algorithms."""
    secret = platform.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return jwt.encode(claims, secret, algorithm="HS256", headers={"kid": KID})


def _claims(**more: Any) -> dict[str, Any]:  # noqa: ANN401 - any claim
    now = int(clock.now().timestamp())
    return {"iss": ISSUER, "aud": AUDIENCE, "sub": MARA, "iat": now, "exp": now + 300, **more}


def _now(seconds: float = 0) -> int:
    return int((clock.now() + timedelta(seconds=seconds)).timestamp())


FORGED: dict[str, Callable[[Platform], str]] = {
    "nothing": lambda _: "",
    "no token": lambda _: "hello",
    "three dots": lambda _: "a.b.c",
    "run out": lambda p: p.token(iat=_now(-900), exp=_now(-600)),
    "old though it says that it counts": lambda p: p.token(iat=_now(-7200), exp=_now(7200)),
    "from tomorrow": lambda p: p.token(iat=_now(86_400), exp=_now(90_000)),
    "not yet": lambda p: p.token(nbf=_now(600)),
    "without an end": lambda p: p.token(exp=None),
    "without a beginning": lambda p: p.token(iat=None),
    "with an end that is no number": lambda p: p.token(iat=True, exp=True),
    "with an end beyond time": lambda p: p.token(exp=10**30),
    "of another issuer": lambda p: p.token(iss="https://elsewhere.example"),
    "without an issuer": lambda p: p.token(iss=None),
    "for somebody else": lambda p: p.token(aud="https://api.platform.example"),
    "for nobody": lambda p: p.token(aud=None),
    "about nobody": lambda p: p.token(sub=None),
    "about nothing": lambda p: p.token(""),
    "about a line": lambda p: p.token("mara\nplatform"),
    "about a very long name": lambda p: p.token("m" * 301),
    "of an app, by client_id": lambda p: p.token(client_id=CHAT),
    "of an app, by azp": lambda p: p.token(azp=CHAT),
    "exchanged": lambda p: p.token(act={"sub": CHAT}),
    "an access token": lambda p: p.token(head={"typ": "at+jwt"}),
    "of an unknown key": lambda p: p.token(head={"kid": "key-2"}),
    "by another key": lambda _: Platform(Ed25519PrivateKey.generate()).token(),
    "with a rule to be understood": lambda p: p.token(head={"crit": ["exp"]}),
    "without a signature": lambda p: p.token().rpartition(".")[0] + ".",
    "unsigned": lambda _: _unsigned(_claims()),
    "signed with the public key": lambda p: _by_public_key(p, _claims()),
    "changed after signing": lambda p: _swapped(p.token(JON), p.token(MARA)),
    "too long": lambda p: p.token(more="x" * 7_000),
}


def _swapped(one: str, other: str) -> str:
    head, _, signature = one.split(".")
    return ".".join([head, other.split(".")[1], signature])


@pytest.fixture
def own(world: World, own_app: FastAPI) -> Iterator[Callable[[str], Browser]]:
    """Return a maker of browsers of people, on a copy of the workspace."""
    opened: list[Browser] = []

    def come(person: str) -> Browser:
        opened.append(Browser(own_app).come_in(world.platform.token(person, jti=f"{person}{len(opened)}")))
        return opened[-1]

    yield come
    for browser in opened:
        browser.close()


class TestComingIn:
    @pytest.mark.parametrize("kind", FORGED)
    def test_no_forged_token_lets_anybody_in(
        self, browse: Callable[[], Browser], world: World, kind: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        browser, token = browse(), FORGED[kind](world.platform)
        answer = _enter(browser, jwt=token)
        assert answer.status_code == (422 if kind == "too long" else 401), answer.text
        assert "ombud_person" not in answer.headers.get("set-cookie", "")
        assert MARA not in answer.text
        assert browser.get("/me").headers["location"].startswith("/me/enter")
        assert browser.get("/me.json").status_code == 401
        link = browser.ask("POST", "/me/links", data={"jwt": token}, headers={"accept": "application/json"})
        assert link.status_code == answer.status_code
        assert link.headers["content-type"] == "application/problem+json"
        assert not token or token not in caplog.text + answer.text + link.text

    def test_a_good_token_lets_in_once(self, browse: Callable[[], Browser], world: World) -> None:
        browser, token = browse(), world.platform.token(jti="once")
        answer = _enter(browser, jwt=token)
        assert answer.status_code == 200
        cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("ombud_person="))
        assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=1800"} <= set(cookie.split("; "))
        assert MARA not in cookie
        assert 'content="0; url=/me"' in answer.text
        assert token not in answer.text
        assert browser.get("/me.json").json()["person"] == MARA
        assert _enter(browse(), jwt=token).status_code == 401
        head, _, signature = token.rpartition(".")
        assert _enter(browse(), jwt=f"{head}.{signature}=").status_code == 401, "another spelling of the same token"

    def test_a_one_time_link(self, browse: Callable[[], Browser], world: World) -> None:
        platform, person = browse(), browse()
        made = platform.ask("POST", "/me/links", data={"jwt": world.platform.token(jti="link")}).json()
        assert re.fullmatch(r"/me/enter/[\w-]+", made["link"])
        assert MARA not in made["link"]
        shown = person.get(made["link"])
        assert shown.status_code == 200
        assert "ombud_person" not in shown.headers.get("set-cookie", ""), "looking at it does not use it up"
        code = made["link"].rsplit("/", 1)[-1]
        assert person.send("/me/enter", {"code": code}).status_code == 200
        assert person.get("/me").status_code == 200
        assert browse().send("/me/enter", {"code": code}).status_code == 401

    def test_a_link_counts_for_a_minute(self, browse: Callable[[], Browser], world: World) -> None:
        made = browse().ask("POST", "/me/links", data={"jwt": world.platform.token(jti="late")}).json()
        later = datetime.fromisoformat(made["expires_at"]) + timedelta(seconds=1)
        assert later - clock.now() < timedelta(seconds=62)
        with clock.frozen(later):
            assert browse().send("/me/enter", {"code": made["link"].rsplit("/", 1)[-1]}).status_code == 401

    @pytest.mark.parametrize("code", ["", "x", "A" * 200, "=" * 50, "é"])
    def test_a_made_up_code(self, browse: Callable[[], Browser], code: str) -> None:
        assert browse().send("/me/enter", {"code": code}).status_code == 401

    def test_a_session_is_no_code_and_a_code_no_session(self, browse: Callable[[], Browser], world: World) -> None:
        browser = browse().come_in(world.platform.token(jti="kinds"))
        cookie = browser.http.cookies["ombud_person"]
        assert browse().send("/me/enter", {"code": cookie}).status_code == 401
        made = browse().ask("POST", "/me/links", data={"jwt": world.platform.token(jti="kinds2")}).json()
        thief = browse()
        thief.http.cookies.set("ombud_person", made["link"].rsplit("/", 1)[-1])
        assert thief.get("/me").status_code == 303

    def test_only_this_one_form_may_come_from_the_platforms_pages(
        self, browse: Callable[[], Browser], world: World
    ) -> None:
        browser = browse().come_in(world.platform.token(jti="cross"))
        for path in ("/me/links", f"/me/apps/{CHAT}/remove", "/me/leave", f"/consent/{CHAT}"):
            assert browser.ask("POST", path, data={"token": browser.token()}, headers=CROSS).status_code == 403, path

    def test_where_it_leads(self, browse: Callable[[], Browser], world: World) -> None:
        for n, target in enumerate((f"/me/apps/{CHAT}", f"/consent/{CHAT}", "/me")):
            answer = _enter(browse(), jwt=world.platform.token(jti=f"to{n}"), next=target)
            assert f'url={target}"' in answer.text

    @pytest.mark.parametrize(
        "path",
        [
            "//evil.example",
            "https://evil.example/me",
            "/\\evil",
            "/console",
            "/mean",
            "/me/../console",
            "",
            "/me\n",
            "/consent",
        ],
    )
    def test_nobody_is_sent_elsewhere(self, path: str) -> None:
        assert own_path(path) == "/me" or ".." in path
        assert not own_path(path).startswith(("//", "http", "/console"))

    def test_it_says_so_when_the_platform_has_not_opened_it(self, tmp_path: Any) -> None:  # noqa: ANN401 - a path
        from ombud.records import migrate  # noqa: PLC0415 - for this test alone

        bare = Workspace.create(tmp_path / "bare")
        migrate(bare.records_url)
        browser = Browser(create_app(bare))
        assert "has not opened this yet" in browser.get("/me/enter").text
        assert _enter(browser, jwt="a.b.c").status_code == 400
        assert browser.get("/policy").status_code == 200
        assert "No policy was put in force yet" in browser.get("/policy").text
        assert browser.get("/policy/history").status_code == 200
        assert "No app is registered" in browser.get("/apps").text
        browser.close()

    def test_without_keys_nobody_gets_in_and_it_is_no_mistake_of_theirs(self, world: World, own_app: FastAPI) -> None:
        (own_app.state.house.workspace.root / "platform.jwks.json").unlink()
        browser = Browser(own_app)
        answer = _enter(browser, jwt=world.platform.token())
        assert answer.status_code == 503
        assert "person_jwks" in answer.text
        browser.close()


class TestSession:
    def test_it_ends_by_itself(self, browse: Callable[[], Browser], world: World) -> None:
        browser = browse().come_in(world.platform.token(jti="ends"))
        with clock.frozen(clock.now() + timedelta(minutes=29)):
            assert browser.get("/me").status_code == 200
        with clock.frozen(clock.now() + timedelta(minutes=31)):
            assert browser.get("/me").status_code == 303
            assert browser.get("/me.json").status_code == 401

    def test_leaving_ends_it_in_every_browser(self, browse: Callable[[], Browser], world: World) -> None:
        browser, copy = browse().come_in(world.platform.token(jti="leave")), browse()
        copy.http.cookies.set("ombud_person", browser.http.cookies["ombud_person"])
        assert copy.get("/me").status_code == 200
        assert browser.send("/me/leave", {}).status_code == 303
        assert browser.get("/me").status_code == 303
        assert copy.get("/me").status_code == 303

    @pytest.mark.parametrize(
        "change", [lambda c: c[:-4] + "AAAA", lambda c: "A" + c[1:], lambda _: "x", lambda c: c * 2]
    )
    def test_a_changed_cookie_is_nobodys(
        self, browse: Callable[[], Browser], world: World, change: Callable[[str], str]
    ) -> None:
        cookie = browse().come_in(world.platform.token(jti=f"c{id(change)}")).http.cookies["ombud_person"]
        browser = browse()
        browser.http.cookies.set("ombud_person", change(cookie))
        assert browser.get("/me").status_code == 303

    def test_staff_are_nobody_here_and_people_are_nobody_there(
        self, signed_in: dict[str, Browser], browse: Callable[[], Browser], world: World
    ) -> None:
        assert signed_in["admin"].get("/me").status_code == 303
        assert signed_in["admin"].get("/me.json").status_code == 401
        person = browse().come_in(world.platform.token(jti="there"))
        assert person.get("/console").headers["location"].startswith("/sign-in")
        assert person.get("/console/apps.json").status_code == 401

    def test_a_browser_can_be_both_and_each_sees_its_own(self, browse: Callable[[], Browser], world: World) -> None:
        both = browse().come_in(world.platform.token(jti="both")).sign_in("analyst")
        assert both.get("/me.json").json()["person"] == MARA
        assert both.get("/console").status_code == 200
        assert both.send("/sign-out", {}).status_code == 303
        assert both.get("/me").status_code == 200

    def test_nothing_of_it_is_stored_or_found(self, signed_in: dict[str, Browser]) -> None:
        answer = signed_in["person"].get("/me")
        assert answer.headers["cache-control"] == "no-store"
        assert '<meta name="robots" content="noindex">' in answer.text


class TestRecord:
    def test_what_is_allowed_and_what_was_read(self, signed_in: dict[str, Browser]) -> None:
        page = signed_in["person"].get("/me.json").json()
        assert [(a["app"], a["reads"], a["refused"]) for a in page["allowed"]] == [(CHAT, 60, 1)]
        assert [(a["app"], a["reads"], a["through_friends"]) for a in page["others"]] == [(QUIZ, 1, 1)]
        assert [(a["app"], a["state"]) for a in page["ended"]] == [(PLAIN, "removed")]
        chat = page["allowed"][0]
        assert [tick["scope"] for tick in chat["ticks"]] == ["email", "public_profile", "user_friends", "user_likes"]
        assert [tick["removable"] for tick in chat["ticks"]] == [True, False, True, True]
        assert chat["fields"] == ["the e-mail address", "the name shown"]

    def test_every_link_of_the_page_leads_somewhere(self, signed_in: dict[str, Browser]) -> None:
        person = signed_in["person"]
        for path in ("/me", f"/me/apps/{CHAT}"):
            links = {link.replace("&amp;", "&") for link in re.findall(r'href="(/[^"#]*)"', person.get(path).text)}
            assert "/me?days=365" in links or path != "/me"
            assert {link: person.get(link).status_code for link in links} == dict.fromkeys(links, 200)

    def test_a_longer_look_back_shows_more(self, signed_in: dict[str, Browser]) -> None:
        reads = [
            sum(app["reads"] for part in ("allowed", "others", "ended") for app in page[part])
            for days in (1, 30, 366)
            for page in [signed_in["person"].get(f"/me.json?days={days}").json()]
        ]
        assert reads[0] < reads[1] <= reads[2] == 62
        assert signed_in["person"].get("/me?days=0").status_code == 422
        assert signed_in["person"].get("/me?days=9999").status_code == 422

    def test_each_request_is_told(self, signed_in: dict[str, Browser]) -> None:
        page = signed_in["person"].get(f"/me/apps/{CHAT}.json").json()
        assert len(page["reads"]) == 50
        assert page["paging"]["total"] == 61
        first = page["reads"][0]
        assert (first["fields"], first["refused"]) == ([], ["the mailbox"])
        assert first["why_not"] == ["No app may read this field."]
        second = page["reads"][1]
        assert second["fields"] == ["the name shown", "the e-mail address"]
        assert second["why_not"] == ["You did not allow it."]
        rest = signed_in["person"].get(f"/me/apps/{CHAT}.json?page=2").json()
        assert len(rest["reads"]) == 11
        assert [change["kind"] for change in page["changes"]] == ["granted"]

    def test_no_friend_is_named(self, signed_in: dict[str, Browser]) -> None:
        for path in ("/me.json", "/me", f"/me/apps/{QUIZ}.json", f"/me/apps/{QUIZ}"):
            text = signed_in["person"].get(path).text
            assert JON not in text, path
            assert "friend_" not in text, path
        told = signed_in["person"].get(f"/me/apps/{QUIZ}.json").json()
        assert told["reads"][0]["through_friend"] is True

    def test_another_person_sees_their_own_alone(self, browse: Callable[[], Browser], world: World) -> None:
        jon = browse().come_in(world.platform.token(JON, jti="jon"))
        page = jon.get("/me.json").json()
        assert page["person"] == JON
        assert [a["app"] for a in page["allowed"]] == [QUIZ]
        for path in ("/me", "/me.json", f"/me/apps/{QUIZ}", f"/me/apps/{QUIZ}.json"):
            assert MARA not in jon.get(path).text
        assert jon.get(f"/me/apps/{CHAT}").status_code == 404
        assert jon.get(f"/me/apps/{CHAT}.json").status_code == 404

    def test_somebody_who_never_met_an_app(self, browse: Callable[[], Browser], world: World) -> None:
        nobody = browse().come_in(world.platform.token("nobody@platform", jti="nobody"))
        text = nobody.get("/me").text
        assert "No app may read about you; none did" in text
        page = nobody.get("/me.json").json()
        assert (page["allowed"], page["others"], page["ended"]) == ([], [], [])

    def test_hostile_names_stay_text(self, signed_in: dict[str, Browser]) -> None:
        text = signed_in["person"].get("/me").text
        assert "<script>alert" not in text
        assert "49" not in re.findall(r"\{\{.*?\}\}", text)
        assert "&lt;script&gt;" in text
        assert HOSTILE.startswith("<script>")

    def test_nothing_personal_is_logged(
        self, browse: Callable[[], Browser], world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        token = world.platform.token(jti="logged")
        browser = browse().come_in(token)
        for path in ("/me", f"/me/apps/{CHAT}", f"/me/apps/{CHAT}.json", f"/consent/{CHAT}", "/me/apps/none"):
            browser.get(path)
        assert caplog.records
        for secret in (MARA, JON, token, browser.http.cookies["ombud_person"]):
            assert secret not in caplog.text


class TestTakingBack:
    def test_one_click_and_the_next_request_is_refused(self, own: Callable[[str], Browser], own_app: FastAPI) -> None:
        mara, records = own(MARA), own_app.state.house.records
        gate = LiveGate(records)
        asked = ReadRequest(app=CHAT, person=MARA, fields=("email",), purpose="app-function", region="US")
        gate.gate.monotonic = lambda: 0.0  # how old consents may be is not the matter here, and machines are slow
        gate.refresh()
        assert [one.reason for one in gate.gate.decide(asked).refused] == []
        answer = mara.send(f"/me/apps/{CHAT}/remove", {})
        assert (answer.status_code, answer.headers["location"]) == (303, "/me#ended")
        gate.refresh()
        refused = gate.gate.decide(asked)
        assert refused.outcome == "refused"
        assert [one.reason for one in refused.refused] == ["consent-revoked"]
        page = mara.get("/me.json").json()
        assert page["allowed"] == []
        assert {a["app"] for a in page["ended"]} == {CHAT, PLAIN}
        assert mara.send(f"/me/apps/{CHAT}/remove", {}).status_code == 303, "twice is once"

    def test_the_change_goes_to_the_ledger_without_a_name(
        self, own: Callable[[str], Browser], own_app: FastAPI
    ) -> None:
        own(MARA).send(f"/me/apps/{CHAT}/remove", {})
        with own_app.state.house.records.read() as tx:
            entry = outbox.since(tx, "grant", 0)[-1]
            assert [event.kind for event in consents.events(tx, MARA, CHAT)] == ["granted", "revoked"]
        assert set(entry.payload) == {"root", "padded"}

    def test_one_thing_can_be_taken_back(self, own: Callable[[str], Browser]) -> None:
        mara = own(MARA)
        assert mara.send(f"/me/apps/{CHAT}/untick", {"scope": "email"}).status_code == 303
        ticks = mara.get("/me.json").json()["allowed"][0]["ticks"]
        assert [tick["scope"] for tick in ticks] == ["public_profile", "user_friends", "user_likes"]
        assert mara.send(f"/me/apps/{CHAT}/untick", {"scope": "public_profile"}).status_code == 409
        assert mara.send(f"/me/apps/{CHAT}/untick", {"scope": ""}).status_code == 422
        assert mara.send("/me/apps/none/untick", {"scope": "email"}).status_code == 404
        assert mara.send("/me/apps/none/remove", {}).status_code == 404

    def test_nobody_takes_back_what_is_anothers(self, own: Callable[[str], Browser], own_app: FastAPI) -> None:
        jon = own(JON)
        assert jon.send(f"/me/apps/{CHAT}/remove", {}).status_code == 404
        with own_app.state.house.records.read() as tx:
            kept = consents.get(tx, CHAT, MARA)
        assert kept is not None
        assert kept.live

    def test_a_form_needs_its_token(self, own: Callable[[str], Browser]) -> None:
        mara, jon = own(MARA), own(JON)
        for token in ("", "x", jon.token()):
            answer = mara.ask("POST", f"/me/apps/{CHAT}/remove", data={"token": token})
            assert answer.status_code == 403
        assert len(mara.get("/me.json").json()["allowed"]) == 1


class TestTakingAlong:
    def test_all_of_it_in_one_file_and_nothing_stays_behind(
        self, own: Callable[[str], Browser], own_app: FastAPI
    ) -> None:
        mara, root = own(MARA), own_app.state.house.workspace.root
        before = sorted(path.name for path in root.iterdir())
        answer = mara.send("/me/export", {})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/zip"
        assert answer.headers["cache-control"] == "no-store"
        assert re.fullmatch(r'attachment; filename="my-record-[\d-]+\.zip"', answer.headers["content-disposition"])
        with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
            reads = json.loads(packed.read("record/reads.json"))
            given = json.loads(packed.read("record/consents.json"))
            whole = b"".join(packed.read(name) for name in packed.namelist()).decode()
        assert len(reads) == 63
        assert {item["app"] for item in given} == {CHAT, PLAIN}
        assert JON not in whole
        assert "friend_" not in whole
        assert sorted(path.name for path in root.iterdir()) == before
        with own_app.state.house.records.read() as tx:
            noted = outbox.since(tx, "release", 0)[-1].payload
        assert noted["kind"] == "portability"
        assert MARA not in str(noted)

    def test_it_needs_the_forms_token_and_a_person(self, own: Callable[[str], Browser], own_app: FastAPI) -> None:
        assert own(MARA).ask("POST", "/me/export", data={}).status_code == 403
        nobody = Browser(own_app)
        assert nobody.send("/me/export", {}).status_code == 401
        nobody.close()
        assert own("nobody@platform").send("/me/export", {}).status_code == 404


class TestConsent:
    def test_the_warning_comes_before_the_harm(self, signed_in: dict[str, Browser]) -> None:
        page = signed_in["anonymous"].get(f"/consent/{QUIZ}.json").json()
        assert page["warnings"][0].startswith("This app is under review since ")
        assert any("was slowed on" in said and "by the automatic brake" in said for said in page["warnings"])
        assert any("Banned App" in said for said in page["warnings"])
        likes = next(offer for offer in page["offers"] if offer["scope"] == "user_likes")
        assert "under review" in likes["closed"]
        text = signed_in["anonymous"].get(f"/consent/{QUIZ}").text
        assert text.index("automatic brake") < text.index("It may ask to read")
        assert "24 people" not in text  # what a breaker suspects is for staff; it may be wrong
        assert 'type="checkbox"' not in text

    def test_an_unknown_app_is_no_riddle_for_people(self, signed_in: dict[str, Browser]) -> None:
        answer = signed_in["anonymous"].get("/consent/no-such-app")
        assert answer.status_code == 404
        assert "There is no such app here." in answer.text
        assert "ombud gate" not in answer.text

    def test_nothing_is_ticked_beforehand(self, own: Callable[[str], Browser]) -> None:
        page = own("new@platform").get(f"/consent/{CHAT}.json").json()
        assert not any(offer["ticked"] for offer in page["offers"])
        assert page["offers"][0]["scope"] == "public_profile"
        assert page["has_consent"] is False

    def test_what_is_asked_for_is_shown_and_what_is_given_stays(self, own: Callable[[str], Browser]) -> None:
        shown = own(MARA).get(f"/consent/{CHAT}.json?scope=user_posts+user_gender").json()
        assert {o["scope"] for o in shown["offers"]} == {
            "public_profile", "user_posts", "email", "user_friends", "user_likes",
        }  # fmt: skip

    def test_allowing_what_is_ticked(self, own: Callable[[str], Browser]) -> None:
        new = own("new@platform")
        assert new.send(f"/consent/{CHAT}", {"scope": "email"}).headers["location"] == "/me"
        ticks = new.get("/me.json").json()["allowed"][0]["ticks"]
        assert [tick["scope"] for tick in ticks] == ["email", "public_profile"]
        assert new.send(f"/consent/{CHAT}", {}).status_code == 303
        ticks = new.get("/me.json").json()["allowed"][0]["ticks"]
        assert [tick["scope"] for tick in ticks] == ["public_profile"]

    def test_what_an_app_may_not_have_is_refused(self, own: Callable[[str], Browser]) -> None:
        new = own("new@platform")
        assert new.send(f"/consent/{CHAT}", {"scope": "user_photos"}).status_code == 409
        assert new.send(f"/consent/{CHAT}", {"scope": "no_such"}).status_code == 400
        assert new.send(f"/consent/{BANNED}", {"scope": "email"}).status_code == 409
        assert new.send("/consent/none", {}).status_code == 404
        assert "can be allowed nothing" in new.get(f"/consent/{BANNED}").text
        assert new.get("/me.json").json()["allowed"] == []
