"""The generated pages of the reference say what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ombud.model import errors
from ombud.model.schema import TABLES
from ombud.model.settings import Settings
from ombud.web.access import PUBLIC
from ombud.web.app import MODULES

if TYPE_CHECKING:
    from types import ModuleType

DOCS = Path(__file__).resolve().parent.parent.parent / "docs"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_no_generated_page_is_out_of_date(generate: ModuleType) -> None:
    assert generate.outdated() == [], "run `make docs`"


def test_every_table_and_column_is_described(generate: ModuleType) -> None:
    page = generate.lake_tables()
    for table in TABLES.values():
        part = page.split(f"\n## {table.name}\n")[1].split("\n## ")[0]
        assert table.doc in part
        for column in table.columns:
            assert column.doc, f"{table.name}.{column.name}"
            (line,) = [line for line in part.splitlines() if line.startswith(f"| `{column.name}` |")]
            assert column.doc in line
            assert ("| yes |" in line) is column.required


def test_every_setting_is_described(generate: ModuleType) -> None:
    page = generate.settings()
    for name, one in Settings.model_fields.items():
        assert one.description
        assert f"| `{name}` | `OMBUD_{name.upper()}` |" in page


def test_every_error_is_listed_with_its_exit_code(generate: ModuleType) -> None:
    page = generate.exit_codes()
    for name in errors.__all__:
        kind = getattr(errors, name)
        assert f"| `{name}` | `{kind.__mro__[1].__name__}` | {kind.exit_code} |" in page
        assert f"\n| {kind.exit_code} |" in page


def test_every_command_is_described(generate: ModuleType) -> None:
    page = generate.commands()
    for command in ("ombud init", "ombud import", "ombud detect networks", "ombud lake check", "ombud explain"):
        assert f"\n## {command}\n" in page
        part = page.split(f"\n## {command}\n")[1].split("\n## ")[0]
        assert len(part.split("```")[2].strip()) > 20, command


def test_every_command_has_its_document(generate: ModuleType) -> None:
    there = {line.removeprefix("## ") for line in generate.commands().splitlines() if line.startswith("## ")}
    without = {"ombud serve", "ombud worker"}
    described = {command for command, _, _ in generate.DOCUMENTS}
    assert there - without <= described
    assert {command for command in described if "--" not in command} <= there


def test_every_field_of_a_document_is_listed(generate: ModuleType) -> None:
    page = generate.documents()
    for _, _, structs in generate.DOCUMENTS:
        for struct in structs:
            part = page.split(f"\n**{struct.__name__}**: ")[1].split("\n**")[0].split("\n## ")[0]
            assert [line.split("`")[1] for line in part.splitlines() if line.startswith("| `")] == list(
                struct.__struct_fields__
            )
    assert "bound on the share of false findings among all at least this strong" in page


def test_every_route_is_described_with_who_may_ask(generate: ModuleType) -> None:
    page = generate.http()
    staff = page.split("## For staff")[1]
    assert "everybody" not in staff
    for pages in MODULES:
        for spec in pages.specs:
            if not spec.in_schema:
                continue
            method = "POST" if spec.does == "form" else "GET"
            (line,) = [line for line in page.splitlines() if line.startswith(f"| {method} `{spec.path}` |")]
            assert all(role in line for role in ([] if spec.access == PUBLIC else spec.access))
            assert len(line.rsplit("|", 2)[1].strip()) > 10, spec.path


def test_pages_are_written_once_and_then_current(generate: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "reference"
    assert generate.main(["--check"], folder) == 1
    assert not folder.exists()
    assert generate.main([], folder) == 0
    assert generate.main(["--check"], folder) == 0
    (folder / "settings.md").write_text("# Settings\n")
    assert generate.outdated(folder) == ["settings.md"]
    assert generate.main([], folder) == 0
    assert generate.outdated(folder) == []
