"""The databases' errors, turned into one sentence that says what to do."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ombud.model.errors import BusyError, InputError, MissingError, OmbudError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import URL

__all__ = ["address", "faults", "place"]

_SQLITE: dict[str, tuple[type[OmbudError], str, str]] = {
    "SQLITE_BUSY": (BusyError, "Another process is writing to {place}.", "Try again when it is done."),
    "SQLITE_LOCKED": (BusyError, "Another process is writing to {place}.", "Try again when it is done."),
    "SQLITE_READONLY": (StorageError, "{place} may only be read.", "Let this user write to the file and its folder."),
    "SQLITE_PERM": (StorageError, "{place} may not be opened.", "Let this user write to the file and its folder."),
    "SQLITE_CANTOPEN": (StorageError, "{place} cannot be opened.", "Let this user write to the file and its folder."),
    "SQLITE_FULL": (
        StorageError,
        "{place} is on a disk that is full; nothing was changed.",
        "Free some space; try again.",
    ),
    "SQLITE_IOERR": (
        StorageError,
        "{place} is on a disk that failed; nothing was changed.",
        "Check the disk and its space.",
    ),
    "SQLITE_NOTADB": (StorageError, "{place} is not a database.", "Restore it from a backup: `ombud restore`."),
    "SQLITE_CORRUPT": (StorageError, "{place} is damaged.", "Restore it from a backup: `ombud restore`."),
}

_POSTGRES: tuple[tuple[str, type[OmbudError], str, str], ...] = (
    ("28", StorageError, "{place} refuses this user name or password.", "Mend `records_url` in ombud.toml."),
    ("3D000", StorageError, "The database of {place} does not exist.", "Create it, or mend `records_url`."),
    ("42501", StorageError, "{place} does not let this user do that.", "Grant it the rights on the database."),
    ("25006", StorageError, "{place} may only be read.", "Use the primary server, not a standby."),
    ("53100", StorageError, "The disk of {place} is full; nothing was changed.", "Free some space; try again."),
    ("53", BusyError, "{place} has no room for one more connection.", "Try again, or raise `max_connections`."),
    ("55P03", BusyError, "Another process is writing to {place}.", "Try again when it is done."),
    ("40", BusyError, "Another process wrote to {place} at the same time; nothing was changed.", "Try again."),
    ("54000", InputError, "A value is too long for {place}.", "Ids may have 2,000 bytes."),
    ("57", StorageError, "{place} stopped answering; nothing was changed.", "Start the server, then try again."),
    ("58", StorageError, "The disk of {place} failed; nothing was changed.", "Check the server's disk."),
    ("08", StorageError, "{place} cannot be reached.", "Start the server, or mend `records_url` in ombud.toml."),
)


def address(url: str) -> URL:
    """Return `url` parsed, with the driver that Ombud uses; `InputError` for anything it does not."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InputError("The setting `records_url` is not the address of a database.", hint=_LIKE) from None
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg"}:
        raise InputError(f"Ombud keeps no records in `{parsed.drivername}`.", hint=_LIKE)
    if parsed.get_backend_name() == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise InputError("The records need a file, not memory.", hint=_LIKE)
    return parsed


_LIKE = "Give `sqlite:////folder/records.sqlite` or `postgresql+psycopg://user:password@host/database`."


def place(url: URL) -> str:
    """Return the name of the database for messages, never with its password."""
    if url.get_backend_name() == "sqlite":
        return f"The records file {url.database}"
    host = url.host or url.query.get("host") or "localhost"
    return f"The PostgreSQL database `{url.database or url.username}` at {host}"


@contextmanager
def faults(where: str) -> Iterator[None]:
    """Raise the errors of the database inside the block as `OmbudError`, about `where`.

    A broken rule of the schema (`IntegrityError`) passes: it is the caller's to explain.
    """
    try:
        yield
    except IntegrityError:
        raise
    except PoolTimeout as error:
        raise BusyError(f"{where} has no connection free.", hint="Try again in a moment.") from error
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        if "psycopg" not in str(error):
            raise
        raise MissingError("The PostgreSQL driver is missing.", hint="pip install 'ombud[postgres]'") from error
    except StatementError as error:
        if isinstance(error.orig, OmbudError):
            raise error.orig from None
        known = _translate(error, where) if isinstance(error, DBAPIError) else None
        if known is None:
            raise
        raise known from error


def _translate(error: DBAPIError, where: str) -> OmbudError | None:
    name = getattr(error.orig, "sqlite_errorname", None)
    if name is not None:
        for code, (kind, message, hint) in _SQLITE.items():
            if name.startswith(code):
                return kind(message.format(place=where), hint=hint)
        return None
    state = getattr(error.orig, "sqlstate", None) or _state_of(str(error.orig), lost=error.connection_invalidated)
    for code, kind, message, hint in _POSTGRES:
        if state is not None and state.startswith(code):
            return kind(message.format(place=where), hint=hint)
    return None


def _state_of(text: str, *, lost: bool) -> str | None:
    """Return the SQLSTATE that a failure to connect stands for: libpq gives its text alone."""
    if "authentication failed" in text or "no password supplied" in text or "no pg_hba.conf entry" in text:
        return "28000"
    if "does not exist" in text and 'database "' in text:
        return "3D000"
    if 'role "' in text and "does not exist" in text:
        return "28000"
    if "too many clients" in text or "remaining connection slots" in text:
        return "53300"
    return "08001" if lost or "connection" in text or "resolve host" in text else None
