"""`ombud audit`: review every app, and audit one of them."""

from __future__ import annotations

from importlib import import_module

import typer

__all__ = ["add_to"]

_PARTS: tuple[str, ...] = (
    "audit_apps",
    "audit_app",
    "audit_frozen",
    "audit_holes",
    "audit_scopes",
    "audit_review",
    "audit_purposes",
)
"""The modules of `ombud.cli` that add a command each, in the order of the help."""

audit_app = typer.Typer(help="Review every app, and audit one of them.", no_args_is_help=True)


@audit_app.callback()
def audit() -> None:
    """Review every app, and audit one of them."""


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for part in _PARTS:
        import_module(f"ombud.cli.{part}").add_to(audit_app)
    app.add_typer(audit_app, name="audit")
