"""Reviewing every app by what it could and did take, and auditing one to the bone."""
