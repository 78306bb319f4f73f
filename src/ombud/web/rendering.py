"""Write templates: escaped by default, and a name that does not exist is an error."""

from __future__ import annotations

from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ombud.web import words
from ombud.web.charts import days, graph, sentences, timeline
from ombud.web.posts import sayings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ombud.web.visit import Visit

__all__ = ["TEMPLATES", "environment", "render"]

TEMPLATES = Path(__file__).parent / "templates"


def groups(items: Sequence[Any], attribute: str) -> list[tuple[Any, list[Any]]]:
    """Return items by an attribute such as `term.label`, groups and items in the order in which they come."""
    found: dict[Any, list[Any]] = {}
    for item in items:
        found.setdefault(attrgetter(attribute)(item), []).append(item)
    return list(found.items())


@cache
def environment() -> Environment:
    """Return the one template environment."""
    env = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    for name in words.__all__:
        env.filters[name] = getattr(words, name)
    for name in sentences.__all__:
        env.filters[name] = getattr(sentences, name)
    env.filters["draw_timeline"] = timeline.draw
    env.filters["draw_days"] = days.draw
    env.filters["draw_graph"] = graph.draw
    env.filters["iso"] = lambda value: value.isoformat().replace("+00:00", "Z")
    env.filters["groups"] = groups
    env.filters["sayings"] = sayings
    env.filters["json_text"] = lambda value: msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    for name in env.list_templates(extensions=["html"]):
        env.get_template(name)  # compiled now, not while the first reader waits
    return env


def render(template: str, visit: Visit, **context: Any) -> str:  # noqa: ANN401 - a page's context is of its own type
    """Write one page for this visit."""
    return environment().get_template(template).render(visit=visit, asset=visit.house.assets.address, **context)
