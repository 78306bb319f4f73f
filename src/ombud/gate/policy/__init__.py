"""Policies as data: the language, the policies that ship, and their compiled form."""

from __future__ import annotations

from ombud.gate.policy.compiled import CompiledPolicy, compile_policy
from ombud.gate.policy.faults import PolicyError
from ombud.gate.policy.language import Policy
from ombud.gate.policy.loading import BUILT_IN, load_policy, parse_policy
from ombud.gate.policy.publishing import publication, published
from ombud.gate.policy.scope_bits import ScopeBits

__all__ = [
    "BUILT_IN",
    "CompiledPolicy",
    "Policy",
    "PolicyError",
    "ScopeBits",
    "compile_policy",
    "load_policy",
    "parse_policy",
    "publication",
    "published",
]
