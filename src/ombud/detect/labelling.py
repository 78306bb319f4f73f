"""A sheet on which people label accounts without knowing what the detector said."""

from __future__ import annotations

import csv
import hashlib
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ombud.lake import Lake

__all__ = ["COLUMNS", "labelling_sheet"]

COLUMNS = ("account", "other", "things_in_common", "examples", "account_posts", "other_posts", "label", "note")

_EXAMPLES = 6
_PAIRS = """
WITH act AS (
  SELECT account, object, min(happened_at) AS at FROM (
    SELECT account, happened_at,
      unnest(list_distinct(list_concat(coalesce(links, []), coalesce(media, []),
        CASE WHEN original IS NOT NULL THEN [original] WHEN length(text) > 40 THEN [text] ELSE [] END))) AS object
    FROM posts
  ) GROUP BY ALL
), chosen AS (SELECT * FROM act WHERE list_contains($ids, account)),
common AS (
  SELECT c.account, o.account AS other, c.object, c.at, o.at AS other_at
  FROM chosen c JOIN act o ON o.object = c.object AND o.account <> c.account
), best AS (
  SELECT * FROM (SELECT account, other, count(*) AS many FROM common GROUP BY ALL)
  QUALIFY row_number() OVER (PARTITION BY account ORDER BY many DESC, other) = 1
)
SELECT b.account, b.other, b.many,
  list(strftime(c.at, '%Y-%m-%d %H:%M:%S') || ' / ' || strftime(c.other_at, '%Y-%m-%d %H:%M:%S') || ' ' ||
    replace(left(c.object, 200), chr(10), ' ') ORDER BY c.at, c.object)[:$examples] AS examples
FROM best b JOIN common c ON c.account = b.account AND c.other = b.other
GROUP BY ALL
"""


def labelling_sheet(lake: Lake, networks: Sequence[Sequence[str]], size: int = 100, seed: str = "") -> str:
    """Return a CSV of about `size` accounts to be labelled 1 (coordinated) or 0, as `read_truth` takes it.

    Half are members of `networks`, half are anybody else who shares anything
    with another account; both are chosen and mixed by hash, and the sheet says
    nothing of networks or scores. Each comes with the account that it has most
    in common with, and examples of both accounts' times (UTC).
    """
    members = {account for accounts in networks for account in accounts}
    with lake.duck(["posts"]) as duck:
        posts = dict(
            duck.sql(
                "SELECT i.name, count(*) FROM posts p JOIN account_ids i ON i.id = p.account "
                "WHERE i.name IS NOT NULL GROUP BY ALL"
            ).fetchall()
        )
        rest = [account for account in posts if account not in members]
        # of those who share nothing with anybody there is nothing to see: take more and keep the first that do
        names = _first(sorted(members), size // 2, seed) + _first(rest, size * 4, seed)
        ids = dict(
            duck.execute(
                "SELECT id, name FROM account_ids WHERE list_contains($names, name)", {"names": names}
            ).fetchall()
        )
        pairs = duck.execute(_PAIRS, {"ids": list(ids), "examples": _EXAMPLES}).fetchall()
        others = [int(row[1]) for row in pairs]
        known = dict(
            duck.execute("SELECT id, name FROM account_ids WHERE list_contains($ids, id)", {"ids": others}).fetchall()
        )
    lines = {
        ids[a]: (
            ids[a],
            known[o] or "erased",
            many,
            "\n".join(examples),
            posts[ids[a]],
            posts.get(known[o], ""),
            "",
            "",
        )
        for a, o, many, examples in pairs
    }
    inside = [n for n in names if n in members and n in lines]
    outside = [n for n in names if n not in members and n in lines][: size - len(inside)]
    out = io.StringIO()
    sheet = csv.writer(out)
    sheet.writerow(COLUMNS)
    for name in _first(inside + outside, size, "order" + seed):
        sheet.writerow(lines[name])
    return out.getvalue()


def _first(names: Sequence[str], count: int, seed: str) -> list[str]:
    """Return the `count` names whose hashes come first: the same choice on every machine."""
    return sorted(names, key=lambda n: hashlib.sha256(f"{seed}\x1f{n}".encode()).digest())[:count]
