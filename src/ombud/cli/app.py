"""The command line as a whole: options that every command takes, and what errors look like."""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ombud import __version__
from ombud.cli.shell import Shell, storage_error
from ombud.model.errors import OmbudError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["build", "run"]

_ANYWHERE = {"--json": 0, "--debug": 0, "--quiet": 0, "--workspace": 1}
"""Options of the whole command that may stand anywhere, with the number of their values."""

_COMMANDS = {
    "init": "workspace",
    "doctor": "doctor",
    "backup": "workspace",
    "restore": "workspace",
    "upgrade": "workspace",
    "erase": "workspace",
    "export": "export",
    "import": "imports",
    "lake": "lake",
    "ledger": "ledger",
    "gate": "gate",
    "detect": "detect",
    "evaluate": "evaluate",
    "archive": "archive",
    "audit": "audit",
    "cases": "cases",
    "explain": "explain",
    "serve": "serve",
    "worker": "serve",
    "demo": "demo",
}
"""Each command and the module it is in: only the one that is asked for is loaded."""


def build(command: str | None = None) -> typer.Typer:
    """Return the command line; with the name of one command, only what that one needs is loaded."""
    app = typer.Typer(
        name="ombud",
        help="Protect people's data, investigate misuse, answer to the people affected.",
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(ombud)
    names = [_COMMANDS[command]] if command in _COMMANDS else list(dict.fromkeys(_COMMANDS.values()))
    for name in names:
        import_module(f"ombud.cli.{name}").add_to(app)
    return app


def _version(ctx: typer.Context, value: bool) -> None:  # noqa: FBT001 - typer's callback signature
    if value:
        shell: Shell = ctx.obj
        shell.document({"version": __version__})
        shell.say(f"ombud {__version__}")
        raise typer.Exit


def ombud(
    ctx: typer.Context,
    *,
    workspace: Annotated[
        Path | None,
        typer.Option(help="Folder of the workspace; may stand anywhere.", envvar="OMBUD_WORKSPACE", show_default="."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document; may stand anywhere.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks; may stand anywhere.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors; may stand anywhere.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
) -> None:
    """Protect people's data, investigate misuse, answer to the people affected."""
    del version
    shell: Shell = ctx.obj
    shell.root, shell.json, shell.debug, shell.quiet = workspace, json, debug, quiet


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    shell = Shell(json="--json" in arguments, debug="--debug" in arguments)
    try:
        _refuse_bytes(arguments)
        arguments = _to_front(arguments)
        command = _command_of(arguments)
        whole = _parser(build, command if command in _COMMANDS else None, helps=not shell.json)
        result = whole(args=arguments, prog_name="ombud", obj=shell, standalone_mode=False)
        sys.stdout.flush()
    except typer.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, typer.Abort):
        shell.err.print("Stopped. Nothing that was acknowledged is lost; run it again to go on.", highlight=False)
        return 130
    except (BrokenPipeError, SystemExit) as stop:
        if isinstance(stop, SystemExit) and not isinstance(stop.__context__, BrokenPipeError):
            raise  # click and rich end the process themselves when a reader closed the pipe; a server when it must
        _let_go()
        return shell.exit_code
    except Exception as error:
        said = _said(error)
        if shell.debug and not _is_usage(error):
            if said is not error:
                raise
            traceback.print_exception(error)
        return _tell(shell, said)
    return result if isinstance(result, int) and result else shell.exit_code


@cache
def _parser(make: Callable[[str | None], typer.Typer], command: str | None, *, helps: bool) -> Callable[..., object]:
    """Return what parses and runs a command line; with `helps` a group without a command shows its help.

    Made once a process, since it looks at the signature of each command. Help would stand beside a document.
    """
    app = make(command)
    for group in (app, *(known.typer_instance for known in app.registered_groups)):
        if group is not None:
            group.info.no_args_is_help = helps
    return typer.main.get_command(app)


def _tell(shell: Shell, error: OmbudError) -> int:
    """Say what went wrong, on stderr when stdout is what failed, and return the exit code."""
    try:
        code = shell.fail(error)
        sys.stdout.flush()
    except OSError:
        with suppress(OSError):
            sys.stdout.close()  # what it still holds would fail again at the end of the process
        shell.json = False
        return shell.fail(error)
    return code


def _let_go() -> None:
    """Send the rest of what is printed nowhere: whoever read it has seen enough, as in `ombud ledger tail | head`."""
    with suppress(OSError, ValueError):  # a stream without a file has no reader that could leave
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _refuse_bytes(arguments: list[str]) -> None:
    """Refuse what neither the records nor a JSON document can hold."""
    try:
        "".join(arguments).encode()
    except UnicodeEncodeError:
        raise UsageError(
            "A word of the command is not UTF-8.", hint="Rename the file it names, or check the terminal's encoding."
        ) from None


def _command_of(arguments: list[str]) -> str | None:
    """Return the first word that is not an option of the whole command."""
    rest = iter(arguments)
    for word in rest:
        if _ANYWHERE.get(word):
            next(rest, None)
        elif not word.startswith("-"):
            return word
    return None


def _is_usage(error: Exception) -> bool:
    return type(error).__module__.split(".")[0] in {"click", "typer"}


def _said(error: Exception) -> OmbudError:
    """Return what a user is told of any exception."""
    if isinstance(error, OmbudError):
        return error
    if _is_usage(error):
        return _usage(error)
    known = storage_error(error) if isinstance(error, OSError) else None
    hint = "Run it again with --debug and report what it shows."
    return known or OmbudError(f"This is a bug in Ombud ({type(error).__name__}).", hint=hint)


def _usage(error: Exception) -> UsageError:
    message = str(getattr(error, "format_message", lambda: error)())
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "ombud"
    return UsageError(message or f"`{command}` needs a command.", hint=f"`{command} --help` shows how to say it.")


def _to_front(arguments: list[str]) -> list[str]:
    """Move the options of the whole command before the command's name; stop at `--`."""
    front: list[str] = []
    rest: list[str] = []
    pending = list(arguments)
    while pending:
        word = pending.pop(0)
        name = word.split("=", 1)[0]
        if word == "--":
            rest += [word, *pending]
            break
        if name in _ANYWHERE:
            front.append(word)
            if _ANYWHERE[name] and "=" not in word:
                if not pending or pending[0].startswith("--"):
                    raise UsageError(f"`{word}` needs a value.", hint=f"Say it as {word} FOLDER.")
                front.append(pending.pop(0))
        else:
            rest.append(word)
    return front + rest
