"""What the server itself takes for each page on the demo's data, beside a page that reads nothing.

    python benchmarks/pages.py [WORKSPACE]        (default: .demo, as `make demo` leaves it)

Prints the best and the median of twenty requests in milliseconds, and how many
times the page of the same run that touches neither records, lake nor archive.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from fastapi.testclient import TestClient

from ombud.archive import Archive
from ombud.model.workspace import Workspace
from ombud.records import open_records, users
from ombud.web import create_app

TRIES = 20
PLAIN = "/display"


def main() -> None:
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".demo")
    if not (root / "ombud.toml").exists():
        sys.exit(f"SKIPPED: there is no workspace at {root}; `make demo SERVE=0` makes one.")
    workspace = Workspace.open(root)
    archive = Archive.open(workspace)
    page = archive.pages().rows[0].slug
    ad = archive.search().rows[0].id
    with open_records(workspace) as records, records.begin() as tx:
        member = next((one for one in users.listing(tx) if one.role == "admin"), None)
        admin = member or users.create(tx, "benchmark", "a long word for benchmarks", "admin")
        token = users.open_session(tx, admin.id, 1)
    client = TestClient(create_app(workspace), base_url="http://127.0.0.1")
    client.cookies.set("ombud_session", token)
    paths = [PLAIN, "/", "/archive", "/archive?q=police", "/archive/pages", f"/archive/pages/{page}"]
    paths += [f"/archive/ads/{ad}", "/about", "/console", "/console/cases", "/console/cases/1"]
    plain = None
    print(f"{'page':60} {'best':>8} {'median':>8} {'ratio':>7}")
    for path in paths:
        spent = []
        for _ in range(TRIES):
            answer = client.get(path, headers={"Ombud-Purpose": "quality"})
            if answer.status_code != 200:
                sys.exit(f"{path} answered {answer.status_code}.")
            spent.append(float(answer.headers["server-timing"].partition("dur=")[2]))
        plain = plain or min(spent)
        print(f"{path:60} {min(spent):6.1f}ms {statistics.median(spent):6.1f}ms {min(spent) / plain:6.1f}x")


if __name__ == "__main__":
    main()
