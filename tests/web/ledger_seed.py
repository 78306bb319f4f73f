"""A ledger for the pages: entries of several types, some of it hostile, cosigned by one witness of two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from ombud.ledger.cosigning import addresses, cosign
from ombud.ledger.entries import encode_entry
from ombud.ledger.witness import Witness
from ombud.ledger.writer import open_ledger
from ombud.model.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

HOSTILE = "<script>alert('x')</script><img src=x onerror=alert(1)>\"'&{{7*7}}"
ORIGIN = "log.example/platform"
LATER = 3
"""entries that came after the witness had cosigned"""


def entries(count: int) -> list[bytes]:
    """Return entries such as a platform writes them; one holds what would be a script on a page."""
    body: dict[str, Any]
    found = [encode_entry("policy", {"hash": "ab" * 32, "name": "locked-down", "recorded": "2026-11-20T09:00:00Z"})]
    for n in range(1, count):
        at = f"2026-11-21T{n // 60 % 24:02d}:{n % 60:02d}:00Z"
        if n % 40 == 7:
            body = {
                "action": "add",
                "files": [{"path": f"posts/{n}.parquet", "rows": n}],
                "removed": [],
                "recorded": at,
            }
            found.append(encode_entry("import", body))
        elif n == count - 2:
            found.append(encode_entry("decision", {"decision": HOSTILE, "recorded": "no time"}))
        elif n == count - 5:
            found.append(encode_entry("coverage", {"share": 0.9987, "canaries": 760, "egress": 0.998, "at": at}))
        else:
            body = {"batch": f"batch_{n}", "root": f"{n:064x}", "padded": 1024, "at": at, "policy": "ab" * 32}
            found.append(encode_entry("reads", body))
    return found


def write_ledger(root: Path, count: int = 600) -> Workspace:
    """Begin the ledger of the workspace at `root`, let one witness cosign it, and return the workspace anew."""
    settings = root / "ombud.toml"
    settings.write_text(settings.read_text() + f'ledger_origin = "{ORIGIN}"\n')
    workspace = Workspace.open(root)
    with open_ledger(workspace) as ledger:
        ledger.append(entries(count)[:-LATER])
        vkey = ledger.vkey
    asked = [Witness.open(root.parent / name, [vkey], name=f"{name}.example/w") for name in ("first", "second")]
    lines = [f"{one.cosigners[0].vkey} http://{one.cosigners[0].name}" for one in asked]
    settings.write_text(settings.read_text() + f"ledger_witnesses = {lines}\n")

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host != "first.example":
            raise httpx.ConnectError("nobody there")
        given = asked[0].add_checkpoint(request.content)
        return httpx.Response(given.status, content=given.body)

    report = cosign(workspace.ledger_dir, addresses(lines), httpx.Client(transport=httpx.MockTransport(answer)))
    assert report.cosigned == ["first.example/w"]
    with open_ledger(workspace) as ledger:
        ledger.append(entries(count)[-LATER:])
    for one in asked:
        one.close()
    return Workspace.open(root)
