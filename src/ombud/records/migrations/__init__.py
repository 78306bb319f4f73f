"""The migrations of the records, the same for SQLite and PostgreSQL."""
