"""Migrations make exactly the tables that models.py describes, on either database, once."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from photogen_tasks import migrate
from photogen_tasks.db import engine
from photogen_tasks.models import Base
from tests.conftest import forget


def test_the_migrated_tables_are_the_models(database: str) -> None:
    with engine().connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
        # compare_metadata looks at no nullable primary keys and no foreign keys on SQLite: look ourselves.
        inspector = inspect(connection)
        for table in Base.metadata.sorted_tables:
            found = {column["name"]: column["nullable"] for column in inspector.get_columns(table.name)}
            assert found == {column.name: column.nullable for column in table.columns}, table.name
            assert inspector.get_pk_constraint(table.name)["constrained_columns"] == [
                column.name for column in table.primary_key
            ]
            assert links(inspector.get_foreign_keys(table.name)) == {
                (link.parent.name, link.target_fullname) for link in table.foreign_keys
            }


def links(found: list[Any]) -> set[tuple[str, str]]:
    return {
        (link["constrained_columns"][0], f"{link['referred_table']}.{link['referred_columns'][0]}") for link in found
    }


def test_a_second_upgrade_changes_nothing(database: str) -> None:
    migrate.upgrade()
    with engine().connect() as connection:
        newest = ScriptDirectory.from_config(migrate.config()).get_current_head()
        assert MigrationContext.configure(connection).get_current_revision() == newest


def test_all_tables_go_on_the_way_back(database: str) -> None:
    with engine().begin() as connection:
        command.downgrade(migrate.config(connection), "base")
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
    migrate.upgrade()


def test_of_several_processes_one_migrates(database: str) -> None:
    with engine().begin() as connection:
        command.downgrade(migrate.config(connection), "base")
    forget()
    code = "from photogen_tasks import migrate; migrate.upgrade(); print('done')"
    several = [
        subprocess.Popen(
            [sys.executable, "-c", code], env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    ends = [process.communicate(timeout=60) for process in several]
    assert [out for out, _ in ends] == ["done\n"] * 3, ends
    test_the_migrated_tables_are_the_models(database)
