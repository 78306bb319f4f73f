"""`ombud gate`: serve the gate, and ask it from the shell."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from ombud.cli import gate_apps, gate_callers, gate_policy, gate_record, gate_watch
from ombud.cli.moments import moment_of
from ombud.cli.shell import shell_of
from ombud.gate import registry
from ombud.gate.live import LiveGate
from ombud.gate.policy import compile_policy, load_policy
from ombud.gate.reasons import SENTENCES
from ombud.gate.request import ReadRequest
from ombud.gate.service import GateService
from ombud.gate.uncounted import Uncounted
from ombud.gate.wire.app import GateApp, Settings
from ombud.gate.wire.callers import CallerKeys
from ombud.gate.wire.serving import run_server
from ombud.model.errors import UsageError
from ombud.web.serving import bind

if TYPE_CHECKING:
    from ombud.gate.recorder import Durable
    from ombud.gate.request import Decision

__all__ = ["add_to"]

gate_app = typer.Typer(help="Decide what apps may read; keep the apps and the policy.", no_args_is_help=True)
_DURABLE: dict[str, Durable] = {"before-answer": "before-answer", "soon": "soon"}


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    gate_policy.add_to(gate_app)
    gate_apps.add_to(gate_app)
    gate_callers.add_to(gate_app)
    gate_watch.add_to(gate_app)
    gate_record.add_to(gate_app)
    app.add_typer(gate_app, name="gate")


@gate_app.command()
def serve(
    ctx: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for a free one.")] = 8100,
    durable: Annotated[
        str, typer.Option(help="When a read must be on record: `before-answer`, or `soon`, a fifth of a second later.")
    ] = "before-answer",
    policy: Annotated[
        str | None, typer.Option(help="Policy that decides while none is in force: a file, or one that ships.")
    ] = None,
    entities: Annotated[
        Path | None,
        typer.Option(help="What the Cedar rules know of users and resources.", show_default="WORKSPACE/entities.json"),
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Address under which the platform reaches the gate, for discovery.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Name of this gate in the record.", show_default="the machine's")
    ] = None,
    certificate: Annotated[Path | None, typer.Option(help="PEM certificate, to serve HTTPS.")] = None,
    key: Annotated[Path | None, typer.Option(help="PEM key of the certificate.")] = None,
    *,
    app_tokens: Annotated[
        bool, typer.Option("--app-tokens", help="Refuse reads that come without the app's own token.")
    ] = False,
) -> None:
    """Serve the gate until stopped: AuthZEN, nginx's auth_request, discovery.

    Whoever asks needs a key: `ombud gate callers add NAME` makes one. Without a certificate, keep it behind a proxy
    that speaks HTTPS, or on this machine.
    """
    shell = shell_of(ctx)
    if durable not in _DURABLE:
        raise UsageError(f"`{durable}` is no word for --durable.", hint=f"Say {' or '.join(_DURABLE)}.")
    if key is not None and certificate is None:
        raise UsageError("`--key` needs `--certificate FILE`.", hint="Name both.")
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.WARNING)
    workspace = shell.workspace()
    callers = CallerKeys.of(workspace)
    fallback = load_policy(policy) if policy is not None else None
    listener = bind(host, port)
    here = f"http{'s' if certificate else ''}://127.0.0.1:{listener.getsockname()[1]}"
    try:
        with (
            shell.records() as records,
            GateService(
                workspace,
                records,
                durable=_DURABLE[durable],
                policy=fallback,
                name=name,
                entities=entities,
                tokens_needed=app_tokens,
            ) as service,
        ):
            app = GateApp(
                service.point,
                callers,
                Settings(url=url or here),
                policy=lambda: service.policy_hash,
                healthy=service.healthy,
                refresh=service.refresh,
            )
            shell.document({"address": here, "policy": service.policy_hash, "durable": durable, "gate": service.host})
            shell.say(f"The gate {service.host} decides by {service.live.policy.name} on {here}, on record {durable}.")
            if not callers.every():
                shell.say("Nobody may ask it yet: `ombud gate callers add NAME` makes a key.")
            shell.out.file.flush()
            run_server(app, listener, certificate=certificate, key=key)
    finally:
        listener.close()


@gate_app.command()
def decide(
    ctx: typer.Context,
    app: Annotated[str, typer.Argument(help="The app that would ask.")],
    person: Annotated[str, typer.Argument(help="The person whose data it would ask for.")],
    fields: Annotated[list[str], typer.Argument(help="The fields it would ask for.")],
    purpose: Annotated[str, typer.Option(help="What for, as the policy names it.")],
    through: Annotated[str | None, typer.Option(help="The friend whose consent would be used.")] = None,
    region: Annotated[str | None, typer.Option(help="ISO 3166 code of the place whose law applies.")] = None,
    at: Annotated[str | None, typer.Option(help="When; now if unset.")] = None,
    policy: Annotated[str | None, typer.Option(help="Another policy than the one in force.")] = None,
) -> None:
    """Say what the gate would answer, by the consents on record; nothing goes out, is counted or put on record.

    The exit code is 0 when all fields would go out, 1 when one would not.
    """
    shell = shell_of(ctx)
    request = ReadRequest(app, person, tuple(fields), purpose, through=through, at=moment_of(at), region=region)
    with shell.records() as records:
        live = LiveGate(records)
        live.refresh()
        rule = live.policy
        if policy is not None:
            rule = load_policy(policy)
            with records.read() as tx:
                known = registry.standings(tx)
            live.gate.replace(compile_policy(rule, known, live.feed.table.scopes, live.feed.apps))
        live.feed.table.fresh_until = float("inf")  # it was read just now, however slow this machine is
        decision = Uncounted(live.gate).decide(request)
    shell.document(_told(decision))
    shell.exit_code = 0 if decision.outcome == "allowed" else 1
    shell.say(f"{decision.outcome}, by {rule.name} {decision.policy[:12]} ({decision.path})")
    rows = [(name, "goes out", "") for name in decision.allowed]
    rows += [(one.field, one.reason, SENTENCES.get(one.reason, "")) for one in decision.refused]
    shell.table("Fields", ("field", "answer", "why"), rows)


def _told(decision: Decision) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(decision)
    for one in document["refused"]:
        one["says"] = SENTENCES.get(one["reason"], "")
    return document
