"""`ombud archive`: totals of a handful of ads, to the cent and by currency."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ombud.archive import Archive
from ombud.lake import open_lake
from ombud.model.schema import table
from ombud.model.workspace import Workspace
from ombud.records import open_records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from tests.unit.cli.conftest import Done

    Ombud = Callable[..., Done]

ADS: list[dict[str, Any]] = [
    {"ad": "1", "space": "https://www.facebook.com/one/", "spend": Decimal("1000.10"), "currency": "RUB"},
    {"ad": "2", "space": "https://www.facebook.com/two/", "spend": Decimal("0.90"), "currency": "RUB", "clicks": 7},
    {"ad": "3", "space": "https://www.facebook.com/one/", "spend": Decimal("2.00"), "currency": "USD"},
    {"ad": "4", "space": None, "spend": None, "currency": None, "impressions": 1234},
]


def bought(root: Path, ads: list[dict[str, Any]]) -> None:
    """Put ads into the lake at `root`."""
    door = table("ads").door
    plain = {"happened_at": datetime(2016, 5, 1, tzinfo=UTC)}
    with open_records(Workspace.open(root)) as records, open_lake(Workspace.open(root), records).writing() as batch:
        rows = [{name: (plain | ad).get(name) for name in door.names} for ad in ads]
        batch.write("ads", pa.Table.from_pylist(rows, schema=door), "import_made")


def test_totals_are_one_document(ombud: Ombud, root: Path) -> None:
    bought(root, ADS)
    document = ombud("archive", "totals", "--json", "--workspace", root).document
    assert (document["ads"], document["pages"], document["impressions"], document["clicks"]) == (4, 2, 1234, 7)
    assert [(m["currency"], m["amount"], m["ads"], m["paid_ads"]) for m in document["spend"]] == [
        ("RUB", "1001.00", 2, 2),
        (None, "0.00", 1, 0),
        ("USD", "2.00", 1, 1),
    ]


def test_people_read_every_currency_by_itself(ombud: Ombud, root: Path) -> None:
    bought(root, ADS)
    done = ombud("archive", "totals", "--workspace", root)
    assert (done.code, done.err) == (0, "")
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert lines == [
        "The ad archive",
        "ads 4",
        "pages 2",
        "spent, RUB 1,001.00 (2 ads)",
        "spent, not stated 0.00 (1 ads)",
        "spent, USD 2.00 (1 ads)",
        "impressions 1,234",
        "clicks 7",
    ]


def test_each_total_can_be_explained(ombud: Ombud, root: Path) -> None:
    bought(root, ADS)
    document = ombud("archive", "totals", "--json", "--workspace", root).document
    shown = {ref["name"]: document[ref["name"]] for ref in document["figures"]}
    assert set(shown) == {"ads", "pages", "impressions", "clicks"}
    for ref in document["figures"]:
        figure = ombud("explain", ref["id"], "--json", "--workspace", root).document
        assert figure["value"] == shown[ref["name"]]
        assert figure["inputs"]
    for money in document["spend"]:
        assert ombud("explain", money["figure"], "--json", "--workspace", root).document["value"] == money["amount"]


def test_totals_follow_the_lake(ombud: Ombud, root: Path) -> None:
    bought(root, ADS[:1])
    assert ombud("archive", "totals", "--json", "--workspace", root).document["ads"] == 1
    bought(root, ADS)
    assert ombud("archive", "totals", "--json", "--workspace", root).document["ads"] == 4


def test_build_writes_the_file_anew_and_shows_the_totals(ombud: Ombud, root: Path) -> None:
    bought(root, ADS)
    first = ombud("archive", "build", "--json", "--workspace", root).document
    file = Workspace.open(root).archive_file
    before = file.stat().st_ino, file.stat().st_mtime_ns
    assert ombud("archive", "build", "--json", "--workspace", root).document == first
    assert (file.stat().st_ino, file.stat().st_mtime_ns) != before
    assert Archive.open(Workspace.open(root)).totals().ads == first["ads"] == 4


def test_an_archive_of_an_older_format_is_built_anew(ombud: Ombud, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bought(root, ADS)
    with monkeypatch.context() as old:
        old.setattr("ombud.archive.build.FORMAT", "0")
        ombud("archive", "build", "--workspace", root)
    done = ombud("archive", "totals", "--json", "--workspace", root)
    assert (done.code, done.document["ads"]) == (0, 4)


def test_an_empty_lake_has_an_empty_archive(ombud: Ombud, root: Path) -> None:
    document = ombud("archive", "totals", "--json", "--workspace", root).document
    assert (document["ads"], document["pages"], document["spend"], document["first"]) == (0, 0, [], None)
