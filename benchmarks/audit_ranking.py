"""How good the ranking of all apps is, on platforms that it has not seen: precision and recall at a reviewer's budget.

    python benchmarks/audit_ranking.py [--seeds 101-110] [--people 100000] [--apps 1500] [--days 120] [--json FILE]

Each seed is a platform of its own, imported into a lake and ranked by the
weights that ship. Beside it stand two simple ones: by people reached, and by
users times data, which is how the first triage of 2018 was described. The weights' level was chosen
on the seeds 1 to 6; no figure that is published comes from those. One process,
about half a minute a platform.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import betaincinv

from ombud.audit.ranking.measured import Measured, measure
from ombud.audit.ranking.order import score_apps
from ombud.audit.ranking.weights import load_weights
from ombud.lake import open_lake
from ombud.model.workspace import Workspace
from ombud.records import migrate, open_records
from ombud.simulate.case_2018 import review_platform, tables_of
from ombud.simulate.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

BUDGETS = (10, 25, 50, 100)
DRAWS = 4_000
RANKINGS = {"kinds": "the ranking", "by_people": "people reached", "by_data": "users times data"}
"""The field of a run that holds a ranking, and what it is called."""


class Ranked(NamedTuple):
    """One platform, ranked."""

    seed: int
    kinds: list[str]
    """the kinds of the apps, in the order of the ranking"""
    by_people: list[str]
    """the same, by people reached"""
    by_data: list[str]
    """the same, by users times what was taken of each"""
    scores: list[float]
    above: int
    """apps above the level"""
    reads: int
    seconds: float
    """to measure and rank; reading the lake is in it"""


def ranked(seed: int, people: int, apps: int, days: int) -> Ranked:
    """Make one platform, import it, and rank its apps."""
    platform = review_platform(seed, people=people, apps=apps, days=days, smaller=1)
    tables = tables_of(platform, days)
    truth = [list(KINDS)[kind] for kind in platform.apps.kind.tolist()]
    del platform
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.create(Path(folder) / "workspace")
        migrate(workspace.records_url)
        with open_records(workspace) as records:
            lake = open_lake(workspace, records)
            with lake.writing() as batch:
                for name, rows in tables.items():
                    if name not in {"labels", "accounts", "developers"}:
                        batch.write(name, rows, "import_1", new=True)
            reads = tables["reads"].num_rows
            tables.clear()
            began = time.perf_counter()
            measured = measure(lake)
            weights = load_weights()
            scored = score_apps(measured, weights)
            seconds = time.perf_counter() - began
    kinds = [_kind(measured, one.app, truth) for one in scored]
    by_people = [_kind(measured, app, truth) for app in _by(measured, _reached)]
    by_data = [_kind(measured, app, truth) for app in _by(measured, _taken)]
    above = sum(one.score >= weights.level for one in scored)
    return Ranked(seed, kinds, by_people, by_data, [one.score for one in scored], above, reads, seconds)


def _kind(measured: Measured, app: int, truth: list[str]) -> str:
    return truth[int(measured.described[app].app.removeprefix("app-"))]


def _by(measured: Measured, count: Callable[[Measured, int], float]) -> list[int]:
    """Return the apps in the order of a number, the highest first."""
    return sorted(measured.shapes, key=lambda app: (-count(measured, app), app))


def _reached(measured: Measured, app: int) -> float:
    """Return how many people an app reached."""
    return float(measured.shapes[app].people)


def _taken(measured: Measured, app: int) -> float:
    """Return users times the points of what a read takes: users times data."""
    asked = measured.asked.get(app)
    return measured.shapes[app].installers * (asked.points / max(asked.reads, 1) if asked else 0.0)


def interval(hits: int, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, by Clopper and Pearson (1934)."""
    low = 0.0 if hits == 0 else float(betaincinv(hits, of - hits + 1, 0.025))
    return low, 1.0 if hits == of else float(betaincinv(hits + 1, of - hits, 0.975))


def bootstrap(hits: list[int], of: list[int], rng: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % interval of a pooled share, drawing whole platforms: apps of one are not independent."""
    drawn = rng.integers(0, len(hits), (DRAWS, len(hits)))
    shares = np.array(hits)[drawn].sum(axis=1) / np.maximum(np.array(of)[drawn].sum(axis=1), 1)
    low, high = np.percentile(shares, (2.5, 97.5))
    return float(low), float(high)


def summary(runs: list[Ranked]) -> dict[str, Any]:
    """Return every figure: precision and recall by budget, recall by kind, both rankings, and at the level."""
    rng = np.random.default_rng(1)
    out: dict[str, Any] = {"platforms": len(runs), "seeds": [run.seed for run in runs]}
    for name, words in RANKINGS.items():
        rows = {}
        for budget in BUDGETS:
            hits = [sum(KINDS[kind].misuse for kind in getattr(run, name)[:budget]) for run in runs]
            every = [sum(KINDS[kind].misuse for kind in run.kinds) for run in runs]
            rows[budget] = {
                "precision": _share(hits, [budget] * len(runs), rng),
                "recall": _share(hits, every, rng),
                "by_kind": _by_kind(runs, name, [budget] * len(runs)),
            }
        out[words] = rows
    above = [run.above for run in runs]
    hits = [sum(KINDS[kind].misuse for kind in run.kinds[: run.above]) for run in runs]
    every = [sum(KINDS[kind].misuse for kind in run.kinds) for run in runs]
    out["at_level"] = {
        "apps": above,
        "precision": _share(hits, above, rng),
        "recall": _share(hits, every, rng),
        "by_kind": _by_kind(runs, "kinds", above),
        "innocent": _innocent(runs),
    }
    out["largest_innocent_rank"] = [run.kinds.index("popular") + 1 for run in runs]
    out["largest_innocent_rank_by_people"] = [run.by_people.index("popular") + 1 for run in runs]
    out["seconds"] = [round(run.seconds, 1) for run in runs]
    out["reads"] = [run.reads for run in runs]
    return out


def _share(hits: list[int], of: list[int], rng: np.random.Generator) -> dict[str, Any]:
    n = sum(of)
    return {
        "value": sum(hits) / max(n, 1),
        "n": n,
        "clopper_pearson": interval(sum(hits), n) if n else None,
        "bootstrap": bootstrap(hits, of, rng),
    }


def _by_kind(runs: list[Ranked], name: str, budgets: list[int]) -> dict[str, dict[str, Any]]:
    found: dict[str, int] = defaultdict(int)
    every: dict[str, int] = defaultdict(int)
    for run, budget in zip(runs, budgets, strict=True):
        order = getattr(run, name)
        for kind in order:
            every[kind] += KINDS[kind].misuse
        for kind in order[:budget]:
            found[kind] += KINDS[kind].misuse
    return {
        kind: {"found": found[kind], "of": n, "clopper_pearson": interval(found[kind], n)}
        for kind, n in every.items()
        if n
    }


def _innocent(runs: list[Ranked]) -> dict[str, int]:
    """Return which innocent kinds stand above the level."""
    counts: dict[str, int] = defaultdict(int)
    for run in runs:
        for kind in run.kinds[: run.above]:
            counts[kind] += not KINDS[kind].misuse
    return {kind: n for kind, n in counts.items() if n}


def show(found: dict[str, Any]) -> None:
    """Print the figures."""
    print(f"{found['platforms']} platforms, seeds {found['seeds'][0]} to {found['seeds'][-1]}")
    for name in RANKINGS.values():
        print(f"\n{name}: budget, precision, recall (95 % intervals over platforms)")
        for budget, row in found[name].items():
            cells = [f"{row[key]['value']:.3f} [{_range(row[key]['bootstrap'])}]" for key in ("precision", "recall")]
            print(f"  {budget:>4}  {'   '.join(cells)}")
        print("  recall by kind at 50: " + _kinds(found[name][50]["by_kind"]))
        print("  recall by kind at 100: " + _kinds(found[name][100]["by_kind"]))
    level = found["at_level"]
    print(f"\nabove the level: {sum(level['apps'])} apps, {min(level['apps'])} to {max(level['apps'])} a platform")
    for key in ("precision", "recall"):
        row = level[key]
        print(f"  {key} {row['value']:.3f} [{_range(row['bootstrap'])}], n = {row['n']}")
    print("  recall by kind: " + _kinds(level["by_kind"]))
    print("  innocent apps above it: " + (", ".join(f"{n} {kind}" for kind, n in level["innocent"].items()) or "none"))
    print(f"\nrank of the first innocent app with many users: {found['largest_innocent_rank']}")
    print(f"  by people reached: {found['largest_innocent_rank_by_people']}")
    print(f"reads: {found['reads']}\nseconds to rank: {found['seconds']}")


def _range(pair: tuple[float, float]) -> str:
    return f"{pair[0]:.3f}, {pair[1]:.3f}"


def _kinds(rows: dict[str, dict[str, Any]]) -> str:
    return ", ".join(f"{kind} {row['found']}/{row['of']}" for kind, row in sorted(rows.items()))


def main() -> None:
    """Rank every platform and print what came of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", default="101-110")
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--apps", type=int, default=1_500)
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--scores", type=Path, help="write every app's kind and score here: for choosing a level")
    options = parser.parse_args()
    first, _, last = options.seeds.partition("-")
    runs = [
        ranked(seed, options.people, options.apps, options.days) for seed in range(int(first), int(last or first) + 1)
    ]
    found = summary(runs)
    if options.scores:
        rows = [(run.seed, kind, score) for run in runs for kind, score in zip(run.kinds, run.scores, strict=True)]
        options.scores.write_text(json.dumps(rows), encoding="utf-8")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    show(found)


if __name__ == "__main__":
    main()
