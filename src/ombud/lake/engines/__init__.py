"""Engines: one definition in SQL or as an Arrow kernel, run by DuckDB here or by Spark on a cluster."""
