"""`ombud demo` on a small part of the released data: every step, and that a second run changes nothing."""

from __future__ import annotations

import csv
import shutil
import sqlite3
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

import ombud.cli.demo as demo_command
from ombud.cli import demo_audit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Done

    Ombud = Callable[..., Done]
    Document = dict[str, list[dict[str, Any]]]

ADS, POSTS = 40, 1_500


@pytest.fixture(scope="module")
def part(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder like `examples/` with the first rows of each file."""
    folder = tmp_path_factory.mktemp("part")
    for name in ("ira-facebook-ads", "ira-troll-tweets", "german-elections-2021", "facebook-friendships"):
        (folder / name).mkdir()
    shutil.copy(examples / "facebook-friendships" / "friendships.parquet", folder / "facebook-friendships")
    shutil.copy(examples / "ira-facebook-ads" / "russian-ads.db", folder / "ira-facebook-ads")
    shutil.copy(examples / "ira-facebook-ads" / "page-pairs.csv", folder / "ira-facebook-ads")
    shutil.copy(examples / "ira-troll-tweets" / "authors.csv", folder / "ira-troll-tweets")
    with closing(sqlite3.connect(folder / "ira-facebook-ads" / "russian-ads.db")) as source:
        source.execute("DELETE FROM ads WHERE id NOT IN (SELECT id FROM ads ORDER BY id LIMIT ?)", (ADS,))
        source.commit()
    for name in ("ira-troll-tweets/tweets-2016-06_2016-11.parquet", "german-elections-2021/german_elections.parquet"):
        rows = next(pq.ParquetFile(examples / name).iter_batches(POSTS))
        with pq.ParquetWriter(folder / name, rows.schema) as out:
            out.write_batch(rows)
    return folder


@pytest.fixture(scope="module")
def workspace_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the demo of these tests works."""
    return tmp_path_factory.mktemp("demo") / "workspace"


@pytest.fixture(autouse=True)
def _small_platform(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the case of 2018 be one of a village."""
    for name, value in {"PEOPLE": 2_000, "APPS": 80, "DAYS": 20, "INSTALLERS": 30}.items():
        monkeypatch.setattr(demo_audit, name, value)


@pytest.fixture
def worked(ombud: Ombud, part: Path, workspace_root: Path) -> Document:
    """Return the document of a run; only the first one does the work."""
    document: Document = ombud(
        "demo", "--examples", part, "--no-serve", "--json", "--workspace", workspace_root
    ).document
    return document


def test_the_figures_are_those_of_the_files(worked: Document, part: Path) -> None:
    figures = {figure["name"]: figure for figure in worked["figures"]}
    assert set(worked) == {"figures", "seconds"}
    assert all(set(figure) == {"name", "value", "unit", "figure"} for figure in worked["figures"])
    with closing(sqlite3.connect(part / "ira-facebook-ads" / "russian-ads.db")) as source:
        rows = source.execute("SELECT spend_amount, spend_currency, impressions, clicks FROM ads").fetchall()
    assert figures["ads"]["value"] == len(rows) == ADS
    assert figures["impressions"]["value"] == sum(int(row[2] or 0) for row in rows)
    assert figures["clicks"]["value"] == sum(int(row[3] or 0) for row in rows)
    spent = sum(Decimal(row[0]) for row in rows if row[1] == "RUB")
    assert figures["spent, RUB"]["value"] == f"{spent:,.2f}"
    assert figures["posts"]["value"] == 2 * POSTS
    assert figures["networks"]["value"] == figures["accounts in networks"]["value"] == 0


def test_again_it_gives_the_same_figures_without_detecting_again(
    ombud: Ombud,
    worked: Document,
    part: Path,
    workspace_root: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(demo_command, "detect_networks", lambda *_, **__: pytest.fail("detected again"))
    done = ombud("demo", "--examples", part, "--no-serve", "--json", "--workspace", workspace_root)
    assert done.document["figures"] == worked["figures"]
    assert ombud("lake", "check", "--workspace", workspace_root).code == 0


def test_people_read_a_line_for_each_step_and_how_to_look(
    ombud: Ombud,
    worked: Document,
    part: Path,
    workspace_root: Path,
) -> None:
    done = ombud("demo", "--examples", part, "--no-serve", "--workspace", workspace_root)
    steps = [line for line in done.out.splitlines() if line.startswith("✓")]
    assert len(steps) == 13
    assert steps[0].startswith(f"✓ {ADS} Facebook ads")
    assert all(line.endswith(" s") for line in steps)
    assert f"To look at it: ombud --workspace {workspace_root} serve" in done.out
    for figure in worked["figures"]:
        assert figure["name"] in done.out


def test_it_serves_when_done_unless_a_script_asked(
    ombud: Ombud, part: Path, workspace_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[dict[str, Any]] = []
    monkeypatch.setattr(demo_command, "serve_pages", lambda workspace, **rest: served.append({"at": workspace, **rest}))
    ombud("demo", "--examples", part, "--json", "--workspace", workspace_root)
    assert served == []
    ombud("demo", "--examples", part, "--workspace", workspace_root)
    assert (served[0]["at"].root, served[0]["worker"]) == (workspace_root, True)


def test_missing_data_is_said_before_anything_is_imported(ombud: Ombud, part: Path, here: Path) -> None:
    shutil.copytree(part, here / "some")
    (here / "some" / "ira-troll-tweets" / "authors.csv").unlink()
    done = ombud("demo", "--examples", "some", "--json", "--workspace", here / "w")
    assert done.code == 3
    assert done.document["error"]["message"] == "The demo's data is not in some."
    assert "--examples" in done.document["error"]["hint"]
    assert ombud("lake", "list", "--json", "--workspace", here / "w").document == {"tables": []}


def test_a_step_that_fails_names_its_file_and_the_next_run_goes_on(ombud: Ombud, part: Path, here: Path) -> None:
    shutil.copytree(part, here / "some")
    authors = here / "some" / "ira-troll-tweets" / "authors.csv"
    whole = authors.read_bytes()
    authors.write_bytes(b"\x00\x01 not a table")
    words = ("demo", "--examples", "some", "--no-serve", "--workspace", here / "w")
    done = ombud(*words, "--json")
    assert done.code == 2
    assert "authors.csv" in done.document["error"]["message"]
    authors.write_bytes(whole)
    figures = {figure["name"]: figure["value"] for figure in ombud(*words, "--json").document["figures"]}
    assert (figures["ads"], figures["posts"]) == (ADS, 2 * POSTS)
    with authors.open(newline="") as file:
        known = {row["author_id"] for row in csv.DictReader(file)}
    accounts = ombud("lake", "list", "--json", "--workspace", here / "w").document["tables"]
    assert next(t["rows"] for t in accounts if t["table"] == "accounts") >= len(known)
