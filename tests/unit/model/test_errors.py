from __future__ import annotations

import inspect

import pytest

from ombud.model import errors
from ombud.model.errors import BusyError, InputError, OmbudError

ALL = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, OmbudError)]


@pytest.mark.parametrize("kind", ALL)
def test_the_docstring_is_the_message_when_none_is_given(kind: type[OmbudError]) -> None:
    assert kind().message == inspect.getdoc(kind)
    assert kind("Row 3 is odd.").message == "Row 3 is odd."


@pytest.mark.parametrize("kind", ALL)
def test_every_error_has_an_exit_code_of_the_documented_set(kind: type[OmbudError]) -> None:
    assert kind.exit_code in {2, 3, 4, 70}


def test_an_error_says_what_happened_and_then_what_to_do() -> None:
    assert str(InputError("The file is empty.", hint="Name another.")) == "The file is empty. Name another."
    assert str(BusyError()) == "Another process is writing to this workspace."


def test_every_error_is_public_and_in_the_tree_of_the_module() -> None:
    assert {one.__name__ for one in ALL} == set(errors.__all__)
    assert all(one.__name__ in (errors.__doc__ or "") for one in ALL)
