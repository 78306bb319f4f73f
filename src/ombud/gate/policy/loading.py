"""Read a policy file."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from ombud.gate.policy.checking import check
from ombud.gate.policy.faults import PolicyError, Source
from ombud.gate.policy.language import (
    LANGUAGE,
    Apps,
    Budgets,
    Expiry,
    Field,
    Friends,
    Limits,
    Policy,
    Purpose,
    Region,
    Scope,
)
from ombud.model.errors import NotFoundError

__all__ = ["BUILT_IN", "load_policy", "parse_policy"]

BUILT_IN: tuple[str, ...] = ("before-2015", "locked-down")
"""Policies that ship with Ombud."""
_LARGEST = 1_000_000
"""Bytes of the largest policy file that is read."""
_TABLES: dict[str, type[msgspec.Struct]] = {"fields": Field, "scopes": Scope, "purposes": Purpose}
_PARTS: dict[str, type[msgspec.Struct]] = {"expiry": Expiry, "apps": Apps, "friends": Friends}
_TEXTS = ("name", "version", "doc", "cedar", "cedar-file")
_KNOWN = ("ombud-policy", *_TEXTS, *_TABLES, *_PARTS, "budgets", "regions")
_S = TypeVar("_S", bound=msgspec.Struct)


def load_policy(policy: Path | str) -> Policy:
    """Read the policy file at a path, or one that ships with Ombud by its name.

    Raises `NotFoundError` when there is none, and `PolicyError` with file, line
    and key of the first thing that is wrong.
    """
    if str(policy) in BUILT_IN:
        text = (files(__package__) / f"{policy}.toml").read_text(encoding="utf-8")
        return parse_policy(text, f"{policy}.toml")
    path = Path(policy)
    hint = f"Name a file, or one of the policies that ship with Ombud: {', '.join(BUILT_IN)}."
    if not path.is_file():
        raise NotFoundError(f"There is no policy {path}.", hint=hint)
    try:
        if path.stat().st_size > _LARGEST:
            raise PolicyError(f"The policy {path} is larger than {_LARGEST:,} bytes.", hint="Is it the right file?")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PolicyError(f"The policy {path} cannot be read: {error}.", hint="It must be UTF-8 text.") from error
    return parse_policy(text, path.name, path.parent)


def parse_policy(text: str, name: str = "policy", folder: Path | None = None) -> Policy:
    """Read a policy from its text; `name` is what messages call it, `folder` where a `cedar-file` lies."""
    source = Source(name, text)
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{name} is not TOML: {error}.", hint="Mend that line.") from error
    _language(source, raw)
    for key in raw:
        if key not in _KNOWN:
            raise source.fault([key], "is no key of a policy", f"Known are {', '.join(_KNOWN)}.")
    texts = {key: _text(source, raw, key) for key in _TEXTS}
    for key in ("name", "version"):
        if not texts[key]:
            raise source.fault([], f"the policy has no {key}", f'Write {key} = "..." at the top.')
    tables = {key: _table(source, raw, key, kind) for key, kind in _TABLES.items()}
    parts = {key: _convert(source, [key], raw.get(key, {}), kind) for key, kind in _PARTS.items()}
    policy = Policy(
        name=texts["name"],
        version=texts["version"],
        doc=texts["doc"],
        cedar=_cedar(source, texts["cedar"], texts["cedar-file"], folder),
        budgets=_budgets(source, raw.get("budgets", {})),
        regions=_regions(source, raw.get("regions", [])),
        **tables,  # type: ignore[arg-type]  # each key has the type of its table
        **parts,  # type: ignore[arg-type]  # likewise
    )
    check(policy, source)
    return policy


def _language(source: Source, raw: dict[str, Any]) -> None:
    if "ombud-policy" not in raw:
        raise source.fault([], "the file does not say that it is a policy", f"Write ombud-policy = {LANGUAGE} on top.")
    if raw["ombud-policy"] != LANGUAGE:
        raise source.fault(
            ["ombud-policy"],
            f"is {raw['ombud-policy']!r}, and this release reads version {LANGUAGE} of the language",
            "Use a newer release of Ombud, or write the policy in the older language.",
        )


def _text(source: Source, raw: dict[str, Any], key: str) -> str:
    value = raw.get(key, "")
    if not isinstance(value, str):
        raise source.fault([key], "is no text", "Put it in quotes.")
    return value


def _convert(source: Source, path: list[str | int], value: object, kind: type[_S]) -> _S:
    """Return one table as its struct; the error names the key inside it."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        unknown = "object contains unknown field `"
        if what.lower().startswith(unknown):
            key = what[len(unknown) :].rstrip("`")
            known = ", ".join(sorted(field.encode_name for field in msgspec.structs.fields(kind)))
            raise source.fault([*path, key], "is no key of this table", f"Known are {known}.") from error
        inner = where.rstrip("`").lstrip(".").split("[")[0]
        at = [*path, *inner.split(".")] if inner else path
        what = what[:1].lower() + what[1:]
        raise source.fault(at, f"is wrong: {what}", "docs/reference/policy.md explains every key.") from error


def _table(source: Source, raw: dict[str, Any], key: str, kind: type[_S]) -> dict[str, _S]:
    entries = raw.get(key)
    if not isinstance(entries, dict) or not entries:
        raise source.fault([key], "is missing: a policy needs at least one", f"Write a table [{key}.NAME].")
    return {name: _convert(source, [key, name], value, kind) for name, value in entries.items()}


def _budgets(source: Source, raw: object) -> Budgets:
    apps = raw.get("app", {}) if isinstance(raw, dict) else {}
    if isinstance(apps, dict):
        for name, value in apps.items():
            _convert(source, ["budgets", "app", name], value, Limits)
    return _convert(source, ["budgets"], raw, Budgets)


def _regions(source: Source, raw: object) -> tuple[Region, ...]:
    if not isinstance(raw, list):
        raise source.fault(["regions"], "is no list of tables", "Write [[regions]] before each.")
    return tuple(_convert(source, ["regions", n], value, Region) for n, value in enumerate(raw))


def _cedar(source: Source, text: str, file: str, folder: Path | None) -> str:
    """Return the Cedar policies: those in the file and those of the file beside it."""
    if not file:
        return text
    if folder is None or Path(file).name != file:
        raise source.fault(["cedar-file"], "is no file beside the policy", "Name a file in the same folder.")
    try:
        more = (folder / file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise source.fault(["cedar-file"], f"cannot be read: {error}", "It must be UTF-8 text.") from error
    return f"{text}\n{more}" if text else more
