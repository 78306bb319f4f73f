"""Run the real command in its own process, as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Ran:
    """What one run of `ombud` left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - a JSON document
        """Return the JSON document on standard output."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Ombud:
    """The command, bound to one workspace."""

    root: Path

    def __call__(self, *arguments: str | Path, code: int | None = 0, **environment: str) -> Ran:
        """Run `ombud ARGUMENTS` and check its exit code (`None` for any)."""
        done = subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
            env=self.environment(**environment),
        )
        ran = Ran(done.returncode, done.stdout, done.stderr)
        assert code is None or ran.code == code, f"exit {ran.code}\n{ran.out}\n{ran.err}"
        assert "Traceback" not in ran.err
        return ran

    def start(self, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
        """Start `ombud ARGUMENTS` and leave it running."""
        return subprocess.Popen(
            self.command(*arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment(**environment),
        )

    def command(self, *arguments: str | Path) -> list[str]:
        """Return the command line."""
        return [sys.executable, "-m", "ombud", *map(str, arguments)]

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment: this workspace, and what the test adds."""
        return {**os.environ, "OMBUD_WORKSPACE": str(self.root), "NO_COLOR": "1", "COLUMNS": "160", **more}


@pytest.fixture
def ombud(tmp_path: Path) -> Ombud:
    """Return the command bound to a fresh workspace."""
    command = Ombud(tmp_path / "workspace")
    command("init", command.root)
    return command
