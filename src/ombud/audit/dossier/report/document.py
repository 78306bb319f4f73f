"""The words of an audit's document, each number with the place of its figure: what the template then sets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ombud.audit.dossier.inquiry import MINE
from ombud.audit.dossier.report.tables import Marks, parts, table

if TYPE_CHECKING:
    from ombud.audit.dossier.report.custody import Custody
    from ombud.audit.dossier.whole import Dossier
    from ombud.model.findings import Figure

__all__ = ["document"]

_LONGEST = 40
_OPENS = "WITH mine AS ("
_LONG = re.compile(rf"\S{{{_LONGEST},}}")
_CAUTION = (
    "This document says what records show. It names no person but those who made it. A tool calls an app anomalous at"
    " most; whether data were misused is for people to decide."
)


def document(made: Dossier, custody: Custody) -> dict[str, Any]:
    """Return everything that the template sets, as texts."""
    marks = Marks(made.figures)
    app = made.app
    files = sorted({(file.path, file.sha256) for figure in made.figures for file in figure.inputs})
    mine = _mine(made.figures)
    content: dict[str, Any] = {
        "title": f"Audit of {app.name or app.app}",
        "kicker": "Audit of an app",
        "running": f"Audit of {app.name or app.app}",
        "headline": f"{made.headline}.",
        "platform": custody.platform,
        "made_by": custody.made_by,
        "dated": list(made.made_at.timetuple()[:6]),
        "dated_words": f"{made.made_at:%Y-%m-%d %H:%M} UTC",
        "facts": _facts(made, custody, len(files)),
        "caution": _CAUTION,
        "summary": _summary(made, marks),
        "method": _METHOD,
        "limits": made.limits,
        "parts": parts(made, marks),
        "figures_say": "A number in brackets is the place of a figure in this list. The command ombud explain ID shows"
        " its query and files, and with --again computes it anew over the lake as it is then.",
        "figures": table(
            "", ["No.", "Figure", "Value", "Unit", "Id"],
            [[str(n), one.name, _value(one), one.unit, one.id] for n, one in enumerate(made.figures, 1)],
            numbers=[0, 2], widths=[0, 1, 0, 0, 0],
        ),
        "queries_say": "SQL over the lake's views in DuckDB's dialect. Each query begins with WITH and the words that"
        " make mine, the app's own reads, which stand here once. A figure without SQL comes out of the whole audit,"
        " which the command below computes.",
        "queries": [{"name": "mine", "query": f"WITH {mine}"}, *_queries(made.figures, mine)],
        "files_say": f"The numbers were computed from {len(files):,} files of the lake, each named with the SHA-256 of"
        " its bytes. The ledger has the same hashes in entries of the type import.",
        "files": [{"path": path, "sha256": digest} for path, digest in files],
        "ledger_say": _ledger(custody),
        "checkpoint": custody.checkpoint,
        "ledger_tables": _frozen(custody),
        "verify": _verify(custody),
    }  # fmt: skip
    return {name: value if name in _WHOLE else _breakable(value) for name, value in content.items()}


_WHOLE = {"queries", "checkpoint", "dated"}
_METHOD = [
    (
        "Every read in the log names the app, the person, the fields, the time, and whose consent was used. People are"
        " counted exactly and each once; nothing is estimated. A read counts where at least one field went out."
    ),
    (
        "Direct means by the person's own consent; through a friend, by somebody else's. Where a number is given as"
        " proved and possible, the first is what reads on record show, the second the most that all consents and"
        " friendships on record would have opened."
    ),
    (
        "A session is a run of reads with one key without a pause of half an hour. What the app would have got under"
        " another policy is found by deciding each recorded read again under that policy."
    ),
    (
        "Innocent explanations are weighed one by one, each by a number of its own; what the record cannot tell is"
        " called unknown."
    ),
]


def _facts(made: Dossier, custody: Custody, files: int) -> list[list[str]]:
    app = made.app
    rests = f"{files:,} files of the lake"
    if custody.origin:
        rests += f"; the ledger {custody.origin} with {custody.size:,} entries"
    frozen = custody.frozen[0].set if custody.frozen else None
    return [
        ["App", app.app if app.name in {None, app.app} else f"{app.name} ({app.app})"],
        ["Developer", app.developer or "not known"],
        ["Developer heard", custody.heard],
        ["Case", f"No. {app.case}" if app.case else "none"],
        ["Reads", _span(made)],
        ["Made", f"{made.made_at:%Y-%m-%d %H:%M} UTC, by {custody.made_by}, at {custody.platform}"],
        ["Rests on", rests],
        ["Affected people", f"frozen as {frozen.id} on {frozen.frozen_at:%Y-%m-%d}" if frozen else "not frozen"],
    ]


def _summary(made: Dossier, marks: Marks) -> list[str]:
    whom, time = made.reach, made.time
    said = [
        f"{made.headline}{marks(whom.people.proved)}.",
        (
            f"It made {marks.number(made.reads)} reads by which something went out; {marks.number(made.refused)}"
            " requests were refused."
        ),
    ]
    if time.busiest:
        said.append(
            f"Its busiest day was {time.busiest.day:%Y-%m-%d}, with {time.busiest.people:,} people"
            f"{marks(time.days_total)}."
        )
    if time.fields:
        names = ", ".join(dict.fromkeys(line.field for line in time.fields))
        said.append(f"What went out: {names}{marks(time.fields_total)}.")
    odd = [one for one in made.checks if one.number.value]
    said += [f"Counted: {marks.number(one.number)} {one.says}." for one in odd]
    said.append(f"{made.hindsight.sentence[:-1]}{marks(made.hindsight.touched)}.")
    words = {"yes": "holds", "partly": "holds in part"}
    said += [
        f"An innocent explanation {words[one.applies]}: {one.title.lower()}. {one.sentence[:-1]}{marks(one.number)}."
        for one in made.innocent
        if one.applies in words
    ] or ["None of the innocent explanations that were weighed is shown to hold."]
    open_ = [one.title.lower() for one in made.innocent if one.applies == "unknown"]
    if open_:
        said.append(f"Of these the record cannot tell whether they hold: {'; '.join(open_)}.")
    return said


def _value(figure: Figure) -> str:
    value = figure.value
    if value is None:
        return "not known"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3g}" if isinstance(value, float) else value


def _mine(figures: list[Figure]) -> str:
    """Return the words that make `mine` as the figures have them: an earlier version of Ombud had others."""
    query = next((one.query for one in figures if one.query.startswith(_OPENS)), f"WITH {MINE}")
    depth = 0
    for place, sign in enumerate(query):
        depth += (sign == "(") - (sign == ")")
        if sign == ")" and depth == 0:
            return query[len("WITH ") : place + 1]
    return MINE


def _queries(figures: list[Figure], mine: str) -> list[dict[str, str]]:
    """Return each figure's query without the words that all share; figures of one query stand together."""
    by_query: dict[str, list[str]] = {}
    for number, one in enumerate(figures, 1):
        text = one.query.removeprefix(f"WITH {mine}").removeprefix(",").strip()
        by_query.setdefault(text, []).append(f"[{number}] {one.name}")
    return [{"name": "; ".join(names), "query": query} for query, names in by_query.items()]


def _ledger(custody: Custody) -> list[str]:
    if custody.origin is None:
        return ["There was no ledger that could be read when this was made: only this installation vouches for it."]
    keys = "; ".join(custody.keys)
    return [
        f"Name: {custody.origin}. Entries: {custody.size:,}. Root (base64): {custody.root}.",
        f"Keys of the ledger: {keys}.",
        "The checkpoint, as it was signed:",
    ]


def _frozen(custody: Custody) -> list[dict[str, Any]]:
    rows = [
        [
            place.set.id,
            f"{place.set.frozen_at:%Y-%m-%d %H:%M}",
            f"{place.set.people:,}",
            "waits" if place.ledger is None else f"{place.ledger:,}",
            f"{place.set.root}, of {place.set.padded:,}",
        ]
        for place in custody.frozen
    ]
    if not rows:
        return []
    head = ["Set", "Frozen (UTC)", "People", "Entry", "Root over salted rows (hexadecimal), and its leaves"]
    return [table("Affected people, frozen", head, rows, numbers=[2, 3], widths=[0, 0, 0, 0, 1])]


def _verify(custody: Custody) -> list[str]:
    if custody.origin is None:
        return ["Have the workspace opened, and run ombud lake check: it compares every file with its hash."]
    return [
        (
            "Take verify.py from the page /ledger/verify.py of this installation, or from the source of Ombud. It is"
            " one file that needs nothing but Python; read it first."
        ),
        (
            "Take a copy of the ledger's folder. Run: python3 verify.py FOLDER --vkey KEY, with a key of the ledger"
            " that you have from somewhere else than this document."
        ),
        (
            "Save the checkpoint above as a file and run: python3 verify.py FOLDER --checkpoint FILE. The log must"
            " begin with all that it had when this document was made."
        ),
        "Compare the SHA-256 of the files in Appendix C with those in the ledger's entries of the type import.",
        "Have a figure of Appendix A computed again: ombud explain ID --again.",
        (
            "Have the frozen set checked: ombud audit frozen verify SET. Each person can be given a proof of their own"
            " row, and nobody else's."
        ),
    ]


def _breakable(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Let long words without a space be broken: hashes, ids."""
    if isinstance(value, str):
        return _LONG.sub(lambda word: "\u200b".join(re.findall(rf".{{1,{_LONGEST // 4}}}", word[0])), value)
    if isinstance(value, dict):
        return {name: item if name == "sha256" else _breakable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_breakable(item) for item in value]
    return value


def _span(made: Dossier) -> str:
    if made.since == made.until:
        return "none on record"
    return f"from {made.since:%Y-%m-%d %H:%M} to {made.until:%Y-%m-%d %H:%M} UTC"
