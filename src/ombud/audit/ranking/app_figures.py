"""The numbers of a ranked app, each with the SQL that counts it again over the lake's views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.model.findings import Figure, SourceFile
from ombud.model.ids import derived_id

if TYPE_CHECKING:
    from ombud.audit.ranking.asked import Asked
    from ombud.audit.ranking.shapes import Shape
    from ombud.lake import Lake

__all__ = ["COMMAND", "app_figures", "inputs_of"]

COMMAND = "ombud audit apps --dry-run --json"
"""What computes a whole run again."""

_OWN = "(r.through IS NULL OR r.through = r.person) AND NOT coalesce(list_contains(r.quality, 'through:erased'), false)"
_THEIRS = _OWN.replace("r.", "o.")
_MINE = "SELECT count(DISTINCT r.person) FROM reads AS r WHERE r.app = (SELECT id FROM app_ids WHERE name = $app) AND "
_ABSENT = f"""r.decision <> 'refused' AND r.through <> r.person AND NOT EXISTS (
  SELECT 1 FROM reads AS o
  WHERE o.app = r.app AND o.person = r.through AND {_THEIRS}
    AND o.decision <> 'refused' AND abs(epoch_us(o.happened_at) // 1000000 - epoch_us(r.happened_at) // 1000000) <= 3600
)"""  # noqa: S608 - our own words
_STRANGE = """NOT coalesce(list_contains(r.quality, 'through:erased'), false) AND NOT EXISTS (
  SELECT 1 FROM grants AS g WHERE g.app = r.app AND g.person = coalesce(r.through, r.person)
)"""
_LATE = """r.decision <> 'refused' AND NOT coalesce(list_contains(r.quality, 'through:erased'), false)
AND epoch_us(r.happened_at) // 1000000 > (
  SELECT CASE WHEN count(*) = count(g.ended_at) THEN max(epoch_us(g.ended_at)) // 1000000 END
  FROM grants AS g WHERE g.app = r.app AND g.person = coalesce(r.through, r.person)
)"""
_SQL: dict[str, tuple[str, str, str]] = {
    "direct": ("people read by their own grant", "direct", f"r.decision <> 'refused' AND {_OWN}"),
    "via": ("people read through others", "via", f"r.decision <> 'refused' AND NOT ({_OWN})"),
    "people": ("people read", "people", "r.decision <> 'refused'"),
    "absent": ("people read through somebody whose own data it did not read within an hour", "absent", _ABSENT),
    "strangers": ("people asked for with nobody's consent on record", "strangers", _STRANGE),
    "after_end": ("people read after the consent had ended", "ended", _LATE),
}
"""By name: what is counted, the field of the shape that holds it, and which reads count."""
_BY_CONSENT = {"strangers", "after_end"}
"""What also rests on consents that the records keep, which SQL over the lake does not see."""
_OF_SIGNAL = {
    "via_friends": "via",
    "per_user": "people",
    "absent": "absent",
    "strangers": "strangers",
    "after_end": "after_end",
}
"""Signals whose number is one of these counts."""


def app_figures(  # noqa: PLR0917 - the parts of one app
    app: str, shape: Shape, asked: Asked | None, score: float, run: str, inputs: list[SourceFile], *, recorded: bool
) -> dict[str, Figure]:
    """Return an app's figures by name; those of signals stand under the signal's code too.

    `recorded` says that consents of the records count as well, so that SQL over the lake alone would not.
    """

    def figure(name: str, what: str, value: float, unit: str, query: str, **parameters: str) -> Figure:
        return Figure(
            derived_id("figure", "audit.apps", app, name, run),
            what,
            value,
            unit,
            query,
            parameters,
            inputs,
            subject=app,
        )

    out = {
        name: figure(name, what, getattr(shape, field), "people", COMMAND)
        if recorded and name in _BY_CONSENT
        else figure(name, what, getattr(shape, field), "people", _MINE + where, app=app)
        for name, (what, field, where) in _SQL.items()
    }
    out["score"] = figure("score", "score in the ranking of all apps", round(score, 2), "points by decades", COMMAND)
    for code, name, unit in (
        ("coverage", "pairs", "pairs of user and friend"),
        ("circles", "whole", "users"),
        ("runs", "near", "requests"),
        ("burst", "peak", "people an hour"),
    ):
        out[code] = figure(code, f"{code}: {unit}", getattr(shape, name), unit, COMMAND)
    if asked is not None:
        out["off_purpose"] = figure("off_purpose", "reads for a purpose it never declared", asked.off, "reads", COMMAND)
        out["sensitivity"] = figure("sensitivity", "points of sensitivity", asked.points, "points", COMMAND)
        out["beyond_category"] = figure("beyond_category", "fields few read", len(asked.beyond), "fields", COMMAND)
    return {**out, **{code: out[name] for code, name in _OF_SIGNAL.items()}}


def inputs_of(lake: Lake) -> list[SourceFile]:
    """Return every file that a run rests on."""
    tables = ("reads", "grants", "ties", "apps")
    return [SourceFile(file.path, file.sha256) for name in tables for file in lake.files(name)]
