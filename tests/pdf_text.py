"""The words of a PDF as Typst writes them, read with nothing but zlib: contents, fonts, their maps to Unicode."""

from __future__ import annotations

import re
import zlib

__all__ = ["text_of"]

_OBJECT = re.compile(rb"(\d+) 0 obj\s(.*?)\sendobj", re.DOTALL)
_STREAM = re.compile(rb"stream\r?\n(.*)\r?\nendstream", re.DOTALL)
_TOKEN = re.compile(
    rb"/(?:ActualText|Alt|Lang)\s*(?:<[^>]*>|\((?:[^\\)]|\\.)*\))"  # said beside what is shown
    rb"|/(\w+) [\d.]+ Tf|\(((?:[^\\)]|\\.)*)\)|<([0-9A-Fa-f]+)>|(BT)",
    re.DOTALL,
)
_PAIR = re.compile(r"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>")
_RANGE = re.compile(r"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>")


def text_of(data: bytes) -> str:
    """Return the shown text of every page, in the order in which it is drawn, without what only lies between words."""
    objects = {int(number): body for number, body in _OBJECT.findall(data)}
    objects |= _packed(objects)
    fonts = _fonts(objects)
    out = []
    for body in objects.values():
        content = re.search(rb"/Type\s*/Page\b(?!s)", body) and re.search(rb"/Contents (\d+) 0 R", body)
        if content:
            names = _names(body, objects)
            out.append(_shown(_stream(objects[int(content[1])]), {name: fonts[ref] for name, ref in names.items()}))
    return "\n".join(out)


def _stream(body: bytes) -> bytes:
    found = _STREAM.search(body)
    assert found is not None
    raw = found[1]
    return zlib.decompress(raw) if b"/FlateDecode" in body else raw


def _packed(objects: dict[int, bytes]) -> dict[int, bytes]:
    """Return the objects inside object streams."""
    out = {}
    for body in objects.values():
        if not re.search(rb"/Type\s*/ObjStm", body):
            continue
        count, first = (int(re.search(rb"/%s (\d+)" % name, body)[1]) for name in (b"N", b"First"))  # type: ignore[index]
        data = _stream(body)
        places = [int(word) for word in data[:first].split()]
        starts = [*places[1 : 2 * count : 2], len(data) - first]
        for n in range(count):
            out[places[2 * n]] = data[first + starts[n] : first + starts[n + 1]]
    return out


def _fonts(objects: dict[int, bytes]) -> dict[int, dict[int, str]]:
    """Return each font's map from glyphs to text."""
    out = {}
    for number, body in objects.items():
        found = re.search(rb"/ToUnicode (\d+) 0 R", body)
        if found:
            out[number] = _letters(_stream(objects[int(found[1])]).decode("latin-1"))
    return out


def _letters(table: str) -> dict[int, str]:
    out: dict[int, str] = {}
    for block in re.findall(r"beginbfrange(.*?)endbfrange", table, re.DOTALL):
        for low, high, first in _RANGE.findall(block):
            for n in range(int(high, 16) - int(low, 16) + 1):
                out[int(low, 16) + n] = chr(ord(_utf16(first)) + n)
    for block in re.findall(r"beginbfchar(.*?)endbfchar", table, re.DOTALL):
        out |= {int(code, 16): _utf16(text) for code, text in _PAIR.findall(block)}
    return out


def _utf16(text: str) -> str:
    return bytes.fromhex(text).decode("utf-16-be")


def _names(page: bytes, objects: dict[int, bytes]) -> dict[str, int]:
    """Return the fonts that a page names, by their names there."""
    found = re.search(rb"/Resources (\d+) 0 R", page)
    resources = objects[int(found[1])] if found else page
    inside = re.search(rb"/Font\s*<<(.*?)>>", resources, re.DOTALL)
    return {name.decode(): int(ref) for name, ref in re.findall(rb"/(\w+) (\d+) 0 R", inside[1])} if inside else {}


def _shown(content: bytes, fonts: dict[str, dict[int, str]]) -> str:
    """Follow a page's drawing: which font is set, and what is shown in it."""
    out: list[str] = []
    font: dict[int, str] = {}
    for token in _TOKEN.finditer(content):
        name, plain, code, begins = token.groups()
        if name is not None:
            font = fonts.get(name.decode(), {})
        elif begins:
            out.append(" ")
        elif code is not None:
            out += [font.get(int(code[n : n + 4], 16), "") for n in range(0, len(code), 4)]
        elif plain is not None:
            raw = _unescaped(plain)
            out += [font.get(int.from_bytes(raw[n : n + 2], "big"), "") for n in range(0, len(raw), 2)]
    return "".join(out)


def _unescaped(text: bytes) -> bytes:
    plain = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}

    def one(found: re.Match[bytes]) -> bytes:
        word = found[1]
        return bytes([int(word, 8)]) if word.isdigit() else plain.get(word, word)

    return re.sub(rb"\\([0-7]{1,3}|.)", one, text, flags=re.DOTALL)
