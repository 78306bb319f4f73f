"""The gate: apps read people's data by a rule, and every read is on record."""

from __future__ import annotations
