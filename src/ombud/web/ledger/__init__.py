"""The ledger for everybody: the files of the log, and pages that say what they are."""
