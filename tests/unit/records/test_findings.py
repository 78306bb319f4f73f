"""Findings and figures come back as they went in, and only once."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from ombud.model.errors import InputError, NotFoundError
from ombud.model.findings import Explanation, Figure, Finding, Reason, RowRef, SourceFile
from ombud.records import Records, figures, findings
from ombud.records.tables import finding_row

NOON = datetime(2016, 11, 8, 12, tzinfo=UTC)
words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
numbers = st.floats(allow_nan=False, allow_infinity=False)
json = st.recursive(st.none() | st.booleans() | st.integers() | numbers | words, st.lists, max_leaves=5)
objects = st.dictionaries(words, json, max_size=3)
moments = st.datetimes(timezones=st.just(UTC))
figure_ids = (f"figure_{n}" for n in itertools.count())
finding_ids = (f"finding_{n}" for n in itertools.count())

any_figure = st.builds(
    Figure,
    id=st.builds(lambda: next(figure_ids)),
    name=words,
    value=st.none() | numbers | st.integers() | words,
    unit=words,
    query=words,
    parameters=objects,
    inputs=st.lists(st.builds(SourceFile, path=words, sha256=words), max_size=2),
    ledger=st.lists(st.integers(0, 2**63 - 1), max_size=3),
    subject=st.none() | words,
)
any_finding = st.builds(
    Finding,
    id=st.builds(lambda: next(finding_ids)),
    says=st.sampled_from(["coordinated", "anomalous"]),
    subject_kind=st.sampled_from(["account", "network", "app", "page", "ad", "post"]),
    subject=words,
    title=words,
    score=numbers,
    q=st.none() | st.floats(0, 1),
    calibration=words,
    reasons=st.lists(st.builds(Reason, sentence=words, figure=st.none() | words), max_size=2),
    explanations=st.lists(
        st.builds(Explanation, code=words, sentence=words, applies=st.sampled_from(["yes", "partly", "no", "unknown"])),
        max_size=2,
    ),
    rows=st.lists(st.builds(RowRef, table=words, id=words), max_size=5),
    query=words,
    tool=words,
    tool_version=words,
    settings=objects,
    found_at=moments,
    detail=objects,
    figures=st.lists(any_figure, max_size=3),
)


def a_finding(n: int = 0, **changes: Any) -> Finding:  # noqa: ANN401 - any field
    finding = Finding(
        id=f"finding_{n}",
        says="coordinated",
        subject_kind="network",
        subject=f"network_{n}",
        title=f"{n} accounts share the same links within seconds",
        score=float(n),
        q=0.001,
        calibration="q-values over all pairs",
        reasons=[Reason("They do.", "figure_a")],
        explanations=[Explanation("news-burst", "No news explains it.", "no")],
        rows=[RowRef("posts", f"p{n}"), RowRef("posts", "shared"), RowRef("posts", f"p{n}")],
        query="SELECT 1",
        tool="networks",
        tool_version="1",
        settings={"fdr": 0.01},
        found_at=NOON + timedelta(days=n),
    )
    return msgspec.structs.replace(finding, **changes)


def a_figure(figure_id: str = "figure_a", value: float | str | None = 3) -> Figure:
    return Figure(figure_id, "posts", value, "posts", "SELECT count(*) FROM posts", subject="network_1")


@given(finding=any_finding)
def test_a_finding_comes_back(records: Records, finding: Finding) -> None:
    with records.begin() as tx:
        assert findings.save(tx, finding)
    with records.read() as tx:
        assert findings.get(tx, finding.id) == finding


@given(figure=any_figure)
def test_a_figure_comes_back(records: Records, figure: Figure) -> None:
    with records.begin() as tx:
        figures.save(tx, figure)
    with records.read() as tx:
        found = figures.get(tx, figure.id)
    assert found == figure
    assert type(found.value) is type(figure.value)


def test_saving_again_changes_nothing(records: Records) -> None:
    first = a_finding(figures=[a_figure()])
    with records.begin() as tx:
        assert findings.save(tx, first)
    with records.begin() as tx:
        assert not findings.save(tx, msgspec.structs.replace(first, title="another", rows=[]))
        assert findings.get(tx, first.id) == first
        assert tx.execute(select(func.count()).select_from(finding_row)).scalar() == 3


def test_the_listing_begins_with_the_strongest(records: Records) -> None:
    with records.begin() as tx:
        for n in range(5):
            findings.save(tx, a_finding(n))
        findings.save(tx, a_finding(9, says="anomalous", subject_kind="app"))
        assert [row.subject for row in findings.listing(tx, limit=2)] == ["network_9", "network_4"]
        assert [row.score for row in findings.listing(tx, says="coordinated", limit=2, offset=1)] == [3.0, 2.0]
        (app,) = findings.listing(tx, subject_kind="app")
        assert (findings.count(tx), findings.count(tx, says="coordinated"), findings.count(tx, subject_kind="ad")) == (
            6, 5, 0,
        )  # fmt: skip
    assert app.found_at == NOON + timedelta(days=9)


def test_findings_that_rest_on_a_row(records: Records) -> None:
    with records.begin() as tx:
        for n in range(2):
            findings.save(tx, a_finding(n))
        assert findings.resting_on(tx, "posts", "shared") == ["finding_0", "finding_1"]
        assert findings.resting_on(tx, "posts", "p1") == ["finding_1"]
        assert findings.resting_on(tx, "ads", "p1") == []


@pytest.mark.parametrize("changes", [{"score": float("nan")}, {"score": float("inf")}, {"q": float("nan")}])
def test_a_finding_has_numbers(records: Records, changes: dict[str, float]) -> None:
    with pytest.raises(InputError, match="no number"), records.begin() as tx:
        findings.save(tx, a_finding(0, **changes))
    with records.read() as tx:
        assert findings.count(tx) == 0


def test_a_newer_figure_takes_the_place(records: Records) -> None:
    with records.begin() as tx:
        figures.save(tx, a_figure(value=3))
        figures.save(tx, a_figure(value=None))
        assert figures.get(tx, "figure_a").value is None
        figures.save_all(tx, [a_figure("figure_b", 1.0), a_figure("figure_c", "many")])
        assert [(f.id, f.value) for f in figures.about(tx, "network_1")] == [
            ("figure_a", None), ("figure_b", 1.0), ("figure_c", "many"),
        ]  # fmt: skip


def test_a_figure_is_a_number(records: Records) -> None:
    with pytest.raises(InputError, match="`posts` is nan"), records.begin() as tx:
        figures.save(tx, a_figure(value=float("nan")))


def test_unknown_ids(records: Records) -> None:
    with records.read() as tx:
        with pytest.raises(NotFoundError, match="finding_x"):
            findings.get(tx, "finding_x")
        with pytest.raises(NotFoundError, match="figure_x") as caught:
            figures.get(tx, "figure_x")
    assert caught.value.hint


@given(item=any_finding)
def test_details_as_text_are_the_details(records: Records, item: Finding) -> None:
    with records.begin() as tx:
        findings.save(tx, item)
        told = findings.detail_texts(tx, [item.id, "finding_nowhere"])
    assert set(told) == {item.id}
    assert msgspec.json.decode(told[item.id]) == item.detail
