"""The decision point: answers AuthZEN's questions, reads by the policy and all else by the Cedar rules."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from ombud.gate.rules.engine import Question, Rules, Ruling
from ombud.gate.rules.entities import Uid
from ombud.gate.rules.values import RuleInputError
from ombud.gate.wire.faults import WireError
from ombud.gate.wire.messages import Answer, Answers, Batch, Evaluation, Item
from ombud.gate.wire.prompt import PromptReads, read_of
from ombud.gate.wire.reads import APP, Reads, is_read, own_names, request_of, told
from ombud.gate.wire.strict import check_id, decode
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from ombud.gate.identity import Identities
    from ombud.gate.request import Decision, ReadRequest
    from ombud.gate.wire.consenting import Consents
    from ombud.gate.wire.messages import Action, Entity
    from ombud.gate.wire.tokens import AppToken, TokenReader

__all__ = ["BATCH", "DecisionPoint", "attributes"]

BATCH = 1_000
"""Questions of one batch, at most."""
_BREATH = 50
"""Questions of a batch between two looks at other connections."""

_NOT_AN_APP = Answer(
    decision=False,
    context={
        "reason_admin": {"403": "Only a subject of type `app` reads a person's data through the gate."},
        "reason_user": {"403": "This is not allowed."},
    },
)
_BAD_TOKEN = Answer(
    decision=False,
    context={
        "outcome": "refused",
        "allowed": [],
        "reason_admin": {"401": "The app's token is missing, not valid, or of another app."},
        "reason_user": {"401": "The app must sign in again."},
    },
)
_ITEM = msgspec.json.Decoder(Item)


class DecisionPoint:
    """Answers questions; what it answered to reads is on record before it answers."""

    def __init__(
        self,
        reads: Reads,
        rules: Rules,
        tokens: TokenReader | None = None,
        *,
        tokens_needed: bool = False,
        consents: Consents | None = None,
        identities: Identities | None = None,
        relay_domain: str | None = None,
    ) -> None:
        """Take what decides reads and all else, what reads the apps' tokens, and what keeps consents.

        With `identities` an answer names the person as the app may know them,
        and with `relay_domain` the address under which it may write to them.

        Raises `InputError` when tokens are needed and nothing reads them.
        """
        if tokens_needed and tokens is None:
            raise InputError(
                "The gate cannot ask for apps' tokens: no setting says how to read them.",
                hint="Set `token_jwks` or `token_introspection_url` in ombud.toml.",
            )
        self.reads = reads
        self.rules = rules
        self.tokens = tokens
        self.consents = consents
        self.identities = identities
        self.relay_domain = relay_domain
        self.tokens_needed = tokens_needed
        self._prompt = reads if isinstance(reads, PromptReads) and not tokens_needed else None

    def at_once(self, body: bytes) -> tuple[Answer, asyncio.Future[None] | None] | None:
        """Answer a read without a task; the answer may go out when the future ends, or now when there is none.

        None when `evaluate` must be asked; then nothing was decided. Raises the recorder's errors as `evaluate` does.
        """
        if self._prompt is None:
            return None
        found = read_of(body)
        if found is None:
            return None
        request, partial = found
        decision = self._prompt.judge(request, partial=partial)
        kept = self._prompt.keep_one(request, decision)
        return self._told(request, decision), kept

    async def evaluate(self, asked: Evaluation) -> Answer:
        """Answer one question. Raises `WireError`, and the recorder's errors when nothing may go out."""
        kept: list[tuple[ReadRequest, Decision]] = []
        answer = await self._answer(asked, kept)
        if kept:
            await self.reads.keep(kept)
        return answer

    async def evaluate_all(self, batch: Batch) -> Answer | Answers:
        """Answer a batch by its semantics; without items, the question at the top. Raises as `evaluate`."""
        if not batch.evaluations:
            return await self.evaluate(_complete(batch, Item()))
        if len(batch.evaluations) > BATCH:
            raise WireError(f"A batch has at most {BATCH:,} evaluations.")
        semantic = batch.options.evaluations_semantic
        kept: list[tuple[ReadRequest, Decision]] = []
        answers: list[Answer] = []
        for number, raw in enumerate(batch.evaluations):
            if number and number % _BREATH == 0:
                await asyncio.sleep(0)
            answer = await self._item(batch, raw, kept)
            answers.append(answer)
            if semantic == "deny_on_first_deny" and not answer.decision:
                break
            if semantic == "permit_on_first_permit" and answer.decision:
                break
        if kept:
            await self.reads.keep(kept)
        return Answers(answers)

    async def _item(self, batch: Batch, raw: msgspec.Raw, kept: list[tuple[ReadRequest, Decision]]) -> Answer:
        """Answer one item; an item that is wrong is refused by itself."""
        try:
            return await self._answer(_complete(batch, decode(raw, _ITEM)), kept)
        except WireError as error:
            return Answer(decision=False, context={"error": {"status": error.status, "message": error.message}})

    async def _answer(self, asked: Evaluation, kept: list[tuple[ReadRequest, Decision]]) -> Answer:
        if is_read(asked.action, asked.resource):
            if asked.subject.type != APP:
                return _NOT_AN_APP
            request, partial = request_of(asked, self.identities)
            if self.tokens_needed or "token" in attributes(asked.subject.properties):
                token = await self._token(asked.subject)
                if token is None:
                    return _BAD_TOKEN
                request = msgspec.structs.replace(request, key=token.key, acts_for=token.acts_for)
            decision = self.reads.judge(request, partial=partial)
            kept.append((request, decision))
            return self._told(request, decision)
        return _ruled(self.ruling(question_of(asked.subject, asked.action, asked.resource, asked.context)))

    def _told(self, request: ReadRequest, decision: Decision) -> Answer:
        if self.identities is None:
            return told(decision)
        return told(decision, own_names(request, decision, self.identities, self.relay_domain))

    async def _token(self, subject: Entity) -> AppToken | None:
        """Return what the app's own token says; None when there is none, or none of this app. Raises `WireError`."""
        if self.tokens is None:
            raise WireError("This gate reads no tokens: leave `subject.properties.token` out.")
        text = attributes(subject.properties).get("token")
        if not isinstance(text, str) or not text:
            return None
        token = await self.tokens.read(text)
        return token if token is not None and token.app == subject.id else None

    def ruling(self, question: Question) -> Ruling:
        """Decide a general question. Raises `WireError` (400) for attributes that the rules cannot hold."""
        try:
            return self.rules.decide(question)
        except RuleInputError as error:
            raise WireError(str(error)) from None


def question_of(subject: Entity, action: Action, resource: Entity, context: object) -> Question:
    """Return a general question in the rules' terms. Raises `WireError` (400) for an id that hides something."""
    return Question(
        subject=Uid(check_id(subject.type, "The subject's type"), check_id(subject.id, "The subject's id")),
        action=check_id(action.name, "The action's name"),
        resource=Uid(check_id(resource.type, "The resource's type"), check_id(resource.id, "The resource's id")),
        subject_attributes=attributes(subject.properties),
        action_attributes=attributes(action.properties),
        resource_attributes=attributes(resource.properties),
        context=attributes(context),
    )


def attributes(properties: object) -> dict[str, Any]:
    """Return an optional object as a dict."""
    return properties if isinstance(properties, dict) else {}


def _ruled(ruling: Ruling) -> Answer:
    """Return the answer of the rules, with the policies that settled it."""
    if ruling.permitted:
        return Answer(decision=True, context={"policies": ruling.policies})
    reason = "a policy could not be worked out" if ruling.failed else "no policy permits it"
    if ruling.policies and not ruling.failed:
        reason = f"forbidden by {', '.join(ruling.policies)}"
    return Answer(
        decision=False,
        context={
            "policies": ruling.policies,
            "reason_admin": {"403": f"Refused: {reason}."},
            "reason_user": {"403": "This is not allowed."},
        },
    )


def _complete(batch: Item, item: Item) -> Evaluation:
    """Fill what an item leaves out with the top level's, whole. Raises `WireError` (400) for what neither has."""
    subject = batch.subject if item.subject is UNSET else item.subject
    action = batch.action if item.action is UNSET else item.action
    resource = batch.resource if item.resource is UNSET else item.resource
    if isinstance(subject, UnsetType) or isinstance(action, UnsetType) or isinstance(resource, UnsetType):
        missing = next(
            name for name, value in (("subject", subject), ("action", action), ("resource", resource)) if value is UNSET
        )
        raise WireError(f"`$` lacks the required `{missing}`.")
    context = batch.context if item.context is UNSET else item.context
    return Evaluation(subject, action, resource, context)
