"""`ombud evaluate`: hold a detector against labels."""

from __future__ import annotations

import typer

__all__ = ["add_to"]

evaluate_app = typer.Typer(help="Hold a detector against labels.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.add_typer(evaluate_app, name="evaluate")


@evaluate_app.callback()
def evaluate() -> None:
    """Hold a detector against labels."""
