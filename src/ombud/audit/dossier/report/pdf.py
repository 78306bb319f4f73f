"""Setting an audit's document: Typst from its wheel, its own fonts, no network, the same bytes for the same input.

The document is PDF/A-2a, made to be archived, and PDF/UA-1, made to be read aloud. Both demand that every letter can
be shown: what the wheel's fonts lack is written as its number in Unicode, such as U+4E2D.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec
import typst

from ombud.audit.dossier.report.document import document
from ombud.model.errors import InputError

if TYPE_CHECKING:
    from datetime import datetime

    from ombud.audit.dossier.report.custody import Custody
    from ombud.audit.dossier.whole import Dossier

__all__ = ["pdf", "typeset"]

_TEMPLATE = "report.typ"
_MISSING = re.compile('the text `(".*?")` could not be displayed', re.DOTALL)
_STANDARDS: list[Any] = ["a-2a", "ua-1"]
_ROUNDS = 50
_NEVER_SHOWN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")
"""Signs without a shape, and those that turn the direction of what follows"""


def pdf(made: Dossier, custody: Custody) -> bytes:
    """Return the audit as a PDF; the same audit and custody give the same bytes."""
    content = document(made, custody)
    return typeset(content, made.made_at)


def typeset(content: dict[str, Any], dated: datetime) -> bytes:
    """Set the words of `content` by the template, dated `dated`."""
    content = _shown(content, frozenset())
    for _ in range(_ROUNDS):
        sources: Any = {"main.typ": _template(), "report.json": msgspec.json.encode(content)}
        try:
            made: Any = typst.compile(
                sources,
                ignore_system_fonts=True,
                pdf_standards=_STANDARDS,
                timestamp=int(dated.timestamp()),
                format="pdf",
            )
        except typst.TypstError as error:
            missing = frozenset("".join(map(_unquoted, _MISSING.findall(error.diagnostic))))
            if not missing:
                raise
            content = _shown(content, missing)
            continue
        return bytes(made)
    raise InputError("The document holds signs that cannot be printed.", hint="Take --json, which holds everything.")


@cache
def _template() -> bytes:
    return files(__package__).joinpath(_TEMPLATE).read_bytes()


def _unquoted(text: str) -> str:
    """Return what Typst shows between quotation marks, with its escapes undone."""
    inner = text[1:-1]
    inner = re.sub(r"\\u\{([0-9a-fA-F]+)\}", lambda found: chr(int(found[1], 16)), inner)
    return inner.replace('\\"', '"').replace("\\\\", "\\")


def _shown(value: Any, missing: frozenset[str]) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value with the numbers of signs that have no shape in the place of these."""
    if isinstance(value, str):
        plain = _NEVER_SHOWN.sub(lambda found: _number(found[0]), value)
        return "".join(_number(sign) if sign in missing else sign for sign in plain) if missing else plain
    if isinstance(value, dict):
        return {name: _shown(item, missing) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(item, missing) for item in value]
    return value


def _number(sign: str) -> str:
    return f"[U+{ord(sign):04X}]"
