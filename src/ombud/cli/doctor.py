"""`ombud doctor`: what this machine and this workspace lack, and how to get it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import sys
from typing import TYPE_CHECKING, Literal

import msgspec
import typer

from ombud import __version__
from ombud.cli.shell import Shell, shell_of
from ombud.ledger.cosigning import addresses
from ombud.ledger.faults import FormatError
from ombud.model.errors import NotFoundError, OmbudError
from ombud.model.settings import Settings
from ombud.model.workspace import Workspace
from ombud.records import open_records

if TYPE_CHECKING:
    from pathlib import Path


__all__ = ["Check", "add_to", "examine"]

_LOW_DISK = 2_000_000_000
_LOW_MEMORY = 4_000_000_000


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    what: str
    state: Literal["good", "optional", "missing"]
    """`optional`: not there, and only some commands need it"""
    found: str
    mend: str = ""


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(doctor)


def doctor(ctx: typer.Context) -> None:
    """Say what is missing on this machine or wrong with the workspace, and how to mend it."""
    shell = shell_of(ctx)
    checks = examine(shell.root)
    settings = [
        {"name": name, "default": field.default, "meaning": field.description}
        for name, field in Settings.model_fields.items()
    ]
    shell.document({"version": __version__, "checks": checks, "settings": settings})
    shell.table(
        f"Ombud {__version__}",
        ("", "what", "found", "to mend"),
        [({"good": "✓", "optional": "·", "missing": "✗"}[c.state], c.what, c.found, c.mend) for c in checks],
    )
    _show_settings(shell)
    if any(check.state == "missing" for check in checks):
        shell.exit_code = 3


def _show_settings(shell: Shell) -> None:
    shell.say("")
    shell.table(
        "Settings (ombud.toml, or OMBUD_NAME in the environment)",
        ("name", "default", "meaning"),
        [
            (name, None if field.default is None else str(field.default), field.description)
            for name, field in Settings.model_fields.items()
        ],
    )


def examine(root: Path | None) -> list[Check]:
    """Look at the machine, then at the workspace at `root` if there is one."""
    return [*_machine(), *_workspace(root)]


def _machine() -> list[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    checks = [
        Check("Python", "good" if sys.version_info >= (3, 11) else "missing", version, "Install Python 3.11 or newer.")
    ]
    if checks[0].state == "good":
        checks = [Check("Python", "good", version)]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    checks.append(
        Check("memory", "good", f"{memory / 1e9:.1f} GB")
        if memory >= _LOW_MEMORY
        else Check("memory", "missing", f"{memory / 1e9:.1f} GB", "The demo needs 4 GB.")
    )
    java = shutil.which("java")
    checks.append(
        Check("Java (for Spark)", "good", java)
        if java
        else Check("Java (for Spark)", "optional", "none", "apt-get install default-jre-headless")
    )
    checks += [
        _package("pyspark", "Spark engine", "pip install 'ombud[spark]'"),
        _package("psycopg", "PostgreSQL driver", "pip install 'ombud[postgres]'"),
    ]
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    checks.append(
        Check("Chromium (for the browser tests)", "good", browser)
        if browser
        else Check("Chromium (for the browser tests)", "optional", "none", "apt-get install chromium")
    )
    return checks


def _package(name: str, what: str, mend: str) -> Check:
    there = importlib.util.find_spec(name) is not None
    return Check(what, "good", name) if there else Check(what, "optional", "none", mend)


def _workspace(root: Path | None) -> list[Check]:
    try:
        workspace = Workspace.open(root)
    except OmbudError as error:
        # none is fine before `ombud init`; one that cannot be read is not
        state: Literal["optional", "missing"] = "optional" if isinstance(error, NotFoundError) else "missing"
        return [Check("workspace", state, error.message, error.hint or "")]
    checks = [Check("workspace", "good", str(workspace.root))]
    free = shutil.disk_usage(workspace.root).free
    checks.append(
        Check("free disk", "good", f"{free / 1e9:.1f} GB")
        if free >= _LOW_DISK
        else Check("free disk", "missing", f"{free / 1e9:.1f} GB", "Imports need a few GB; free some.")
    )
    checks.append(
        Check("writing", "good", "allowed")
        if os.access(workspace.root, os.W_OK)
        else Check("writing", "missing", "not allowed", "Change the folder's owner or mount it for writing.")
    )
    mode = workspace.keys_dir.stat().st_mode & 0o077 if workspace.keys_dir.is_dir() else 0
    checks.append(
        Check("keys", "good", "only the owner reads them")
        if mode == 0
        else Check("keys", "missing", "others may read them", f"chmod 700 {workspace.keys_dir}")
    )
    try:
        open_records(workspace)
        checks.append(Check("records", "good", "open, schema up to date"))
    except OmbudError as error:
        checks.append(Check("records", "missing", error.message, error.hint or ""))
    checks.append(_witnesses(workspace.settings))
    checks.append(_port(workspace.settings.host, workspace.settings.port))
    return checks


def _witnesses(settings: Settings) -> Check:
    what = "witnesses of the ledger"
    try:
        asked = addresses(settings.ledger_witnesses)
    except FormatError as error:
        return Check(what, "missing", error.message, error.hint or "Mend `ledger_witnesses` in ombud.toml.")
    if not asked:
        return Check(what, "optional", "none: it is unwitnessed", "Ask somebody to run `ombud ledger witness`.")
    return Check(what, "good", ", ".join(one.verifier.name for one in asked))


def _port(host: str, port: int) -> Check:
    where = f"{host}:{port}"
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((host, port))
        except OSError:
            return Check("port", "optional", f"{where} is in use", "`ombud serve --port 0` takes a free one.")
    return Check("port", "good", f"{where} is free")
