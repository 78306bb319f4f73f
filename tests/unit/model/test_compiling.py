"""A function that is kept compiled is compiled again when anything changes that went into it, in whatever file."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest

from ombud import gate
from ombud.gate import addresses, batch, budgets, machine, slots
from ombud.model import compiling
from ombud.model.compiling import fingerprint, kernel

if TYPE_CHECKING:
    from types import ModuleType

BELOW = """
from ombud.model.compiling import inlined, kernel
STEP = {step}
@{how}
def far(value):
    return value {sign} 1
"""
ABOVE = """
from ombud.model.compiling import kernel
from below_kernel import STEP, far
@kernel
def near(value):
    return far(value) + STEP
"""
BETWEEN = """
from ombud.model.compiling import kernel
from above_kernel import near
@kernel
def top(value):
    return near(value) * 2
"""


def asked(folder: Path, monkeypatch: pytest.MonkeyPatch, **below: object) -> tuple[int, int]:
    """Return what the compiled function says, and how many functions were taken as they were kept."""
    names = ("below_kernel", "above_kernel", "top_kernel")
    monkeypatch.syspath_prepend(str(folder))
    for name, text in zip(names, (BELOW.format(**below), ABOVE, BETWEEN), strict=True):
        path = folder / f"{name}.py"
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
        sys.modules.pop(name, None)
    importlib.invalidate_caches()
    top = importlib.import_module("top_kernel").top
    said = top(10)
    for name in names:
        sys.modules.pop(name)
    return said, sum(top.stats.cache_hits.values())


@pytest.mark.parametrize("how", ["kernel", "inlined"])
def test_what_changes_in_another_file_is_compiled_again(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert asked(tmp_path, monkeypatch, how=how, step=100, sign="+") == (222, 0)
    assert asked(tmp_path, monkeypatch, how=how, step=100, sign="+") == (222, 1)
    assert asked(tmp_path, monkeypatch, how=how, step=200, sign="+") == (422, 0)
    assert asked(tmp_path, monkeypatch, how=how, step=200, sign="-") == (418, 0)
    assert asked(tmp_path, monkeypatch, how=how, step=100, sign="+") == (222, 1)


@pytest.mark.parametrize(
    ("module", "name"),
    [(addresses, "FACTOR"), (budgets, "KEYS"), (budgets, "NO_LIMIT"), (batch, "LIVE"), (batch, "_REVOKED"),
     (machine, "REVIEWED"), (machine, "_ROW")],
)  # fmt: skip
def test_the_gate_s_layouts_are_part_of_what_it_is_known_by(
    module: ModuleType, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fingerprint(machine.decide_simply.py_func)
    assert before == fingerprint(machine.decide_simply.py_func)
    monkeypatch.setattr(module, name, getattr(module, name) + 1)
    assert fingerprint(machine.decide_simply.py_func) != before


def test_the_code_of_what_is_called_is_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    single, rows = fingerprint(machine.decide_simply.py_func), fingerprint(batch.rule.py_func)
    monkeypatch.setattr(budgets.charge, "py_func", slots.find.py_func)
    assert fingerprint(machine.decide_simply.py_func) != single
    assert fingerprint(batch.rule.py_func) != rows


def test_intrinsics_and_arrays_are_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(machine.decide_one.py_func)
    monkeypatch.setattr(machine, "whole", addresses.words)
    assert fingerprint(machine.decide_one.py_func) != before
    table = np.arange(5)
    function = eval("lambda at: table[at]", {"table": table})  # noqa: S307 - a function with globals of its own
    first = fingerprint(function)
    table[3] = 0
    assert fingerprint(function) != first


class Pair(NamedTuple):
    left: int
    right: int


def of_pair(pair: Pair) -> int:
    return pair.left


def test_the_order_of_an_argument_s_parts_is_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(of_pair)
    monkeypatch.setitem(globals(), "Pair", NamedTuple("Pair", [("right", int), ("left", int)]))
    assert fingerprint(of_pair) != before


def test_every_kernel_of_the_gate_is_known_so() -> None:
    files = sorted(Path(gate.__path__[0]).rglob("*.py"))
    assert len(files) > 50
    assert [path.name for path in files if "njit" in path.read_text()] == []
    assert machine.decide_one._cache._index_key.__module__ == compiling.__name__


def test_a_function_that_calls_itself_has_an_end() -> None:
    def again(value: int) -> int:
        return value and again(value - 1)

    assert len(fingerprint(again)) == 64
    assert kernel(again).py_func is again
