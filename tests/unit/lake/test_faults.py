"""What the disk and DuckDB say, as a person gets to read it."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import duckdb
import pytest

from ombud.lake.faults import disk_faults, duck_faults
from ombud.model.errors import InputError, OmbudError, RefusedError, StorageError

PLACE = Path("/srv/lake")


@pytest.mark.parametrize(
    ("number", "says", "hint"),
    [
        (errno.ENOSPC, "The disk of /srv/lake is full; nothing was changed.", "Free some space"),
        (errno.EDQUOT, "quota of /srv/lake is used up; nothing was changed.", "Free some space"),
        (errno.EFBIG, "would pass this process's size limit; nothing was changed.", "Raise the limit"),
        (errno.EROFS, "The disk of /srv/lake may only be read.", "Mount it for writing"),
        (errno.EACCES, "This user may not write to /srv/lake.", "Let this user write"),
        (errno.EPERM, "This user may not write to /srv/lake.", "Let this user write"),
        (errno.EMFILE, "Too many files are open for /srv/lake.", "ulimit -n"),
        (errno.EIO, "The disk of /srv/lake failed; nothing was changed.", "Check the disk"),
        (errno.ENOTDIR, "The disk of /srv/lake failed: Not a directory.", "Check the disk"),
    ],
)
def test_every_failure_of_the_disk_is_one_sentence(number: int, says: str, hint: str) -> None:
    for faults in (disk_faults(PLACE), duck_faults(PLACE, "the rows")):
        with pytest.raises(StorageError) as raised, faults:
            raise OSError(number, os.strerror(number), "/srv/lake/x")
        assert says in raised.value.message
        assert hint in (raised.value.hint or "")
        assert isinstance(raised.value.__cause__, OSError)


def test_an_error_without_a_number_is_named_by_its_type() -> None:
    with pytest.raises(StorageError, match="failed: TimeoutError"), disk_faults(PLACE):
        raise TimeoutError


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("IO Error: Could not write: No space left on device", "is full"),
        ("Out of Memory Error: failed to offload data block: max_temp_directory_size reached", "is full"),
        ("IO Error: Disk quota exceeded", "quota"),
        ("IO Error: File too large", "size limit"),
        ("IO Error: Read-only file system", "may only be read"),
        ('IO Error: Cannot open "/srv/lake/x": Permission denied', "may not write"),
        ("IO Error: Too many open files", "Too many files"),
        ("IO Error: Input/output error", "failed; nothing was changed"),
    ],
)
def test_what_duckdb_says_of_the_disk_is_said_like_the_disk(text: str, says: str) -> None:
    for error in (duckdb.IOException(text), duckdb.OutOfMemoryException(text)):
        for faults in (disk_faults(PLACE), duck_faults(PLACE, "the rows")):
            with pytest.raises(StorageError, match=says), faults:
                raise error


@pytest.mark.parametrize(
    ("error", "kind", "says", "hint"),
    [
        (duckdb.OutOfMemoryException("could not allocate"), RefusedError, "needs more memory", "Raise `memory`"),
        (duckdb.InterruptException("Interrupted!"), RefusedError, "interrupted; nothing was changed", None),
        (duckdb.IOException("one line\nand more"), StorageError, "in /srv/lake: one line", "lake check"),
        (duckdb.InternalException(""), StorageError, "in /srv/lake: InternalException", "lake check"),
    ],
)
def test_what_else_duckdb_says(error: duckdb.Error, kind: type[OmbudError], says: str, hint: str | None) -> None:
    for faults in (disk_faults(PLACE), duck_faults(PLACE, "the rows")):
        with pytest.raises(kind, match=says) as raised, faults:
            raise error
        assert "and more" not in raised.value.message
        assert (raised.value.hint is None) == (hint is None)
        assert hint is None or hint in (raised.value.hint or "")


@pytest.mark.parametrize("sql", ["SELECT 'Jane Roe'::BIGINT", "SELECT 3000000000::INTEGER", "SELECT 'x'::TIMESTAMPTZ"])
def test_a_value_that_does_not_fit_is_not_quoted(sql: str) -> None:
    with duckdb.connect() as duck, pytest.raises(InputError) as raised, duck_faults(PLACE, "the rows for `posts`"):
        duck.execute(sql).fetchall()
    assert raised.value.message == "A value in the rows for `posts` does not fit its column."
    assert "Roe" not in str(raised.value)


@pytest.mark.parametrize("sql", ["SELECT nothing", "SELEKT 1", "SELECT 1 FROM no_such_table", "SELECT no_such(1)"])
def test_a_wrong_query_says_where_in_one_line(sql: str) -> None:
    with duckdb.connect() as duck, pytest.raises(InputError) as raised, duck_faults(PLACE, "the rows"):
        duck.execute(sql)
    assert raised.value.message.startswith("The query for the rows is wrong: ")
    assert "\n" not in raised.value.message


def test_a_file_that_is_not_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"no parquet at all")
    with duckdb.connect() as duck, pytest.raises(InputError) as raised, duck_faults(PLACE, "the file x"):
        duck.execute(f"FROM read_parquet('{tmp_path}/x.parquet')")
    assert raised.value.message == "The file x cannot be read."


def test_other_errors_pass() -> None:
    with pytest.raises(ZeroDivisionError), disk_faults(PLACE), duck_faults(PLACE, "x"):
        raise ZeroDivisionError
    with disk_faults(PLACE), duck_faults(PLACE, "x"):
        pass
