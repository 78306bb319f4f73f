"""What a command does after it changed the lake: take the change into the sets of people by app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.audit.people.sets import catch_up
from ombud.model.errors import BusyError, OmbudError

if TYPE_CHECKING:
    from ombud.cli.shell import Shell
    from ombud.lake import Lake

__all__ = ["keep_sets"]


def keep_sets(shell: Shell, lake: Lake) -> None:
    """Bring the sets of people by app up to the lake; what keeps it from that is said, and is no error."""
    try:
        with shell.progress() as progress:
            catch_up(lake.workspace, lake, progress=progress)
    except BusyError:
        shell.say("Another process brings the sets of people by app up to date; what is new is taken in after it.")
    except OmbudError as error:
        shell.say(f"The sets of people by app are not up to date: {error}")
