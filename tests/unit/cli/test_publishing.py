"""What commands bring to the ledger when they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ombud.ledger.entries import decode_entry
from ombud.ledger.writer import open_ledger
from ombud.model.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Done

    Ombud = Callable[..., Done]


@pytest.fixture
def fresh(ombud: Ombud, tmp_path: Path) -> Path:
    """Return a workspace of this test's own."""
    assert ombud("init", tmp_path / "fresh").code == 0
    return tmp_path / "fresh"


@pytest.fixture
def post(tmp_path: Path) -> Path:
    """Return a file with one post."""
    file = tmp_path / "posts.csv"
    file.write_text("post,account,happened_at\np1,anna,2016-09-01T00:00:00Z\n")
    return file


def types(root: Path) -> list[str]:
    with open_ledger(Workspace.open(root)) as ledger:
        return [decode_entry(data).type for data in ledger.entries(0, ledger.size)]


def test_an_import_is_on_the_ledger_when_it_ends(ombud: Ombud, fresh: Path, post: Path) -> None:
    done = ombud("import", "table", post, "--table", "posts", "--workspace", fresh)
    assert "On the ledger, which has 1 entry now" in done.out
    assert types(fresh) == ["import"]
    again = ombud("import", "table", post, "--table", "posts", "--workspace", fresh)
    assert "ledger" not in again.out
    assert types(fresh) == ["import"]


def test_erasing_says_on_the_ledger_that_rows_went_and_not_whose(ombud: Ombud, fresh: Path, post: Path) -> None:
    ombud("import", "table", post, "--table", "posts", "--workspace", fresh)
    assert ombud("erase", "anna", "--yes", "--workspace", fresh).code == 0
    with open_ledger(Workspace.open(fresh)) as ledger:
        entries = list(ledger.entries(0, ledger.size))
    assert decode_entry(entries[-1]).type == "erase"
    assert not any(b"anna" in entry for entry in entries)


def test_a_ledger_that_another_process_has_is_no_error(ombud: Ombud, fresh: Path, post: Path) -> None:
    with open_ledger(Workspace.open(fresh)) as ledger:
        done = ombud("import", "table", post, "--table", "posts", "--workspace", fresh)
        assert done.code == 0
        assert "Another process has the ledger open" in done.out
        assert ledger.size == 0
    ombud("lake", "compact", "--workspace", fresh)
    first, *rest = types(fresh)
    assert first == "import"
    assert set(rest) <= {"import"}  # compacting is told as an import of new files


def test_a_ledger_that_cannot_be_opened_is_said_and_loses_nothing(ombud: Ombud, fresh: Path, post: Path) -> None:
    ombud("import", "table", post, "--table", "posts", "--workspace", fresh)
    checkpoint = fresh / "ledger" / "checkpoint"
    good = checkpoint.read_bytes()
    checkpoint.write_bytes(good.replace(b"\n1\n", b"\n7\n", 1))
    done = ombud("erase", "anna", "--yes", "--workspace", fresh)
    assert done.code == 0
    assert "Not on the ledger yet:" in done.out
    checkpoint.write_bytes(good)
    ombud("lake", "compact", "--workspace", fresh)
    assert types(fresh) == ["import", "import", "erase"]  # what was written anew without the person is told too
