"""The `ombud` command: one file a system, short shells over functions."""
