"""What one entry says, in a line for lists: from its fields alone, shortened, never more than it states."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ombud.ledger.entries import TYPES

if TYPE_CHECKING:
    from collections.abc import Callable

    from ombud.ledger.entries import Entry

__all__ = ["says_of", "summary"]

LONGEST = 90
_NB = "\u00a0"


def says_of(kind: str) -> str:
    """Return what entries of a type say, as a sentence without its full stop."""
    known = TYPES.get(kind)
    return (known.says if known else "An entry that this version of Ombud does not know.").rstrip(".")


def summary(entry: Entry) -> str:
    """Return what sets this entry apart from others of its type; what the type says when nothing does."""
    told = _SAY[entry.type](entry.body) if entry.type in _SAY else None
    text = told or says_of(entry.type)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _text(body: dict[str, Any], *names: str) -> str | None:
    """Return the first of these fields that is a text."""
    return next((body[name] for name in names if isinstance(body.get(name), str) and body[name]), None)


def _number(body: dict[str, Any], name: str) -> int | None:
    value = body.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _list(body: dict[str, Any], name: str) -> list[Any]:
    value = body.get(name)
    return value if isinstance(value, list) else []


def _reads(body: dict[str, Any]) -> str | None:
    batch, padded = _text(body, "batch"), _number(body, "padded")
    return f"{batch}: at most {padded:,} rows" if batch and padded is not None else None


def _import(body: dict[str, Any]) -> str | None:
    files = [file for file in _list(body, "files") if isinstance(file, dict)]
    rows = [_number(file, "rows") for file in files]  # null where the batches on the ledger hide how many there are
    tables = sorted({file["table"] for file in files if isinstance(file.get("table"), str)})
    removed = len(_list(body, "removed"))
    parts = [f"{len(files):,} {'file' if len(files) == 1 else 'files'}"] if files else []
    if files and None not in rows:
        parts[0] += f" with {sum(row or 0 for row in rows):,} rows"
    if tables:
        parts[0] += f" of {', '.join(tables)}"
    if removed:
        parts.append(f"{removed:,} gone")
    return "; ".join(parts) or None


def _erase(body: dict[str, Any]) -> str | None:
    tables = body.get("tables")
    return f"Rows of {', '.join(sorted(map(str, tables)))}" if isinstance(tables, dict) and tables else None


def _coverage(body: dict[str, Any]) -> str | None:
    share = body.get("share")
    if isinstance(share, bool) or not isinstance(share, int | float):
        return None
    number = _number(body, "canaries")
    return f"{share * 100:.1f}{_NB}% of {f'{number:,} ' if number else ''}test reads were found"


def _key(body: dict[str, Any]) -> str | None:
    keys = [str(body.get(name)).split("+", 2) for name in ("old", "new")]
    reason = _text(body, "reason")
    if any(len(key) != 3 for key in keys):  # noqa: PLR2004 - name, id and key of a vkey
        return None
    return f"Key {keys[1][1]} follows {keys[0][1]}" + (f": {reason}" if reason else "")


def _continues(body: dict[str, Any]) -> str | None:
    origin, size = _text(body, "origin"), _number(body, "size")
    if not origin or size is None:
        return None
    return f"Takes the place of {origin}, which ended with {size:,} {'entry' if size == 1 else 'entries'}"


def _policy(body: dict[str, Any]) -> str | None:
    name, digest = _text(body, "name"), _text(body, "hash")
    return f"Policy {name or ''} {digest[:12]}".replace("  ", " ") if digest else None


def _review(body: dict[str, Any]) -> str | None:
    app, action, to = _text(body, "app"), _text(body, "action"), _text(body, "to")
    if action == "enter":
        number = _number(body, "apps") or 0
        return f"{number:,} {'app' if number == 1 else 'apps'} taken into the review"
    if not app or not action:
        return None
    return f"App {app}: {to}" if to else f"App {app}: {action}"


def _decision(body: dict[str, Any]) -> str | None:
    outcome, app = _text(body, "outcome", "to"), _text(body, "app")
    if app and outcome:
        return f"App {app}: {outcome}"
    found = _text(body, "decision")
    return f"Decision {found}" if found else None


def _named(what: str, *fields: str) -> Callable[[dict[str, Any]], str | None]:
    """Return a summary that is the entry's own id behind a word."""

    def say(body: dict[str, Any]) -> str | None:
        found = _text(body, *fields)
        return f"{what} {found}" if found else None

    return say


_SAY: dict[str, Callable[[dict[str, Any]], str | None]] = {
    "reads": _reads,
    "import": _import,
    "sealed": _named("File from before the gate, SHA-256", "sha256"),
    "erase": _erase,
    "coverage": _coverage,
    "key": _key,
    "continues": _continues,
    "policy": _policy,
    "app": _named("App", "app"),
    "affected": _named("Affected people, set", "frozen"),
    "grant": _named("Batch", "batch"),
    "review": _review,
    "decision": _decision,
    "action": _named("Action", "action"),
    "notice": _named("Notice", "notice"),
    "ad": _named("Ad", "ad"),
    "release": _named("Release", "release"),
    "canary": _named("Canary", "canary"),
    "finding": _named("Finding", "finding"),
    "digest": _named("Of the type", "of"),
    "other": _named("Of the type", "of"),
}
