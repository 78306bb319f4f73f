"""Consent: told before, given, cut down, taken back, given again; each change committed to on the ledger."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from ombud.gate import consent, registry
from ombud.gate.policy import load_policy
from ombud.ledger.commitments import commit_rows
from ombud.model import clock
from ombud.model.errors import InputError, NotFoundError, RefusedError
from ombud.model.findings import Finding
from ombud.records import apps, brakes, consents, findings, outbox, policies, reviews
from ombud.records.apps import App

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ombud.records import Records

NOON = datetime(2018, 6, 1, 12, tzinfo=UTC)
LOCKED = load_policy("locked-down")


def app(name: str = "quiz", developer: str = "dev_1", **more: Any) -> App:  # noqa: ANN401 - any column
    given: dict[str, Any] = {"purposes": ["app-function"], "registered_at": NOON - timedelta(days=100)}
    return App(app=name, developer=developer, name=name.title(), **(given | more))


def finding(subject: str, title: str) -> Finding:
    return Finding(
        f"finding_{subject}",
        "anomalous",
        "app",
        subject,
        title,
        1.0,
        None,
        "",
        [],
        [],
        [],
        "",
        "breakers",
        "1",
        {},
        NOON,
    )


@pytest.fixture
def tx(records: Records) -> Any:  # noqa: ANN401 - an open transaction
    with records.begin() as opened, clock.frozen(NOON):
        apps.register(opened, app())
        yield opened


def test_what_a_person_is_told_before(tx: Connection) -> None:
    apps.register(tx, app("spy", developer_name="Big Data Ltd"))
    apps.set_status(tx, "spy", "suspended", "Mara", "It did not answer.")
    apps.set_status(tx, "spy", "banned", "Mara", "It sold what it read.")
    apps.register(tx, app("clean"))
    findings.save(tx, finding("quiz", "Quiz read 600 people an hour; 3 use it."))
    apps.set_status(tx, "quiz", "under_review", "Mara", "A finding.")
    reviews.approve(tx, "quiz", "user_likes", "Mara", "It compares tastes.")
    told = consent.before_consent(tx, LOCKED, "quiz")
    assert told.warnings == [
        "This app is under review since 1 June 2018.",
        "Spy, by the same developer, was suspended, banned or stopped 2 times, last on 1 June 2018.",
    ]
    assert b"600 people" not in msgspec.json.encode(told)  # a finding is no decision, and may be wrong
    assert [(one.app, one.status, one.suspensions) for one in told.others] == [("spy", "banned", 2)]
    offers = {offer.scope: offer for offer in told.offers}
    basic = offers[LOCKED.basic]
    assert (basic.basic, basic.removable, basic.available) == (True, False, True)
    assert basic.fields
    assert all(" " in field or field.isalpha() for field in basic.fields)
    likes = offers["user_likes"]
    assert (likes.available, likes.approved_by, likes.reason) == (True, "Mara", "It compares tastes.")
    assert not offers["user_posts"].available
    assert not offers["user_birthday"].available
    with pytest.raises(NotFoundError):
        consent.before_consent(tx, LOCKED, "unknown")


def test_nothing_known_nothing_warned_of(tx: Connection) -> None:
    told = consent.before_consent(tx, LOCKED, "quiz")
    assert (told.warnings, told.others, told.developer) == ([], [], "dev_1")
    brakes.pull(tx, "quiz", "slowed", "x")
    assert consent.before_consent(tx, LOCKED, "quiz").warnings == [
        "This app was slowed on 1 June 2018 by the automatic brake."
    ]


def test_findings_alone_warn_of_nothing(tx: Connection) -> None:
    apps.register(tx, app("spy"))
    for name in ("quiz", "spy"):
        findings.save(tx, finding(name, f"{name} read 600 people an hour; 3 use it."))
    told = consent.before_consent(tx, LOCKED, "quiz")
    assert (told.warnings, told.others) == ([], [])


def test_what_was_decided_is_told_with_its_day_the_newest_first(tx: Connection) -> None:
    reviews.approve(tx, "quiz", "user_likes", "Mara", "It compares tastes.")
    with clock.frozen(NOON + timedelta(days=1)):
        reviews.withdraw(tx, "quiz", "user_likes", "Mara", "It does not.")
    with clock.frozen(NOON + timedelta(days=2)):
        brakes.pull(tx, "quiz", "stopped", "It walked along friendships.")
    with clock.frozen(NOON + timedelta(days=3)):
        brakes.release(tx, "quiz", "Mara", "It was a test.")
        warnings = consent.before_consent(tx, LOCKED, "quiz").warnings
    assert warnings == [
        "It was let go on 4 June 2018 by a person.",
        "This app was stopped on 3 June 2018 by the automatic brake.",
        "Its permission `user_likes` was withdrawn on 2 June 2018.",
    ]
    for day in range(4, 12):
        with clock.frozen(NOON + timedelta(days=day)):
            apps.set_status(tx, "quiz", "live" if day % 2 else "suspended", "Mara", "x")
    told = consent.before_consent(tx, LOCKED, "quiz").warnings
    assert (len(told), told[0]) == (7, "This app was suspended on 11 June 2018.")
    assert told[-1] == "There are 1 more such entries before that."


def test_an_app_that_came_back_does_not_come_back_clean(tx: Connection) -> None:
    apps.set_status(tx, "quiz", "suspended", "Mara", "It read too much.")
    assert consent.before_consent(tx, LOCKED, "quiz").warnings == ["This app is suspended since 1 June 2018."]
    apps.set_status(tx, "quiz", "live", "Mara", "It mended that.")
    assert consent.before_consent(tx, LOCKED, "quiz").warnings == ["This app was suspended on 1 June 2018."]
    apps.set_status(tx, "quiz", "banned", "Mara", "It did not.")
    apps.set_status(tx, "quiz", "under_review", "Mara", "A court said so.")
    assert consent.before_consent(tx, LOCKED, "quiz").warnings == [
        "This app is under review since 1 June 2018.",
        "This app was banned on 1 June 2018.",
        "This app was suspended on 1 June 2018.",
    ]


def test_before_2015_it_says_what_friends_lose(tx: Connection) -> None:
    told = consent.before_consent(tx, load_policy("before-2015"), "quiz")
    assert any(offer.fields_of_friends for offer in told.offers)
    assert all(offer.available for offer in told.offers)


def test_several_scopes_any_can_be_unticked_but_the_basic_one(tx: Connection) -> None:
    made = consent.grant(tx, LOCKED, "quiz", "p", ["email", "user_friends"])
    assert made.scopes == sorted(["email", LOCKED.basic, "user_friends"])
    assert (made.granted_at, made.last_used_at, made.expires_at) == (NOON, NOON, None)
    less = consent.untick(tx, LOCKED, "quiz", "p", "email")
    assert less.scopes == [LOCKED.basic, "user_friends"]
    assert consent.untick(tx, LOCKED, "quiz", "p", "email") == less
    with pytest.raises(RefusedError, match="cannot be unticked"):
        consent.untick(tx, LOCKED, "quiz", "p", LOCKED.basic)
    with pytest.raises(NotFoundError):
        consent.untick(tx, LOCKED, "quiz", "stranger", "email")
    kinds = [(event.kind, event.scopes) for event in consents.events(tx, "p")]
    assert kinds == [("granted", made.scopes), ("changed", less.scopes)]


def test_taken_back_and_given_again(tx: Connection) -> None:
    with pytest.raises(NotFoundError):
        consent.revoke(tx, "quiz", "p")
    consent.grant(tx, LOCKED, "quiz", "p", ["email"])
    gone = consent.revoke(tx, "quiz", "p", author="platform")
    assert (gone.scopes, gone.revoked_at) == ([], NOON)
    assert consent.revoke(tx, "quiz", "p") == gone
    with pytest.raises(NotFoundError, match="nothing at this moment"):
        consent.untick(tx, LOCKED, "quiz", "p", "email")
    with clock.frozen(NOON + timedelta(days=1)):
        back = consent.grant(tx, LOCKED, "quiz", "p", [])
    assert (back.scopes, back.revoked_at, back.live) == ([LOCKED.basic], None, True)
    assert [(e.kind, e.author) for e in consents.events(tx, "p")] == [
        ("granted", "person"), ("revoked", "platform"), ("granted", "person"),
    ]  # fmt: skip


def test_what_an_app_may_not_ask_for(tx: Connection) -> None:
    with pytest.raises(RefusedError, match="may not ask for `user_likes`"):
        consent.grant(tx, LOCKED, "quiz", "p", ["user_likes"])
    reviews.approve(tx, "quiz", "user_posts", "Mara", "It prints them.")
    with pytest.raises(RefusedError, match="may not ask for `user_posts`"):
        consent.grant(tx, LOCKED, "quiz", "p", ["user_posts"])  # it needs a contract too
    reviews.approve(tx, "quiz", "user_posts", "Mara", "It prints them.", contract="c-1")
    assert "user_posts" in consent.grant(tx, LOCKED, "quiz", "p", ["user_posts"]).scopes
    with pytest.raises(InputError, match="knows no scope `mind`"):
        consent.grant(tx, LOCKED, "quiz", "p", ["mind"])
    with pytest.raises(InputError, match="needs a person"):
        consent.grant(tx, LOCKED, "quiz", "", [])
    for status in ("suspended", "banned"):
        apps.set_status(tx, "quiz", status, None, "x")
        with pytest.raises(RefusedError, match=status):
            consent.grant(tx, LOCKED, "quiz", "p", [])


def test_when_it_runs_out(tx: Connection) -> None:
    short = msgspec.structs.replace(LOCKED, expiry=msgspec.structs.replace(LOCKED.expiry, consent_days=30))
    made = consent.grant(tx, short, "quiz", "p", [])
    assert made.expires_at == datetime(2018, 7, 1, tzinfo=UTC)
    with clock.frozen(datetime(2018, 7, 1, tzinfo=UTC)):
        assert not made.live
        with pytest.raises(NotFoundError):
            consent.untick(tx, short, "quiz", "p", "email")
        assert consent.grant(tx, short, "quiz", "p", []).live
    assert [e.kind for e in consents.events(tx, "p")] == ["granted", "granted"]
    assert consent.grant(
        tx, short, "quiz", "q", [], expires_at=NOON + timedelta(hours=1)
    ).expires_at == NOON + timedelta(hours=1)


def test_each_change_is_on_the_ledger_without_a_word_of_it(tx: Connection) -> None:
    consent.grant(tx, LOCKED, "quiz", "person-4711", ["email"])
    consent.revoke(tx, "quiz", "person-4711")
    queued = {entry.id: entry.payload for entry in outbox.pending(tx) if entry.type == "grant"}
    assert len(queued) == 2
    text = json.dumps(list(queued.values()))
    assert not any(word in text for word in ("quiz", "4711", "email", "revoked", "2018"))
    for event in consents.events(tx, "person-4711"):
        body = queued[event.outbox]
        batch = commit_rows([consent.event_row(event)], bytes.fromhex(event.salt), bytes.fromhex(event.pad_seed))
        assert (batch.root.hex(), batch.padded) == (body["root"], body["padded"])
        changed = msgspec.structs.replace(event, scopes=["everything"])
        other = commit_rows([consent.event_row(changed)], bytes.fromhex(event.salt), bytes.fromhex(event.pad_seed))
        assert other.root.hex() != body["root"]


def test_standings(tx: Connection) -> None:
    reviews.approve(tx, "quiz", "user_likes", "Mara", "x", expires_at=NOON + timedelta(days=1))
    reviews.approve(tx, "quiz", "user_posts", "Mara", "x", contract="c-1")
    (one,) = registry.standings(tx)
    assert (one.app, one.status, one.contract, one.reviewed) == (
        "quiz", "live", True, frozenset({"user_likes", "user_posts"}),
    )  # fmt: skip
    (later,) = registry.standings(tx, NOON + timedelta(days=1))
    assert later.reviewed == {"user_posts"}
    reviews.withdraw(tx, "quiz", "user_posts", "Mara", "x")
    assert not registry.standings(tx)[0].contract


def test_the_policy_in_force(tx: Connection) -> None:
    assert registry.policy_in_force(tx) is None
    registry.activate(tx, LOCKED, "Mara", "The lock-down.")
    found = registry.policy_in_force(tx)
    assert found is not None
    assert (found.hash, found.name) == (LOCKED.hash, "locked-down")
    tomorrow = NOON + timedelta(days=1)
    registry.activate(tx, load_policy("before-2015"), "Mara", "A step back.", active_from=tomorrow)
    assert registry.policy_in_force(tx).hash == LOCKED.hash  # type: ignore[union-attr]  # there is one
    with clock.frozen(tomorrow):
        assert registry.policy_in_force(tx).name == "before-2015"  # type: ignore[union-attr]  # there is one
    assert [entry.payload["name"] for entry in outbox.pending(tx) if entry.type == "policy"] == [
        "locked-down", "before-2015",
    ]  # fmt: skip
    assert len(policies.history(tx)) == 2


def test_a_policy_whose_text_was_changed_is_not_believed(tx: Connection) -> None:
    body = {"hash": LOCKED.hash, "name": "x", "version": "1"}
    text = msgspec.json.encode({"document": {"ombud-policy": 1, "name": "x"}, **body}).decode()
    policies.activate(tx, body, text, "Mara", "x")
    with pytest.raises(InputError, match="does not have the hash"):
        registry.policy_in_force(tx)
