"""Reads that should not be: counted each by its own query, and null where the lake cannot say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ombud.audit.dossier.inquiry import Number

if TYPE_CHECKING:
    from ombud.audit.dossier.inquiry import Inquiry

__all__ = ["Check", "checks"]

_APP = "(SELECT id FROM app_ids WHERE name = $app)"
_BEFORE = f"""
SELECT CASE WHEN (SELECT min(happened_at) FROM apps WHERE app = {_APP}) IS NULL THEN NULL ELSE
  (SELECT count(*) FROM mine WHERE went AND happened_at < (SELECT min(happened_at) FROM apps WHERE app = {_APP})) END
"""  # noqa: S608 - our own words
_ENDED = f"""
SELECT CASE WHEN NOT EXISTS (FROM grants WHERE app = {_APP}) THEN NULL ELSE (
  SELECT count(*) FROM mine AS m WHERE went
  AND EXISTS (FROM grants AS g WHERE g.app = {_APP} AND g.person = m.consenting AND g.ended_at <= m.happened_at)
  AND NOT EXISTS (FROM grants AS g WHERE g.app = {_APP} AND g.person = m.consenting
                  AND g.happened_at <= m.happened_at AND (g.ended_at IS NULL OR g.ended_at > m.happened_at))) END
"""  # noqa: S608 - our own words
_NEVER = f"""
SELECT CASE WHEN NOT EXISTS (FROM grants WHERE app = {_APP}) THEN NULL ELSE (
  SELECT count(*) FROM mine AS m WHERE went AND consenting IS NOT NULL
  AND NOT EXISTS (FROM grants AS g WHERE g.app = {_APP} AND g.person = m.consenting)) END
"""  # noqa: S608 - our own words
_PURPOSE = f"""
SELECT CASE WHEN (SELECT min(purpose) FROM apps WHERE app = {_APP}) IS NULL
              OR NOT EXISTS (FROM mine WHERE purpose IS NOT NULL) THEN NULL ELSE
  (SELECT count(*) FROM mine WHERE went AND purpose IS NOT NULL
   AND purpose NOT IN (SELECT purpose FROM apps WHERE app = {_APP} AND purpose IS NOT NULL)) END
"""  # noqa: S608 - our own words
_STRANGERS = """
SELECT CASE WHEN NOT EXISTS (FROM accounts) THEN NULL ELSE
  (SELECT count(DISTINCT person) FROM mine WHERE went AND person NOT IN (SELECT account FROM accounts)) END
"""
_TWICE = """
SELECT count(*) - count(DISTINCT (happened_at, person, consenting, fields)) FROM mine
WHERE went AND consenting IS NOT NULL
"""
_ASKED = (
    ("before-the-app", "reads dated before the app was registered", "reads", _BEFORE, ("apps",)),
    ("after-consent", "reads after the consent that was used had ended", "reads", _ENDED, ("grants",)),
    ("without-consent", "reads without any consent on record", "reads", _NEVER, ("grants",)),
    ("off-purpose", "reads for another purpose than the app declared", "reads", _PURPOSE, ("apps",)),
    ("unknown-people", "people read whom the platform's list of accounts does not have", "people", _STRANGERS,
     ("accounts",)),
    ("twice", "reads that the log has twice: same person, moment, way and fields", "reads", _TWICE, ()),
)  # fmt: skip


class Check(msgspec.Struct, frozen=True):
    """One kind of read that should not be."""

    code: str
    says: str
    unit: str
    number: Number
    """null value when the lake lacks what it takes to say"""


def checks(asked: Inquiry) -> list[Check]:
    """Count the reads that should not be."""
    return [
        Check(code, says, unit, asked.count(says, unit, select, *more)) for code, says, unit, select, more in _ASKED
    ]
