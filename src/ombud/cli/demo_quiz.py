"""The demo's quiz app: one app on a real friendship graph, through the gate, by the rules of before 2015 and after.

The people are the nodes of a real, anonymised graph; the app, who installs it and
what it reads are simulated. Each request is decided by the gate, put on record
in the gate's journal, its batch's root on the ledger, and brought into the lake.
What is shown is counted there.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from ombud.cli.demo_steps import DemoFigure, Step
from ombud.gate import registry
from ombud.gate.budgets import Budgets
from ombud.gate.consent import grant
from ombud.gate.consents import ConsentTable
from ombud.gate.decide import Gate
from ombud.gate.flush import flush
from ombud.gate.journal import claim
from ombud.gate.policy import compile_policy, load_policy
from ombud.gate.reasons import SENTENCES
from ombud.gate.recorder import Recorder
from ombud.gate.request import ReadRequest
from ombud.gate.rows import refused_fields, rows_of
from ombud.gate.sinks import LedgerSink
from ombud.gate.ties import Ties
from ombud.ledger.writer import open_ledger
from ombud.model import clock
from ombud.model.findings import Figure, SourceFile
from ombud.model.ids import derived_id
from ombud.records import apps, consents, figures
from ombud.simulate import NOBODY, VOCABULARY, Aim, Friendships, friend_walk, join

if TYPE_CHECKING:
    from ombud.cli.shell import Shell
    from ombud.gate.policy import Policy
    from ombud.gate.request import Decision
    from ombud.lake import Lake

__all__ = ["POLICIES", "TITLE", "Outcome", "replay_quiz"]

POLICIES = {"before-2015": "before 2015", "locked-down": "2018"}
"""The policies under which the app is replayed, in this order, and what their rules are called."""
TITLE = "A quiz app on real friendships (the people: a real, anonymised graph; the app: simulated)"
APP, DEVELOPER, PURPOSE = "demo-quiz", "demo-developer", "research"
OWN = ("name", "picture", "gender", "birthday", "location", "likes", "friends")
"""What it asks of those who install it."""
OF_FRIENDS = ("name", "picture", "gender", "birthday", "location", "likes")
"""What it asks of their friends: what they show friends, where they live, what they like."""
SHARE, SEED = 0.01, 2014
"""The share of people who install it, and the seed by which they are drawn."""
AUTHOR = "demo"
DAY = 86_400

_GRAPH = """
SELECT a.name, b.name FROM ties AS t JOIN account_ids AS a ON a.id = t.account JOIN account_ids AS b ON b.id = t.other
WHERE t.tie = 'friend' AND a.name LIKE 'ego-%' ORDER BY a.name, b.name
"""
_COUNTS = """
SELECT r.decision, r.reason, r.fields, count(*) AS reads,
       list(DISTINCT r.person) AS people, list(DISTINCT coalesce(r.through, r.person)) AS consenting
FROM reads AS r JOIN app_ids AS a ON a.id = r.app WHERE a.name = ? AND r.policy = ? GROUP BY ALL
"""


class _Graph(NamedTuple):
    """The friendship graph of the lake: people's ids as imported, by number, and who is whose friend."""

    names: list[str]
    friends: Friendships


class Outcome(NamedTuple):
    """What became of the app's requests under one policy, as the lake has it."""

    installers: int
    reached: int
    """people of whom anything went out"""
    given: int
    """fields that went out"""
    refused: Counter[str]
    """fields that did not, by reason"""


def replay_quiz(shell: Shell, lake: Lake) -> list[DemoFigure]:
    """Replay the app under both policies, unless that was done before; say a line for each, return the figures."""
    every: list[DemoFigure] = []
    graph: _Graph | None = None
    for name, words in POLICIES.items():
        with Step(shell) as (progress, say):
            progress(0, None, f"Replaying a quiz app by the rules of {words}")
            policy = load_policy(name)
            flush(lake)
            outcome = _outcome(lake, policy)
            if not outcome.installers:
                graph = graph or _graph(lake)
                _replay(lake, graph, policy)
                flush(lake)
                outcome = _outcome(lake, policy)
            shown = [_kept(policy, figure) for figure in _figures(words, outcome)]
            _keep(lake, policy, shown)
            say(_line(words, outcome))
        every += shown
    return every


def _graph(lake: Lake) -> _Graph:
    with lake.duck(["ties"]) as duck:
        rows = duck.execute(_GRAPH).fetchall()
    names = sorted({name for row in rows for name in row}, key=lambda name: (len(name), name))
    number = {name: n for n, name in enumerate(names)}
    one, other = (np.array([number[row[side]] for row in rows], dtype=np.int64) for side in (0, 1))
    return _Graph(names, join(len(names), [(one, other)]))


def _replay(lake: Lake, graph: _Graph, policy: Policy) -> None:
    """Put the policy in force, have the app installed, and send its requests through the gate, onto the record."""
    installers = np.sort(np.random.default_rng(SEED).choice(len(graph.names), _installers(graph), replace=False))
    _install(lake, [graph.names[person] for person in installers.tolist()], policy)
    gate = _gate(lake, graph, policy)
    decided = [(request, gate.decide(request)) for request in _requests(graph, installers)]
    _record(lake, decided, policy)
    with lake.records.begin() as tx:
        apps.active(tx, {APP: clock.now()})


def _installers(graph: _Graph) -> int:
    return max(round(len(graph.names) * SHARE), 1)


def _install(lake: Lake, people: list[str], policy: Policy) -> None:
    """Register the app, and have people allow all that the policy lets it ask for."""
    asked = {*VOCABULARY.wanted(VOCABULARY.mask(OWN), VOCABULARY.mask(OF_FRIENDS))}
    scopes = [name for name, scope in policy.scopes.items() if name in asked and not scope.review]
    app = apps.App(
        app=APP,
        developer=DEVELOPER,
        name="A quiz (simulated)",
        category="quizzes",
        purposes=[PURPOSE],
        registered_at=clock.now(),
    )
    with lake.records.begin() as tx:
        registry.activate(tx, policy, AUTHOR, f"The demo replays a quiz app under the policy {policy.name}.")
        if not any(known.app == APP for known in apps.every(tx)):
            apps.register(tx, app, AUTHOR)
        for person in people:
            grant(tx, policy, APP, person, scopes, author=AUTHOR)


def _gate(lake: Lake, graph: _Graph, policy: Policy) -> Gate:
    """Return a gate that knows the policy, the app, its consents and the friendships."""
    with lake.records.read() as tx:
        standings = [standing for standing in registry.standings(tx) if standing.app == APP]
        given = consents.of_app(tx, APP, limit=len(graph.names))
    table = ConsentTable()
    people = {name: number for number, name in enumerate(graph.names)}
    for consent in given:
        day = int((consent.last_used_at or consent.granted_at).timestamp() // DAY)
        table.put(0, people[consent.person], table.scopes.mask(consent.scopes), day, revoked=not consent.live)
    compiled = compile_policy(policy, standings, table.scopes)
    one, other = graph.friends.pairs()
    ties = Ties(one, other.astype(np.int64), len(graph.names))
    return Gate(compiled, table, people, Budgets(compiled), ties=ties)


def _requests(graph: _Graph, installers: np.ndarray) -> list[ReadRequest]:
    """Return what the app asks: each who installed it, and through each all of their friends."""
    aim = Aim(VOCABULARY.mask(OF_FRIENDS), 0, 0, 0)
    walk = friend_walk(graph.friends, [(0, installers.astype(np.int32))], aim)
    ways = [(NOBODY, person) for person in installers.tolist()]
    ways += zip(walk.through.tolist(), walk.person.tolist(), strict=True)
    return [
        ReadRequest(APP, graph.names[person], OWN, PURPOSE)
        if through == NOBODY
        else ReadRequest(APP, graph.names[person], OF_FRIENDS, PURPOSE, through=graph.names[through])
        for through, person in ways
    ]


def _record(lake: Lake, decided: list[tuple[ReadRequest, Decision]], policy: Policy) -> None:
    """Put all reads on record in one batch, so that a replay is there whole or not at all."""
    with (
        open_ledger(lake.workspace) as ledger,
        Recorder(claim(lake.workspace.journal_dir, AUTHOR), LedgerSink(ledger)) as recorder,
    ):
        recorder.record(rows_of(decided), policy.hash)


def _outcome(lake: Lake, policy: Policy) -> Outcome:
    with lake.duck(["reads"]) as duck:
        rows = duck.execute(_COUNTS, [APP, policy.hash]).fetchall()
    reached: set[int] = set()
    installers: set[int] = set()
    given, refused = 0, Counter[str]()
    for decision, reason, fields, reads, people, consenting in rows:
        installers.update(consenting)
        if decision != "refused":
            reached.update(people)
            given += reads * len(fields)
        for code in refused_fields(fields, decision, reason).values():
            refused[code] += reads
    return Outcome(len(installers), len(reached), given, refused)


def _kept(policy: Policy, shown: DemoFigure) -> DemoFigure:
    """Return the figure with the id under which it is kept."""
    return msgspec.structs.replace(shown, figure=derived_id("figure", "demo.quiz", policy.hash, shown.name))


def _keep(lake: Lake, policy: Policy, shown: list[DemoFigure]) -> None:
    """Keep the figures with their query and the files it read, those that are not kept with these values yet."""
    inputs = [SourceFile(file.path, file.sha256) for file in lake.files("reads")]
    with lake.records.begin() as tx:
        known = {figure.id: figure.value for figure in figures.about(tx, APP)}
        new = [
            Figure(
                id=one.figure or "",
                name=one.name,
                value=one.value,
                unit=one.unit,
                query=_COUNTS,
                parameters={"app": APP, "policy": policy.hash},
                inputs=inputs,
                subject=APP,
            )
            for one in shown
            if known.get(one.figure or "") != one.value
        ]
        figures.save_all(tx, new)


def _line(words: str, outcome: Outcome) -> str:
    refused = f"{sum(outcome.refused.values()):,} refused" if outcome.refused else "none is refused"
    return (
        f"A simulated quiz app on these people, by the rules of {words}: {outcome.installers:,} install it, "
        f"{outcome.reached:,} people are reached, {outcome.given:,} fields go out, {refused}"
    )


def _figures(words: str, outcome: Outcome) -> list[DemoFigure]:
    reasons = [
        DemoFigure(f"{words}: {code}", count, SENTENCES[code].rstrip("."))
        for code, count in outcome.refused.most_common()
    ]
    return [
        DemoFigure(f"{words}: installers", outcome.installers, f"{SHARE:.0%} of the people, drawn by chance"),
        DemoFigure(f"{words}: people reached", outcome.reached, "of whom any field went out"),
        DemoFigure(f"{words}: fields given", outcome.given, "counted again for each read"),
        DemoFigure(f"{words}: fields refused", sum(outcome.refused.values()), "likewise"),
        *reasons,
    ]
