"""What the disk and DuckDB say when they fail, turned into one sentence that says what to do."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

from ombud.model.errors import InputError, OmbudError, RefusedError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["disk_faults", "duck_faults"]

_SPACE = "Free some space, then try again."
_RIGHTS = "Let this user write to the folder."

_OS: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("The disk of {place} is full; nothing was changed.", _SPACE),
    errno.EDQUOT: ("The disk quota of {place} is used up; nothing was changed.", _SPACE),
    errno.EFBIG: ("A file in {place} would pass this process's size limit; nothing was changed.", "Raise the limit."),
    errno.EROFS: ("The disk of {place} may only be read.", "Mount it for writing."),
    errno.EACCES: ("This user may not write to {place}.", _RIGHTS),
    errno.EPERM: ("This user may not write to {place}.", _RIGHTS),
    errno.EMFILE: ("Too many files are open for {place}.", "Raise the limit with `ulimit -n 4096`."),
    errno.EIO: ("The disk of {place} failed; nothing was changed.", "Check the disk."),
}

_DUCK: tuple[tuple[str, int], ...] = (
    ("No space left", errno.ENOSPC),
    ("max_temp_directory_size", errno.ENOSPC),
    ("Disk quota exceeded", errno.EDQUOT),
    ("File too large", errno.EFBIG),
    ("Read-only file system", errno.EROFS),
    ("Permission denied", errno.EACCES),
    ("Too many open files", errno.EMFILE),
    ("Input/output error", errno.EIO),
)


@contextmanager
def disk_faults(place: Path) -> Iterator[None]:
    """Raise the errors of the disk and of DuckDB inside the block as `OmbudError`, about the folder `place`."""
    try:
        yield
    except OSError as error:
        raise _of_disk(error.errno or 0, place, error.strerror or type(error).__name__) from error
    except duckdb.Error as error:
        raise _of_duck(error, place) from error


@contextmanager
def duck_faults(place: Path, what: str) -> Iterator[None]:
    """Like `disk_faults`, for a query over somebody's rows: `what` names them.

    An error of conversion quotes the value, which may be a person's: it is left out.
    """
    try:
        yield
    except (duckdb.ConversionException, duckdb.OutOfRangeException) as error:
        raise InputError(f"A value in {what} does not fit its column.", hint="Mend the rows or the mapping.") from error
    except (duckdb.BinderException, duckdb.ParserException, duckdb.CatalogException) as error:
        first = str(error).splitlines()[0]
        raise InputError(f"The query for {what} is wrong: {first}", hint="Mend the query or the mapping.") from error
    except duckdb.InvalidInputException as error:
        raise InputError(f"{what[0].upper()}{what[1:]} cannot be read.", hint="Check the file.") from error
    except duckdb.Error as error:
        raise _of_duck(error, place) from error
    except OSError as error:
        raise _of_disk(error.errno or 0, place, error.strerror or type(error).__name__) from error


def _of_disk(number: int, place: Path, text: str) -> OmbudError:
    message, hint = _OS.get(number, ("The disk of {place} failed: " + text + ".", "Check the disk."))
    return StorageError(message.format(place=place), hint=hint)


def _of_duck(error: duckdb.Error, place: Path) -> OmbudError:
    text = str(error)
    for words, number in _DUCK:
        if words in text:
            return _of_disk(number, place, words)
    if isinstance(error, duckdb.OutOfMemoryException):
        return RefusedError("This needs more memory than Ombud may use.", hint="Raise `memory` in ombud.toml.")
    if isinstance(error, duckdb.InterruptException):
        return RefusedError("The work was interrupted; nothing was changed.")
    first = text.splitlines()[0] if text else type(error).__name__
    return StorageError(f"DuckDB could not work in {place}: {first}", hint="`ombud lake check` finds damaged files.")
