"""Cases: one a finding, numbered without gaps, with a history that only grows."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
import pytest

from ombud.model import clock
from ombud.model.errors import InputError, NotFoundError
from ombud.model.findings import Finding
from ombud.records import cases, findings
from ombud.records.database import open_url

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from ombud.records import Records
    from ombud.records.cases import Case

NOON = datetime(2016, 11, 8, 12, tzinfo=UTC)


def open_one(tx: Connection, n: int, title: str | None = None, kind: str = "network") -> Case:
    finding = Finding(
        id=f"finding_{n}",
        says="coordinated",
        subject_kind="network",
        subject=f"network_{n}",
        title="t",
        score=float(n % 3),
        q=None,
        calibration="",
        reasons=[],
        explanations=[],
        rows=[],
        query="",
        tool="networks",
        tool_version="1",
        settings={},
        found_at=NOON,
    )
    findings.save(tx, finding)
    with clock.frozen(NOON + timedelta(hours=n)):
        return cases.open_for(tx, finding.id, kind, title or f"Network {n}")


def test_one_finding_one_case(records: Records) -> None:
    with records.begin() as tx:
        first = open_one(tx, 0)
        again = cases.open_for(tx, "finding_0", "network", "Another title")
        assert again == first == cases.get(tx, first.id) == cases.by_number(tx, 1) == cases.of_finding(tx, "finding_0")
        assert cases.count(tx) == 1
    assert (first.number, first.state, first.title, first.finding_ids) == (1, "open", "Network 0", ["finding_0"])
    assert first.opened_at == first.updated_at == NOON


def test_numbers_have_no_gaps(records: Records) -> None:
    with records.begin() as tx:
        open_one(tx, 0)
    with pytest.raises(NotFoundError), records.begin() as tx:
        cases.get(tx, open_one(tx, 1).id + "?")
    with records.begin() as tx:
        assert open_one(tx, 2).number == 2


def test_opened_twice_at_once(url: str) -> None:
    with open_url(url) as records:
        with records.begin() as tx:
            open_one(tx, 0)
            for n in range(1, 9):
                findings.save(tx, msgspec.structs.replace(findings.get(tx, "finding_0"), id=f"finding_{n}"))
        found: list[Case] = []

        def opening() -> None:
            for n in range(9):
                with records.begin() as tx:
                    found.append(cases.open_for(tx, f"finding_{n}", "network", f"Network {n}"))

        threads = [threading.Thread(target=opening) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(found) == 27
    assert len({(case.number, case.finding_ids[0]) for case in found}) == 9
    assert sorted({case.number for case in found}) == list(range(1, 10))


def test_a_case_needs_its_finding(records: Records) -> None:
    with pytest.raises(NotFoundError, match="finding_x"), records.begin() as tx:
        cases.open_for(tx, "finding_x", "network", "t")


def test_history(records: Records) -> None:
    with records.begin() as tx:
        case = open_one(tx, 0)
        with clock.frozen(NOON + timedelta(days=1)):
            note = cases.add_note(tx, case.id, "Mara", "  Seen before.\n")
        with clock.frozen(NOON + timedelta(days=2)):
            waiting = cases.set_state(tx, case.id, "waiting", "Mara")
            assert cases.set_state(tx, case.id, "waiting", "Mara") == waiting
        history = cases.history(tx, case.id)
    assert [(e.kind, e.author, e.text) for e in history] == [
        ("opened", None, "Network 0"), ("note", "Mara", "Seen before."), ("state", "Mara", "open to waiting"),
    ]  # fmt: skip
    assert history[1] == note
    assert (waiting.state, waiting.updated_at) == ("waiting", NOON + timedelta(days=2))


def test_what_is_refused(records: Records) -> None:
    with records.begin() as tx:
        case = open_one(tx, 0)
        with pytest.raises(InputError, match="empty"):
            cases.add_note(tx, case.id, "Mara", " \n")
        with pytest.raises(InputError, match="cannot be `lost`"):
            cases.set_state(tx, case.id, "lost", None)
        with pytest.raises(InputError, match="sorted by `colour`"):
            cases.listing(tx, sort="colour")
        with pytest.raises(NotFoundError, match="case_x"):
            cases.get(tx, "case_x")
        with pytest.raises(NotFoundError, match="There is no case 99"):
            cases.by_number(tx, 99)
        with pytest.raises(NotFoundError):
            cases.add_note(tx, "case_x", None, "text")


def test_listing(records: Records) -> None:
    with records.begin() as tx:
        made = [open_one(tx, n, kind="app" if n == 4 else "network") for n in range(5)]
        with clock.frozen(NOON + timedelta(days=3)):
            cases.set_state(tx, made[1].id, "closed", None)

        def numbers(**chosen: str | int | None) -> list[int]:
            return [case.number for case in cases.listing(tx, **chosen)]  # type: ignore[arg-type]

        assert numbers() == [5, 4, 3, 2, 1]
        assert numbers(sort="oldest", limit=2, offset=1) == [2, 3]
        assert numbers(sort="updated") == [2, 5, 4, 3, 1]
        assert numbers(sort="strongest") == [3, 2, 5, 1, 4]
        assert numbers(state="closed") == [2]
        assert numbers(kind="app") == [5]
        assert numbers(state="open", kind="network") == [4, 3, 1]
        assert [cases.count(tx), cases.count(tx, state="open"), cases.count(tx, query="network 3")] == [5, 4, 1]
        assert [case.finding_ids for case in cases.listing(tx, limit=1)] == [["finding_4"]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("straße", [1]), ("STRASSE", [1]), ("ÜBER", [1]), ("100%", [2]), ("%", [2]), ("_", [3]), ("a_b", [3]),
        ("\\", [3]), ("2", [2]), ("#3", [3]), ("nothing", []), ("  ", [3, 2, 1]), ("9" * 30, []), ("'", []),
    ],
)  # fmt: skip
def test_searching_titles(records: Records, query: str, found: list[int]) -> None:
    with records.begin() as tx:
        for n, title in enumerate(["Über die Straße", "Links, 100% the same", "a_b\\c"]):
            open_one(tx, n, title)
        assert [case.number for case in cases.listing(tx, query=query)] == found
        assert cases.count(tx, query=query) == len(found)
