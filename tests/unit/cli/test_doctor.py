"""`ombud doctor`: what is missing is named with its mend; what is optional does not fail."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ombud.ledger.notes import Cosigner
from ombud.model.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.cli.conftest import Done

    Ombud = Callable[..., Done]

pytestmark = pytest.mark.enable_socket


class Disk(NamedTuple):
    """What `shutil.disk_usage` answers."""

    total: int
    used: int
    free: int


def checks(done: Done) -> dict[str, Any]:
    """Return what was looked at by name."""
    return {check["what"]: check for check in done.document["checks"]}


def test_every_setting_is_told_with_its_meaning(ombud: Ombud, bare: Path) -> None:
    document = ombud("doctor", "--json", "--workspace", bare).document
    assert [setting["name"] for setting in document["settings"]] == list(Settings.model_fields)
    assert all(setting["meaning"] for setting in document["settings"])
    shown = ombud("doctor", "--workspace", bare).out
    for name in Settings.model_fields:
        assert f"\n{name} " in shown


def test_a_port_in_settings_is_shown_as_it_is_typed(ombud: Ombud, bare: Path) -> None:
    shown = ombud("doctor", "--workspace", bare).out
    line = next(line for line in shown.splitlines() if line.startswith("port "))
    assert line.split()[1] == "8000"


def test_without_a_workspace_only_the_machine_is_looked_at(ombud: Ombud, here: Path) -> None:
    done = ombud("doctor", "--json", "--workspace", here / "none")
    found = checks(done)
    assert (done.code, found["workspace"]["state"]) == (0, "optional")
    assert "ombud init" in found["workspace"]["mend"]
    assert "records" not in found


def test_too_little_memory_or_disk_is_missing_and_says_how_much_is_needed(
    ombud: Ombud, bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.sysconf
    monkeypatch.setattr(os, "sysconf", lambda name: 1000 if name == "SC_PHYS_PAGES" else real(name))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Disk(10**12, 10**12 - 10**9, 10**9))
    done = ombud("doctor", "--json", "--workspace", bare)
    found = checks(done)
    assert done.code == 3
    assert (found["memory"]["state"], found["free disk"]["state"]) == ("missing", "missing")
    assert "4 GB" in found["memory"]["mend"]
    assert found["free disk"]["found"] == "1.0 GB"
    shown = ombud("doctor", "--workspace", bare)
    assert shown.code == 3
    assert "✗" in shown.out


def test_what_only_some_commands_need_is_optional(ombud: Ombud, bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(shutil, "which", lambda _: None)
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name in {"pyspark", "psycopg"} else real(name, *rest)
    )
    done = ombud("doctor", "--json", "--workspace", bare)
    found = checks(done)
    assert done.code == 0
    mends = {what: found[what]["mend"] for what in found if found[what]["state"] == "optional"}
    assert "default-jre-headless" in mends["Java (for Spark)"]
    assert "ombud[spark]" in mends["Spark engine"]
    assert "ombud[postgres]" in mends["PostgreSQL driver"]
    assert "chromium" in mends["Chromium (for the browser tests)"]
    assert "ombud[spark]" in ombud("doctor", "--workspace", bare).out


def test_a_port_in_use_names_the_way_around(ombud: Ombud, root: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        (root / "ombud.toml").write_text(f"port = {port}\n")
        found = checks(ombud("doctor", "--json", "--workspace", root))["port"]
    assert (found["state"], found["found"]) == ("optional", f"127.0.0.1:{port} is in use")
    assert "--port 0" in found["mend"]


@pytest.mark.parametrize(
    ("statement", "hint"),
    [("UPDATE alembic_version SET version_num = '9999'", "newer"), ("DROP TABLE alembic_version", "")],
)
def test_records_of_another_schema_are_missing(ombud: Ombud, root: Path, statement: str, hint: str) -> None:
    with closing(sqlite3.connect(root / "records.sqlite")) as records:
        records.execute(statement)
        records.commit()
    done = ombud("doctor", "--json", "--workspace", root)
    found = checks(done)["records"]
    assert (done.code, found["state"]) == (3, "missing")
    assert hint in (found["found"] + found["mend"]).lower()
    assert found["mend"]


def test_wrong_settings_are_one_sentence(ombud: Ombud, root: Path) -> None:
    (root / "ombud.toml").write_text('port = "many"\n')
    found = checks(ombud("doctor", "--json", "--workspace", root))["workspace"]
    assert "port" in found["found"]
    (root / "ombud.toml").write_text("port = \n")
    assert checks(ombud("doctor", "--json", "--workspace", root))["workspace"]["found"]


def test_settings_that_cannot_be_read_are_wrong_not_optional(ombud: Ombud, root: Path) -> None:
    (root / "ombud.toml").write_text("name = ")
    done = ombud("doctor", "--json", "--workspace", root)
    found = checks(done)
    assert (done.code, found["workspace"]["state"]) == (3, "missing")
    assert "not TOML" in found["workspace"]["found"]


def test_witnesses_are_told_or_missed(ombud: Ombud, root: Path) -> None:
    def check() -> dict[str, str]:
        return dict(checks(ombud("doctor", "--json", "--workspace", root))["witnesses of the ledger"])

    assert (check()["state"], check()["found"]) == ("optional", "none: it is unwitnessed")
    settings = root / "ombud.toml"
    before = settings.read_text()
    settings.write_text(before + 'ledger_witnesses = ["nonsense"]\n')
    assert check()["state"] == "missing"
    witness = Cosigner("w.example", Ed25519PrivateKey.generate())
    settings.write_text(before + f'ledger_witnesses = ["{witness.vkey} https://w.example"]\n')
    assert (check()["state"], check()["found"]) == ("good", "w.example")
