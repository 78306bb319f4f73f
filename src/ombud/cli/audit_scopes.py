"""`ombud audit scopes`: how much an app's permissions open, and which of them its calls did not need."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ombud.audit.logs.permissions import judge, microsoft_graph, parse_call
from ombud.cli.shell import shell_of
from ombud.model.errors import InputError, NotFoundError, UsageError

if TYPE_CHECKING:
    from ombud.audit.logs.permissions import Call
    from ombud.lake import Lake

__all__ = ["add_to"]

_OF_APP = """\
SELECT DISTINCT g.scope AS word, true AS granted FROM grants AS g JOIN app_ids AS a ON a.id = g.app WHERE a.name = $app
UNION ALL SELECT DISTINCT unnest(r.fields), false FROM reads AS r JOIN app_ids AS a ON a.id = r.app WHERE a.name = $app
ORDER BY 2, 1"""


def add_to(app: typer.Typer) -> None:
    """Add the command to `ombud audit`."""
    app.command("scopes")(scopes)


def scopes(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(help="Permissions of Microsoft Graph, such as Mail.Read.")
    ] = None,
    calls: Annotated[Path | None, typer.Option(help="A file with one call a line, as `GET /me/messages`.")] = None,
    app: Annotated[str | None, typer.Option(help="Take grants and calls (fields of reads) of this app.")] = None,
    *,
    application: Annotated[bool, typer.Option("--application", help="Permissions without a signed-in person.")] = False,
) -> None:
    """Say how sensitive an app's permissions are, and which of them its calls did not need.

    The rule and the catalogue are in the documentation. More permissions than needed is no guilt: most apps have them.
    """
    shell = shell_of(ctx)
    given = list(names or [])
    made = _from_file(calls) if calls else []
    if app is not None:
        more, also = _of_app(shell.lake(), app)
        given, made = given + more, made + also
    if not given:
        raise UsageError("No permission is named.", hint="Name some, or an app with --app.")
    judged = judge(microsoft_graph(), [(name, "Application" if application else "Delegated") for name in given], made)
    shell.document(judged)
    shell.table(
        "Permissions",
        ("permission", "of 5", "what is shown to who consents"),
        [(one.name, one.sensitivity, one.title) for one in judged.granted],
        (1,),
    )
    for sentence in judged.sentences:
        shell.say(sentence)


def _from_file(path: Path) -> list[Call]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read {path}: {error}.", hint="Give a text file.") from error
    out = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            call = parse_call(line)
            if call is None:
                raise InputError(f"Line {number} of {path} is no call.", hint="Write it as `GET /me/messages`.")
            out.append(call)
    return out


def _of_app(lake: Lake, app: str) -> tuple[list[str], list[Call]]:
    """Return the scopes that people granted an app, and the calls among the fields that it read."""
    if lake.ids("app", [app]) == [None]:
        raise NotFoundError(f"The lake has no app `{app}`.", hint="Ids are as they were imported.")
    with lake.duck(["grants", "reads"]) as duck:
        rows = duck.execute(_OF_APP, {"app": app}).fetchall()
    calls = [parse_call(word) for word, granted in rows if not granted]
    return [word for word, granted in rows if granted], [call for call in calls if call is not None]
