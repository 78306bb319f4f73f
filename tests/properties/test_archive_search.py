"""Any question to the archive gets an answer, and its totals are the sums over its rows."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.archive import Archive, open_archive
from ombud.archive.query import AdQuery
from ombud.archive.search import words_of
from ombud.lake import open_lake
from ombud.model.schema import table
from ombud.model.workspace import Workspace
from ombud.records import migrate, open_records

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS = ["police", "stop", "black", "america", "texas", "naïve"]
CURRENCIES = ["RUB", "USD", None]


def _ads() -> list[dict[str, Any]]:
    start = datetime(2016, 1, 1, tzinfo=UTC)
    return [
        {
            "ad": f"ad{n}",
            "space": f"https://www.facebook.com/page{'abcdefg'[n % 7]}/" if n % 11 else None,
            "happened_at": start + timedelta(hours=37 * n),
            "text": " ".join(WORDS[(n * k + k) % 6] for k in range(1, 2 + n % 4)) if n % 13 else None,
            "spend": Decimal(n * 37 % 500) / 100,
            "currency": CURRENCIES[n % 3],
            "impressions": n * 91 % 1000 if n % 5 else None,
            "clicks": n % 17,
            "targeting": [f"interests:{w}" for w in WORDS[: n % 4]],
        }
        for n in range(120)
    ]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    workspace = Workspace.create(tmp_path_factory.mktemp("search") / "workspace")
    migrate(workspace.records_url)
    with open_records(workspace) as records:
        lake = open_lake(workspace, records)
        door = table("ads").door
        rows = [{name: ad.get(name) for name in door.names} for ad in _ads()]
        with lake.writing() as batch:
            batch.write("ads", pa.Table.from_pylist(rows, schema=door), "import_made")
        yield open_archive(lake)


TEXTS = st.one_of(
    st.text(max_size=30),
    st.lists(
        st.sampled_from(
            [*WORDS, '"', "-", "*", "AND", "NOT", "NEAR(", "(", ")", ":", "^", "{", "\x00", '"stop police"', "stop*"]
        ),
        max_size=6,
    ).map(" ".join),
)


@given(TEXTS, st.sampled_from(["relevance", "newest", "spend"]))
def test_no_text_raises(archive: Archive, text: str, sort: Any) -> None:  # noqa: ANN401 - one of three
    found = archive.search(AdQuery(text=text, sort=sort))
    assert len(found.rows) <= min(25, found.totals.ads)
    assert found.understood


@given(
    st.lists(st.sampled_from([*WORDS, f"-{WORDS[0]}", f"-{WORDS[1]}", "pol*", "stop*"]), max_size=3).map(" ".join),
    st.sampled_from([None, "RUB", "USD", "none"]),
    st.one_of(st.none(), st.dates(date(2016, 1, 1), date(2016, 7, 1))),
    st.one_of(st.none(), st.integers(0, 1000)),
    st.one_of(st.none(), st.decimals(0, 5, places=2)),
    st.one_of(st.none(), st.booleans()),
)
def test_totals_are_the_sums_over_the_rows(  # noqa: PLR0917 - one argument for each condition
    archive: Archive,
    text: str,
    currency: str | None,
    since: date | None,
    least: int | None,
    spent: Decimal | None,
    has: bool | None,  # noqa: FBT001 - drawn
) -> None:
    def holds(ad: dict[str, Any]) -> bool:
        words = (ad["text"] or "").replace("ï", "i").split()
        for token in text.split():
            plain = token.replace("ï", "i")
            present = any(w.startswith(plain[:-1]) if plain.endswith("*") else w == plain.lstrip("-") for w in words)
            if present == plain.startswith("-"):
                return False
        return (
            (currency is None or (ad["currency"] or "none") == currency)
            and (since is None or ad["happened_at"].date() >= since)
            and (least is None or (ad["impressions"] is not None and ad["impressions"] >= least))
            and (spent is None or ad["spend"] >= spent)
            and (has is None or (ad["spend"] > 0) == has)
        )

    query = AdQuery(
        text=text, currency=currency, since=since, min_impressions=least, min_spend=spent, has_spend=has, limit=200
    )
    wanted = [ad for ad in _ads() if holds(ad)]
    found = archive.search(query)
    assert {row.id for row in found.rows} == {ad["ad"] for ad in wanted} == {row["id"] for row in archive.each(query)}
    assert found.totals.ads == len(wanted)
    assert found.totals.impressions == sum(ad["impressions"] or 0 for ad in wanted)
    assert found.totals.clicks == sum(ad["clicks"] for ad in wanted)
    assert found.totals.pages == len({ad["space"] for ad in wanted if ad["space"]})
    sums: Counter[str | None] = Counter()
    for ad in wanted:
        sums[ad["currency"]] += int(ad["spend"] * 100)
    assert {m.currency: m.amount for m in found.totals.spend} == {c: Decimal(n).scaleb(-2) for c, n in sums.items()}


@given(st.text(max_size=40))
def test_words_are_always_quoted(text: str) -> None:
    for expression in (*words_of(text).wanted, *words_of(text).unwanted):
        assert expression.startswith('"')
        assert expression.rstrip("*").endswith('"')
        assert expression.rstrip("*")[1:-1].replace('""', "").count('"') == 0
