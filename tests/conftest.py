"""What every test shares: no sockets in unit tests, a small workspace, reproducible randomness."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from pytest_socket import disable_socket

from ombud.model.workspace import Workspace

# The same examples in every run, so that a change is judged by what it changed; `deep` looks for new ones.
settings.register_profile(
    "ombud",
    deadline=None,
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.register_profile("deep", parent=settings.get_profile("ombud"), max_examples=1_000, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ombud"))

ROOT = Path(__file__).resolve().parent.parent


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Shut the network for unit and property tests; local sockets stay for PostgreSQL and event loops."""
    quiet = {"unit", "properties"} & set(item.path.relative_to(ROOT / "tests").parts)
    if quiet and item.get_closest_marker("enable_socket") is None:
        disable_socket(allow_unix_socket=True)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return an empty workspace whose records are not yet migrated."""
    return Workspace.create(tmp_path / "workspace")


@pytest.fixture
def rng() -> np.random.Generator:
    """Return a generator that gives the same numbers in every run."""
    return np.random.default_rng(20161108)


@pytest.fixture(scope="session")
def examples() -> Path:
    """Return the folder of the demo's data."""
    return ROOT / "examples"


@dataclass(frozen=True)
class Demo:
    """The demo's workspace, made once for all tests; nobody writes to it but by what the demo itself does."""

    root: Path
    document: Any
    """what `ombud demo --json` printed"""


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Return the workspace that `ombud demo` makes of the data in `examples/`."""
    root = tmp_path_factory.mktemp("demo") / "workspace"
    done = subprocess.run(
        [sys.executable, "-m", "ombud", "demo", "--no-serve", "--json", "--workspace", str(root)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return Demo(root, json.loads(done.stdout))
