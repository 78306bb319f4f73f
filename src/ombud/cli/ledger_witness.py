"""`ombud ledger witness`: cosign other people's logs."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from ombud.cli.shell import shell_of
from ombud.ledger.witness import Witness
from ombud.ledger.witness_http import serve
from ombud.model.errors import InputError, UsageError
from ombud.web.serving import bind

__all__ = ["WitnessConfig", "add_to", "read_config"]


class WitnessConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file of `--config` may say; the options of the command win over it."""

    listen: str | None = None
    """HOST:PORT"""
    state: str | None = None
    """folder of the witness, seen from the folder of this file"""
    name: str | None = None
    """name of a new witness"""
    logs: tuple[str, ...] = ()
    """keys of the logs to cosign"""


def add_to(ledger_app: typer.Typer) -> None:
    """Add the command to `ombud ledger`."""
    ledger_app.command()(witness)


def read_config(path: Path) -> WitnessConfig:
    """Read a TOML file. Raises `InputError`."""
    try:
        found = msgspec.convert(tomllib.loads(path.read_text()), WitnessConfig)
    except OSError as error:
        raise InputError(f"Cannot read {path}: {error.strerror}.", hint="Name a file that exists.") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} is no configuration of a witness: {error}.", hint="It may say listen, state, name and logs."
        ) from error
    if found.state is not None:
        found = msgspec.structs.replace(found, state=str(path.parent / found.state))
    return found


def _address(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    if not colon or not port.isascii() or not port.isdecimal() or int(port) > 65_535:  # noqa: PLR2004 - TCP's last port
        raise UsageError(f"`{listen}` is no HOST:PORT.", hint="Say it as 127.0.0.1:8787; port 0 takes a free one.")
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)


def witness(
    ctx: typer.Context,
    listen: Annotated[str | None, typer.Option(help="HOST:PORT to listen on.", show_default="127.0.0.1:8787")] = None,
    state: Annotated[Path | None, typer.Option(help="Folder of the witness, with its key; made if needed.")] = None,
    log: Annotated[
        list[str] | None, typer.Option("--log", help="Key of a log to cosign; repeatable. An old and a new key too.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of a new witness, such as witness.example.org/w1; no `https://`.")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file with listen, state, name, logs.")] = None,
    anew: Annotated[
        list[str] | None, typer.Option(help="Origin of a log whose memory is gone, to begin with it as with a new one.")
    ] = None,
) -> None:
    """Cosign checkpoints of logs, each only if it continues all that was cosigned before (C2SP tlog-witness).

    Run it for logs of others: a witness beside its own log proves nothing. Needs no workspace.
    """
    shell = shell_of(ctx)
    given = read_config(config) if config else WitnessConfig()
    folder = state or (Path(given.state) if given.state else None)
    if folder is None:
        raise UsageError("A witness needs a folder.", hint="Say --state FOLDER: its key and memory will lie there.")
    host, port = _address(listen or given.listen or "127.0.0.1:8787")
    running = Witness.open(folder, [*given.logs, *(log or ())], name=name or given.name, anew=anew or ())
    try:
        listener = bind(host, port, "--listen")
        host, port = listener.getsockname()[:2]
        address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        keys = [cosigner.vkey for cosigner in running.cosigners]
        shell.document({"url": address, "vkeys": keys, "logs": running.logs})
        shell.say(f"The witness {running.cosigners[0].name} listens on {address} for {', '.join(running.logs)}.")
        shell.say("Logs name it by this key:")
        shell.say(f"  {keys[0]}")
        shell.say("or, safe from quantum computers:")
        shell.say(f"  {keys[1][:60]}… (whole at {address}/vkey)")
        _flush(shell.out.file)
        serve(running, listener)
    finally:
        running.close()


def _flush(stream: object) -> None:
    flush = getattr(stream, "flush", None)
    if flush is not None:
        flush()
