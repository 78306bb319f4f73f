"""Every page of the docs does what it says: its commands run, and print what the page shows.

In a `console` block a line that begins with `$ ` is a command; the lines below it are what it
prints, where `...` alone on a line stands for any lines and within a line for any text. A command
without lines below is only run. A `python` block is run as it is. Pages start in an empty folder
with `examples/` at hand and go through their blocks in order. A command must succeed, unless the
page shows an error or says `# exits with N`.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pytest

from ombud.cli.app import run as ombud

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(?P<kind>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
EXIT = re.compile(r"\s+# exits with (?P<code>\d+)$")
HEREDOC = re.compile(r"<<'(?P<end>\w+)'")
NOT_RUN = {"make", "git", "pip", "sudo"}
"""Programs that change the machine, or that other tests run."""
ENDLESS = {"serve", "worker", "demo", "witness"}
"""Commands of `ombud` that do not end by themselves, or that have a test of their own."""


PREPARED = {
    "README.md": {
        "my-workspace/shares.csv": "post,account,happened_at,links\n"
        "1,anna,2021-09-01T10:00:00Z,https://example.org/a\n"
        "2,ben,2021-09-01T10:00:20Z,https://example.org/a\n"
    }
}
"""Files that a page takes for granted, by page."""


class Block(NamedTuple):
    """One fenced block: its kind, its text, and the line of the page where it starts."""

    kind: str
    body: str
    line: int


class Command(NamedTuple):
    """One command of a block, the lines that the page shows below it, and its exit code."""

    text: str
    shown: list[str]
    code: int


@dataclass
class Reader:
    """Somebody who types a page's commands: where they are, and what they set."""

    folder: Path
    env: dict[str, str]
    names: dict[str, object] = field(default_factory=dict)

    def type(self, command: str) -> tuple[int, str]:
        """Run one command and return its exit code and what it printed."""
        plain = not set(command) & set("|<>;&*$`")
        words = shlex.split(command) if plain else command.split()
        if words[0] in NOT_RUN or (words[0] == "ombud" and ENDLESS & set(words)):
            return 0, "..."
        if words[0] == "cd" and plain:
            self.folder = (self.folder / words[1]).resolve(strict=True)
            return 0, ""
        if words[0] == "export" and plain:
            name, value = words[1].split("=", 1)
            self.env[name] = value
            return 0, ""
        if words[0] == "ombud" and plain:
            return self._in_process(words[1:])
        done = subprocess.run(
            ["bash", "-c", command], cwd=self.folder, env=self.env, capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout + done.stderr

    def _in_process(self, arguments: list[str]) -> tuple[int, str]:
        printed = io.StringIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for name, value in self.env.items():
                patch.setenv(name, value)
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
                code = ombud(arguments)
        return code, printed.getvalue()

    def run(self, source: str, name: str) -> None:
        """Run a block of Python; its names stay for the page's later blocks."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for key, value in self.env.items():
                patch.setenv(key, value)
            exec(compile(source, name, "exec"), self.names)  # noqa: S102 - the docs' own code


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a page that are to be run."""
    return [
        Block(found["kind"], found["body"], text.count("\n", 0, found.start()) + 1)
        for found in FENCE.finditer(text)
        if found["kind"] in {"console", "python"}
    ]


def commands(body: str) -> list[Command]:
    """Split a `console` block into its commands and what each shows."""
    found: list[Command] = []
    lines = body.splitlines()
    while lines:
        line = lines.pop(0)
        if not line.startswith("$ "):
            found[-1].shown.append(line)
            continue
        text = line.removeprefix("$ ")
        code = 0
        if ends := EXIT.search(text):
            text, code = text[: ends.start()], int(ends["code"])
        if heredoc := HEREDOC.search(text):
            end = lines.index(heredoc["end"])
            text = "\n".join([text, *lines[: end + 1]])
            del lines[: end + 1]
        while text.endswith("\\"):
            text = text[:-1] + lines.pop(0).strip()
        found.append(Command(text, [], code))
    return found


def _single(line: str) -> str:
    return re.sub(r"\s+", " ", line).rstrip()


def agrees(shown: list[str], printed: str) -> bool:
    """Tell whether `printed` is what the page shows; widths of gaps and blank lines do not matter."""
    parts = []
    for line in filter(str.strip, shown):
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*".join(re.escape(part) for part in _single(line).split("...")) + r"\n")
    text = "".join(_single(line) + "\n" for line in printed.splitlines() if line.strip())
    return re.fullmatch("".join(parts), text) is not None


def read(page: Path, folder: Path) -> int:
    """Work through a page in `folder` and return how many blocks ran."""
    (folder / "examples").symlink_to(ROOT / "examples")
    for name, text in PREPARED.get(str(page.relative_to(ROOT)), {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    env = {**os.environ, "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"}
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    env.pop("OMBUD_WORKSPACE", None)
    reader = Reader(folder, env)
    found = blocks(page.read_text())
    for block in found:
        where = f"{page.relative_to(ROOT)}:{block.line}"
        if block.kind == "python":
            reader.run(block.body, where)
            continue
        for command in commands(block.body):
            code, printed = reader.type(command.text)
            assert code == command.code, f"{where}: `{command.text}` exits with {code}\n{printed}"
            if command.shown and printed != "...":
                shown = "\n".join(command.shown)
                assert agrees(command.shown, printed), (
                    f"{where}: `{command.text}`\n--- the page shows\n{shown}\n--- it prints\n{printed}"
                )
    return len(found)


SLOW = {"docs/how-to/run-spark.md": (pytest.mark.slow, pytest.mark.engines)}
WITH_BLOCKS = [
    pytest.param(page, id=str(name := page.relative_to(ROOT)), marks=SLOW.get(str(name), ()))
    for page in PAGES
    if blocks(page.read_text())
]


@pytest.mark.acceptance
@pytest.mark.parametrize("page", WITH_BLOCKS)
def test_the_page_does_what_it_says(page: Path, tmp_path: Path) -> None:
    assert read(page, tmp_path) > 0


class TestTheReader:
    """The tests of the docs can fail."""

    def test_takes_a_block_apart(self) -> None:
        body = "$ ombud lake check # exits with 1\none\n\n$ cat > a.csv <<'END'\n1,2\nEND\n$ ombud \\\n    init x\n"
        assert commands(body) == [
            Command("ombud lake check", ["one", ""], 1),
            Command("cat > a.csv <<'END'\n1,2\nEND", [], 0),
            Command("ombud init x", [], 0),
        ]

    def test_finds_console_and_python_only(self) -> None:
        text = "a\n```sh\nrm\n```\n\n```console\n$ ls\n```\n```python\nx = 1\n```\n"
        assert [(block.kind, block.line) for block in blocks(text)] == [("console", 6), ("python", 9)]

    @pytest.mark.parametrize(
        ("shown", "printed", "same"),
        [
            (["a", "b"], "a  \nb\n", True),
            (["a", "..."], "a\nb\nc\n", True),
            (["...", "c"], "a\nb\nc\n", True),
            (["took ... s"], "took 1.2 s\n", True),
            (["a"], "a\nb\n", False),
            (["a", "b"], "a\n", False),
            (["...", "c"], "a\nb\n", False),
            (["took ... s"], "took long\n", False),
            (["a.c"], "abc\n", False),
            (["a  b"], "a     b\n", True),
            (["a b"], "ab\n", False),
            (["a", "", "b"], "\na\nb\n\n", True),
        ],
    )
    def test_compares(self, *, shown: list[str], printed: str, same: bool) -> None:
        assert agrees(shown, printed) is same

    def test_stops_at_a_command_that_fails(self, tmp_path: Path) -> None:
        page = ROOT / "docs" / "wrong.md"
        reader = Reader(tmp_path, dict(os.environ))
        assert reader.type("ombud lake no-such-command")[0] == 2
        assert reader.type("false; true")[0] == 0
        assert reader.type("true && false")[0] == 1
        with pytest.raises(ZeroDivisionError):
            reader.run("1 / 0", str(page))

    def test_keeps_what_a_page_sets(self, tmp_path: Path) -> None:
        (tmp_path / "inside").mkdir()
        reader = Reader(tmp_path, dict(os.environ))
        reader.type("cd inside")
        reader.type("export A=b")
        reader.run("import os\nhere = os.getcwd(), os.environ['A']", "page")
        assert reader.names["here"] == (str(tmp_path / "inside"), "b")
        assert reader.type("echo $A; pwd") == (0, f"b\n{tmp_path / 'inside'}\n")
