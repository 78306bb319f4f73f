"""What Alembic runs: the migrations, on the connection that it is given."""

from __future__ import annotations

from alembic import context

from ombud.records.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    compare_type=True,
)
context.run_migrations()
