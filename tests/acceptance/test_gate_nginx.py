"""nginx asks the gate before it hands on a request: Debian's own nginx, with the configuration of the docs."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.acceptance.gate_serving import PEOPLE, ServedGate, prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.conftest import Ombud

pytestmark = pytest.mark.acceptance

NGINX = shutil.which("nginx") or ("/usr/sbin/nginx" if Path("/usr/sbin/nginx").is_file() else None)
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "ask-the-gate.md"


class Service(BaseHTTPRequestHandler):
    """The platform's own service: it answers with the person of the path and the headers that nginx added."""

    asked: list[str] = []  # noqa: RUF012 - one list for the whole test

    def do_GET(self) -> None:
        self.asked.append(self.path)
        said = f"data of {self.path}; fields {self.headers.get('x-ombud-allowed')}".encode()
        self.send_response(200)
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the parent's name
        """Say nothing."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


def configuration(folder: Path, port: int, gate: int, service: int, key: str) -> str:
    """Return a whole configuration around the part that the docs show."""
    text = PAGE.read_text()
    found = re.search(r"```nginx\n(.*?)```", text, re.DOTALL)
    assert found is not None
    part = found.group(1)
    for shown, real in (
        ("127.0.0.1:8100", f"127.0.0.1:{gate}"),
        ("127.0.0.1:9000", f"127.0.0.1:{service}"),
        ("ombud_gate_KEY", key),
        ("listen 443 ssl;", f"listen 127.0.0.1:{port};"),
    ):
        assert shown in part, shown
        part = part.replace(shown, real)
    part = re.sub(r"^\s*ssl_certificate.*\n", "", part, flags=re.MULTILINE)
    user = "user root;\n" if os.geteuid() == 0 else ""
    return f"""{user}daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
{part}
}}
"""


@pytest.fixture
def gate(ombud: Ombud) -> Iterator[ServedGate]:
    served = ServedGate.start(ombud, prepare(ombud))
    with httpx.Client() as client:
        served.ready(client)
    yield served
    if served.process.poll() is None:
        served.stop()


@pytest.fixture
def service() -> Iterator[int]:
    Service.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield int(server.server_address[1])
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def nginx(gate: ServedGate, service: int, tmp_path: Path) -> Iterator[str]:
    if NGINX is None:
        pytest.skip("nginx is not on this machine: auth_request was asked by nobody; `apt-get install nginx-light`")
    folder = tmp_path / "nginx"
    folder.mkdir()
    port = free_port()
    (folder / "nginx.conf").write_text(configuration(folder, port, gate.port, service, gate.key))
    process = subprocess.Popen(
        [NGINX, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    address = f"http://127.0.0.1:{port}"
    for _ in range(200):
        try:
            httpx.get(address + "/nothing")
            break
        except httpx.HTTPError:
            assert process.poll() is None, process.stdout and process.stdout.read()
            time.sleep(0.05)
    yield address
    process.send_signal(signal.SIGQUIT)
    process.communicate(timeout=20)


def test_nginx_asks_before_it_hands_on(nginx: str, gate: ServedGate) -> None:
    with httpx.Client(base_url=nginx, headers={"X-App": "mailer"}) as client:
        yes = client.get(f"/people/{PEOPLE[0]}")
        assert yes.status_code == 200
        assert yes.text == f"data of /people/{PEOPLE[0]}; fields name,email"
        assert client.get("/people/p%C3%A9a").status_code == 200
        asked = len(Service.asked)
        assert client.get("/people/nobody").status_code == 403
        assert client.get(f"/people/{PEOPLE[0]}", headers={"X-App": "quiz"}).status_code == 403
        assert client.get(f"/people/{PEOPLE[0]}", headers={"X-App": "forged"}).status_code == 403
        assert client.get(f"/people/{PEOPLE[0]}%00").status_code in {400, 403, 404}
        assert client.get("/people/person%252Dsecret%252D1").status_code == 403
        forged = {
            "X-Ombud-Person": PEOPLE[0],
            "X-Ombud-App": "mailer",
            "X-Ombud-Fields": "name",
            "X-Ombud-Partial": "yes",
            "X-Ombud-Key": gate.key,
            "X-Ombud-Allowed": "everything",
        }
        assert client.get("/people/nobody", headers=forged).status_code == 403
        assert len(Service.asked) == asked
        answered = client.get(f"/people/{PEOPLE[1]}", headers={"X-Ombud-Allowed": "everything"})
        assert answered.text.endswith("fields name,email")
        assert client.get(f"/_gate?person={PEOPLE[0]}").status_code == 404
        log = gate.stop()
        assert not [person for person in PEOPLE if person in log]
        assert client.get(f"/people/{PEOPLE[0]}").status_code == 500  # without the gate nothing goes out
        assert f"/people/{PEOPLE[0]}" not in Service.asked[asked + 1 :]
