"""Commands run in this process on small real workspaces: what they print, what they return."""

from __future__ import annotations

import csv
import json
import shutil
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import ombud.cli.app as line
from ombud.cli.workspace import prepare
from ombud.simulate import Simulated, simulate_shares

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MAPPING = """table = "posts"

[columns]
post = "id"
account = "who"
happened_at = { from = "at", as = "unix-seconds" }
original = "thing"
platform = { value = "simulated" }
"""


@dataclass(frozen=True)
class Done:
    """What one command line left behind."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - JSON
        """Return the one document; anything else on stdout is a defect."""
        assert self.out.count("\n") == 1, self.out
        assert self.out.endswith("\n")
        return json.loads(self.out)


@dataclass(frozen=True)
class Planted:
    """A workspace with simulated shares in it, and what was planted."""

    root: Path
    world: Simulated
    file: Path
    """the CSV that was imported"""
    imported: Any
    detected: Any
    """the documents of `import` and `detect networks`"""

    @property
    def members(self) -> list[str]:
        """Return the planted accounts, as imported."""
        return sorted(f"user{n}" for n in np.flatnonzero(self.world.group >= 0))


@pytest.fixture
def ombud(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Return a function that runs one command line on a wide screen."""
    monkeypatch.setenv("COLUMNS", "220")
    monkeypatch.delenv("OMBUD_WORKSPACE", raising=False)

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        code = line.run([str(word) for word in arguments])
        shown = capsys.readouterr()
        return Done(code, shown.out, shown.err)

    return run


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an empty workspace that nobody writes to."""
    return prepare(tmp_path_factory.mktemp("bare") / "workspace").root


@pytest.fixture
def root(bare: Path, tmp_path: Path) -> Path:
    """Return an empty workspace of one's own."""
    return shutil.copytree(bare, tmp_path / "workspace")


@pytest.fixture(scope="session")
def planted(bare: Path, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """Return a workspace with 20,000 shares and one planted network, found and recorded by the commands."""
    folder = tmp_path_factory.mktemp("planted")
    root = shutil.copytree(bare, folder / "workspace")
    world = simulate_shares(20_000, np.random.default_rng(7))
    file = folder / "shares.csv"
    with file.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(("id", "who", "at", "thing"))
        shares = zip(world.account.tolist(), world.time.tolist(), world.object.tolist(), strict=True)
        rows.writerows((f"p{n}", f"user{a}", at, f"thing{o}") for n, (a, at, o) in enumerate(shares))
    (folder / "mapping.toml").write_text(MAPPING)
    documents = []
    for words in (["import", "table", str(file), "--mapping", str(folder / "mapping.toml")], ["detect", "networks"]):
        shown = StringIO()
        with redirect_stdout(shown):
            assert line.run([*words, "--workspace", str(root), "--json"]) == 0
        documents.append(json.loads(shown.getvalue()))
    return Planted(root, world, file, *documents)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that the command is run in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
