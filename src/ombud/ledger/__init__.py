"""The ledger: a C2SP tlog-tiles log that anyone can check without our code."""

from __future__ import annotations
