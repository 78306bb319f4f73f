"""The demo's case of 2018: a platform's old logs are sealed, every app in them is ranked, and the quiz is audited.

Everything is simulated, with the platform on which the ranking is tried too: people, friendships, apps, reads. The
logs are written as a platform would keep them, then taken in by the same functions as `ombud import --sealed`,
`ombud audit apps`, `ombud audit app` and `ombud audit freeze`. What the simulation knows of its apps (which of them
it made to misuse) is kept from the lake and used only to say how good the ranking was.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import msgspec
import pyarrow.parquet as pq

from ombud.audit.dossier import freeze as freezing
from ombud.audit.dossier.report import custody, pdf
from ombud.audit.dossier.whole import dossier, keep
from ombud.audit.exposure.counts import exposure
from ombud.audit.people.sets import open_sets
from ombud.audit.ranking.order import ranking_of
from ombud.cli.demo_steps import DemoFigure, Step
from ombud.lake.imports import import_files
from ombud.model.findings import Figure, SourceFile
from ombud.model.ids import derived_id
from ombud.records import figures
from ombud.simulate.case_2018 import case_2018

if TYPE_CHECKING:
    from pathlib import Path

    from ombud.cli.shell import Shell
    from ombud.lake import Lake

__all__ = ["TITLE", "audit_case"]

TITLE = "The case of 2018 (all of it simulated)"
PEOPLE, APPS, DAYS, INSTALLERS, SEED = 200_000, 2_000, 60, 1_000, 2018
"""The quiz is made the platform's largest walk, as it was in the case: that it ranks first says no more than that."""
FOLDER, ABOUT = "old-logs/case-of-2018", "about.json"
TABLES = ("developers", "apps", "accounts", "ties", "grants", "reads")
AUTHOR = "demo"
FIRST = 10
"""Places of the ranking that the demo looks at."""
IN_THE_CASE = 87_000_000 / 270_000
"""People a head: up to 87 million (Facebook, 4 April 2018) of 250,000 to 270,000 (FTC, docket 9383)."""


class _About(msgspec.Struct, frozen=True):
    """What the simulation knows and the lake does not."""

    quiz: str
    degree: float
    """friends of a person, on average"""
    made: list[str]
    """apps that were made to misuse"""


def audit_case(shell: Shell, lake: Lake) -> list[DemoFigure]:
    """Do every step that was not done before, say a line for each, and return the figures."""
    folder = lake.workspace.root / FOLDER
    with Step(shell) as (progress, say):
        progress(0, None, "Simulating a platform before its rules changed")
        about = _logs(folder)
        rows = 0
        for table in TABLES:
            report = import_files(
                lake, "table", [folder / f"{table}.parquet"], table=table, sealed=True, progress=progress
            )
            rows += report.tables[table].accepted + report.tables[table].skipped
        say(
            f"Old logs of a simulated platform, sealed: {rows:,} rows in {len(TABLES)} files, whose hashes are on the"
            " ledger"
        )
    document = lake.workspace.root / f"audit-{about.quiz}.pdf"
    seen = [f"{table}:{_sha256(lake, table)}" for table in TABLES]
    known = _kept(lake, seen) if document.exists() else []
    if not known:
        return _work(shell, lake, about, document, seen)
    for line in (_ranked(known[:2]), _audited(known[2:])):
        with Step(shell) as (_, say):
            say(line)
    return known


def _logs(folder: Path) -> _About:
    """Return what is known of the logs, which are written when they are not there; whole or not at all."""
    about = folder / ABOUT
    if about.exists():
        return msgspec.json.decode(about.read_bytes(), type=_About)
    case = case_2018(SEED, people=PEOPLE, apps=APPS, days=DAYS, installers=INSTALLERS)
    misuse = case.platform.apps.trait("misuse")
    made = [f"app-{number}" for number in range(len(misuse)) if misuse[number]]
    half = folder.with_name(f".{folder.name}-{os.getpid()}")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    for table in TABLES:
        pq.write_table(case.tables[table], half / f"{table}.parquet", compression="zstd")
    known = _About(case.quiz, round(case.degree, 1), made)
    (half / ABOUT).write_bytes(msgspec.json.encode(known))
    shutil.rmtree(folder, ignore_errors=True)
    half.rename(folder)
    return known


def _sha256(lake: Lake, table: str) -> str:
    return ",".join(sorted(file.sha256 for file in lake.files(table)))


def _work(shell: Shell, lake: Lake, about: _About, document: Path, seen: list[str]) -> list[DemoFigure]:
    """Rank all apps, audit the quiz, freeze whom it affected; keep and return the figures."""
    with Step(shell) as (progress, say):
        sets = open_sets(lake.workspace, lake, progress=progress)
        ranking, _, scored = ranking_of(lake, lake.records, sets, limit=FIRST, progress=progress)
        quiz = lake.ids("app", [about.quiz])[0]
        rank = next(place for place, one in enumerate(scored, 1) if one.app == quiz)
        first = sum(one.app in about.made for one in ranking.apps)
        ranked = [
            DemoFigure("rank of the quiz", rank, f"of {ranking.ranked:,} apps"),
            DemoFigure(f"made to misuse, of the first {FIRST}", first, "apps, as only the simulation knows"),
        ]
        say(_ranked(ranked))
    with Step(shell) as (progress, say):
        progress(0, None, "Auditing the quiz")
        reach = exposure(lake, sets, quiz or 0)
        made = dossier(lake, lake.records, sets, about.quiz)
        keep(lake.records, made)
        frozen = freezing.freeze(lake, about.quiz, "The demo audits the quiz.", AUTHOR).set
        with lake.records.read() as tx:
            vouched = custody(tx, lake.workspace.ledger_dir, lake.workspace.settings.name, AUTHOR, about.quiz)
        _write(document, pdf(made, vouched))
        people = reach.people.proved
        head = round(people / max(reach.installers, 1), 1)
        at_most = "not known" if reach.people.possible is None else reach.people.possible
        audited = [
            DemoFigure("installed the quiz", reach.installers, "people"),
            DemoFigure("affected by it", people, "people, as its reads prove"),
            DemoFigure("affected by it, at most", at_most, "people, as grants and friendships allow"),
            DemoFigure("affected and frozen", frozen.people, "people, as a commitment on the ledger"),
            DemoFigure(
                "affected for each who installed it",
                head,
                f"an illustration: {about.degree:g} friends each, as simulated; in the case itself {IN_THE_CASE:.0f}",
            ),
            DemoFigure("the audit", document.name, "in the workspace"),
        ]
        say(_audited(audited))
    return _keep(lake, seen, [*ranked, *audited])


def _ranked(shown: list[DemoFigure]) -> str:
    rank, first = shown
    return (
        f"Every app ranked: the quiz is number {rank.value} {rank.unit}; {first.value} of the first {FIRST} were made"
        " to misuse, which the ranking was not told"
    )


def _audited(shown: list[DemoFigure]) -> str:
    installed, people, _, _, head, document = (one.value for one in shown)
    return (
        f"The quiz audited: {installed:,} installed it, {people:,} people are affected and frozen, {head} for each who"
        f" installed it; the document is {document}"
    )


def _write(file: Path, data: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    half = file.with_name(f".{file.name}.part")
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(data)
    half.replace(file)


def _id(seen: list[str], name: str) -> str:
    return derived_id("figure", "demo.case-2018", seen, name)


def _keep(lake: Lake, seen: list[str], shown: list[DemoFigure]) -> list[DemoFigure]:
    """Keep the figures under ids that change with the logs."""
    inputs = [SourceFile(file.path, file.sha256) for table in TABLES for file in lake.files(table)]
    kept = [msgspec.structs.replace(one, figure=_id(seen, f"{place}")) for place, one in enumerate(shown)]
    with lake.records.begin() as tx:
        figures.save_all(
            tx,
            [
                Figure(
                    id=one.figure or "",
                    name=one.name,
                    value=one.value,
                    unit=one.unit,
                    query="ombud demo",
                    inputs=inputs,
                    subject="demo.case-2018",
                )
                for one in kept
            ],
        )
    return kept


def _kept(lake: Lake, seen: list[str]) -> list[DemoFigure]:
    """Return the figures of an earlier run over the same logs, in their order; none when there was none."""
    with lake.records.read() as tx:
        known = {figure.id: figure for figure in figures.about(tx, "demo.case-2018")}
    out: list[DemoFigure] = []
    while (found := known.get(_id(seen, f"{len(out)}"))) is not None:
        if found.value is None:
            return []
        out.append(DemoFigure(found.name, found.value, found.unit, found.id))
    return out
