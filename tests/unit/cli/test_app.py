from __future__ import annotations

import errno
import json
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

import ombud.cli.app as line
from ombud.cli.shell import Shell, plain, storage_error
from ombud.model.errors import InputError, OmbudError

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


@pytest.mark.parametrize(
    ("given", "moved"),
    [
        (["lake", "list", "--json"], ["--json", "lake", "list"]),
        (["lake", "--workspace", "w", "list"], ["--workspace", "w", "lake", "list"]),
        (["lake", "--workspace=w", "list"], ["--workspace=w", "lake", "list"]),
        (["erase", "--", "--json"], ["erase", "--", "--json"]),
        (["cases", "list", "--limit", "3"], ["cases", "list", "--limit", "3"]),
    ],
)
def test_options_of_the_whole_command_may_stand_anywhere(given: list[str], moved: list[str]) -> None:
    assert line._to_front(given) == moved


def test_an_error_is_a_sentence_a_hint_and_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert Shell().fail(InputError("The file [a] is empty.", hint="Name another.")) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "The file [a] is empty." in shown.err
    assert "Name another." in shown.err


def test_an_error_is_a_document_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    assert Shell(json=True).fail(InputError("Empty.", hint="Mend it.")) == 2
    document = json.loads(capsys.readouterr().out)
    assert document == {"error": {"kind": "InputError", "message": "Empty.", "hint": "Mend it."}}


def test_brackets_in_names_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    Shell().table("t", ("name",), [("[bold]x[/]",), (None,), (True,), (1234,), (0.25,)])
    shown = capsys.readouterr().out
    assert "[bold]x[/]" in shown
    assert "1,234" in shown
    assert plain("[red]") == r"\[red]"


def test_names_from_strangers_cannot_command_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    shell = Shell()
    shell.table("a\x1b[2Jb", ("name",), [("\x1b]0;owned\x07",)])
    shell.say("c\x9b31md")
    shell.fail(InputError("The file \x1b[31m is odd."))
    shown = capsys.readouterr()
    assert not {"\x1b", "\x07", "\x9b"} & set(shown.out + shown.err)
    assert "owned" in shown.out


def test_people_see_nothing_of_a_document_and_scripts_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    Shell().document({"a": 1})
    Shell(json=True).say("hello")
    Shell(json=True).table("t", ("a",), [("b",)])
    assert capsys.readouterr().out == ""
    Shell(json=True).document({"a": 1})
    assert capsys.readouterr().out == '{"a":1}\n'


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_a_failing_disk_is_one_sentence(number: int) -> None:
    error = storage_error(OSError(number, "why", "place"))
    assert error is not None
    assert "place" in error.message
    assert error.hint


def test_other_errors_of_the_system_are_not_the_disk() -> None:
    assert storage_error(OSError(errno.EINTR, "why")) is None


def test_a_bug_is_said_without_a_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(line, "build", broken)
    assert line.run(["lake", "list"]) == 70
    shown = capsys.readouterr().err
    assert "ZeroDivisionError" in shown
    assert "Traceback" not in shown
    with pytest.raises(ZeroDivisionError):
        line.run(["lake", "list", "--debug"])


def test_every_command_has_a_help_text_that_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert line.run(["--help"]) == 0
    shown = capsys.readouterr().out
    for name in [
        "init",
        "demo",
        "import",
        "lake",
        "detect",
        "evaluate",
        "cases",
        "explain",
        "serve",
        "worker",
        "backup",
        "restore",
        "upgrade",
        "erase",
    ]:
        assert name in shown, name
        assert line.run([name, "--help"]) == 0
        assert len(capsys.readouterr().out) > 100


def test_only_the_module_of_the_command_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []

    def load(name: str) -> ModuleType:
        loaded.append(name)
        return import_module(name)

    monkeypatch.setattr(line, "import_module", load)
    line.build("explain")
    assert loaded == ["ombud.cli.explain"]
    assert line._command_of(["--json", "--workspace", "lake", "explain", "x"]) == "explain"
    assert line._command_of(["--help"]) is None


def test_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert line.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("ombud ")


@pytest.mark.enable_socket
def test_init_prepares_and_doctor_finds_it_good(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert line.run(["init", str(tmp_path / "w"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"workspace": str(tmp_path / "w")}
    assert line.run(["doctor", "--workspace", str(tmp_path / "w"), "--json"]) == 0
    checks = {check["what"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["records"]["state"] == "good"
    assert checks["keys"]["state"] == "good"


@pytest.mark.enable_socket
def test_doctor_names_the_mend(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line.run(["init", str(tmp_path)])
    (tmp_path / "keys").chmod(0o755)
    (tmp_path / "records.sqlite").unlink()
    capsys.readouterr()
    assert line.run(["doctor", "--workspace", str(tmp_path), "--json"]) == 3
    checks = {check["what"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["keys"]["mend"].startswith("chmod 700")
    assert checks["records"]["state"] == "missing"


def test_an_error_of_ombud_keeps_its_own_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OmbudError

    monkeypatch.setattr(line, "build", refused)
    assert line.run([]) == 70
