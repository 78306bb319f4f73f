"""The attack simulation with its label hidden: the access key behind most of the attack ranks first."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from ombud.audit.people.sets import open_sets
from ombud.audit.ranking.order import ranking_of
from ombud.lake.imports import import_files
from ombud.lake.imports.cloudtrail_events import read_event

if TYPE_CHECKING:
    from ombud.lake import Lake

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "aws-attack-simulation" / "cloudtrail.jsonl.gz"
LABEL = "stratus-red-team"


def test_the_attack_ranks_first_without_its_label(lake: Lake, tmp_path: Path) -> None:
    lines = gzip.decompress(EXAMPLE.read_bytes()).decode().splitlines()
    labelled = Counter(read_event(event).app for event in map(json.loads, lines) if LABEL in event["userAgent"])
    assert sum(labelled.values()) == 1_146
    hidden = tmp_path / "hidden.jsonl"
    hidden.write_text("\n".join(lines).replace(LABEL, "other"))
    import_files(lake, "cloudtrail", [hidden], sealed=True)
    ranking, _, _ = ranking_of(lake, lake.records, open_sets(lake.workspace, lake), limit=3)
    assert ranking.ranked == 22
    (most, count), *_ = labelled.most_common()
    assert count == 1_098
    assert ranking.apps[0].app == most
    # said honestly in docs/how-to/import-old-logs.md: first of few, and below the level for a case
    assert ranking.apps[0].score < ranking.level
    assert any("sealed on" in sentence for sentence in ranking.said)
