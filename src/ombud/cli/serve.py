"""`ombud serve` and `ombud worker`: the pages, and the work behind them."""

from __future__ import annotations

import signal
from threading import Event
from typing import TYPE_CHECKING, Annotated

import typer

from ombud.archive.upkeep import ask_for_build
from ombud.archive.upkeep import handlers as archive_handlers
from ombud.audit.people.upkeep import keeping_sets
from ombud.cli.shell import shell_of
from ombud.gate.flush import ask_for_flush
from ombud.gate.flush import handlers as flush_handlers
from ombud.lake.publisher import ask_for_publishing
from ombud.lake.publisher import handlers as publisher_handlers
from ombud.lake.witnessing import ask_for_cosigning
from ombud.lake.witnessing import handlers as witnessing_handlers
from ombud.records import worker as records_worker
from ombud.web import serve as serve_pages

if TYPE_CHECKING:
    from types import FrameType

    from ombud.lake import Lake
    from ombud.records.worker import Handler

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(serve)
    app.command()(worker)


def serve(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port to listen on; 0 for a free one.", show_default="8000"),
    ] = None,
    *,
    work: Annotated[bool, typer.Option("--worker/--no-worker", help="Do background work in this process too.")] = True,
) -> None:
    """Serve the console and the public pages until stopped."""
    shell = shell_of(ctx)
    lake = shell.lake()
    workspace, settings = lake.workspace, lake.workspace.settings
    ask_for_build(lake)
    ask_for_publishing(lake.records)
    ask_for_flush(lake.records)
    ask_for_cosigning(lake.workspace, lake.records)
    serve_pages(
        workspace,
        host=host if host is not None else settings.host,
        port=port if port is not None else settings.port,
        worker=work,
        handlers=_handlers(lake),
    )


def worker(ctx: typer.Context) -> None:
    """Do scheduled and background work until stopped; several may run at once."""
    shell = shell_of(ctx)
    lake = shell.lake()
    ask_for_build(lake)
    ask_for_publishing(lake.records)
    ask_for_flush(lake.records)
    ask_for_cosigning(lake.workspace, lake.records)
    stop = Event()

    def ask_to_stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    shell.say("Working. Ctrl-C stops after the job at hand.")
    records_worker.run(lake.records, _handlers(lake), stop)


def _handlers(lake: Lake) -> dict[str, Handler]:
    """Return what the worker can do."""
    ledger = publisher_handlers(lake.workspace, lake.records) | witnessing_handlers(lake.workspace, lake.records)
    return archive_handlers(lake) | ledger | keeping_sets(lake, flush_handlers(lake))
