"""How every command speaks: to people, to scripts, to a terminal, and not at all."""

from __future__ import annotations

import errno
import io
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

import ombud.cli.app as line
from ombud.cli.shell import Shell, plain, visible, writing
from ombud.model.errors import BusyError, InputError, OmbudError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Done, Planted

    Ombud = Callable[..., Done]


def spoken(**how: Any) -> tuple[Shell, io.StringIO]:  # noqa: ANN401 - fields of a shell
    """Return a shell that writes into a text."""
    text = io.StringIO()
    return Shell(out=Console(file=text, width=60), **how), text


def test_a_table_is_a_title_a_head_and_rows_with_numbers_to_the_right() -> None:
    shell, text = spoken()
    shell.table("Two [things]", ("name", "count"), [("[a]", 1_234_567), ("b", 5)], (1,))
    assert [row.rstrip() for row in text.getvalue().splitlines()] == [
        "Two [things]",
        "name      count",
        "[a]   1,234,567",
        "b             5",
    ]


def test_each_kind_of_value_has_one_way_to_be_shown() -> None:
    shell, text = spoken()
    values: list[object] = [None, True, False, 0, 1_000, 1_234.5, 0.000_012_34, "text", math.nan]
    shell.table("t", ("", ""), [(str(n), value) for n, value in enumerate(values)])
    shown = [row.split(maxsplit=1)[1].strip() for row in text.getvalue().splitlines()[1:]]
    assert shown == ["–", "yes", "no", "0", "1,000", "1.23e+03", "1.23e-05", "text", "nan"]


def test_a_table_without_rows_is_its_title_on_one_line_however_long() -> None:
    shell, text = spoken()
    title = "Nothing here. " * 10
    shell.table(title, ("a", "b"), [])
    assert text.getvalue() == title + "\n"


@pytest.mark.parametrize("how", [{"quiet": True}, {"json": True}])
def test_scripts_and_the_quiet_see_neither_lines_nor_tables(how: dict[str, bool]) -> None:
    shell, text = spoken(**how)
    shell.say("line")
    shell.table("t", ("a",), [("b",)])
    shell.table("t", ("a",), [])
    with shell.progress() as progress:
        progress(1, 2, "work")
    assert text.getvalue() == ""


def test_lines_are_shown_as_they_are_unless_asked() -> None:
    shell, text = spoken()
    shell.say("[bold]x[/] [/nonsense]")
    shell.say(f"[bold]y[/] {plain('[/nonsense]')}", markup=True)
    assert text.getvalue() == "[bold]x[/] [/nonsense]\ny [/nonsense]\n"


@pytest.mark.parametrize(
    "words",
    [
        ("cases", "list"),
        ("cases", "show", "1"),
        ("lake", "list"),
        ("lake", "check"),
        ("detect", "networks", "--no-record"),
        ("archive", "totals"),
        ("upgrade",),
    ],
)
def test_quiet_commands_print_nothing_but_errors(ombud: Ombud, planted: Planted, words: tuple[str, ...]) -> None:
    done = ombud(*words, "--quiet", "--workspace", planted.root)
    assert (done.code, done.out, done.err) == (0, "", "")
    failed = ombud("cases", "show", "99", "--quiet", "--workspace", planted.root)
    assert (failed.code, failed.out) == (2, "")
    assert "no case 99" in failed.err


@pytest.mark.parametrize("group", [(), ("lake",), ("cases",), ("detect",), ("evaluate",), ("archive",)])
def test_a_group_without_a_command_is_one_document_for_scripts_and_help_for_people(
    ombud: Ombud, group: tuple[str, ...]
) -> None:
    done = ombud(*group, "--json")
    assert done.code == 2
    assert done.document["error"]["kind"] == "UsageError"
    done = ombud(*group)
    assert done.code == 2
    assert "Usage: ombud" in done.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("lis",), "lis"),
        (("lake", "lst"), "lst"),
        (("lake", "list", "--loud"), "--loud"),
        (("lake", "list", "extra"), "extra"),
        (("cases", "list", "--limit"), "--limit"),
        (("lake", "list", "--workspace"), "`--workspace` needs a value"),
        (("--workspace", "--quiet", "lake", "list"), "`--workspace` needs a value"),
    ],
)
def test_a_slip_of_the_hand_is_usage_with_a_hint(ombud: Ombud, words: tuple[str, ...], said: str) -> None:
    done = ombud("--json", *words)
    assert (done.code, done.document["error"]["kind"]) == (2, "UsageError")
    assert said in done.document["error"]["message"]
    assert "--help" in done.document["error"]["hint"] or "FOLDER" in done.document["error"]["hint"]


def test_the_workspace_comes_from_option_then_environment_then_here(
    ombud: Ombud, planted: Planted, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rows() -> int:
        return len(ombud("lake", "list", "--json").document["tables"])

    monkeypatch.chdir(planted.root)
    assert rows() == 1
    monkeypatch.setenv("OMBUD_WORKSPACE", str(bare))
    assert rows() == 0
    assert len(ombud("lake", "list", "--json", f"--workspace={planted.root}").document["tables"]) == 1


def test_after_two_dashes_options_are_words(ombud: Ombud, bare: Path) -> None:
    done = ombud("--workspace", bare, "erase", "--yes", "--", "--json")
    assert done.code == 2
    assert "no account" in done.out + done.err


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        (BusyError(), 4, "BusyError"),
        (StorageError("Full.", hint="Free."), 4, "StorageError"),
        (OSError(errno.ENOSPC, "No space left", "/somewhere"), 4, "StorageError"),
        (OSError(errno.EIO, "Broken", "/somewhere"), 70, "OmbudError"),
        (ValueError("secret"), 70, "OmbudError"),
    ],
)
def test_whatever_fails_is_one_document_with_its_exit_code(
    ombud: Ombud, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, kind: str
) -> None:
    def broken(*_: object) -> None:
        raise error

    monkeypatch.setattr(line, "build", broken)
    done = ombud("lake", "list", "--json")
    assert (done.code, done.document["error"]["kind"]) == (code, kind)
    assert done.document["error"]["message"]
    assert "secret" not in done.out


def test_stopping_by_hand_says_that_nothing_is_lost(ombud: Ombud, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(line, "build", stopped)
    done = ombud("lake", "list")
    assert (done.code, done.out) == (130, "")
    assert "Nothing that was acknowledged is lost" in done.err


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), InputError, "No such file"),
        (IsADirectoryError(errno.EISDIR, "Is a directory"), InputError, "Is a directory"),
        (PermissionError(errno.EACCES, "Permission denied"), StorageError, "may not write"),
        (OSError(errno.ENOSPC, "No space left on device"), StorageError, "disk is full"),
    ],
)
def test_a_file_that_cannot_be_written_is_one_sentence(error: OSError, kind: type[OmbudError], said: str) -> None:
    with pytest.raises(kind, match=said) as caught, writing(Path("out.csv")):
        raise error
    assert caught.value.hint


def test_progress_is_a_bar_on_a_terminal_and_silence_elsewhere() -> None:
    for terminal in (True, False):
        text = io.StringIO()
        shell = Shell(err=Console(file=text, force_terminal=terminal, width=100))
        with shell.progress() as progress:
            progress(3, 7, "posts into the lake")
        assert ("posts into the lake" in text.getvalue()) == terminal
        assert ("3/7" in text.getvalue()) == terminal


def test_documents_hold_what_json_can_hold(capsys: pytest.CaptureFixture[str]) -> None:
    Shell(json=True).document({"path": "ä\u2028", "nothing": math.inf})
    shown = capsys.readouterr().out
    assert shown.count("\n") == 1
    assert json.loads(shown) == {"path": "ä\u2028", "nothing": None}


def test_signs_that_turn_what_follows_are_not_printed() -> None:
    assert visible("Evil \u202e Corp \u2066x\u2069 \x1b[2J") == "Evil \ufffd Corp \ufffdx\ufffd \ufffd[2J"
    assert visible("\u05d0\u200f, \u00fc\tand\n") == "\u05d0\u200f, \u00fc\tand\n"
