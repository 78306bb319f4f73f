"""Serving: a port in use is one sentence, port 0 is told, the token is printed while there is no admin."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING

import pytest

from ombud.model.errors import InputError, RefusedError
from ombud.records import migrate
from ombud.web.serving import bind

if TYPE_CHECKING:
    from ombud.model.workspace import Workspace

SERVE = (
    "import sys; from pathlib import Path; from ombud.model.workspace import Workspace; from ombud.web import serve;"
    " serve(Workspace.open(Path(sys.argv[1])), '127.0.0.1', 0, say=lambda text: print(text, flush=True))"
)


def test_a_port_in_use_is_one_sentence_that_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RefusedError) as caught:
            bind("127.0.0.1", port)
    assert f"Port {port} of 127.0.0.1 is in use" in str(caught.value)
    assert "--port" in str(caught.value)


def test_port_0_is_a_free_one() -> None:
    with bind("127.0.0.1", 0) as listener:
        assert listener.getsockname()[1] > 0


@pytest.mark.parametrize("host", ["no-such-name.invalid", "203.0.113.7", "é" * 70])
def test_an_address_that_is_not_ours(host: str) -> None:
    with pytest.raises(InputError, match=r"127\.0\.0\.1"):
        bind(host, 0)


def test_a_server_tells_where_it_is_and_ends_when_asked(workspace: Workspace) -> None:
    migrate(workspace.records_url)
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, str(workspace.root)], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        said = "".join(server.stdout.readline() for _ in range(5))
        base = re.search(r"public pages\s+(http://127\.0\.0\.1:\d+)/", said)
        token = re.search(r"first-run\?given=(\S{32})", said)
        assert base is not None, said
        assert token is not None, said
        with urllib.request.urlopen(f"{base.group(1)}/healthz") as answer:  # noqa: S310 - our own server
            assert answer.read() == b'{"ok":true}'
            assert "server" not in {name.lower() for name in answer.headers}
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=20) in {0, -signal.SIGINT, 130}
