"""Findings in plain English."""

from __future__ import annotations

import pytest

from ombud.detect import wording


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"),
        (38, "38 seconds"),
        (60, "1 minute"),
        (90, "1.5 minutes"),
        (1_680, "28 minutes"),
        (3_600, "1 hour"),
        (5_400, "1.5 hours"),
        (86_400, "1 day"),
        (200_000, "2.3 days"),
    ],
)
def test_a_delay_has_its_natural_unit(seconds: float, words: str) -> None:
    assert wording.delay(seconds) == words


def test_a_title_has_its_singulars() -> None:
    assert wording.title(2, "link", 1, 60).startswith("2 accounts shared the same link within a minute of each other")
    assert wording.title(3, "text", 1_204, 21_600).startswith(
        "3 accounts, two or more at a time, posted the same 1,204 texts within six hours"
    )
    assert wording.span(7) == "7 seconds"
    assert wording.thing("image", 1) == "1 image"
