"""A log, its server, two witnesses and somebody who trusts none of them, each in a process of its own."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import urllib.request
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ombud.cli.app import run
from ombud.ledger.notes import Signer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.acceptance.conftest import Ombud

pytestmark = pytest.mark.acceptance


def say(root: Path, *words: str | Path, code: int = 0) -> Any:  # noqa: ANN401 - a JSON document
    """Run a command of `ombud` in this process and return its document."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        assert run([*map(str, words), "--json", "--workspace", str(root)]) == code, printed.getvalue()
    return json.loads(printed.getvalue())


def grow(root: Path, name: str) -> None:
    """Let a workspace's ledger grow: by an import, as it happens."""
    table = root.parent / f"{name}.csv"
    table.write_text(f"post,account,happened_at\n{name},anna,2021-09-01T10:00:00Z\n")
    say(root, "import", "table", "--table", "posts", table)
    say(root, "ledger", "publish")


@contextmanager
def witness(ombud: Ombud, folder: Path, vkey: str) -> Iterator[dict[str, Any]]:
    """Run a witness for the log with this key; yields what it says of itself."""
    name = f"{folder.name}.example/w"
    process = ombud.start(
        "ledger", "witness", "--listen", "127.0.0.1:0", "--state", folder, "--log", vkey, "--name", name, "--json"
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr.read() if process.stderr else ""
        yield json.loads(line)
    finally:
        process.terminate()
        process.communicate(timeout=20)


@contextmanager
def server(ombud: Ombud) -> Iterator[str]:
    """Serve the workspace; yields the address."""
    process = ombud.start("serve", "--port", "0", "--no-worker")
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None, process.stderr and process.stderr.read()
        yield found[0]
    finally:
        process.terminate()
        process.communicate(timeout=20)


def fetch(address: str) -> bytes:
    """Return what is at an address of this machine."""
    with urllib.request.urlopen(address, timeout=20) as answer:  # noqa: S310 - our own server
        return bytes(answer.read())


def check(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the downloaded verify.py as a stranger does: with Python alone."""
    command = [sys.executable, "-I", "-S", "verify.py", *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def test_outsiders_need_not_trust_the_log(ombud: Ombud, tmp_path: Path) -> None:
    grow(ombud.root, "first")
    log = say(ombud.root, "ledger", "info")
    copied = tmp_path / "elsewhere"
    copied.mkdir()
    with ExitStack() as stack:
        both = [stack.enter_context(witness(ombud, tmp_path / name, log["vkey"])) for name in ("w1", "w2")]
        lines = [f"{one['vkeys'][0]} {one['url']}" for one in both]
        settings = ombud.root / "ombud.toml"
        settings.write_text(settings.read_text() + f"ledger_witnesses = {json.dumps(lines)}\n")

        asked = say(ombud.root, "ledger", "cosign")
        assert [one["outcome"] for one in asked["asked"]] == ["cosigned", "cosigned"]
        old = (ombud.root / "ledger" / "checkpoint.cosigned").read_bytes()
        shutil.copytree(ombud.root, tmp_path / "older")
        grow(ombud.root, "second")
        assert say(ombud.root, "ledger", "cosign")["kept"]

        with server(ombud) as base:
            for name in ("verify.py", "policy"):
                (copied / name).write_bytes(fetch(f"{base}/ledger/{name}"))
            (copied / "entry.tlog-proof").write_bytes(fetch(f"{base}/ledger/proof/{asked['size']}"))
            (copied / "old").write_bytes(old)
            anchors: list[str | Path] = ["--policy", copied / "policy", "--checkpoint", copied / "old"]
            report = say(ombud.root, "ledger", "verify", f"{base}/ledger", *anchors)
            say(ombud.root, "ledger", "copy", f"{base}/ledger", copied / "log")
            say(ombud.root, "ledger", "verify", f"{base}/ledger", "--vkey", other_key(log["vkey"]), code=1)
        assert report["ok"], report
        assert report["anchored"]
        assert report["size"] > asked["size"]
        assert report["witnesses"] == ["w1.example/w", "w2.example/w"]

        keys = [word for vkey in (log["vkey"], *(one["vkeys"][0] for one in both)) for word in ("--vkey", vkey)]
        whole = check(copied, "log", *keys, "--checkpoint", "old")
        assert whole.returncode == 0, whole.stdout + whole.stderr
        assert f"begins with the {asked['size']} entries" in whole.stdout
        proved = check(copied, *keys[:2], "--proof", "entry.tlog-proof")
        assert proved.returncode == 0, proved.stdout
        bundle = next((copied / "log" / "tile" / "entries").rglob("[0-9]*"))
        bundle = bundle if bundle.is_file() else next(bundle.iterdir())
        bundle.write_bytes(bundle.read_bytes().replace(b"posts", b"ghost"))
        assert check(copied, "log", *keys).returncode == 1

        # a copy of the workspace from before goes another way: nobody outside goes along
        grow(tmp_path / "older", "lie")
        told = say(tmp_path / "older", "ledger", "cosign", code=1)
        assert [one["outcome"] for one in told["asked"]] == ["forked", "forked"]
        assert not told["kept"]
        path = hashlib.sha256(log["origin"].encode()).hexdigest()
        for one in both:
            seen = fetch(f"{one['url']}/{path}/checkpoint")
            assert int(seen.split(b"\n")[1]) == report["size"]
        assert say(ombud.root, "ledger", "cosign")["kept"]
        busy = say(ombud.root, "ledger", "witness", "--state", tmp_path / "w1", "--log", log["vkey"], code=4)
        assert "Another process" in busy["error"]["message"]


def other_key(vkey: str) -> str:
    """Return a key of the same name that is not the log's."""
    return Signer(vkey.partition("+")[0], Ed25519PrivateKey.generate()).vkey
