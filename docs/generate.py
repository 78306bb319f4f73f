"""Write the pages of the reference that are made from the code: `python docs/generate.py [--check]`.

With `--check` nothing is written; the exit code is 1 when a page is out of date.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import typer
from typer.main import get_command

from ombud.archive.answers import FigureRef, Money, Totals
from ombud.audit.dossier.freeze import Verified
from ombud.audit.dossier.whole import Dossier
from ombud.audit.exposure.counts import Count
from ombud.audit.logs.holes import Hole, Holes
from ombud.audit.logs.permissions import Judged, Permission
from ombud.audit.logs.sealed import SealedImport
from ombud.audit.ranking.order import Ranked
from ombud.audit.ranking.reported import Reported
from ombud.audit.review.certification import Due
from ombud.audit.review.holders import AppOf, Developer, Holder, How, Picture
from ombud.cli.app import build
from ombud.cli.demo_steps import DemoFigure
from ombud.cli.doctor import Check
from ombud.detect.evaluation import Evaluation
from ombud.detect.evaluation import Rate as EvaluationRate
from ombud.detect.networks import NetworkSummary
from ombud.gate.coverage import Coverage, EgressLine, Gap, HostState, Share
from ombud.gate.diff import Change, PolicyDiff
from ombud.gate.flush import Flushed
from ombud.gate.observe import Observed
from ombud.gate.portability import Exported
from ombud.gate.replay import AppLoss, FieldLoss, Replay
from ombud.lake.attach import Attached
from ombud.lake.backup import BackupReport, Restored, UpgradeReport
from ombud.lake.check import Problem
from ombud.lake.compact import Compacted
from ombud.lake.erase import Erased, Erasure
from ombud.lake.imports import FileReport, ImportReport, Rule, Suggestion, TableCounts
from ombud.lake.imports.suggest import Proposal
from ombud.lake.publisher import Published
from ombud.lake.store import Holding
from ombud.ledger.check import LogReport
from ombud.ledger.copying import Copied
from ombud.ledger.cosigning import Asked, CosignReport
from ombud.ledger.fsck import FolderReport
from ombud.model import errors
from ombud.model.findings import (
    CoAct,
    Edge,
    Explanation,
    Figure,
    Finding,
    Member,
    NetworkDetail,
    Reason,
    RowRef,
    SourceFile,
    TimelineBin,
    TraceSummary,
)
from ombud.model.schema import KINDS, TABLES, Column, Table
from ombud.model.settings import Settings
from ombud.records.apps import App
from ombud.records.brakes import Brake
from ombud.records.canary_reads import CanaryRead
from ombud.records.cases import Case, CaseEvent
from ombud.records.certifications import Certification
from ombud.records.frozen_sets import FrozenSet
from ombud.records.known_transfers import KnownTransfer
from ombud.records.policies import PolicyVersion
from ombud.records.questionnaires import Answer, Question, Questionnaire
from ombud.records.review_progress import Line, Progress
from ombud.records.reviews import Review
from ombud.web.access import DEVELOPER, PERSON, PUBLIC
from ombud.web.app import MODULES
from ombud.web.pages import PageSpec, twin_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["PAGES", "main", "outdated"]

FOLDER = Path(__file__).resolve().parent / "reference"
MADE = "<!-- Made by `make docs` from the code. Edit the code, not this page. -->"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in cells) + " |"


def _head(*names: str) -> list[str]:
    return [_row(*names), "|" + "---|" * len(names)]


# --- the lake's tables ------------------------------------------------------------------------


def lake_tables() -> str:
    """Return the page of the lake's tables: each with its key and a line a column."""
    lines = [
        "# Lake tables",
        "",
        MADE,
        "",
        f"The lake has {len(TABLES)} tables. Moments are UTC with microseconds. Money is a decimal with two places.",
        (
            "Ids in *italics* are strings at the door and dense integers inside, by the dictionary that is named "
            f"({', '.join(KINDS)}); see [Lake guarantees](../explanation/lake.md)."
        ),
        "The *key* tells rows apart: a second row with the same key is skipped.",
        "",
        *(f"- [`{table.name}`](#{table.name}): {table.doc}" for table in TABLES.values()),
    ]
    for table in TABLES.values():
        lines += ["", *_table(table)]
    return "\n".join(lines) + "\n"


def _table(table: Table) -> list[str]:
    return [
        f"## {table.name}",
        "",
        table.doc,
        "",
        f"Key: {', '.join(f'`{name}`' for name in table.key)}. "
        + ("One folder per day." if table.by_day else "Not split by day."),
        "",
        *_head("column", "type", "must be given", "what it is"),
        *(_column(column) for column in table.columns),
    ]


def _column(column: Column) -> str:
    kind = f"*{column.kind} id*" if column.kind else _type(column.type)
    return _row(f"`{column.name}`", kind, "yes" if column.required else "", column.doc)


def _type(type_: pa.DataType) -> str:
    if pa.types.is_list(type_):
        return f"list of {_type(type_.value_type)}"
    if pa.types.is_timestamp(type_):
        return "moment"
    if pa.types.is_decimal(type_):
        return "money"
    return {"string": "text", "int64": "whole number"}[str(type_)]


# --- settings ---------------------------------------------------------------------------------


def settings() -> str:
    """Return the page of the settings: name, environment, default, meaning."""
    lines = [
        "# Settings",
        "",
        MADE,
        "",
        (
            "A workspace's settings are in its `ombud.toml`. The environment wins over the file. Every setting has a "
            "default that works; an unknown one is an error."
        ),
        "",
        *_head("in `ombud.toml`", "in the environment", "default", "what it is"),
    ]
    for name, one in Settings.model_fields.items():
        default = "" if one.default is None else f"`{one.default}`"
        lines.append(_row(f"`{name}`", f"`OMBUD_{name.upper()}`", default, f"{one.description}"))
    lines += [
        "",
        (
            "`OMBUD_WORKSPACE` names the workspace itself, as `--workspace` does. Without either it is the folder "
            "where you are."
        ),
    ]
    return "\n".join(lines) + "\n"


# --- exit codes and errors --------------------------------------------------------------------


def exit_codes() -> str:
    """Return the page of exit codes, and of the errors that lead to them."""
    lines = [
        "# Exit codes and errors",
        "",
        MADE,
        "",
        *_head("code", "when"),
        _row("0", "done; an import with rejected rows too, unless there are more than `--max-rejects`"),
        _row("1", "found problems: a check or a verification that fails, too many rejected rows"),
        _row("2", "the command or its input is wrong"),
        _row("3", "something is missing on this machine; `ombud doctor` says how to get it"),
        _row("4", "refused: a rule, a role, another process, the disk or the database says no"),
        _row("70", "a bug in Ombud; run it again with `--debug` and report what it shows"),
        _row("130", "stopped by you (Ctrl-C); run it again to go on"),
        "",
        (
            "An error is two sentences on standard error: what happened and where, and what to do. With `--json` it is "
            'one document on standard output: `{"error": {"kind", "message", "hint"}}`. There is no traceback without '
            "`--debug`. In Python, each is an exception in `ombud.model.errors`:"
        ),
        "",
        *_head("kind", "is a", "exit code", "when no other words are given"),
    ]
    for name in errors.__all__:
        kind = getattr(errors, name)
        doc = (kind.__doc__ or "").strip().splitlines()[0]
        parent = kind.__mro__[1].__name__
        lines.append(_row(f"`{name}`", f"`{parent}`", str(kind.exit_code), doc))
    return "\n".join(lines) + "\n"


# --- commands ---------------------------------------------------------------------------------


def commands() -> str:
    """Return the page of the commands: usage, arguments and options of each."""
    root = get_command(build())
    top = typer.Context(root, info_name="ombud")
    lines = [
        "# Commands",
        "",
        MADE,
        "",
        (
            "Every command speaks to people by default, and prints one JSON document with `--json` "
            "(see [JSON documents](json.md)). These options may stand anywhere:"
        ),
        "",
        *_head("option", "what it does"),
        *(_row(f"`{name}`", text) for name, text in _records(top)),
        "",
    ]
    found = list(_walk(top))
    lines += [f"- [`{ctx.command_path}`](#{ctx.command_path.replace(' ', '-')}): {_first(ctx)}" for ctx in found]
    for ctx in found:
        lines += ["", *_command(ctx)]
    return "\n".join(lines) + "\n"


def _walk(ctx: typer.Context) -> Iterator[typer.Context]:
    group: Any = ctx.command
    for name in sorted(group.list_commands(ctx)):
        command = group.get_command(ctx, name)
        if command.hidden:
            continue
        inside = typer.Context(command, info_name=name, parent=ctx)
        if hasattr(command, "list_commands"):
            yield from _walk(inside)
        else:
            yield inside


def _first(ctx: typer.Context) -> str:
    return (ctx.command.help or "").strip().split("\n\n")[0].replace("\n", " ")


def _records(ctx: typer.Context) -> list[tuple[str, str]]:
    pairs = [param.get_help_record(ctx) for param in ctx.command.get_params(ctx)]
    return [(name, " ".join(text.split())) for name, text in filter(None, pairs) if "--help" not in name]


def _command(ctx: typer.Context) -> list[str]:
    usage = ctx.command.get_usage(ctx).removeprefix("Usage: ")
    lines = [f"## {ctx.command_path}", "", "```text", " ".join(usage.split()), "```", ""]
    lines += [(ctx.command.help or "").strip()]
    if records := _records(ctx):
        lines += ["", *_head("", "what it is"), *(_row(f"`{name}`", text) for name, text in records)]
    return lines


# --- pages over HTTP --------------------------------------------------------------------------


_READERS = (
    ("For everybody", PUBLIC),
    ("For one of the platform's people", PERSON),
    ("For the developer of an app", DEVELOPER),
    ("For staff", ""),
)


def http() -> str:
    """Return the page of the routes: path, who may ask, what it gives, its JSON twin."""
    specs = [spec for pages in MODULES for spec in pages.specs if spec.in_schema]
    lines = [
        "# Pages and their JSON twins",
        "",
        MADE,
        "",
        (
            "A page and its JSON twin are made from the same data. `/openapi.json` describes every route with its "
            "fields. A problem is a page for people, and RFC 9457 JSON for whoever asks for JSON."
        ),
        "",
        (
            "Staff routes need a sign-in and one of the roles that they name; without a sign-in a page leads to the "
            "sign-in. A form needs the token of the page that it is on, so that no other site can send it. A case's "
            "people are shown to whoever says why: by a form on the page, by the header `Ombud-Purpose` for its twin. "
            "One of the platform's people comes with its signed word and sees what is about themselves; staff do not. "
            "A developer who was asked about an app answers by a link that nobody else has."
        ),
    ]
    for title, rule in _READERS:
        lines += ["", f"## {title}", "", *_head("route", "JSON twin", "who", "what it is")]
        lines += [_route(spec) for spec in specs if (spec.access if isinstance(spec.access, str) else "") == rule]
    return "\n".join(lines) + "\n"


def _route(spec: PageSpec) -> str:
    method = "POST" if spec.does == "form" else "GET"
    twin = f"`{twin_path(spec.path)}`" if spec.does == "page" and spec.twin else ""
    named = {PUBLIC: "everybody", PERSON: "a person, about themselves", DEVELOPER: "who has the link"}
    who = named[spec.access] if isinstance(spec.access, str) else ", ".join(sorted(spec.access))
    what = (spec.function.__doc__ or "").strip().splitlines()[0]
    return _row(f"{method} `{spec.path}`", twin, who, what)


# --- JSON documents ---------------------------------------------------------------------------

DOCUMENTS: tuple[tuple[str, str, tuple[type, ...]], ...] = (
    ("ombud demo", '{"figures": [DemoFigure], "seconds"}', (DemoFigure,)),
    ("ombud init", '{"workspace"}', ()),
    ("ombud doctor", '{"version", "checks": [Check], "settings": [{"name", "default", "meaning"}]}', (Check,)),
    ("ombud import", "ImportReport", (ImportReport, TableCounts, FileReport)),
    ("ombud import --suggest-mapping", "Suggestion", (Suggestion, Proposal, Rule)),
    ("ombud lake list", '{"tables": [Holding]}', (Holding,)),
    ("ombud lake read", "one object a line, with or without `--json`: a row of the table", ()),
    ("ombud lake check", '{"ok", "problems": [Problem]}', (Problem,)),
    ("ombud lake compact", '{"tables": [Compacted]}', (Compacted,)),
    ("ombud lake attach", "Attached", (Attached,)),
    (
        "ombud ledger info",
        (
            '{"origin", "size", "root", "vkey", "witnesses": [{"name", "cosigned", "outside"}], "cosigned", '
            '"cosigned_at", "waiting"}'
        ),
        (),
    ),
    ("ombud ledger verify", "LogReport", (LogReport,)),
    ("ombud ledger prove", '{"index", "size", "file"}', ()),
    ("ombud ledger fsck", "FolderReport", (FolderReport,)),
    (
        "ombud ledger tail",
        '{"entries": [{"index", "type", "version", "body"}], "size"}; with -f one entry a line',
        (),
    ),
    ("ombud ledger copy", "Copied", (Copied,)),
    ("ombud ledger publish", "Published", (Published,)),
    ("ombud ledger cosign", "CosignReport", (CosignReport, Asked)),
    ("ombud ledger rotate-key", '{"old", "new", "index"}', ()),
    ("ombud ledger start-anew", '{"vkey"}', ()),
    ("ombud ledger resume", '{"size", "asked", "silent"}', ()),
    ("ombud ledger witness", '{"url", "vkeys", "logs"}', ()),
    (
        "ombud gate serve",
        '{"address", "policy", "durable", "gate"}, when it stands',
        (),
    ),
    (
        "ombud gate decide",
        '{"id", "outcome", "allowed", "refused": [{"field", "reason", "says"}], "policy", "path"}',
        (),
    ),
    ("ombud gate policy show", "the policy, key by key, with its `hash`; on one line", ()),
    ("ombud gate policy check", '{"ok", "name", "version", "hash"}', ()),
    ("ombud gate policy use", "PolicyVersion", (PolicyVersion,)),
    ("ombud gate policy history", '{"policies": [PolicyVersion]}', ()),
    ("ombud gate diff", 'PolicyDiff; with --replay also "replay": Replay', (PolicyDiff, Change)),
    ("ombud gate observe", "Observed", (Observed, Replay, AppLoss, FieldLoss)),
    (
        "ombud gate apps list",
        (
            '{"total", "apps": [{"app", "name", "developer", "status", "purposes", "reviewed", "people", '
            '"registered_at", "last_active_at"}]}'
        ),
        (),
    ),
    ("ombud gate apps register", "App", (App,)),
    ("ombud gate apps review", 'Review; with --withdraw {"app", "scope", "withdrawn"}', (Review,)),
    ("ombud gate apps status", "App", ()),
    ("ombud gate callers list", '{"callers": [{"name", "rights", "made_at"}]}', ()),
    ("ombud gate callers add", '{"name", "key"}', ()),
    ("ombud gate callers remove", '{"name"}', ()),
    ("ombud gate breakers", '{"brakes": [Brake]}', (Brake,)),
    ("ombud gate release", "Brake", ()),
    ("ombud gate flush", '{"gates": [Flushed]}', (Flushed,)),
    ("ombud gate coverage", 'Coverage, and "figures"', (Coverage, Share, EgressLine, Gap, HostState)),
    ("ombud gate canary", "CanaryRead", (CanaryRead,)),
    ("ombud gate egress", '{"counts"}', ()),
    ("ombud export", "Exported", (Exported,)),
    ("ombud archive build", "Totals", ()),
    ("ombud archive totals", "Totals", (Totals, Money, FigureRef)),
    ("ombud detect networks", '{"networks": [NetworkSummary], "settings", "version"}', (NetworkSummary,)),
    (
        "ombud audit apps",
        '{"apps": [Ranked], "ranked", "above", "level", "weights", "said", "reported": Reported or null}',
        (Ranked, Count, Reported),
    ),
    ("ombud audit app", 'Dossier, with its "id", and "pdf" when one was written', (Dossier,)),
    ("ombud audit freeze", '{"id", "new", "ledger"} and what a frozen set is', (FrozenSet,)),
    ("ombud audit frozen list", '{"frozen": [{"id", "ledger"} and what a frozen set is]}', ()),
    ("ombud audit frozen verify", "Verified", (Verified,)),
    ("ombud audit holes", "Holes", (Holes, Hole)),
    ("ombud audit sealed", '{"files": [SealedImport], "limits"}', (SealedImport,)),
    ("ombud audit scopes", "Judged", (Judged, Permission)),
    ("ombud audit enrol", '{"apps", "new", "ranked"}', ()),
    (
        "ombud audit funnel",
        '{"stages": [{"stage", "reached", "now"}], "since", "ended", "median_days", "overdue", "silent", "owners"}',
        (),
    ),
    ("ombud audit review", '{"progress": Progress, "history": [Line]}', (Progress, Line)),
    ("ombud audit take", "Progress", ()),
    ("ombud audit look", "Progress; for many apps what `ombud audit proposals` lists", ()),
    ("ombud audit ask", '{"questionnaire", "link", "questions": [Question], "due_at"}', (Question,)),
    (
        "ombud audit answers",
        '{"app", "asked": [{"questionnaire": Questionnaire, "state", "answers": [Answer]}]}',
        (Questionnaire, Answer),
    ),
    ("ombud audit withdraw", "Questionnaire", ()),
    ("ombud audit audited", "Progress", ()),
    ("ombud audit clear", "Progress", ()),
    ("ombud audit act", "one of what `ombud audit proposals` lists", ()),
    ("ombud audit reopen", "Progress; to undo what was acted on, one of what `ombud audit proposals` lists", ()),
    (
        "ombud audit proposals",
        (
            '{"proposals": [{"id", "stage", "outcome", "apps", "reason", "proposed_by", "proposed_at", "answer", '
            '"answered_by", "answered_at"}]}'
        ),
        (),
    ),
    ("ombud audit agree", '{"moved": [Progress]}', ()),
    ("ombud audit refuse", "one of what `ombud audit proposals` lists", ()),
    ("ombud audit due", '{"due": [Due]}', (Due,)),
    ("ombud audit certify", "Certification", (Certification,)),
    ("ombud audit lapse", '{"app", "scope", "withdrawn"}', ()),
    ("ombud audit holders", "Picture", (Picture, Holder, How, AppOf)),
    ("ombud audit learn", "KnownTransfer", (KnownTransfer,)),
    ("ombud audit developer", "Developer", (Developer,)),
    ("ombud evaluate networks", 'Evaluation; with --sheet {"sheet", "accounts"}', (Evaluation, EvaluationRate)),
    ("ombud cases list", '{"cases": [Case], "total"}', (Case,)),
    ("ombud cases show", '{"case": Case, "findings": [Finding], "history": [CaseEvent]}', (CaseEvent,)),
    (
        "ombud explain",
        (
            '{"id", "name", "value", "unit", "query", "parameters", "inputs", "ledger"}; '
            'with --again {"id", "value", "again", "same"}'
        ),
        (SourceFile,),
    ),
    ("ombud backup", "BackupReport", (BackupReport,)),
    ("ombud restore", "Restored", (Restored,)),
    ("ombud upgrade", "UpgradeReport", (UpgradeReport,)),
    ("ombud erase", "Erasure", (Erasure, Erased)),
)
"""Each command's document: its shape, and the structs that it is made of."""

FINDING = (Finding, Reason, Explanation, RowRef, Figure, SourceFile)
DETAIL = (NetworkDetail, Member, Edge, TraceSummary, TimelineBin, CoAct)


def documents() -> str:
    """Return the page of the JSON documents: a section a command, a line a field."""
    lines = [
        "# JSON documents",
        "",
        MADE,
        "",
        (
            "With `--json` a command prints exactly one document on standard output, and nothing else there. Fields "
            "may be added in any version; they are never renamed or removed but in a major one. Moments are ISO 8601, "
            "UTC. Amounts of money are strings, so no cent is lost."
        ),
        "",
        *(f"- [`{command}`](#{_anchor(command)}): {shape}" for command, shape, _ in DOCUMENTS),
        "- [Findings](#findings), in cases and on pages",
        "- [Networks in detail](#networks-in-detail), the `detail` of a finding",
    ]
    for command, shape, structs in DOCUMENTS:
        lines += ["", f"## {command}", "", shape if " line" in shape else f"`{shape}`"]
        lines += [line for struct in structs for line in _struct(struct)]
    for title, structs in (("Findings", FINDING), ("Networks in detail", DETAIL)):
        lines += ["", f"## {title}"]
        lines += [line for struct in structs for line in _struct(struct)]
    return "\n".join(lines) + "\n"


def _anchor(command: str) -> str:
    return command.replace(" ", "-")


def _struct(kind: type) -> list[str]:
    """Return a struct's fields with their types and the words beside them in the source."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    if not isinstance(tree, ast.ClassDef):
        raise TypeError(kind)
    doc = " ".join((ast.get_docstring(tree) or "").split())
    lines = ["", f"**{kind.__name__}**: {doc}", "", *_head("field", "type", "what it is")]
    for here, following in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(here, ast.AnnAssign) and isinstance(here.target, ast.Name):
            words = ""
            if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
                words = " ".join(str(following.value.value).split())
            lines.append(_row(f"`{here.target.id}`", f"`{ast.unparse(here.annotation)}`", words))
    return lines


PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands,
    "exit-codes.md": exit_codes,
    "http.md": http,
    "json.md": documents,
    "lake-tables.md": lake_tables,
    "settings.md": settings,
}
"""Every generated page of the reference by its file name."""


def outdated(folder: Path = FOLDER) -> list[str]:
    """Return the names of pages in `folder` that the code no longer says."""
    return [
        name
        for name, make in PAGES.items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != make()
    ]


def main(arguments: list[str], folder: Path = FOLDER) -> int:
    """Write the pages, or with `--check` say which are out of date."""
    old = outdated(folder)
    if "--check" in arguments:
        for name in old:
            sys.stderr.write(f"{folder / name} is out of date: run `make docs`.\n")
        return 1 if old else 0
    folder.mkdir(parents=True, exist_ok=True)
    for name in old:
        (folder / name).write_text(PAGES[name](), encoding="utf-8")
        sys.stdout.write(f"wrote {folder / name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
