"""The parts of an audit's document with their tables, as texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ombud.audit.dossier.hindsight import together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ombud.audit.dossier.inquiry import Number
    from ombud.audit.dossier.reach import Bounds
    from ombud.audit.dossier.whole import Dossier
    from ombud.model.findings import Figure

__all__ = ["Marks", "parts", "table"]

_MOST_DAYS = 400
_MOST_BARS = 180
_ROW = list[str]


class Marks:
    """The place of each figure in the appendix."""

    def __init__(self, figures: Sequence[Figure]) -> None:
        self._places = {one.id: place for place, one in enumerate(figures, 1)}

    def __call__(self, number: Number) -> str:
        """Return the mark that stands behind what rests on a figure."""
        place = self._places.get(number.figure)
        return f" [{place}]" if place else ""

    def number(self, number: Number) -> str:
        """Return a number with its mark."""
        value = number.value
        if value is None:
            return f"not known{self(number)}"
        return f"{value:,}{self(number)}" if isinstance(value, int) else f"{value:,.2f}{self(number)}"


def table(
    caption: str,
    head: list[str],
    rows: Sequence[Sequence[str]],
    *,
    numbers: Sequence[int] = (),
    widths: Sequence[int] = (),
    note: str = "",
) -> dict[str, Any]:
    """Return a table; `numbers` are columns set right, a width of 0 is as wide as its content."""
    return {
        "caption": caption,
        "head": head,
        "rows": [list(row) for row in rows],
        "numbers": list(numbers),
        "widths": list(widths) or [1] + [0] * (len(head) - 1),
        "note": note,
    }


def _part(title: str, says: list[str], *tables: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "says": says, "tables": [one for one in tables if one["rows"]]}


def parts(made: Dossier, marks: Marks) -> list[dict[str, Any]]:
    """Return the parts in order."""
    return [
        _exposure(made, marks),
        _fields(made, marks),
        _policies(made, marks),
        _sessions(made, marks),
        _anomalies(made, marks),
        _innocent(made, marks),
        _days(made, marks),
    ]


def _exposure(made: Dossier, marks: Marks) -> dict[str, Any]:
    whom = made.reach

    def line(words: str, bounds: Bounds) -> _ROW:
        return [words, marks.number(bounds.proved), marks.number(bounds.possible), bounds.why or ""]

    people = table(
        "Distinct people",
        ["", "Proved", "Possible", "On what the upper bound rests"],
        [
            line("By their own consent", whom.direct),
            line("Through a friend", whom.via),
            line("All, each once", whom.people),
        ],
        numbers=[1, 2],
        widths=[0, 0, 0, 1],
    )
    bands = table(
        "People read through a friend, by the number of friends",
        ["Friends", "People"],
        [[band.band, f"{band.people:,}"] for band in whom.through],
        numbers=[1],
        note=f"In all{marks(whom.through_total)}.",
    )
    countries = table(
        "By country or region, as the platform describes its accounts",
        ["Country", "People", "Reads"],
        [[one.country or "not known", f"{one.people:,}", f"{one.reads:,}"] for one in made.time.countries],
        numbers=[1, 2],
        note=f"Summed{marks(made.time.countries_total)}.",
    )
    says = [
        (
            f"Somebody's consent was used of {marks.number(whom.consenting)} people: {marks.number(whom.amplification)}"
            f" people were read for each. {marks.number(whom.installers)} people ever allowed it anything."
        ),
        *whom.said,
    ]
    return _part("Whom it reached", says, people, bands, countries)


def _fields(made: Dossier, marks: Marks) -> dict[str, Any]:
    lines = [
        [one.field, one.purpose or "not said", f"{one.reads:,}", f"{one.people:,}", f"{one.through_friends:,}",
         f"{one.first:%Y-%m-%d}", f"{one.last:%Y-%m-%d}"]
        for one in made.time.fields
    ]  # fmt: skip
    head = ["Field", "Purpose", "Reads", "People", "Through friends", "First", "Last"]
    note = f"A read of three fields counts in three rows{marks(made.time.fields_total)}."
    return _part("What went out", [], table("By field and purpose", head, lines, numbers=[2, 3, 4],
                                           widths=[1, 1, 0, 0, 0, 0, 0], note=note))  # fmt: skip


def _policies(made: Dossier, marks: Marks) -> dict[str, Any]:
    used = table(
        "Under each policy",
        ["Policy", "From", "To", "Reads", "People", "Through friends", "Refused"],
        [
            [one.name or one.hash or "none named", f"{one.first:%Y-%m-%d}", f"{one.last:%Y-%m-%d}", f"{one.reads:,}",
             f"{one.people:,}", f"{one.through_friends:,}", f"{one.refused:,}"]
            for one in made.time.policies
        ],
        numbers=[3, 4, 5, 6],
        note=f"Reads, summed{marks(made.time.policies_total)}.",
    )  # fmt: skip
    changes = table(
        "People read in the thirty days before and after a policy came",
        ["Policy", "In force from", "Before", "After"],
        [
            [one.name, f"{one.at:%Y-%m-%d %H:%M}", marks.number(one.before), marks.number(one.after)]
            for one in made.time.changes
        ],
        numbers=[2, 3],
    )
    again = made.hindsight
    lost = table(
        f"What {again.policy} would not have let out",
        ["Fields", "Why", "Reads, of each", "People, of each"],
        [[", ".join(one.fields), one.says, f"{one.reads:,}", f"{one.people:,}"] for one in together(again.lost)],
        numbers=[2, 3],
        widths=[1, 1, 0, 0],
        note=f"The policy's hash is {again.hash}.",
    )
    sentence = f"{again.sentence[:-1]}{marks(again.touched)}{marks(again.people)}."
    return _part("Before and after each policy", [sentence], used, changes, lost)


def _sessions(made: Dossier, marks: Marks) -> dict[str, Any]:
    runs = made.sessions
    lines = [
        [f"{one.first:%Y-%m-%d %H:%M}", f"{one.minutes:,.0f}", f"{one.people:,}", f"{one.reads:,}",
         f"{one.people_a_minute:,.1f}", (one.key or "not on record")[:24],
         one.network or (f"{one.networks:,} networks" if one.networks else "not on record")]
        for one in runs.listed
    ]  # fmt: skip
    head = ["Began (UTC)", "Minutes", "People", "Reads", "People a minute", "Key", "Network"]
    shown = f"There were {marks.number(runs.total)} sessions; the {len(lines):,} with most people are listed."
    listed = table("The largest", head, lines, numbers=[1, 2, 3, 4], widths=[0, 0, 0, 0, 0, 1, 1],
                   note=f"People, summed{marks(runs.listed_people)}.")  # fmt: skip
    return _part("Sessions of extraction", [shown], listed)


def _anomalies(made: Dossier, marks: Marks) -> dict[str, Any]:
    around = made.around
    odd = table(
        "Reads that do not fit the record",
        ["", "Count"],
        [[one.says, marks.number(one.number)] for one in made.checks],
        numbers=[1],
        note="Not known: the lake lacks what it takes to say.",
    )
    signals = table(
        "What stands out beside apps like it",
        ["", "Usual", "Among"],
        [
            [
                f"{one.sentence}{marks(one.number)}",
                "" if one.expected is None else f"{one.expected:,.3g}",
                f"{one.among:,}",
            ]
            for one in around.signals
        ],
        numbers=[1, 2],
        note=f"Of {around.measured:,} signals, those that at most 5% of the apps compared have as strongly.",
    )
    related = table("Related apps", ["App", "How", "What they share"],
                    [[one.other, one.kind, one.sentence] for one in around.related], widths=[0, 0, 1])  # fmt: skip
    holders = table("Who holds what it read", ["Holder", "From", "How we know"],
                    [[one.holder, one.via, one.sentence] for one in around.holders], widths=[0, 0, 1])  # fmt: skip
    return _part("What stands out, and who is connected", around.unknown, odd, signals, related, holders)


def _innocent(made: Dossier, marks: Marks) -> dict[str, Any]:
    lines = [[one.title, one.applies, f"{one.sentence[:-1]}{marks(one.number)}."] for one in made.innocent]
    says = ["Each was weighed by one number. Yes: it would explain the reads; no: the record speaks against it."]
    return _part("What would explain it innocently", says,
                 table("", ["Explanation", "Holds", "By what"], lines, widths=[1, 0, 1]))  # fmt: skip


def _days(made: Dossier, marks: Marks) -> dict[str, Any]:
    days = sorted(made.time.days, key=lambda day: -day.people)[:_MOST_DAYS]
    lines = [
        [f"{one.day:%Y-%m-%d}", f"{one.reads:,}", f"{one.people:,}", f"{one.through_friends:,}", f"{one.refused:,}"]
        for one in sorted(days, key=lambda day: day.day)
    ]
    note = f"Reads, summed{marks(made.time.days_total)}."
    if len(days) < len(made.time.days):
        note += f" The {len(days):,} days with most people, of {len(made.time.days):,}; the data have all."
    head = ["Day (UTC)", "Reads", "People", "Through friends", "Refused"]
    part = _part("Day by day", [], table("", head, lines, numbers=[1, 2, 3, 4], note=note))
    return part | {"bars": _bars(made)}


def _bars(made: Dossier) -> dict[str, Any]:
    """Return people by day as shares of width and height, for a drawing whose table follows."""
    days = made.time.days
    if not days:
        return {"bars": [], "caption": ""}
    first, last = days[0].day, days[-1].day
    slots = max((last - first).days + 1, 1)
    most = max(one.people for one in days) or 1
    together = max(slots // _MOST_BARS, 1)
    tallest: dict[int, int] = {}
    for one in days:
        slot = (one.day - first).days // together
        tallest[slot] = max(tallest.get(slot, 0), one.people)
    wide = together / slots
    bars = [[slot * wide, min(wide, 1 - slot * wide), people / most] for slot, people in sorted(tallest.items())]
    each = "day" if together == 1 else f"{together:,} days (the day with most)"
    caption = f"People read about by {each}, {first:%Y-%m-%d} to {last:%Y-%m-%d}; at most {most:,}."
    return {"bars": bars, "caption": caption}
