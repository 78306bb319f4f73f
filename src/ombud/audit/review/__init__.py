"""The review of every app as a process that ends: moves, questions to developers, purposes, and who holds data."""
