"""`ombud gate callers`: which of the platform's services may ask the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ombud.cli.shell import shell_of
from ombud.gate.wire.callers import CallerKeys, Right
from ombud.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["add_to"]

callers_app = typer.Typer(help="Say which of the platform's services may ask the gate.", no_args_is_help=True)
_RIGHTS: tuple[Right, ...] = ("decide", "search", "consent")


def add_to(app: typer.Typer) -> None:
    """Add the commands to `ombud gate`."""
    app.add_typer(callers_app, name="callers")


@callers_app.command("list")
def listed(ctx: typer.Context) -> None:
    """List the services that may ask, and what."""
    shell = shell_of(ctx)
    kept = CallerKeys.of(shell.workspace()).every()
    rows = [(name, ", ".join(one.rights), f"{one.made_at:%F %T}") for name, one in sorted(kept.items())]
    shell.document(
        {"callers": [{"name": name, "rights": rights.split(", "), "made_at": at} for name, rights, at in rows]}
    )
    shell.table(f"{len(rows)} may ask" if rows else "Nobody may ask.", ("service", "may", "since (UTC)"), rows)


@callers_app.command()
def add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The service.")],
    may: Annotated[
        list[str] | None, typer.Option(help="decide, search or consent; repeatable.", show_default="decide")
    ] = None,
) -> None:
    """Make a key for a service and show it once; only its hash is kept."""
    shell = shell_of(ctx)
    key = CallerKeys.of(shell.workspace()).add(name, _rights(may or ["decide"]))
    shell.document({"name": name, "key": key})
    shell.say(key)


@callers_app.command()
def remove(ctx: typer.Context, name: Annotated[str, typer.Argument(help="The service.")]) -> None:
    """Let a service ask no longer; a running gate knows within two seconds."""
    shell = shell_of(ctx)
    CallerKeys.of(shell.workspace()).remove(name)
    shell.document({"name": name})
    shell.say(f"{name} may ask no longer.")


def _rights(words: Iterable[str]) -> list[Right]:
    found: list[Right] = [right for right in _RIGHTS if right in words]
    unknown = [word for word in words if word not in _RIGHTS]
    if unknown:
        raise UsageError(f"`{unknown[0]}` is no right.", hint=f"Say {' or '.join(_RIGHTS)}.")
    return found
