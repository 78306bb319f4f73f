"""Schemas, identifiers, time, errors, findings and settings: what every floor shares."""
