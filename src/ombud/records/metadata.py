"""What all tables of the records are made with: one collection of them, and columns of the usual shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, ForeignKey, MetaData

from ombud.records.columns import Number, Words

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

__all__ = ["identity", "may", "metadata", "must", "of", "serial"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def must(name: str, kind: TypeEngine[Any] | type[TypeEngine[Any]]) -> Column[Any]:
    """Return a column that is never null."""
    return Column(name, kind, nullable=False)


def may(name: str, kind: TypeEngine[Any] | type[TypeEngine[Any]]) -> Column[Any]:
    """Return a column that may be null."""
    return Column(name, kind, nullable=True)


def identity() -> Column[str]:
    """Return the key `id` of a row whose id we make."""
    return Column("id", Words, primary_key=True)


def serial() -> Column[int]:
    """Return the key `id` that the database counts."""
    return Column("id", Number, primary_key=True, autoincrement=True)


def of(name: str, target: str, *, required: bool = True, cascade: bool = False, key: bool = False) -> Column[Any]:
    """Return a column that points at another table's row."""
    link = ForeignKey(target, ondelete="CASCADE" if cascade else None)
    return Column(name, Words, link, nullable=not required, primary_key=key)
