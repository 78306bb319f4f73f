"""What a developer is asked, what they answer, and the receipt for it; without any script, by their link alone."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from fastapi import Form, Path
from msgspec import Meta
from starlette.responses import RedirectResponse, Response

from ombud.audit.review.answering import take_in
from ombud.audit.review.questionnaire import HolderSaid, receipt_of, said_holders
from ombud.audit.review.rules import rules_of
from ombud.model.errors import InputError
from ombud.records import questionnaires, review_progress
from ombud.records.questionnaires import Questionnaire
from ombud.web.access import DEVELOPER
from ombud.web.developer.links import Asked
from ombud.web.pages import HTML, Pages
from ombud.web.rendering import render
from ombud.web.visit import VisitParameter

__all__ = ["AnswerPage", "pages"]

pages = Pages()
SPARE = 3
"""Empty lines of the table of holders beyond those that are filled."""
Texts = Annotated[list[str], Form(max_length=500)]
Link = Annotated[str, Path(min_length=1, max_length=200)]


class QuestionView(msgspec.Struct, frozen=True):
    """One question with what was answered."""

    code: Annotated[str, Meta(description="The question's code.")]
    text: Annotated[str, Meta(description="The question.")]
    hint: Annotated[str, Meta(description="What belongs into the answer.")]
    required: Annotated[bool, Meta(description="Whether it has to be answered.")]
    answer: Annotated[str, Meta(description="What was answered, or typed; empty before.")]


class HolderLine(msgspec.Struct, frozen=True):
    """One line of the table of those who got data."""

    name: Annotated[str, Meta(description="Who.")]
    fields: Annotated[str, Meta(description="Which data.")]
    happened: Annotated[str, Meta(description="When.")]
    still_held: Annotated[str, Meta(description="yes, no or unknown: whether they have it still.")]


class AnswerPage(msgspec.Struct, frozen=True):
    """The questions to one app's developer."""

    app: Annotated[str, Meta(description="The app's name.")]
    kind: Annotated[str, Meta(description="review or certification.")]
    platform: Annotated[str, Meta(description="Who asks.")]
    link: Annotated[str, Meta(description="The link's own token.")]
    told: Annotated[list[str], Meta(description="What was found about the app, in sentences.")]
    questions: Annotated[list[QuestionView], Meta(description="The questions, in order.")]
    holders: Annotated[list[HolderLine], Meta(description="Who got data, as answered; empty lines to fill.")]
    due_at: Annotated[datetime, Meta(description="Until when answers are taken and can be corrected.")]
    consequence: Annotated[str, Meta(description="What silence leads to.")]
    policy: Annotated[str, Meta(description="Hash of the review's rules.")]
    version: Annotated[int, Meta(description="How many times it was answered.")]
    answered_at: Annotated[datetime | None, Meta(description="When the first answer came.")]
    receipt: Annotated[str | None, Meta(description="What the ledger has of the newest answers.")]
    problem: Annotated[str | None, Meta(description="Why what was sent was not kept.")] = None


def _page(
    visit: VisitParameter, link: str, item: Questionnaire, typed: dict[str, str] | None = None,
    holders: list[HolderSaid] | None = None, problem: str | None = None,
) -> AnswerPage:  # fmt: skip
    with visit.house.records.read() as tx:
        name = review_progress.get(tx, item.app).name
        given = questionnaires.present(questionnaires.answers(tx, item.id)) if typed is None else typed
        named = said_holders(tx, item) if holders is None else holders
        receipt = receipt_of(tx, item)
    lines = [HolderLine(one.name, one.fields, one.happened, one.still_held) for one in named]
    return AnswerPage(
        app=name,
        kind=item.kind,
        platform=visit.house.name,
        link=link,
        told=item.told,
        questions=[QuestionView(q.code, q.text, q.hint, q.required, given.get(q.code, "")) for q in item.questions],
        holders=[*lines, *(HolderLine("", "", "", "unknown") for _ in range(SPARE))],
        due_at=item.due_at,
        consequence=item.consequence,
        policy=item.policy,
        version=item.version,
        answered_at=item.answered_at,
        receipt=receipt,
        problem=problem,
    )


@pages.page(
    "/developer/answer/{link}", shows=AnswerPage, template="developer/answer.html", access=DEVELOPER, twin=False
)
def answer_page(visit: VisitParameter, asked: Asked, link: Link) -> AnswerPage:
    """Show a developer what was found about their app, and ask."""
    return _page(visit, link, asked)


@pages.form("/developer/answer/{link}", access=DEVELOPER)
def answer(
    visit: VisitParameter,
    asked: Asked,
    link: Link,
    version: Annotated[int, Form(ge=0, le=100_000)],
    answers: Annotated[list[Annotated[str, Form(max_length=20_000)]], Form(alias="answer", max_length=500)],
    who: Texts = [],  # noqa: B006 - never changed, and FastAPI reads it
    fields: Texts = [],  # noqa: B006 - likewise
    happened: Texts = [],  # noqa: B006 - likewise
    held: Annotated[list[Literal["yes", "no", "unknown"]], Form(max_length=500)] = [],  # noqa: B006 - likewise
) -> Response:
    """Keep a developer's answers; until the deadline they can be corrected by the same link."""
    if len(answers) != len(asked.questions) or not len(who) == len(fields) == len(happened) == len(held):
        raise InputError("The form is not the one that this link shows.", hint="Load the page again and send it.")
    # browsers send line ends as CR LF
    typed = {q.code: text.replace("\r\n", "\n") for q, text in zip(asked.questions, answers, strict=True)}
    named = [HolderSaid(*line) for line in zip(who, fields, happened, held, strict=True) if any(line[:3])]
    rules = rules_of(visit.house.workspace)
    try:
        with visit.house.records.begin() as tx:
            take_in(tx, asked, typed, named, version, rules=rules)
    except InputError as error:
        shown = _page(visit, link, asked, typed, named, str(error))
        body = render("developer/answer.html", visit, page=shown, twin=None)
        return Response(body, 400, media_type=HTML)
    return RedirectResponse(f"/developer/answer/{link}#receipt", 303)
