"""Alembic's way in: runs migrations on the connection of migrate.upgrade(), or on the settings' database."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from photogen_tasks.db import engine
from photogen_tasks.models import Base


def run(connection: Connection) -> None:
    """Batch mode, because SQLite cannot alter a table in place."""
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with engine().begin() as own:
        run(own)
