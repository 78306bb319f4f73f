"""What the ranking says of an app is true as it stands there, of one and of many, with and without consents."""

from __future__ import annotations

from ombud.audit.ranking.likeness import Alike
from ombud.audit.ranking.sentences import beside, own
from ombud.audit.ranking.shapes import Shape


def _shape(**given: int) -> Shape:
    return Shape(**(dict.fromkeys(Shape.__slots__, 0) | given))


def test_it_says_what_was_read_and_not_what_people_did() -> None:
    """An app that never reads its users' own data is not said to be unused."""
    shape = _shape(installers=3, people=597, via=597, absent=597, through=1)
    said = own("absent", 199.0, shape, None)
    assert said == (
        "It read 597 people through 1 person whose own data it did not read within an hour of it: 199.0 for each of the"
        " 3 people who ever allowed it anything"
    )
    assert own("per_user", 597.0, shape, None) == (
        "It read 597 people, none of them by a consent of their own on record"
    )
    some = _shape(installers=3, people=8, active=2)
    assert own("per_user", 4.0, some, None) == (
        "It read 8 people, 2 of them by a consent of their own on record: 4.0 for each of these"
    )


def test_nothing_is_divided_by_consents_that_are_not_on_record() -> None:
    for code in ("absent", "strangers", "via_friends", "burst"):
        said = own(code, 50.0, _shape(people=50, via=50, absent=50, strangers=50, peak=50, through=2), None)
        assert said.endswith("; nobody's consent to it is on record")
        assert "each of" not in said


def test_apps_that_are_merely_nearest_are_not_called_like_it() -> None:
    """Three apps of a tiny lake may be of any size."""
    assert beside(Alike(2, 0, 1, 0.0, 2 / 3), "burst", None).endswith(
        "of the 2 apps nearest to it in size 1 has as much."
    )
    assert beside(Alike(1, 1, 0, 0.0, 0.5), "burst", "games").endswith(
        "of the 1 app nearest to it in size (1 of them games) none has as much."
    )
    assert beside(Alike(0, 0, 0, None, None), "burst", None) == "; there is no app to compare it with."
