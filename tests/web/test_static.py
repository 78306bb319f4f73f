"""Static files: those of others are as packed and licensed, ours are small and name no host."""

from __future__ import annotations

import base64
import hashlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ombud.model.errors import NotFoundError
from ombud.web.assets import STATIC, Assets

VENDOR = STATIC / "vendor"
TESTS_VENDOR = Path(__file__).parent.parent / "browser" / "vendor"


def _entries(folder: Path) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = tomllib.loads((folder / "VENDORED.toml").read_text())["file"]
    return [{**entry, "folder": folder} for entry in listed]


ENTRIES = [*_entries(VENDOR), *_entries(TESTS_VENDOR)]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["name"])
def test_file_is_as_packed_and_licensed(entry: dict[str, Any]) -> None:
    content = (entry["folder"] / entry["name"]).read_bytes()
    assert base64.b64encode(hashlib.sha384(content).digest()).decode() == entry["sha384"]
    assert entry["version"] in entry["name"]
    assert len((entry["folder"] / entry["licence_file"]).read_text()) > 500
    allowed = {"0BSD", "MIT", "OFL-1.1"} if entry["folder"] == VENDOR else {"MPL-2.0"}
    assert entry["licence"] in allowed


def test_nothing_of_others_is_unlisted() -> None:
    for folder in (VENDOR, TESTS_VENDOR):
        listed = {entry["name"] for entry in _entries(folder)} | {"VENDORED.toml"}
        there = {path.name for path in folder.iterdir() if path.is_file() and "LICENSE" not in path.name}
        assert there == listed


def test_our_own_files_name_no_host() -> None:
    for path in STATIC.rglob("*"):
        if path.is_file() and path.parent != VENDOR and path.suffix in {".js", ".css", ".svg"}:
            found = set(re.findall(r"https?://[^\s\"')]+", path.read_text()))
            assert found <= {"http://www.w3.org/2000/svg"}, path


def test_scripts_use_nothing_that_the_policy_forbids() -> None:
    for path in (STATIC / "js").glob("*.js"):
        text = path.read_text()
        for word in (
            "innerHTML",
            "eval(",
            "new Function",
            "document.write",
            'setAttribute("style"',
            "insertAdjacentHTML",
        ):
            assert word not in text, f"{path.name}: {word}"


class TestAssets:
    def test_addresses_change_with_the_content(self, tmp_path: Path) -> None:
        (tmp_path / "js").mkdir()
        (tmp_path / "js" / "ink.js").write_text("export const a = 1;\n")
        (tmp_path / "js" / "top.js").write_text('// uses it\nimport { a } from "./ink.js";\n')
        (tmp_path / "a.css").write_text('@font-face { src: url("/static/f.woff2"); }')
        (tmp_path / "f.woff2").write_bytes(b"font")
        first = Assets(tmp_path)
        assert first.address("js/ink.js") in _text(first, "js/top.js")
        assert first.address("f.woff2") in _text(first, "a.css")
        (tmp_path / "js" / "ink.js").write_text("export const a = 2;\n")
        second = Assets(tmp_path)
        assert first.address("js/ink.js") != second.address("js/ink.js")
        assert first.address("js/top.js") != second.address("js/top.js")
        assert first.address("a.css") == second.address("a.css")

    @pytest.mark.parametrize("path", ["../app.py", "vendor/VENDORED.toml", "css/ombud.css", "", "/etc/passwd"])
    def test_only_hashed_addresses_are_served(self, path: str) -> None:
        with pytest.raises(NotFoundError):
            Assets().answer(path, None)

    def test_all_together_is_small(self) -> None:
        sizes = {path.name: path.stat().st_size for path in STATIC.rglob("*") if path.is_file()}
        assert sum(sizes.values()) < 1_000_000
        assert sum(size for name, size in sizes.items() if name in {"ombud.css", "figures.css", "ombud.js"}) < 40_000


def _text(assets: Assets, name: str) -> str:
    return bytes(assets.answer(assets.address(name).removeprefix("/static/"), None).body).decode()
