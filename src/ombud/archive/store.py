"""The archive as readers use it: search, one ad, pages, totals. Many threads and processes may read at once."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ombud.archive import rows
from ombud.archive.answers import Ad, AdPage, Facet, Page, PageList, Term, Totals
from ombud.archive.build import build_archive, lake_state
from ombud.archive.layout import FORMAT, read_only
from ombud.archive.query import AdQuery
from ombud.archive.search import asked, offset_of
from ombud.model.errors import InputError, NotFoundError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ombud.lake import Lake
    from ombud.model.workspace import Workspace

__all__ = ["Archive", "open_archive"]

_REBUILD = "Build it from the lake with `ombud demo` or by importing ads again; nothing is lost."
_FAR = 2**62
"""No list is longer, and SQLite takes no larger number."""
_SUMMED = "page, created, cents, currency, impressions, clicks"
_PAGE_ORDERS = {
    "ads": "page.ads DESC, page.name, page.id",
    "name": "folded(page.name), page.id",
    "newest": "page.last DESC, page.id",
    "impressions": "page.impressions DESC, page.id",
    "clicks": "page.clicks DESC, page.id",
    "spend": "(SELECT max(cents) FROM page_money m WHERE m.page = page.id AND m.currency = ?) DESC, page.id",
}


class Archive:
    """One archive file. It notices when the file was replaced, and reads the new one from then on."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._local = threading.local()

    @classmethod
    def open(cls, workspace: Workspace) -> Archive:
        """Open the workspace's archive; `NotFoundError` when none was built, `StorageError` when it is damaged."""
        archive = cls(workspace.archive_file)
        with archive.reading() as sql:
            found = dict(sql.execute("SELECT key, value FROM meta").fetchall())
        if found.get("format") != FORMAT:
            raise StorageError(f"The ad archive {workspace.archive_file} is of another version.", hint=_REBUILD)
        return archive

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Give this thread's connection; what SQLite refuses becomes one sentence."""
        try:
            state = self._file.stat()
        except OSError:
            raise NotFoundError("This workspace has no ad archive yet.", hint=_REBUILD) from None
        key = (state.st_ino, state.st_mtime_ns, state.st_size)
        try:
            if getattr(self._local, "key", None) != key:
                self._close()
                self._local.sql, self._local.key, self._local.whole = read_only(self._file), key, None
            yield self._local.sql
        except sqlite3.Error as error:
            self._close()
            raise StorageError(f"The ad archive {self._file} cannot be read: {error}.", hint=_REBUILD) from error

    def _close(self) -> None:
        sql = getattr(self._local, "sql", None)
        self._local.key = None
        if sql is not None:
            sql.close()

    def close(self) -> None:
        """Close this thread's connection; the next call opens it again."""
        self._close()
        self._local.sql = None

    @property
    def state(self) -> str:
        """Return the hash of the lake that the archive was built from."""
        with self.reading() as sql:
            return str(sql.execute("SELECT value FROM meta WHERE key = 'state'").fetchone()[0])

    def search(self, query: AdQuery | None = None) -> AdPage:
        """Return one page of the ads that `query` finds, with totals and counts over all of them."""
        query = query or AdQuery()
        question, offset = asked(query), min(offset_of(query), _FAR)
        with self.reading() as sql:
            everything = question.where == "1"
            sql.execute("DROP TABLE IF EXISTS temp.found")
            if not everything:
                sql.execute(f"CREATE TEMP TABLE found (id INTEGER PRIMARY KEY, {_SUMMED})")
                sql.execute(
                    f"INSERT INTO found SELECT ad.id, {_SUMMED} FROM ad WHERE {question.where}",  # noqa: S608 - our own clauses
                    question.values,
                )
            totals, facets = self._counted(sql, everything=everything)
            found = rows.ad_rows(sql, question, query.limit, offset, everything=everything)
        more = offset + len(found) < totals.ads and len(found) > 0
        return AdPage(found, totals, facets, offset, f"o{offset + len(found)}" if more else None, question.understood)

    def _counted(self, sql: sqlite3.Connection, *, everything: bool) -> tuple[Totals, tuple[Facet, ...]]:
        """Return totals and facets of `found`; those of everything are counted once a file and thread."""
        whole: tuple[Totals, tuple[Facet, ...]] | None = self._local.whole if everything else None
        if whole is None:
            totals = rows.totals(sql, everything=everything)
            whole = (totals, rows.facets(sql, totals, everything=everything))
            if everything:
                self._local.whole = whole
        return whole

    def ad(self, ad: str) -> Ad:
        """Return one ad by its id at the source; `NotFoundError` when there is none."""
        with self.reading() as sql:
            found = rows.ad(sql, ad)
        if found is None:
            raise NotFoundError(f"The archive has no ad `{ad[:80]}`.", hint="Search for it by its text or page.")
        return found

    def page(self, slug: str) -> Page:
        """Return one page by its slug or entity id; `NotFoundError` when there is none."""
        with self.reading() as sql:
            found = rows.page(sql, slug)
        if found is None:
            raise NotFoundError(f"The archive has no page `{slug[:80]}`.", hint="The list of pages has them all.")
        return found

    def pages(
        self,
        name: str = "",
        *,
        kind: str | None = None,
        sort: str = "ads",
        currency: str = "RUB",
        limit: int = 50,
        offset: int = 0,
    ) -> PageList:
        """Return pages that ran ads (or that ads lead to), by ads, name, newest, impressions, clicks or spend.

        `sort="spend"` goes by what was spent in `currency`. `name` finds part of a name or address.
        """
        if sort not in _PAGE_ORDERS:
            raise InputError(f"Pages cannot be sorted by `{sort}`.", hint=f"Say one of {', '.join(_PAGE_ORDERS)}.")
        where, values = "page.ads > 0", list[object]()
        if name:
            where += " AND (instr(folded(page.name), folded(?)) > 0 OR instr(folded(page.url), folded(?)) > 0)"
            values += [name, name]
        if kind:
            where += " AND page.kind = ?"
            values.append(kind)
        order = (_PAGE_ORDERS[sort], [currency] if sort == "spend" else [])
        limit, offset = max(1, min(limit, 1000)), max(0, min(offset, _FAR))
        with self.reading() as sql:
            return rows.page_list(sql, (where, values), order, limit=limit, offset=offset)

    def totals(self) -> Totals:
        """Return the sums over the whole archive."""
        with self.reading() as sql:
            return self._counted(sql, everything=True)[0]

    def term(self, term: str) -> Term:
        """Return one targeting term by its id; `NotFoundError` when there is none."""
        with self.reading() as sql:
            found = rows.terms(sql, "term.term = ?", (term,), limit=1)
        if not found:
            raise NotFoundError(f"The archive has no targeting term `{term[:80]}`.", hint="Search for it by its words.")
        return found[0]

    def terms(self, words: str = "", *, category: str | None = None, limit: int = 50) -> tuple[Term, ...]:
        """Return targeting terms whose value holds `words`, the most used first."""
        where, values = "instr(folded(term.value), folded(?)) > 0", [words]
        if category is not None:
            where, values = f"{where} AND term.category = ?", [*values, category]
        with self.reading() as sql:
            everything = not words and category is None
            found = ("1", []) if everything else (where, values)
            return rows.terms(sql, *found, limit=max(0, min(limit, _FAR)))

    def each(self, query: AdQuery | None = None) -> Iterator[dict[str, Any]]:
        """Yield every ad that `query` finds with all its fields, without a cap; for downloads.

        Runs on a connection of its own, over the file of this moment.
        """
        question = asked(query or AdQuery())
        with self.reading():
            pass
        sql = read_only(self._file)
        try:
            yield from rows.every(sql, question)
        except sqlite3.Error as error:
            raise StorageError(f"The ad archive {self._file} cannot be read: {error}.", hint=_REBUILD) from error
        finally:
            sql.close()


def open_archive(lake: Lake, progress: Callable[[int, int | None, str], None] | None = None) -> Archive:
    """Open the archive of `lake`, building it first when it is missing, damaged or older than the lake."""
    try:
        archive = Archive.open(lake.workspace)
        if archive.state == lake_state(lake):
            return archive
        archive.close()
    except (NotFoundError, StorageError):
        pass
    build_archive(lake, progress)
    return Archive.open(lake.workspace)
