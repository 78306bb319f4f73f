"""Decisions as canonical rows, there and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from ombud.gate.request import Decision, ReadRequest, Refusal
from ombud.gate.rows import asked_fields, reason_of, refused_fields, row_of, rows_of
from ombud.model import clock

NOON = datetime(2014, 4, 30, 12, 0, 0, 5, tzinfo=UTC)
REQUEST = ReadRequest(app="quiz", person="p-1", fields=("name", "likes"), purpose="game", at=NOON)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)


def decided(outcome: str, allowed: tuple[str, ...], *refused: tuple[str, str]) -> Decision:
    refusals = tuple(Refusal(*one) for one in refused)
    return Decision("d-1", outcome, allowed, refusals, "ab" * 32, "own/basic")  # type: ignore[arg-type]  # by the tests


def test_an_allowed_read() -> None:
    row = row_of(REQUEST, decided("allowed", ("name", "likes")))
    assert row.decode() == (
        '{"app":"quiz","at":"2014-04-30T12:00:00.000005Z","decision":"allowed","fields":["name","likes"],'
        f'"person":"p-1","policy":"{"ab" * 32}","purpose":"game","read":"d-1","reason":null,"through":null}}'
    )


def test_key_and_actor_stand_in_it_only_when_known() -> None:
    more = ReadRequest("quiz", "p", ("a",), "game", through="f", at=NOON, key="thumb", acts_for="helper")
    row = json.loads(row_of(more, decided("allowed", ("a",))))
    assert (row["key"], row["acts_for"], row["through"]) == ("thumb", "helper", "f")
    assert not {"key", "acts_for"} & json.loads(row_of(REQUEST, decided("allowed", ("a",)))).keys()


def test_a_moment_in_another_zone_and_none() -> None:
    there = ReadRequest("q", "p", ("a",), "g", at=NOON.astimezone(timezone(timedelta(hours=-5))))
    assert json.loads(row_of(there, decided("allowed", ("a",))))["at"] == "2014-04-30T12:00:00.000005Z"
    with clock.frozen(NOON):
        assert json.loads(row_of(ReadRequest("q", "p", ("a",), "g"), decided("allowed", ("a",))))["at"][:10] == (
            "2014-04-30"
        )


@pytest.mark.parametrize(
    ("decision", "reason", "asked"),
    [
        (decided("allowed", ("a", "b")), None, ("a", "b")),
        (decided("refused", (), ("a", "no-consent"), ("b", "no-consent")), "no-consent", ("a", "b")),
        (decided("refused", (), ("a", "region"), ("b", "not-granted")), "region:a;not-granted:b", ("a", "b")),
        (decided("reduced", ("a",), ("b", "region"), ("c", "region")), "region:b,c", ("a", "b", "c")),
        (decided("refused", (), ("x:;,%", "unknown-field"), ("b", "region")), None, ("x:;,%", "b")),
    ],
)
def test_reasons(decision: Decision, reason: str | None, asked: tuple[str, ...]) -> None:
    row = json.loads(row_of(REQUEST, decision))
    if "x:;,%" not in asked:
        assert reason_of(decision) == reason
    assert row["reason"] == reason_of(decision)
    assert asked_fields(row["fields"], row["decision"], row["reason"]) == asked
    assert refused_fields(row["fields"], row["decision"], row["reason"]) == {
        r.field: r.reason for r in decision.refused
    }


def test_reasons_of_other_tools_name_no_fields() -> None:
    assert refused_fields(["a"], "reduced", "their words") == {}
    assert asked_fields(["a"], "allowed", None) == ("a",)


@given(
    app=texts, person=texts, purpose=texts, through=st.none() | texts, key=st.none() | texts,
    fields=st.lists(names, max_size=4, unique=True), refused=st.lists(names, max_size=4, unique=True),
)  # fmt: skip
def test_any_row_is_canonical_and_says_what_was_asked(  # noqa: PLR0917 - by hypothesis
    app: str, person: str, purpose: str, through: str | None, key: str | None, fields: list[str], refused: list[str]
) -> None:
    refused = [name for name in refused if name not in fields]
    outcome = "refused" if not fields else "reduced" if refused else "allowed"
    codes = ("region", "not-granted")
    decision = decided(outcome, tuple(fields), *((name, codes[n % 2]) for n, name in enumerate(refused)))
    request = ReadRequest(app, person, tuple(fields), purpose, through=through, key=key, at=NOON)
    (row,) = rows_of([(request, decision)])
    value = json.loads(row)
    assert rfc8785.dumps(value) == row
    assert b"\n" not in row
    assert set(asked_fields(value["fields"], value["decision"], value["reason"])) == {*fields, *refused}
