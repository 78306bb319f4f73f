"""`ombud audit`: the review from being taken in to its end, at the command line."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ombud.audit.review.answering import take_in
from ombud.audit.review.questionnaire import HolderSaid
from ombud.model import clock
from ombud.model.workspace import Workspace
from ombud.records import apps, open_records, questionnaires

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Done

WHY = ("--reason", "It read about friends.")


@pytest.fixture
def audit(ombud: Callable[..., Done], root: Path) -> Callable[..., Done]:
    """Return a function that runs `ombud audit` on a workspace with two registered apps."""
    with open_records(Workspace.open(root)) as records, records.begin() as tx:
        for app in ("quiz", "maps"):
            item = apps.App(app=app, developer="acme", name=app.title(), registered_at=clock.now())
            apps.register(tx, item)

    def run(*words: object) -> Done:
        return ombud("--workspace", root, "audit", *words)

    return run


def test_an_empty_review_says_what_to_do(audit: Callable[..., Done]) -> None:
    assert "ombud audit enrol" in audit("funnel").out
    assert audit("review", "quiz").code == 2
    assert audit("proposals").out == "Nothing waits.\n"
    assert audit("due").out == "No purpose is due.\n"
    assert audit("due", "--ask").code == 2


def test_from_enrolment_to_the_act_of_two_and_its_undoing(audit: Callable[..., Done], root: Path) -> None:
    assert audit("enrol", "--json", "--by", "Ada").document == {"apps": 2, "new": 2, "ranked": 0}
    assert audit("look", *WHY, "--by", "Ann").code == 2
    assert "low enough" in audit("look", "--lowest", "5", *WHY, "--by", "Ann").err
    assert audit("look", "quiz", *WHY, "--by", "Ann").code == 0
    assert audit("take", "quiz", "--by", "Ann", "--json").document["owner"] == "Ann"
    sent = audit("ask", "quiz", "--days", "3", "--question", "Who paid?", "--by", "Ann", "--json").document
    assert sent["link"].startswith("/developer/answer/")
    assert audit("act", "quiz", "limited", *WHY, "--by", "Rea").code == 4
    again = audit("ask", "quiz", "--again", "--by", "Ann", "--json").document
    assert again["link"] != sent["link"]
    with open_records(Workspace.open(root)) as records, records.begin() as tx:
        item = questionnaires.by_link(tx, again["link"].rpartition("/")[2])
        assert item is not None
        take_in(tx, item, {one.code: "So it was." for one in item.questions}, [HolderSaid("Buyer", "likes")], 0)
    assert "So it was." in audit("answers", "quiz").out
    assert "answer: the developer's answer" in audit("holders", "quiz").out
    assert audit("audited", "quiz", *WHY, "--by", "Ann").code == 0
    made = audit("act", "quiz", "limited", *WHY, "--by", "Rea", "--json").document
    assert made["id"] in audit("proposals").out
    assert audit("agree", made["id"], "--by", "rea").code == 4
    assert "acted on (limited)" in audit("agree", made["id"], "--by", "Rob").out
    undo = audit("reopen", "quiz", *WHY, "--by", "Rea", "--json").document
    assert audit("refuse", undo["id"], "--reason", "Not yet.", "--by", "Rob").code == 0
    found = audit("funnel", "--json").document
    assert [line["now"] for line in found["stages"]] == [1, 0, 0, 0, 0, 1]
    assert found["ended"] == 1
    assert "1 app" not in audit("funnel").out.splitlines()[0]
    assert [line["kind"] for line in audit("review", "quiz", "--json").document["history"]][-1] == "refused"


def test_clearing_reopening_withdrawing_and_being_late(audit: Callable[..., Done]) -> None:
    audit("enrol", "--by", "Ada")
    audit("look", "maps", *WHY, "--by", "Ann")
    audit("ask", "maps", "--by", "Ann")
    assert audit("withdraw", "maps", *WHY, "--by", "Ann").code == 0
    assert audit("withdraw", "maps", *WHY, "--by", "Ann").code == 2
    assert audit("ask", "maps", "--again", "--by", "Ann").code == 2
    assert "cleared" in audit("clear", "maps", *WHY, "--by", "Rea").out
    assert "looked at" in audit("reopen", "maps", *WHY, "--by", "Rea").out
    assert "with Eve" not in audit("take", "maps", "--nobody", "--by", "Eve").out
    audit("look", "quiz", *WHY, "--by", "Ann")
    audit("ask", "quiz", "--by", "Ann")
    with clock.frozen(clock.now() + timedelta(days=40)):
        told = audit("funnel").out
        assert "Late: maps, quiz" in told
        assert "Did not answer in time: quiz" in told
        assert "1 review" not in told


def test_purposes_and_holders(audit: Callable[..., Done], ombud: Callable[..., Done], root: Path) -> None:
    audit("enrol", "--by", "Ada")
    audit("look", "quiz", *WHY, "--by", "Ann")
    ombud("--workspace", root, "gate", "apps", "review", "quiz", "user_likes", *WHY, "--by", "Ada")
    stated = audit("certify", "quiz", "user_likes", "likes", "--purpose", "Rooms.", "--by", "Ann", "--json").document
    assert (stated["purpose"], stated["certified_by"]) == ("Rooms.", "Ann")
    assert audit("certify", "quiz", "user_likes", "email", "--purpose", "x", "--by", "Ann").code == 2
    assert audit("lapse", "quiz", "user_likes", *WHY, "--by", "Rea").code == 4
    with clock.frozen(clock.now() + timedelta(days=400)):
        assert "lapsed" in audit("due", "quiz").out
        assert "1 question, to" in audit("due", "quiz", "--ask", "--by", "Ann").out
    with clock.frozen(clock.now() + timedelta(days=430)):
        assert "is withdrawn" in audit("lapse", "quiz", "user_likes", *WHY, "--by", "Rea").out
    learned = audit("learn", "quiz", "Buyer", "--known-by", "press", "--source", "a paper", "--by", "Ann")
    assert learned.code == 0
    assert audit("learn", "quiz", "Buyer", "--known-by", "rumour", "--source", "x", "--by", "Ann").code == 2
    assert [one["name"] for one in audit("holders", "quiz", "--json").document["holders"]] == ["Buyer"]
    assert "acme: 2 apps" in audit("developer", "acme").out
    assert audit("developer", "nobody").code == 2
