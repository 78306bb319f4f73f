"""Merges: a tool's word never replaces a person's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.records import entities
from ombud.records.entities import Merge

if TYPE_CHECKING:
    from ombud.records import Records

TOOL = Merge("space", "BIacktivist", "Blacktivist", "I and l look the same", 0.98, "merged")


def test_a_merge_comes_back(records: Records) -> None:
    doubtful = Merge("space", "Blackivist", "Blacktivist", "one letter is missing", 0.9, "doubtful")
    other = Merge("developer", "Acme", "Acme Ltd", "same but for the form", 0.95, "merged")
    with records.begin() as tx:
        entities.save_merges(tx, [TOOL, doubtful, other])
    with records.read() as tx:
        assert entities.merges(tx, "space") == [TOOL, doubtful]
        assert entities.merges(tx, "space", "doubtful") == [doubtful]
        assert entities.merges(tx, "developer", status="merged") == [other]
        assert entities.merges(tx, "app") == []


def test_a_tool_corrects_itself_but_no_person(records: Records) -> None:
    person = Merge("space", "BIacktivist", "Blacktivist", "two firms, I asked", 0.98, "apart", decided_by="Mara")
    with records.begin() as tx:
        entities.save_merges(tx, [TOOL])
        again = Merge("space", "BIacktivist", "Blacktivist", "new rule", 0.5, "doubtful")
        entities.save_merges(tx, [again])
        assert entities.merges(tx, "space") == [again]
        entities.save_merges(tx, [person])
        entities.save_merges(tx, [TOOL])
        assert entities.merges(tx, "space") == [person]
        changed = Merge("space", "BIacktivist", "Blacktivist", "I was wrong", 0.98, "merged", decided_by="Mara")
        entities.save_merges(tx, [changed, TOOL])
        assert entities.merges(tx, "space") == [changed]
