"""Brings the database to the newest schema. Tables stand in models.py, the steps in migrations/versions."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from photogen_tasks.db import WAITS, engine

LOCK = 7_046_829_112  # any number that no other program on this PostgreSQL uses


def upgrade() -> None:
    """Run all missing migrations in one transaction; of several processes one works and the others wait."""
    with engine().begin() as connection:
        # On SQLite the transaction itself is the lock: it begins as a writer.
        if connection.dialect.name == "postgresql":
            for name in WAITS:  # a migration of a large table takes what it takes
                connection.execute(text(f"SET LOCAL {name} = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        command.upgrade(config(connection), "head")


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration without an ini file; env.py works on `connection` when there is one."""
    made = Config()
    made.set_main_option("script_location", (Path(__file__).parent / "migrations").as_posix())
    made.attributes["connection"] = connection
    return made
