"""Signals in words: one sentence each, with its number and what apps like it have."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ombud.audit.ranking.asked import Asked
    from ombud.audit.ranking.likeness import Alike
    from ombud.audit.ranking.shapes import Shape
    from ombud.audit.ranking.together import Together

__all__ = ["beside", "counted", "own", "together"]

_SHARES = {"coverage", "circles", "runs", "after_end", "off_purpose"}
_SHOWN = 4


def counted(number: int, one: str, many: str | None = None) -> str:
    """Return a number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def own(code: str, value: float, shape: Shape, asked: Asked | None) -> str:
    """Say what one app did, without what others did."""
    if asked is not None and code in {"off_purpose", "sensitivity", "beyond_category"}:
        return "It " + _asked(code, value, asked)
    return "It " + _read(code, value, shape)


def together(code: str, value: float, shape: Shape, group: Together) -> str:
    """Say what several apps did, taken as one."""
    others = counted(len(group.apps) - 1, "other app")
    return f"Together with {others} of {group.sentence}, it " + _read(code, value, shape)


def _read(code: str, value: float, shape: Shape) -> str:  # noqa: PLR0911 - a sentence a signal
    each = _each(value, shape.installers)
    people = counted(shape.people, "person", "people")
    match code:
        case "absent":
            through = (
                f"{counted(shape.through, 'person', 'people')} whose own data it did not read within an hour of it"
            )
            return f"read {counted(shape.absent, 'person', 'people')} through {through}{each}"
        case "coverage":
            return f"read {value:.0%} of all friends of its users: {shape.pairs:,} of {shape.friends:,} pairs"
        case "circles":
            many = counted(shape.circles, "user")
            return f"read nearly all friends of {shape.whole:,} of {many} with many friends through whom it read any"
        case "strangers":
            return f"asked for {counted(shape.strangers, 'person', 'people')} with nobody's consent on record{each}"
        case "runs":
            times = counted(shape.steps, "time")
            return f"asked {shape.near:,} of {times} for the neighbour by number of the person before"
        case "via_friends":
            return f"read {counted(shape.via, 'person', 'people')} through others{each}"
        case "per_user":
            own = f"{shape.active or 'none'} of them by a consent of their own on record"
            return f"read {people}, {own}" + (f": {value:,.1f} for each of these" if shape.active else "")
        case "after_end":
            return f"read {counted(shape.ended, 'person', 'people')} after the consent had ended: {value:.0%} of all"
        case _:
            return f"read {counted(shape.peak, 'person', 'people')} in its busiest hour{each}"


def _each(value: float, installers: int) -> str:
    """Say how many that is for each of those who allowed it; nothing where nobody did, as far as the record shows."""
    if not installers:
        return "; nobody's consent to it is on record"
    return f": {value:,.1f} for each of the {counted(installers, 'person', 'people')} who ever allowed it anything"


def _asked(code: str, value: float, asked: Asked) -> str:
    if code == "off_purpose":
        return f"read for a purpose that it never declared {counted(asked.off, 'time')}: {value:.0%} of its reads"
    if code == "sensitivity":
        return f"took {value:,.1f} points of sensitivity a read, by the policies' catalogues"
    named = ", ".join(asked.beyond[:_SHOWN])
    more = f" and {len(asked.beyond) - _SHOWN} more" if len(asked.beyond) > _SHOWN else ""
    return f"read {counted(len(asked.beyond), 'field')} that few apps of its category read ({named}{more})"


def beside(alike: Alike, code: str, category: str | None) -> str:
    """Say what apps like it have, to go after what the app did."""
    if alike.p_value is None or alike.expected is None:
        return "; there is no app to compare it with."
    middle = f"{alike.expected:.0%}" if code in _SHARES else f"{alike.expected:,.1f}"
    among = "the 1 app" if alike.among == 1 else f"the {alike.among:,} apps"
    among += " nearest to it in size"
    if alike.same and category:
        among += f" ({alike.same:,} of them {category})"
    have = "none has" if not alike.more else "1 has" if alike.more == 1 else f"{alike.more:,} have"
    return f"; half of the apps like it have at most {middle}, and of {among} {have} as much."
