"""`ombud gate policy` and `ombud gate diff`: by which rule the gate decides, and what another would change."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from ombud.cli.moments import moment_of
from ombud.cli.publishing import bring_to_ledger
from ombud.cli.shell import shell_of
from ombud.gate import registry
from ombud.gate.diff import diff as diff_policies
from ombud.gate.live import FALLBACK
from ombud.gate.policy import BUILT_IN, load_policy
from ombud.gate.reasons import SENTENCES
from ombud.gate.replay import replay as replay_reads
from ombud.gate.rules.engine import Rules
from ombud.model.errors import NotFoundError, UsageError
from ombud.records import policies

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ombud.cli.shell import Shell
    from ombud.gate.policy import Policy
    from ombud.gate.replay import Replay

__all__ = ["IN_FORCE", "add_to", "policy_named", "show_replay"]

policy_app = typer.Typer(help="Show, check and put in force the gate's policy.", no_args_is_help=True)
IN_FORCE = "in-force"
"""The word for the policy that decides now, where a policy is asked for."""
_SHORT = 8


def add_to(app: typer.Typer) -> None:
    """Add the commands to `ombud gate`."""
    app.add_typer(policy_app, name="policy")
    app.command()(diff)


@policy_app.command()
def show(
    ctx: typer.Context,
    policy: Annotated[str, typer.Argument(help="A file, one that ships, a hash of one that was in force.")] = IN_FORCE,
) -> None:
    """Show a policy: its fields, scopes and purposes."""
    shell = shell_of(ctx)
    found = policy_named(shell, policy)
    shell.document({**found.document, "hash": found.hash})
    shell.say(f"{found.name} {found.version}, {found.hash}")
    if found.doc:
        shell.say(found.doc)
    rows = [
        (
            name,
            ", ".join(scope.opens),
            ", ".join(scope.opens_of_friends),
            " and ".join(word for word, on in (("review", scope.review), ("contract", scope.contract)) if on),
        )
        for name, scope in found.scopes.items()
    ]
    shell.table("Scopes", ("scope", "opens", "opens of friends", "needs"), rows)
    shell.table("Purposes", ("purpose", "fields"), [(n, ", ".join(p.fields)) for n, p in found.purposes.items()])
    closed = [name for name in found.fields if not any(name in scope.opens for scope in found.scopes.values())]
    if closed:
        shell.say(f"Closed to every app: {', '.join(closed)}.")


@policy_app.command()
def check(ctx: typer.Context, file: Annotated[str, typer.Argument(help="The policy's file.")]) -> None:
    """Check a policy file, its Cedar rules too; the first thing that is wrong is named with its line."""
    shell = shell_of(ctx)
    found = load_policy(file)
    Rules.of(found.cedar)
    shell.document({"ok": True, "name": found.name, "version": found.version, "hash": found.hash})
    shell.say(f"{found.name} {found.version} can be used: {len(found.fields)} fields, {len(found.scopes)} scopes.")
    shell.say(found.hash)


@policy_app.command()
def use(
    ctx: typer.Context,
    policy: Annotated[str, typer.Argument(help="A file, one that ships, a hash of one that was in force.")],
    reason: Annotated[str, typer.Option(help="Why, in a sentence; it is published.")],
    by: Annotated[str | None, typer.Option("--by", help="Who decides it.", show_default="you")] = None,
    begins: Annotated[
        str | None, typer.Option("--from", help="When, if not now: 2018-05-01 or 2018-05-01T12:00:00Z.")
    ] = None,
) -> None:
    """Put a policy in force, now or later; its whole text goes on the ledger. Gates follow within a second."""
    shell = shell_of(ctx)
    found = policy_named(shell, policy)
    Rules.of(found.cedar)
    lake = shell.lake()
    with lake.records.begin() as tx:
        version = registry.activate(tx, found, by or getpass.getuser(), reason, active_from=moment_of(begins))
    shell.document(version)
    shell.say(f"{found.name} {found.version} is in force from {version.active_from:%F %T} UTC.")
    bring_to_ledger(shell, lake)


@policy_app.command()
def history(ctx: typer.Context) -> None:
    """List every policy that was in force, the newest first."""
    shell = shell_of(ctx)
    with shell.records() as records, records.read() as tx:
        versions = policies.history(tx)
    shell.document({"policies": versions})
    rows = [(f"{v.active_from:%F %T}", v.name, v.hash[:12], v.author, v.reason) for v in versions]
    empty = f"None was put in force yet; a gate decides by {FALLBACK}."
    shell.table(f"{len(rows)} in all" if rows else empty, ("from (UTC)", "policy", "hash", "by", "why"), rows)


def diff(
    ctx: typer.Context,
    a: Annotated[str, typer.Argument(help="The older policy: a file, one that ships, a hash, or `in-force`.")],
    b: Annotated[str, typer.Argument(help="The newer one.")],
    *,
    replay: Annotated[bool, typer.Option("--replay", help="Decide the recorded reads again under both.")] = False,
    standings: Annotated[
        bool, typer.Option("--standings/--no-standings", help="Replay with apps' reviews as they are today.")
    ] = False,
) -> None:
    """Say what changes between two policies, and with --replay what the newer one would have refused, per app."""
    shell = shell_of(ctx)
    old, new = policy_named(shell, a), policy_named(shell, b)
    found = diff_policies(old, new)
    again = _replayed(shell, old, new, standings=standings) if replay else None
    shell.document({**msgspec.to_builtins(found), **({"replay": again} if again is not None else {})})
    rows = [(change.effect, change.part, change.sentence) for change in found.changes]
    shell.table(f"{len(rows)} changes" if rows else "Both let out the same.", ("effect", "part", "what"), rows)
    if again is not None:
        show_replay(shell, again)


def _replayed(
    shell: Shell,
    old: Policy,
    new: Policy,
    *,
    standings: bool,
) -> Replay:
    lake = shell.lake()
    known = None
    if standings:
        with lake.records.read() as tx:
            known = registry.standings(tx)
    with shell.progress() as progress:
        return replay_reads(lake, old, new, standings=known, progress=progress)


def show_replay(shell: Shell, found: Replay) -> None:
    """Print what each app would lose."""
    if not found.reads or found.first is None or found.last is None:
        shell.say("The lake holds no reads: `ombud import` brings a log in, `ombud lake attach` lets it lie.")
        return
    span = f"from {found.first:%F} to {found.last:%F}"
    shell.say(f"Of {found.reads:,} reads {span}, {found.reads_touched:,} would lose a field.")
    rows = [
        (
            app.app,
            app.reads,
            app.reads_touched,
            app.people,
            "; ".join(f"{one.field}: {SENTENCES.get(one.reason, one.reason)}" for one in app.fields[:3]),
        )
        for app in found.apps
    ]
    shell.table("What each app would lose", ("app", "reads", "touched", "people", "fields"), rows, (1, 2, 3))


def policy_named(shell: Shell, word: str) -> Policy:
    """Return the policy that a word of the command line means."""
    if word in BUILT_IN:
        return load_policy(word)
    if word == IN_FORCE or _is_hash(word):
        with shell.records() as records, records.read() as tx:
            return _on_record(tx, word)
    return load_policy(word)


def _on_record(tx: Connection, word: str) -> Policy:
    if word == IN_FORCE:
        return registry.policy_in_force(tx) or load_policy(FALLBACK)
    found = [version for version in policies.history(tx) if version.hash.startswith(word)]
    if not found:
        raise NotFoundError(f"No policy with the hash {word} was ever in force.", hint="`ombud gate policy history`.")
    if len({version.hash for version in found}) > 1:
        raise UsageError(f"Several policies have a hash that begins with {word}.", hint="Give more of it.")
    return registry.policy_of(found[0])


def _is_hash(word: str) -> bool:
    return len(word) >= _SHORT and all(sign in "0123456789abcdef" for sign in word)
