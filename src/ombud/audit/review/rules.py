"""The rules of the review as data: deadlines, what silence leads to, how long a stated purpose counts."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import rfc8785
from msgspec import Meta

from ombud.model.errors import InputError

if TYPE_CHECKING:
    from ombud.model.workspace import Workspace

__all__ = ["OUTCOMES", "Outcome", "ReviewRules", "load_rules", "rules_of"]

Outcome = Literal["limited", "suspended", "banned"]
OUTCOMES: tuple[Outcome, ...] = ("limited", "suspended", "banned")
"""What acting on an app can be, mildest first."""
Days = Annotated[int, Meta(ge=1, le=3650)]
_SHIPPED = Path(__file__).with_name("review.toml")


class QuestionRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long developers have."""

    answer_days: Days
    corrections: Annotated[int, Meta(ge=0, le=1000)]


class SilenceRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What silence can lead to, and the sentence in which the developer is told."""

    consequence: Outcome
    says: Annotated[str, Meta(min_length=20)]


class BulkRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be looked at together."""

    never_first: Annotated[int, Meta(ge=0)]
    most: Annotated[int, Meta(ge=1, le=10_000)]


class CertificationRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long a stated purpose counts, and what comes after."""

    valid_days: Days
    ask_days_before: Days
    grace_days: Annotated[int, Meta(ge=0, le=3650)]
    says: Annotated[str, Meta(min_length=20)]


class ReviewRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All rules of the review."""

    name: str
    deadlines: dict[str, Days]
    """days by stage"""
    questions: QuestionRules
    silence: SilenceRules
    bulk: BulkRules
    certification: CertificationRules

    @property
    def hash(self) -> str:
        """Return the SHA-256, in hexadecimal, of the rules as canonical JSON (RFC 8785)."""
        return sha256(rfc8785.dumps(msgspec.to_builtins(self))).hexdigest()


def load_rules(path: Path = _SHIPPED) -> ReviewRules:
    """Read rules from a TOML file. `InputError` says what does not fit."""
    try:
        rules = msgspec.toml.decode(path.read_bytes(), type=ReviewRules)
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        raise InputError(
            f"The rules of the review in {path.name} cannot be read: {error}.", hint="Compare them with those shipped."
        ) from error
    known = {"looked at", "questioned", "audited"}
    if set(rules.deadlines) != known:
        raise InputError(
            f"The deadlines in {path.name} are for {', '.join(sorted(rules.deadlines))}.",
            hint=f"Give one for each of {', '.join(sorted(known))}.",
        )
    return rules


def rules_of(workspace: Workspace) -> ReviewRules:
    """Return a workspace's own rules, `review.toml` beside its settings, else those shipped."""
    own = workspace.root / "review.toml"
    return load_rules(own if own.is_file() else _SHIPPED)
