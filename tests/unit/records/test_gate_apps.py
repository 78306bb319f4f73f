"""Apps, reviews, policies and brakes: each with a history, each seen by the gates through a growing number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from ombud.model import clock
from ombud.model.errors import InputError, NotFoundError
from ombud.records import apps, brakes, changes, outbox, policies, reviews
from ombud.records.apps import App

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ombud.records import Records

NOON = datetime(2014, 4, 30, 12, tzinfo=UTC)
QUIZ = App(
    app="quiz",
    developer="dev_1",
    name="Which Colour Are You?",
    category="games",
    purposes=["app-function"],
    hosts=["quiz.example"],
    registered_at=NOON - timedelta(days=30),
)


def rules(tx: Connection) -> int:
    return changes.latest(tx).rules


def test_an_app_is_registered_once_and_changed_after(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        assert changes.latest(tx) == changes.Changes(0, 0)
        assert apps.register(tx, QUIZ, "Mara") == QUIZ == apps.get(tx, "quiz")
        first = rules(tx)
        assert first > 0
        assert apps.register(tx, QUIZ) == QUIZ
        assert rules(tx) == first
        apps.set_status(tx, "quiz", "under_review", "Mara", "Reads more than it needs.")
        changed = apps.register(tx, msgspec.structs.replace(QUIZ, name="Colours", status="live"))
        assert (changed.name, changed.status) == ("Colours", "under_review")
        assert [(e.kind, e.author, e.text) for e in apps.history(tx, "quiz")] == [
            ("registered", "Mara", "Which Colour Are You?"),
            ("status", "Mara", "live to under_review: Reads more than it needs."),
            ("changed", None, "Colours"),
        ]
        said = [(e.type, e.payload["action"], e.payload["status"]) for e in outbox.pending(tx)]
        assert said == [
            ("app", "register", "live"), ("app", "status", "under_review"), ("app", "change", "under_review"),
        ]  # fmt: skip


def test_the_ledger_hears_no_reasons_and_no_names_of_staff(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        apps.register(tx, QUIZ, "Mara")
        apps.set_status(tx, "quiz", "banned", "Mara", "Sold what it read.")
        reviews.approve(tx, "quiz", "friends", "Mara", "It asked nicely.", contract="c-17")
        reviews.withdraw(tx, "quiz", "friends", "Mara", "It lied.")
        text = repr([entry.payload for entry in outbox.pending(tx)])
    assert not any(secret in text for secret in ("Mara", "Sold", "nicely", "lied", "c-17"))


@pytest.mark.parametrize("change", [{"app": " "}, {"developer": ""}, {"name": "\n"}, {"status": "lost"}])
def test_an_app_that_lacks_something(records: Records, change: dict[str, str]) -> None:
    with records.begin() as tx, pytest.raises(InputError):
        apps.register(tx, msgspec.structs.replace(QUIZ, **change))


def test_statuses(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        apps.register(tx, QUIZ)
        before = rules(tx)
        assert apps.set_status(tx, "quiz", "live", None, "As it is.") == QUIZ
        assert rules(tx) == before
        assert apps.set_status(tx, "quiz", "suspended", None, "No answer.").status == "suspended"
        assert rules(tx) > before
        with pytest.raises(InputError, match="cannot be `gone`"):
            apps.set_status(tx, "quiz", "gone", None, "x")
        with pytest.raises(InputError, match="needs a reason"):
            apps.set_status(tx, "quiz", "live", None, " ")
        with pytest.raises(NotFoundError, match="`other`"):
            apps.set_status(tx, "other", "live", None, "x")


def test_activity_is_noted_at_most_once_an_hour(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        apps.register(tx, QUIZ)
        assert apps.active(tx, {"quiz": NOON, "unknown": NOON}) == 1
        before = rules(tx)
        assert apps.active(tx, {"quiz": NOON + timedelta(minutes=59)}) == 0
        assert rules(tx) == before
        assert apps.active(tx, {"quiz": NOON + timedelta(hours=1)}) == 1
        assert apps.get(tx, "quiz").last_active_at == NOON + timedelta(hours=1)


def test_lists(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        for n, name in enumerate(["Zoo", "Äpfel 100%", "zebra"]):
            made = msgspec.structs.replace(QUIZ, app=f"a{n}", name=name, developer=f"dev_{n % 2}")
            apps.register(tx, made)
        apps.set_status(tx, "a2", "banned", None, "x")
        assert [app.app for app in apps.every(tx)] == ["a0", "a1", "a2"]
        assert [app.app for app in apps.of_developer(tx, "dev_0")] == ["a0", "a2"]
        assert {app.app for app in apps.listing(tx, query="Z")} == {"a0", "a2"}
        assert [app.app for app in apps.listing(tx, query="100%")] == ["a1"]
        assert [app.app for app in apps.listing(tx, query="a2")] == ["a2"]
        assert [app.app for app in apps.listing(tx, status="banned")] == ["a2"]
        assert (apps.count(tx), apps.count(tx, query="z"), apps.count(tx, status="live")) == (3, 2, 2)
        assert len(apps.listing(tx, limit=2)) == 2
        assert len(apps.listing(tx, limit=2, offset=2)) == 1


def test_reviews_are_in_force_until_they_run_out_or_are_withdrawn(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        apps.register(tx, QUIZ)
        until = NOON + timedelta(days=365)
        made = reviews.approve(tx, "quiz", "posts", "Mara", "It shows them.", contract="c-1", expires_at=until)
        other = reviews.approve(tx, "quiz", "photos", "Mara", "It prints them.")
        assert [r.scope for r in reviews.in_force(tx)] == ["photos", "posts"]
        assert reviews.in_force(tx, NOON - timedelta(seconds=1)) == []
        assert reviews.in_force(tx, until) == [other]
    with records.begin() as tx, clock.frozen(NOON + timedelta(days=1)):
        again = reviews.approve(tx, "quiz", "posts", "Jon", "Once more.")
        assert [r.id for r in reviews.in_force(tx) if r.scope == "posts"] == [again.id]
        assert [r.id for r in reviews.in_force(tx, NOON) if r.scope == "posts"] == [made.id]
        assert reviews.withdraw(tx, "quiz", "photos", "Jon", "It stopped printing.") == 1
        with pytest.raises(NotFoundError, match="no approval"):
            reviews.withdraw(tx, "quiz", "photos", "Jon", "Again.")
        every = reviews.of_app(tx, "quiz")
        assert (len(every), every[0].id) == (3, again.id)
        kinds = [e.kind for e in apps.history(tx, "quiz")]
    assert kinds == ["registered", "review", "review", "review", "withdrawn"]


def test_reviews_that_are_refused(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        apps.register(tx, QUIZ)
        with pytest.raises(NotFoundError):
            reviews.approve(tx, "other", "posts", "Mara", "x")
        for scope, by, why in [("", "Mara", "x"), ("posts", " ", "x"), ("posts", "Mara", "")]:
            with pytest.raises(InputError, match="A review needs"):
                reviews.approve(tx, "quiz", scope, by, why)
        with pytest.raises(InputError, match="run out already"):
            reviews.approve(tx, "quiz", "posts", "Mara", "x", expires_at=NOON)
        with pytest.raises(InputError, match="needs a reason"):
            reviews.withdraw(tx, "quiz", "posts", "Mara", "")
        assert reviews.of_app(tx, "quiz") == []


def body(name: str) -> dict[str, str]:
    return {"hash": name * 8, "name": name, "version": "1"}


def test_policies_come_into_force_one_after_the_other(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        assert policies.current(tx) is None
        first = policies.activate(tx, body("a"), "{}", "Mara", "The first.")
        assert policies.activate(tx, body("a"), "{}", "Jon", "Again.") == first
        later = policies.activate(tx, body("b"), "{}", "Mara", "Next year.", active_from=NOON + timedelta(days=365))
        assert policies.current(tx) == first
        assert policies.current(tx, NOON + timedelta(days=365)) == later
        assert policies.history(tx) == [later, first]
        assert [e.payload["hash"] for e in outbox.pending(tx)] == ["a" * 8, "b" * 8]
    with records.begin() as tx, clock.frozen(NOON + timedelta(days=400)):
        back = policies.activate(tx, body("a"), "{}", "Mara", "The old one was better.")
        assert policies.current(tx) == back
        assert policies.by_hash(tx, "a" * 8) == first
        with pytest.raises(NotFoundError):
            policies.by_hash(tx, "c")
        with pytest.raises(InputError, match="in the past"):
            policies.activate(tx, body("c"), "{}", "Mara", "x", active_from=NOON)
        with pytest.raises(InputError, match="author"):
            policies.activate(tx, body("c"), "{}", " ", "x")


def test_a_brake_holds_until_it_runs_out_or_a_person_lets_go(records: Records) -> None:
    with records.begin() as tx, clock.frozen(NOON):
        apps.register(tx, QUIZ)
        before = rules(tx)
        slow = brakes.pull(tx, "quiz", "slowed", "600 people, 3 users", until=NOON + timedelta(hours=1))
        assert rules(tx) > before
        assert brakes.pull(tx, "quiz", "slowed", "again") == slow
        assert brakes.in_force(tx) == [slow]
        assert brakes.in_force(tx, NOON + timedelta(hours=1)) == []
    with records.begin() as tx, clock.frozen(NOON + timedelta(minutes=1)):
        stop = brakes.pull(tx, "quiz", "stopped", "and went on")
        assert brakes.pull(tx, "quiz", "slowed", "milder") == stop
        assert brakes.in_force(tx, NOON + timedelta(days=100)) == [stop]
        with pytest.raises(InputError, match="needs a name"):
            brakes.release(tx, "quiz", "", "x")
    with records.begin() as tx, clock.frozen(NOON + timedelta(days=1)):
        done = brakes.release(tx, "quiz", "Mara", "A school trip.")
        assert (done.released_by, done.note) == ("Mara", "A school trip.")
        assert brakes.in_force(tx) == []
        with pytest.raises(NotFoundError, match="neither slowed nor stopped"):
            brakes.release(tx, "quiz", "Mara", "x")
        assert [(b.state, b.note) for b in brakes.of_app(tx, "quiz")] == [
            ("stopped", "A school trip."), ("slowed", "became stopped"),
        ]  # fmt: skip
        assert [e.kind for e in apps.history(tx, "quiz")] == ["registered", "slowed", "stopped", "released"]
