"""The numbers of a network, each with the query or command that computes it again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from ombud.model.findings import Figure
from ombud.model.ids import derived_id

if TYPE_CHECKING:
    from datetime import datetime

    from ombud.detect.acts import Context
    from ombud.model.findings import NetworkDetail, SourceFile

__all__ = ["co_act_sql", "command", "network_figures"]

_OBJECTS = {"repost": "original", "image": "unnest(media)", "tag": "lower(unnest(tags))"}
"""Traces whose objects are as the lake has them; links and texts are normalised first, which SQL cannot repeat."""

_SQL = """\
WITH share AS (
  SELECT DISTINCT account, {object} AS object, epoch_us(happened_at) // 1000000 AS second FROM posts{period}
), run AS (
  SELECT *, second - lag(second) OVER (PARTITION BY object ORDER BY second, account) AS pause FROM share
  WHERE object IS NOT NULL
), episode AS (
  SELECT *, count(*) FILTER (pause > 604800) OVER (PARTITION BY object ORDER BY second, account) AS number FROM run
), first AS (
  SELECT account, object, number, min(second) AS second FROM episode GROUP BY ALL
), unit AS (
  SELECT *, CASE WHEN bool_and(second % 86400 = 0) OVER w THEN 86400 WHEN bool_and(second % 3600 = 0) OVER w THEN 3600
    WHEN bool_and(second % 60 = 0) OVER w THEN 60 ELSE 0 END AS slack
  FROM first WINDOW w AS (PARTITION BY object, number)
), member AS (
  SELECT u.* FROM unit u JOIN account_ids i ON i.id = u.account WHERE list_contains($accounts, i.name)
)
SELECT count(*) AS co_acts FROM member a JOIN member b USING (object, number)
WHERE a.account < b.account AND abs(a.second - b.second) + a.slack <= $scale"""


def command(settings: dict[str, Any]) -> str:
    """Return the command that computes the run again."""
    words = ["ombud", "detect", "networks", "--fdr", repr(settings["fdr"])]
    for trace in settings["traces"]:
        words += ["--trace", trace]
    for name in ("since", "until"):
        if settings[name]:
            words += [f"--{name}", settings[name]]
    return shlex.join([*words, "--json"])


def co_act_sql(trace: str, settings: dict[str, Any]) -> str | None:
    """Return SQL over the lake's views that counts the co-acts of `$accounts` within `$scale`.

    None for links and texts. A thing so viral that it was cut into slices can count a few more here.
    """
    if trace not in _OBJECTS:
        return None
    bounds = [
        f"happened_at {sign} '{settings[name]}'" for name, sign in (("since", ">="), ("until", "<")) if settings[name]
    ]
    return _SQL.format(object=_OBJECTS[trace], period=f" WHERE {' AND '.join(bounds)}" if bounds else "")


def network_figures(subject: str, page: NetworkDetail, context: Context, settings: dict[str, Any]) -> dict[str, Figure]:
    """Return the figures of one network by name."""
    network = context.network
    accounts = sorted(context.names[int(m)] for m in network.members)
    inputs = _between(context.posts.files, page.first, page.last)
    again = command(settings)

    def figure(name: str, value: float, unit: str, query: str = again, **parameters: Any) -> Figure:  # noqa: ANN401 - any JSON value
        return Figure(
            derived_id("figure", subject, name), name, value, unit, query, parameters, inputs, subject=subject
        )

    out = {
        "accounts": figure("accounts", page.members_total, "accounts"),
        "q": figure("q", network.q, "bound on the share of false findings"),
        "q_link": figure("q of the links", network.q_link, "bound on the share of false findings"),
        "median_gap": figure("median gap of co-acts", page.median_gap, "seconds"),
        "co_acts": figure("co-acts", page.co_acts, "pairs of posts"),
        "expected": figure("co-acts expected innocently", page.expected, "pairs of posts"),
    }
    for trace in page.traces:
        sql = co_act_sql(trace.trace, settings)
        name = f"co_acts.{trace.trace}"
        words = f"co-acts by {trace.trace} within {trace.scale} s"
        if sql is None:
            out[name] = figure(words, trace.co_acts, "pairs of posts", trace=trace.trace, scale=trace.scale)
        else:
            out[name] = figure(words, trace.co_acts, "pairs of posts", sql, accounts=accounts, scale=trace.scale)
    return out


def _between(files: list[SourceFile], first: datetime, last: datetime) -> list[SourceFile]:
    """Return the files that can hold the evidence: those of its days, and those that are not kept by day."""
    days = {f"day={d}" for d in (first.date().isoformat(), last.date().isoformat())}
    low, high = min(days), max(days)
    kept = []
    for file in files:
        day = next((part for part in file.path.split("/") if part.startswith("day=")), None)
        if day is None or low <= day <= high:
            kept.append(file)
    return kept
