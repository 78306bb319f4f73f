"""How long a decision takes over HTTP, at a rate that does not wait for answers, beside a server that only echoes.

    python benchmarks/gate_http.py [--rate 2000] [--seconds 15] [--warm 3]

The server runs on one core, the load on another. Requests are sent at random
moments (Poisson) whether or not earlier ones were answered, and each latency
counts from the moment at which its request was due, so that a server that
stalls is not spared the requests that would have come meanwhile. Each server
decides reads of 100,000 people by 1,000 apps under the policy `locked-down`
and puts them on record on a disk that is synced: journal and ledger. Aim:
99 % under 5 ms with `soon` and under 20 ms with `before-answer`, at 2,000/s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import uvloop

from ombud.gate.budgets import Budgets
from ombud.gate.consents import NEVER, ConsentTable
from ombud.gate.decide import Gate
from ombud.gate.desk import Desk
from ombud.gate.journal import Journal
from ombud.gate.policy import compile_policy, load_policy
from ombud.gate.recorder import Recorder
from ombud.gate.request import AppStanding
from ombud.gate.rules.engine import EMPTY
from ombud.gate.sinks import LedgerSink
from ombud.gate.wire.app import GateApp
from ombud.gate.wire.callers import CallerKeys
from ombud.gate.wire.point import DecisionPoint
from ombud.gate.wire.serving import run_server
from ombud.ledger.writer import Ledger

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

APPS, PEOPLE, CONSENTS = 1_000, 100_000, 300_000
CONNECTIONS = 400
FIELDS = [["name", "picture"], ["name", "email"], ["name", "birthday", "likes"]]
SERVERS = ("echo", "soon", "before-answer")


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body and answer with as many bytes as the gate does, and nothing else."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    while (await receive()).get("more_body"):
        pass
    body = b'{"decision":true,"context":"' + b"x" * 200 + b'"}'
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def pairs() -> list[tuple[int, int]]:
    """Return the apps and people between whom there is a consent."""
    rng = np.random.default_rng(2018)
    apps, people = rng.integers(0, APPS, CONSENTS), rng.integers(0, PEOPLE, CONSENTS)
    return list(zip(apps.tolist(), people.tolist(), strict=True))


def desk(folder: Path, durable: str) -> Desk:
    """Return a desk over a generated world whose records lie in `folder`."""
    began = datetime.now(UTC) - timedelta(days=400)
    scopes = ["public_profile", "email", "user_likes", "user_birthday"]
    apps = [
        AppStanding(
            app=f"app-{n}",
            registered_at=began,
            reviewed=frozenset(scopes),
            contract=True,
            purposes=frozenset({"app-function"}),
            last_active_at=datetime.now(UTC),
        )
        for n in range(APPS)
    ]
    table = ConsentTable(capacity=2 * CONSENTS)
    compiled = compile_policy(load_policy("locked-down"), apps, table.scopes)
    today = int(time.time() // 86_400)
    for app, person in pairs():
        table.put(app, person, table.scopes.mask(scopes[: 1 + person % 4]), today, NEVER, revoked=False)
    gate = Gate(compiled, table, {f"person-{n}": n for n in range(PEOPLE)}, Budgets(compiled))
    ledger = Ledger.open(folder / "ledger", folder / "keys", origin="benchmark.example")
    recorder = Recorder(Journal(folder / "journal"), LedgerSink(ledger), durable=durable)  # type: ignore[arg-type]
    return Desk(gate, recorder)


def serve(kind: str, folder: Path) -> None:
    """Run one server; print its port and its key."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    if kind == "echo":
        print(listener.getsockname()[1], "none", flush=True)
        run_server(echo, listener)
        return
    callers = CallerKeys(folder / "callers.json")
    key = callers.add("benchmark")
    one = desk(folder, kind)
    app = GateApp(DecisionPoint(one, EMPTY), callers, stop=one.recorder.close)
    print(listener.getsockname()[1], key, flush=True)
    run_server(app, listener)


class Line(asyncio.Protocol):
    """One connection; it sends a request and takes the answer."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.due = 0.0
        self.buffer = b""
        self.busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be free."""
        self.transport = cast("asyncio.Transport", transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.load.free.append(self)

    def ask(self, due: float, request: bytes) -> None:
        """Send a request that was due at a moment."""
        self.due = due
        self.busy = True
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Take a part of the answer; with the last one, be free again."""
        self.buffer += data
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self.buffer[:end].lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(self.buffer) < end + 4 + length:
            return
        self.load.took.append(time.perf_counter() - self.due)
        self.load.due_at.append(self.due)
        self.load.good += head.startswith(b"http/1.1 200")
        self.load.permitted += b'"decision":true' in self.buffer
        self.buffer = b""
        self.busy = False
        self.load.free.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it, unless the load is over."""
        del exc
        self.load.lost += 1


class Load:
    """Sends requests at the moments at which they are due."""

    def __init__(self, port: int, key: str, rate: float, seconds: float) -> None:
        rng = np.random.default_rng(8)
        number = int(rate * seconds)
        self.moments = np.cumsum(rng.exponential(1 / rate, number))
        known = pairs()
        self.requests = [request(rng, key, known) for _ in range(min(number, 5_000))]
        self.port = port
        self.free: deque[Line] = deque()
        self.took: list[float] = []
        self.due_at: list[float] = []
        self.good = self.permitted = self.lost = 0

    async def run(self) -> None:
        """Send them all, and wait for what is still on its way."""
        loop = asyncio.get_running_loop()
        for _ in range(CONNECTIONS):
            await loop.create_connection(lambda: Line(self), "127.0.0.1", self.port)
        begun = time.perf_counter() + 0.1
        waiting: deque[float] = deque()
        number = 0
        while len(self.took) < len(self.moments):
            now = time.perf_counter()
            while number < len(self.moments) and begun + self.moments[number] <= now:
                waiting.append(begun + float(self.moments[number]))
                number += 1
            while waiting and self.free:
                self.free.popleft().ask(waiting.popleft(), self.requests[number % len(self.requests)])
            if self.lost or now > begun + self.moments[-1] + 30:
                sys.exit("the server closed connections, or answers are missing")
            await asyncio.sleep(0)  # this core has nothing else to do: a timer would be late


def request(rng: np.random.Generator, key: str, known: list[tuple[int, int]]) -> bytes:
    """Return one read as it goes over the wire; nine in ten have a consent."""
    app, person = known[rng.integers(len(known))] if rng.random() < 0.9 else (rng.integers(APPS), rng.integers(PEOPLE))
    body: dict[str, Any] = {
        "subject": {"type": "app", "id": f"app-{app}"},
        "action": {"name": "read"},
        "resource": {
            "type": "person",
            "id": f"person-{person}",
            "properties": {"fields": FIELDS[rng.integers(3)], "purpose": "app-function", "partial": True},
        },
    }
    content = json.dumps(body).encode()
    head = f"POST /access/v1/evaluation HTTP/1.1\r\nHost: gate\r\nAuthorization: Bearer {key}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


def measure(kind: str, rate: float, seconds: float, warm: float) -> dict[str, float]:
    """Start a server on one core, load it from this one, and return quantiles in milliseconds."""
    with tempfile.TemporaryDirectory(dir=Path.home()) as folder:
        command = [sys.executable, __file__, "--serve", kind, "--folder", folder]
        server = subprocess.Popen(["taskset", "-c", "0", *command], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            port, key = server.stdout.readline().split()
            load = Load(int(port), key, rate, warm + seconds)
            before = cpu_seconds(server.pid)
            uvloop.run(load.run())
            spent = cpu_seconds(server.pid) - before
        finally:
            server.terminate()
            server.wait(30)
    kept = np.array(load.due_at) >= min(load.due_at) + warm
    took = np.array(load.took)[kept] * 1000
    found = {f"p{q}": float(np.percentile(took, q)) for q in (50, 90, 99, 99.9)}
    return {
        **found,
        "max": float(took.max()),
        "n": len(took),
        "cpu": spent / len(load.took) * 1e6,
        "good": load.good,
        "permitted": load.permitted,
    }


def cpu_seconds(process: int) -> float:
    """Return how long a process and its threads have worked."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=float, default=2_000)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--warm", type=float, default=3)
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--only", choices=SERVERS)
    given = parser.parse_args()
    if given.serve:
        serve(given.serve, given.folder)
        return
    if (os.cpu_count() or 1) < 2:
        sys.exit("SKIPPED: the load needs a core of its own.")
    os.sched_setaffinity(0, {1})
    print(f"{given.rate:,.0f} requests/s for {given.seconds:.0f} s; machine load {os.getloadavg()[0]:.1f}")
    print(f"{'server':15}{'n':>9}{'p50':>9}{'p90':>9}{'p99':>9}{'p99.9':>9}{'max':>9}{'cpu':>9}  200s, permitted")
    for kind in SERVERS if given.only is None else (given.only,):
        found = measure(kind, given.rate, given.seconds, given.warm)
        times = "".join(f"{found[name]:7.2f}ms" for name in ("p50", "p90", "p99", "p99.9", "max"))
        print(
            f"{kind:15}{found['n']:9,.0f}{times}{found['cpu']:7.0f}us  {found['good']:,.0f}, {found['permitted']:,.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
