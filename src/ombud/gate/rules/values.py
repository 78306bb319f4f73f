"""Turn JSON attributes into values that Cedar knows, without letting them name entities or call extensions."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from ombud.model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["RuleInputError", "record"]

_LARGEST = 2**63
_DECIMALS = 4
_RESERVED = "__"


class RuleInputError(InputError):
    """An attribute cannot be expressed in the rules' language."""


def record(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object as a Cedar record.

    Null members are left out (an absent attribute, as AuthZEN asks); numbers
    with a fraction become Cedar decimals. Raises `RuleInputError` for a number
    that Cedar cannot hold and for a name that begins with two underscores,
    which would be read as an entity or a call.
    """
    return {_name(name): _value(value) for name, value in properties.items() if value is not None}


def _name(name: str) -> str:
    if name.startswith(_RESERVED):
        raise RuleInputError("An attribute's name begins with two underscores.", hint="Those names are reserved.")
    return name


def _value(value: object) -> object:
    match value:
        case bool() | str():
            return value
        case int():
            if not -_LARGEST <= value < _LARGEST:
                raise RuleInputError("A number is larger than 64 bits.", hint="Send it as a string.")
            return value
        case float():
            return _decimal(value)
        case dict():
            return record(value)
        case list():
            return [_value(part) for part in value if part is not None]
        case _:
            raise RuleInputError("An attribute is of a kind that JSON does not know.")


def _decimal(value: float) -> object:
    if value.is_integer() and abs(value) < _LARGEST:
        return int(value)
    exact = Decimal(repr(value))
    exponent = exact.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -_DECIMALS or abs(exact) * 10**_DECIMALS >= _LARGEST:
        raise RuleInputError(
            f"A number has more than {_DECIMALS} places after the point.", hint="Send it rounded, or as a string."
        )
    return {"__extn": {"fn": "decimal", "arg": f"{exact:f}"}}
