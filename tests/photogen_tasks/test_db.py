"""Connections that died in the pool, and transactions that end as a whole."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import text

from photogen_tasks import db
from photogen_tasks.models import Tenant


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_connection_that_died_while_idle_is_replaced(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "PING_AFTER_SECONDS", 0.0)
    with db.read_scope() as session:
        killed = session.scalar(text("select pg_backend_pid()"))
    with psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as other:
        other.execute("select pg_terminate_backend(%s)", (killed,))
    with db.session_scope() as session:
        assert session.scalar(text("select pg_backend_pid()")) != killed


def test_what_failed_half_way_leaves_nothing(database: str) -> None:
    def half_way() -> None:
        with db.session_scope() as session:
            session.add(Tenant(name="half"))
            session.flush()
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError):
        half_way()
    with db.read_scope() as session:
        assert session.query(Tenant).count() == 0
