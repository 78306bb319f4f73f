"""Who consents to an app by the records, in the lake's numbers."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyroaring import BitMap

from ombud.audit.people.bits import from_numbers
from ombud.records import consents

if TYPE_CHECKING:
    from ombud.lake import Lake

__all__ = ["Consented"]

_ROWS = 100_000
_NUMBERED = """
SELECT a.id AS app, p.id AS person, count(*) AS pairs
FROM given AS g JOIN app_ids AS a ON a.name = g.app LEFT JOIN account_ids AS p ON p.name = g.person
GROUP BY ALL ORDER BY a.id, p.id
"""
"""One row for each app and person that the lake has a number for; those without one are counted, by app."""


class Consented:
    """The consents on record, those that ended too; read when they are first asked for, and again once they changed."""

    def __init__(self, lake: Lake) -> None:
        """Take the lake whose dictionaries give the numbers."""
        self._lake = lake
        self._state: tuple[int, int] | None = None
        self._people: dict[int, BitMap] = {}
        self._unnumbered: dict[int, int] = {}

    def apps(self) -> list[int]:
        """Return the apps that anybody consents to or did, those that the lake has a number for."""
        self._read()
        return sorted(self._people.keys() | self._unnumbered.keys())

    def people(self, app: int) -> BitMap:
        """Return who consents to an app or did."""
        self._read()
        return BitMap(self._people.get(app, BitMap()))

    def unnumbered(self, app: int) -> int:
        """Return how many more do who have no number in the lake."""
        self._read()
        return self._unnumbered.get(app, 0)

    def _read(self) -> None:
        with self._lake.records.read() as tx:
            state = consents.state(tx)
            if state == self._state:
                return
            with self._lake.duck([]) as duck:
                duck.execute("CREATE TEMP TABLE given (app VARCHAR, person VARCHAR)")
                pairs = consents.pairs(tx)
                while some := list(islice(pairs, _ROWS)):
                    rows = pa.table({"app": [app for app, _ in some], "person": [person for _, person in some]})
                    duck.register("some_pairs", rows)
                    duck.execute("INSERT INTO given SELECT app, person FROM some_pairs")
                    duck.unregister("some_pairs")
                found: Any = duck.sql(_NUMBERED).to_arrow_table()
        known = found.filter(found["person"].is_valid())
        app, person = (known[name].to_numpy().astype(np.int64) for name in ("app", "person"))
        cuts = np.flatnonzero(np.diff(app)) + 1
        parts = zip(np.split(app, cuts), np.split(person, cuts), strict=True)
        self._people = {int(apps[0]): from_numbers(people) for apps, people in parts if len(apps)}
        unknown = found.filter(found["person"].is_null())
        self._unnumbered = dict(zip(unknown["app"].to_pylist(), unknown["pairs"].to_pylist(), strict=True))
        self._state = state
