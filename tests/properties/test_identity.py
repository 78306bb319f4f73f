"""App-scoped ids: one for each person and app, readable by the platform alone, never joinable."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ombud.gate.identity import KEY_FILE, Identities, UnknownScopedIdError
from ombud.model.errors import InputError, MissingError, StorageError

if TYPE_CHECKING:
    from pathlib import Path

OURS = Identities(bytes(range(32)))
apps = st.text(max_size=30)
people = st.text(min_size=1, max_size=60)


@given(apps, people)
def test_there_and_back(app: str, person: str) -> None:
    scoped = OURS.scoped_id(app, person)
    assert OURS.person(app, scoped) == person
    assert OURS.scoped_id(app, person) == scoped
    assert len(scoped) == 52 or len(person.encode()) > 15
    assert len(person) < 4 or person not in scoped
    address = OURS.relay(app, person, "Relay.Example.ORG")
    assert OURS.addressee(app, address, ["", "nobody", person]) == person
    assert address.endswith("@relay.example.org")


@given(apps, st.lists(people, min_size=2, max_size=40, unique=True))
def test_different_people_have_different_ids(app: str, some: list[str]) -> None:
    assert len({OURS.scoped_id(app, one) for one in some}) == len(some)
    assert len({OURS.relay(app, one, "r.example") for one in some}) == len(some)


@given(apps, apps, people)
def test_another_apps_id_says_nothing(app: str, other: str, person: str) -> None:
    assume(app != other)
    scoped = OURS.scoped_id(app, person)
    assert scoped != OURS.scoped_id(other, person)
    with pytest.raises(UnknownScopedIdError):
        OURS.person(other, scoped)
    with pytest.raises(UnknownScopedIdError):
        OURS.addressee(other, OURS.relay(app, person, "r.example"), [person])


@given(apps, people, st.integers(0, 51), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_a_changed_letter_is_found_out(app: str, person: str, at: int, letter: str) -> None:
    scoped = OURS.scoped_id(app, person)
    changed = scoped[:at] + letter + scoped[at + 1 :]
    assume(changed != scoped)
    with pytest.raises(UnknownScopedIdError):
        OURS.person(app, changed)


@given(apps, st.text(max_size=40))
def test_anything_else_is_no_id(app: str, text: str) -> None:
    with pytest.raises(UnknownScopedIdError):
        OURS.person(app, text)
    with pytest.raises(UnknownScopedIdError):
        OURS.addressee(app, text, ["p"])


@given(apps, people)
def test_ids_and_addresses_do_not_give_each_other_away(app: str, person: str) -> None:
    scoped, local = OURS.scoped_id(app, person), OURS.relay(app, person, "r.example").partition("@")[0]
    assert scoped != local
    with pytest.raises(UnknownScopedIdError):
        OURS.person(app, local)


@given(apps, people, st.binary(min_size=32, max_size=32))
def test_another_key_reads_nothing(app: str, person: str, key: bytes) -> None:
    assume(key != bytes(range(32)))
    with pytest.raises(UnknownScopedIdError):
        Identities(key).person(app, OURS.scoped_id(app, person))


def test_ids_of_neighbours_look_unrelated() -> None:
    """Half of the bits differ, on average, between the ids of people with neighbouring ids."""
    letters = "abcdefghijklmnopqrstuvwxyz234567"
    numbers = [
        int("".join(f"{letters.index(c):05b}" for c in OURS.scoped_id("quiz", f"u{n}")[:50]), 2) for n in range(500)
    ]
    differing = [(a ^ b).bit_count() for a, b in pairwise(numbers)]
    assert 120 < sum(differing) / len(differing) < 130


@pytest.mark.parametrize("domain", ["", "localhost", "a b.example", "x@y.example", "-a.example", "a..b", "e" * 300])
def test_what_is_no_domain(domain: str) -> None:
    with pytest.raises(InputError, match="is no domain"):
        OURS.relay("quiz", "p", domain)


@pytest.mark.parametrize("person", ["", "x" * 4_001])
def test_what_is_no_id_of_a_person(person: str) -> None:
    with pytest.raises(InputError, match="1 to 4,000 bytes"):
        OURS.scoped_id("quiz", person)


def test_ids_do_not_tell_how_long_a_short_one_is() -> None:
    assert {len(OURS.scoped_id("quiz", "x" * n)) for n in range(1, 16)} == {52}


def test_the_master_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    with pytest.raises(MissingError, match=r"gate\.identities is missing"):
        Identities.open(keys, make=False)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: Identities.open(keys).scoped_id("quiz", "p7"), range(8)))
    assert len(set(made)) == 1
    assert Identities.open(keys, make=False).person("quiz", made[0]) == "p7"
    assert stat.S_IMODE((keys / KEY_FILE).stat().st_mode) == 0o600
    assert [path.name for path in keys.iterdir()] == [KEY_FILE]


def test_a_broken_key(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(b"short")
    with pytest.raises(InputError, match="32 bytes"):
        Identities.open(tmp_path)
    with pytest.raises(StorageError, match="cannot be used"):
        Identities.open(tmp_path / KEY_FILE / "below")
