"""From numbers to words: the decision that stands for what compiled code found, remembered where it repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ombud.gate.machine import BUDGET_SHIFT, GIVEN, Machine
from ombud.gate.policy.compiled import CONTRACTED, REMEMBERED, REVIEWED
from ombud.gate.reasons import CODES, NUMBER, UNKNOWN_FIELD
from ombud.gate.request import Decision, Outcome, Refusal

if TYPE_CHECKING:
    from ombud.gate.budgets import Budgets
    from ombud.gate.consents import ConsentTable
    from ombud.gate.policy.compiled import CompiledPolicy
    from ombud.gate.ties import Ties

__all__ = ["Answers", "Asked", "Part"]

_Said = tuple[Outcome, tuple[str, ...], tuple[Refusal, ...], str]
_Refused = tuple[tuple[Refusal, ...], str]
Asked = tuple[tuple[str, ...], int, tuple[Refusal, ...], tuple[str, ...], dict[int, _Refused], dict[int, str]]
"""Fields once each, their mask as a signed number, the unknown ones refused, the known ones; what is refused and by
which path when none goes out, by the reason's number, and 256 more for a friend's consent; paths when all go out by
a person's own consent, by what `decide_simply` answered."""
Part = tuple[tuple[str, ...], int, int, int, int, int, int, int, bool]
"""Fields, app, purpose, region, scopes, usable scopes, what the rules let out, code, whether through a friend."""
_EVERY = 2**64 - 1
_SIDE = 256


class Answers(Machine):
    """A machine and the words for what it says."""

    def __init__(self, compiled: CompiledPolicy, consents: ConsentTable, budgets: Budgets, ties: Ties | None) -> None:
        """Begin with nothing remembered."""
        super().__init__(compiled, consents, budgets, ties)
        self.compiled = compiled
        self.asked: dict[tuple[str, ...], Asked] = {}
        self.simple: dict[tuple[str, ...], Asked] = {}
        """those of `asked` whose fields the policy knows"""
        self.held = 0
        """sayings and paths that are remembered in `asked`"""
        self.paths: dict[tuple[bool, int, int], str] = {}
        self.regions: dict[str | None, int] = {None: len(compiled.region_refuses) - 1}
        self.parts: dict[Part, _Said] = {}

    def look_at(self, fields: tuple[str, ...]) -> Asked:
        """Return what is to be known of a list of fields."""
        compiled = self.compiled
        names = tuple(dict.fromkeys(fields))
        known = tuple(name for name in names if name in compiled.field_bits)
        unknown = tuple(Refusal(name, UNKNOWN_FIELD) for name in names if name not in compiled.field_bits)
        mask = compiled.mask(known)
        asked: Asked = (names, mask - 2**64 if mask >> 63 else mask, unknown, known, {}, {})
        if len(self.asked) >= REMEMBERED:
            self._begin_again()
        self.asked[fields] = asked
        if not unknown:
            self.simple[fields] = asked
        return asked

    def region(self, code: str) -> int:
        """Return the row of a region's rules, and remember it."""
        if len(self.regions) >= REMEMBERED:
            self.regions.clear()
            self.regions[None] = len(self.compiled.region_refuses) - 1
        found = self.regions[code] = self.compiled.region(code) % len(self.compiled.region_refuses)
        return found

    def given(self, asked: Asked, answer: int) -> str:
        """Return the path of a decision that gives all that was asked, and remember it."""
        self._count_one()
        found = asked[5][answer] = self.path(answer ^ GIVEN, asked[1])
        return found

    def refused(self, asked: Asked, code: int, *, side: bool) -> _Refused:
        """Return what is refused, and by which path, when nothing goes out for one reason; and remember it."""
        self._count_one()
        names, _, unknown, known, wholes, _ = asked
        reason = CODES[code]
        by_name = {refusal.field: refusal for refusal in (*unknown, *(Refusal(name, reason) for name in known))}
        path = f"{'through' if side else 'own'}/-/{UNKNOWN_FIELD if unknown else reason}"
        found = wholes[code + _SIDE * side] = tuple(by_name[name] for name in names), path
        return found

    def _count_one(self) -> None:
        """Count what is remembered beside the fields; begin again when it is too much."""
        self.held += 1
        if self.held >= REMEMBERED:
            self._begin_again()

    def _begin_again(self) -> None:
        """Forget what was remembered of fields."""
        self.asked.clear()
        self.simple.clear()
        self.held = 0

    def path(self, usable: int, allowed: int, *, side: bool = False) -> str:
        """Return by whose consent and which scopes fields go out."""
        key = side, usable, allowed
        found = self.paths.get(key)
        if found is None:
            bits, mask = self.compiled.scopes, self.compiled.mask
            opening = [
                name
                for name, scope in self.compiled.policy.scopes.items()
                if usable >> bits.bit(name) & 1 and mask(scope.opens_of_friends if side else scope.opens) & allowed
            ]
            found = f"{'through' if side else 'own'}/{'+'.join(opening) or '-'}"
            if len(self.paths) >= REMEMBERED:
                self.paths = {}
            self.paths[key] = found
        return found

    def whole(self, identity: str, asked: Asked, code: int, side: bool) -> Decision:  # noqa: FBT001 - likewise
        """Return the decision that nothing goes out, for one reason."""
        refused, path = asked[4].get(code + _SIDE * side) or self.refused(asked, code, side=side)
        return Decision(identity, "refused", (), refused, self.compiled.hash, path)

    def part(self, identity: str, part: Part) -> Decision:
        """Return a decision that refuses some fields, or all for reasons of their own."""
        said = self.parts.get(part)
        if said is None:
            said = self._worked_out(part)
            if len(self.parts) >= REMEMBERED:
                self.parts = {}
            self.parts[part] = said
        return Decision(identity, said[0], said[1], said[2], self.compiled.hash, said[3])

    def _worked_out(self, part: Part) -> _Said:
        """Give each field its first reason."""
        names, app, purpose, region, scopes, usable, allowed, code, side = part
        compiled, budget = self.compiled, CODES[code >> BUDGET_SHIFT & 255]
        arrays = compiled.arrays
        need = int(arrays.purpose_needs[purpose]) if arrays.purpose_rule else _EVERY
        closed = compiled.region_refuses[region]
        reviewed = scopes & int(arrays.apps[app, REVIEWED])
        steps = (
            (~compiled.open_at_all[side], "closed-through-friends" if side else "closed"),
            (closed, "region"),
            (~need, "not-for-purpose"),
            (~compiled.opens(scopes & _EVERY)[side], "not-granted"),
            (~compiled.opens(reviewed & _EVERY)[side], "not-reviewed"),
            (~compiled.opens(reviewed & int(arrays.apps[app, CONTRACTED]) & _EVERY)[side], "no-contract"),
            (~allowed, "app-under-review"),
            (_EVERY if budget else 0, budget),
        )
        out, refused = [], []
        for name in names:
            bit = compiled.field_bits.get(name)
            why = UNKNOWN_FIELD if bit is None else next((reason for mask, reason in steps if mask & bit), None)
            if why is None:
                out.append(name)
            else:
                refused.append(Refusal(name, why))
        first = min((refusal.reason for refusal in refused), key=NUMBER.__getitem__, default="")
        path = self.path(usable, 0 if budget else allowed, side=side) + (first and f"/{first}")
        return "reduced" if out else "refused", tuple(out), tuple(refused), path
