"""What the ranking puts on record: a finding and a case for every app above the level, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

import ombud
from ombud.audit.ranking.app_figures import COMMAND, app_figures, inputs_of
from ombud.audit.ranking.order import REASONS, counts_for
from ombud.model import clock
from ombud.model.findings import Explanation, Figure, Finding, Reason
from ombud.model.ids import derived_id
from ombud.records import cases, figures, findings

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ombud.audit.ranking.measured import Measured
    from ombud.audit.ranking.order import Scored
    from ombud.audit.ranking.signals import Signal
    from ombud.audit.ranking.weights import Weights
    from ombud.lake import Lake
    from ombud.model.findings import SourceFile

__all__ = ["METHOD", "TOOL", "Reported", "report_apps"]

TOOL = "audit.apps"
METHOD = 1
"""Raised when the method changes, so that findings of the old one keep their ids."""
CALIBRATION = (
    "The score is no probability. Each signal's p-value is the share of apps of like size and category with at least as"
    " much; the score adds their weighted decades, capped, times the decades of people read who were not using the app."
    " What the level is worth was measured on simulated platforms: see the explanation of the ranking."
)


class Reported(msgspec.Struct, frozen=True):
    """What a run put on record."""

    findings: int
    """findings that are new"""
    cases: int
    """cases that were opened"""
    known: int
    """apps above the level that have a case already"""


def report_apps(lake: Lake, measured: Measured, scored: list[Scored], weights: Weights) -> Reported:
    """Save a finding for every app above the level and open its case; an app that has an open case keeps that one."""
    inputs = inputs_of(lake)
    run = derived_id("run", TOOL, METHOD, weights.hash, sorted(file.sha256 for file in inputs))
    above = [one for one in scored if one.score >= weights.level]
    saved = opened = known = 0
    with lake.records.begin() as tx:
        _note_run(tx, run, len(scored), len(above), weights, inputs)
        for one in above:
            finding = _finding(one, measured, weights, run, inputs)
            if _has_open_case(tx, finding):
                known += 1
                continue
            saved += findings.save(tx, finding)
            opened += cases.of_finding(tx, finding.id) is None
            cases.open_for(tx, finding.id, "app", finding.title)
    return Reported(saved, opened, known)


def _has_open_case(tx: Connection, finding: Finding) -> bool:
    """Say whether the app has a case of this tool that nobody has decided yet, or this very finding is on record."""
    for row in findings.about(tx, "app", finding.subject):
        case = cases.of_finding(tx, row.id)
        if row.tool == TOOL and case is not None and (row.id == finding.id or case.state in {"open", "waiting"}):
            return True
    return False


def _finding(one: Scored, measured: Measured, weights: Weights, run: str, inputs: list[SourceFile]) -> Finding:
    item, shape = measured.described[one.app], measured.shapes[one.app]
    numbers = app_figures(
        item.app, shape, measured.asked.get(one.app), one.score, run, inputs, recorded=measured.recorded
    )
    strong = [signal for signal in one.signals if counts_for(signal, weights) > 0][:REASONS]
    named = f"{item.name} ({item.app})" if item.name else item.app
    through = f"{shape.via:,} of them through others"
    title = f"{named} read {shape.people:,} people, {through}; {shape.installers:,} ever allowed it."
    return Finding(
        id=derived_id("finding", TOOL, item.app, run),
        says="anomalous",
        subject_kind="app",
        subject=item.app,
        title=title,
        score=round(one.score, 3),
        q=None,
        calibration=CALIBRATION,
        reasons=[Reason(signal.sentence, numbers[signal.code].id) for signal in strong],
        explanations=_explanations(strong),
        rows=[],
        query=COMMAND,
        tool=TOOL,
        tool_version=ombud.__version__,
        settings={"method": METHOD, "weights": weights.hash, "level": weights.level},
        found_at=clock.now(),
        detail={"signals": msgspec.to_builtins(one.signals), "points": one.points, "beyond": one.beyond},
        figures=list({figure.id: figure for figure in numbers.values()}.values()),
    )


def _explanations(strong: list[Signal]) -> list[Explanation]:
    """Return what would explain it innocently; whether it does is for a person to find out."""
    codes = {signal.code for signal in strong}
    out = []
    if codes & {"absent", "coverage", "circles", "via_friends"}:
        text = "What it does may need its users' friends while nobody is there, as reminders of birthdays do."
        out.append(Explanation("automation", text, "unknown"))
    if codes & {"strangers", "after_end"}:
        text = "The log of consents may have holes; then people count as strangers who did allow it."
        out.append(Explanation("shared-tool", text, "unknown"))
    if any(signal.apps > 1 for signal in strong):
        text = "Apps of one agency share developer, host or key without having anything else in common."
        out.append(Explanation("same-organisation", text, "unknown"))
    return out


def _note_run(  # noqa: PLR0917 - the parts of one run
    tx: Connection, run: str, ranked: int, above: int, weights: Weights, inputs: list[SourceFile]
) -> None:
    """Keep the run itself as a figure: how many apps are above the level, of how many, by which weights."""
    figure = Figure(
        id=derived_id("figure", run),
        name="apps above the level",
        value=above,
        unit=f"of {ranked:,} apps",
        query=COMMAND,
        parameters={"weights": msgspec.to_builtins(weights), "hash": weights.hash},
        inputs=inputs,
        subject="review",
    )
    figures.save(tx, figure)
