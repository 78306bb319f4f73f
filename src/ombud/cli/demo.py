"""`ombud demo`: the case of 2016, from released data to open cases and public pages."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from ombud import __version__
from ombud.archive import Archive, open_archive
from ombud.cli.demo_audit import TITLE as AUDIT
from ombud.cli.demo_audit import audit_case
from ombud.cli.demo_ledger import check_ledger
from ombud.cli.demo_quiz import TITLE, replay_quiz
from ombud.cli.demo_steps import DemoFigure, Step
from ombud.cli.shell import Shell, shell_of
from ombud.cli.workspace import prepare
from ombud.detect import detect_networks, record_networks
from ombud.detect.networks import settings_of
from ombud.detect.runs import recorded_run, save_run
from ombud.lake import Lake, open_lake
from ombud.lake.imports import import_files
from ombud.lake.resolution import evaluate_resolution, read_pairs, resolve_spaces, space_rows
from ombud.model.errors import MissingError
from ombud.records import open_records
from ombud.web import serve as serve_pages

if TYPE_CHECKING:
    from ombud.model.findings import Figure

__all__ = ["add_to", "work_the_case"]


class _Import(msgspec.Struct, frozen=True):
    format: str
    files: tuple[str, ...]
    says: str
    """what a line of result says of table counts by name"""
    table: str | None = None
    """the table of the lake, where the format does not say it"""


_IMPORTS = (
    _Import(
        "ira-ads",
        ("ira-facebook-ads/russian-ads.db",),
        "{ads:,} Facebook ads of the Internet Research Agency, {spaces:,} page addresses as OCR read them",
    ),
    _Import(
        "ira-tweets",
        ("ira-troll-tweets/tweets-2016-06_2016-11.parquet", "ira-troll-tweets/authors.csv"),
        "{posts:,} of its tweets, June to November 2016, and {accounts:,} accounts",
    ),
    _Import(
        "cooccurrence",
        ("german-elections-2021/german_elections.parquet",),
        "{posts:,} posts of {accounts:,} accounts around the German election of 2021",
    ),
    _Import(
        "table",
        ("facebook-friendships/friendships.parquet",),
        "{ties:,} friendships of a real, anonymised graph of Facebook",
        table="ties",
    ),
)


def add_to(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(demo)


def demo(
    ctx: typer.Context,
    examples: Annotated[Path | None, typer.Option(help="Folder of the demo's data.", show_default="examples")] = None,
    *,
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Serve the pages when done.")] = True,
) -> None:
    """Work the case of 2016 on real, released data, then serve the console and the public pages.

    Running it again changes nothing and is quick.
    """
    shell = shell_of(ctx)
    started = time.monotonic()
    workspace = prepare(shell.root or Path(".demo"))
    lake = open_lake(workspace, open_records(workspace))
    parts = work_the_case(shell, lake, _examples(examples))
    seconds = round(time.monotonic() - started, 1)
    shell.document({"figures": [figure for part in parts.values() for figure in part], "seconds": seconds})
    for title, figures in parts.items():
        shell.say("")
        shell.table(title, ("figure", "", ""), [(one.name, one.value, one.unit) for one in figures], (1,))
    shell.say("")
    shell.say(f"That took {seconds:,.1f} s.")
    if serve and not shell.json:
        serve_pages(workspace, host=workspace.settings.host, port=workspace.settings.port, worker=True)
    else:
        shell.say(f"To look at it: ombud --workspace {workspace.root} serve")


def _examples(given: Path | None) -> Path:
    places = [given] if given else [Path("examples"), Path(__file__).resolve().parents[3] / "examples"]
    for place in places:
        if all((place / file).is_file() for step in _IMPORTS for file in step.files):
            return place
    raise MissingError(
        f"The demo's data is not in {places[0]}.",
        hint="Run it from the repository, or name --examples FOLDER.",
    )


def work_the_case(shell: Shell, lake: Lake, examples: Path) -> dict[str, list[DemoFigure]]:
    """Do every step, say a line of result for each, and return the figures by what they are about."""
    for step in _IMPORTS:
        with Step(shell) as (progress, say):
            files = [examples / file for file in step.files]
            report = import_files(lake, step.format, files, table=step.table, progress=progress)
            counts: dict[str, int] = {name: n.accepted + n.skipped for name, n in report.tables.items()}
            say(step.says.format(**counts))
    archive, precision = _archive(shell, lake, examples)
    networks = _networks(shell, lake)
    quiz = replay_quiz(shell, lake)
    audit = audit_case(shell, lake)
    ledger = check_ledger(shell, lake)
    case = [*_ad_figures(archive, precision), *_post_figures(lake), *_network_figures(lake, networks)]
    return {"The case of 2016": case, TITLE: quiz, AUDIT: audit, "The ledger": ledger}


def _archive(shell: Shell, lake: Lake, examples: Path) -> tuple[Archive, str]:
    with Step(shell) as (progress, say):
        progress(0, None, "Reading page names")
        resolution = resolve_spaces(space_rows(lake))
        pairs = read_pairs(examples / "ira-facebook-ads" / "page-pairs.csv")
        found = evaluate_resolution(resolution, pairs).precision
        precision = f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
        say(f"{len(resolution.entities):,} pages behind those addresses; merge precision {precision}, n = {found.n}")
    with Step(shell) as (progress, say):
        archive = open_archive(lake, progress)
        say("The ad archive: who ran each ad, when, for how much, and whom it was aimed at")
    return archive, precision


def _networks(shell: Shell, lake: Lake) -> Figure:
    with Step(shell) as (progress, say):
        figure = recorded_run(lake, settings_of(lake), __version__)
        if figure is None:
            run = detect_networks(lake, progress=progress)
            record_networks(lake, lake.records, run)
            figure = save_run(lake, run)
        say(f"{figure.value:,} networks that activity, popularity and the news do not explain; a case each")
    return figure


def _ad_figures(archive: Archive, precision: str) -> list[DemoFigure]:
    totals = archive.totals()
    return [
        DemoFigure("ads", totals.ads, ""),
        DemoFigure("pages", totals.pages, "after merging names as read"),
        DemoFigure("merge precision", precision, "on pairs labelled by hand"),
        *(
            DemoFigure(f"spent, {money.currency or 'not stated'}", f"{money.amount:,}", f"{money.ads:,} ads")
            for money in totals.spend
        ),
        DemoFigure("impressions", totals.impressions, ""),
        DemoFigure("clicks", totals.clicks, ""),
    ]


def _post_figures(lake: Lake) -> list[DemoFigure]:
    with lake.duck(["posts"]) as duck:
        row = duck.execute("SELECT count(*), count(DISTINCT account) FROM posts").fetchone()
    posts, accounts = row or (0, 0)
    return [DemoFigure("posts", posts, ""), DemoFigure("accounts that posted", accounts, "")]


def _network_figures(lake: Lake, networks: Figure) -> list[DemoFigure]:
    sizes: list[int] = networks.parameters["sizes"]
    rate = lake.workspace.settings.fdr
    largest = [DemoFigure("largest network", sizes[0], f"accounts; then {_listed(sizes[1:])}")] if sizes else []
    return [
        DemoFigure("networks", len(sizes), f"false at most {rate:.0%} of them, on average"),
        DemoFigure("accounts in networks", sum(sizes), ""),
        *largest,
    ]


def _listed(sizes: list[int]) -> str:
    """Return the first sizes, as many as a line holds."""
    shown = ", ".join(map(str, sizes[:9]))
    return f"{shown}, ..." if len(sizes) > 9 else shown or "no other"  # noqa: PLR2004 - what a line holds
