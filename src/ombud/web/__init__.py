"""The console, the public pages and the HTTP API: server-rendered, usable without JavaScript."""

from __future__ import annotations

from ombud.web.app import create_app
from ombud.web.serving import serve

__all__ = ["create_app", "serve"]
