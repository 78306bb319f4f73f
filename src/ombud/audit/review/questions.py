"""Questions to developers as data, filled with their own app's figures."""

from __future__ import annotations

from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, Literal

import msgspec

from ombud.model.errors import InputError
from ombud.records.questionnaires import Question

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["QuestionSet", "Template", "fill", "load_questions"]

_SHIPPED = Path(__file__).with_name("questions.toml")
_LISTS = {"fields", "certified"}


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One question before it is filled."""

    code: str
    text: str
    hint: str = ""
    required: bool = True
    needs: str | None = None
    """the figure without which it is not asked"""
    each: Literal["fields", "certified"] | None = None
    """the list for each of whose entries it is asked"""


class QuestionSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All questions."""

    name: str
    review: list[Template]
    certification: list[Template]


def load_questions(path: Path = _SHIPPED) -> QuestionSet:
    """Read questions from a TOML file. `InputError` says what does not fit."""
    try:
        found = msgspec.toml.decode(path.read_bytes(), type=QuestionSet)
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        raise InputError(
            f"The questions in {path.name} cannot be read: {error}.", hint="Compare them with those shipped."
        ) from error
    for kind in (found.review, found.certification):
        codes = [one.code for one in kind]
        if len(set(codes)) != len(codes):
            raise InputError(f"A code is there twice in {path.name}.", hint="Give each question a code of its own.")
    return found


def fill(
    templates: Sequence[Template],
    values: Mapping[str, str | None],
    lists: Mapping[str, Sequence[Mapping[str, str]]],
) -> list[Question]:
    """Return the questions that can be asked; one that needs what is not known is left out.

    A template with `each` is asked once an entry of that list, its code followed by the entry's own values.
    """
    out: list[Question] = []
    for one in templates:
        entries: Sequence[Mapping[str, str]] = lists.get(one.each, ()) if one.each else ({},)
        if one.needs is not None and not values.get(one.needs):
            continue
        for entry in entries:
            known = {**values, **entry}
            if any(not known.get(name) for name in _names(one.text)):
                continue
            code = ":".join((one.code, *entry.values()))
            out.append(Question(code, _filled(one.text, known), _filled(one.hint, known), one.required))
    return out


def _names(text: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(text) if name]


def _filled(text: str, values: Mapping[str, str | None]) -> str:
    return text.format_map({name: value or "" for name, value in values.items()})
