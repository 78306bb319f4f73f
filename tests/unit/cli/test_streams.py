"""What the command line does with odd words, odd terminals and an output that takes nothing."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import ombud.cli.app as line
from ombud import __version__
from ombud.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Done


def test_version_is_a_document_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    assert line.run(["--version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"version": __version__}


@pytest.mark.parametrize("words", [["explain", "x\udce9"], ["init", "w\udce9"], ["--workspace=\udcff", "lake", "list"]])
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_word_that_is_not_utf_8_is_refused(
    capsys: pytest.CaptureFixture[str], words: list[str], more: list[str]
) -> None:
    assert line.run([*words, *more]) == 2
    shown = capsys.readouterr()
    assert "not UTF-8" in (shown.out if more else shown.err)
    assert "bug" not in shown.out + shown.err


def test_an_id_on_stdin_that_is_not_utf_8_is_refused(
    root: Path, ombud: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xe9")))
    done = ombud("erase", "-", "--yes", "--json", "--workspace", root)
    assert done.code == 2
    assert done.document["error"]["message"] == "What came on stdin is not UTF-8."


def test_debug_shows_the_traceback_and_keeps_the_exit_code(root: Path, ombud: Callable[..., Done]) -> None:
    done = ombud("explain", "x", "--debug", "--json", "--workspace", root)
    assert done.code == 2
    assert "Traceback" in done.err
    assert done.document["error"]["kind"] == "NotFoundError"


@pytest.mark.parametrize("port", [-1, 65_536, 99_999_999])
def test_a_port_is_a_port(root: Path, ombud: Callable[..., Done], port: int) -> None:
    done = ombud("serve", "--port", port, "--json", "--workspace", root)
    assert done.code == 2
    assert "--port" in done.document["error"]["message"]


@pytest.mark.enable_socket
def test_doctor_shows_a_port_without_a_comma(root: Path, ombud: Callable[..., Done]) -> None:
    shown = ombud("doctor", "--workspace", root).out
    assert "8000" in shown
    assert "8,000" not in shown


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize("more", [[], ["--json"]])
def test_an_output_that_takes_nothing_is_one_sentence(root: Path, more: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = _run(["lake", "list", "--workspace", str(root), *more], stdout=full.fileno())
    assert done.returncode == 4
    assert done.stderr.startswith(b"error: The disk is full.")
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_output_is_utf_8_whatever_the_locale(root: Path, more: list[str]) -> None:
    done = _run(["doctor", "--workspace", str(root), *more], stdout=subprocess.PIPE, PYTHONIOENCODING="ascii")
    shown = done.stdout.decode()
    assert json.loads(shown)["version"] if more else "\N{CHECK MARK}" in shown
    assert done.stderr == b""


@pytest.mark.parametrize("words", [["doctor"], ["doctor", "--json"], ["--help"]])
def test_a_reader_that_has_seen_enough_ends_the_command_quietly(root: Path, words: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = _run([*words, "--workspace", str(root)], stdout=writing)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_another_end_of_the_process_is_not_hidden(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(*_: object) -> None:
        raise SystemExit(3)

    monkeypatch.setattr("ombud.cli.shell.Shell.document", leave)
    with pytest.raises(SystemExit, match="3"):
        line.run(["lake", "list", "--json", "--workspace", str(root)])


def test_a_terminal_without_the_sign_shows_another(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.TextIOWrapper):
        def isatty(self) -> bool:
            return True

    screen = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", Terminal(screen, encoding="ascii"))
    monkeypatch.setattr(sys, "argv", ["ombud", "--version"])
    with pytest.raises(SystemExit):
        main()
    sys.stdout.write("\N{CHECK MARK}")
    sys.stdout.flush()
    assert screen.getvalue().decode("ascii") == f"ombud {__version__}\n?"


def _run(words: list[str], *, stdout: int, **environment: str) -> subprocess.CompletedProcess[bytes]:
    program = "from ombud.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=os.environ | environment,
        check=False,
        timeout=120,
    )
