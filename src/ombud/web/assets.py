"""Static files under addresses that contain their content's hash, so that browsers keep them for a year."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response

from ombud.model.errors import NotFoundError

__all__ = ["STATIC", "Asset", "Assets"]

STATIC = Path(__file__).parent / "static"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".woff2": "font/woff2"}
_TEXT = {"text/javascript", "text/css", "image/svg+xml"}
_SERVED = frozenset(_TYPES)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its content, type and address."""

    name: str
    content: bytes
    media_type: str
    address: str


def _rank(path: Path) -> tuple[bool, bool]:
    return path.suffix == ".css", path.parent.name == "js" and b"\nimport " in path.read_bytes()


class Assets:
    """All static files, read once (under 1 MB). A file that names another one gets its hashed address."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._by_name: dict[str, Asset] = {}
        files = sorted(p for p in folder.rglob("*") if p.suffix in _SERVED)
        # what names other files comes after them: scripts that import, style sheets that load fonts
        for path in sorted(files, key=_rank):
            self._add(path.relative_to(folder).as_posix(), path)
        self._by_address = {asset.address: asset for asset in self._by_name.values()}

    def _add(self, name: str, path: Path) -> None:
        content = path.read_bytes()
        if path.suffix == ".css":
            text = content.decode()
            for other, asset in self._by_name.items():
                text = text.replace(f'url("/static/{other}")', f'url("{asset.address}")')
            content = text.encode()
        elif path.parent.name == "js":
            text = content.decode()
            for other, asset in self._by_name.items():
                text = text.replace(f'from "./{other.removeprefix("js/")}"', f'from "{asset.address}"')
            content = text.encode()
        mark = hashlib.sha256(content).hexdigest()[:12]
        stem, dot, suffix = name.rpartition(".")
        media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
        self._by_name[name] = Asset(name, content, media_type, f"/static/{stem}.{mark}{dot}{suffix}")

    def address(self, name: str) -> str:
        """Return the address of the file `name`; `KeyError` for a file that does not exist."""
        return self._by_name[name].address

    def answer(self, path: str, if_none_match: str | None) -> Response:
        """Return the file at `/static/PATH`, or 304 when the client has it."""
        asset = self._by_address.get(f"/static/{path}")
        if asset is None:
            raise NotFoundError("There is no such file.")
        tag = f'"{asset.address.rsplit(".", 2)[1]}"'
        headers = {"cache-control": "public, max-age=31536000, immutable", "etag": tag}
        if if_none_match == tag:
            return Response(status_code=304, headers=headers)
        media_type = asset.media_type + ("; charset=utf-8" if asset.media_type in _TEXT else "")
        return Response(asset.content, media_type=media_type, headers=headers)
