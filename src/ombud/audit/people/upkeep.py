"""Keeping the sets of people by app up to the lake while the worker works."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ombud.audit.people.sets import catch_up
from ombud.model.errors import OmbudError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ombud.lake import Lake
    from ombud.records.jobs import Job

    Handler = Callable[[Job], dict[str, Any] | None]

__all__ = ["keeping_sets"]

_log = logging.getLogger(__name__)


def keeping_sets(lake: Lake, handlers: Mapping[str, Handler]) -> dict[str, Handler]:
    """Return handlers that do their job and then bring the sets up; a failure of that is logged and fails no job."""

    def then(handler: Handler) -> Handler:
        def work(job: Job) -> dict[str, Any] | None:
            result = handler(job)
            try:
                catch_up(lake.workspace, lake)
            except OmbudError as error:
                _log.warning("The sets of people by app are not up to date: %s", error)
            return result

        return work

    return {kind: then(handler) for kind, handler in handlers.items()}
