"""Engine and scopes: session_scope() is the only commit, read_scope() never writes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from photogen_tasks.config import settings

BUSY_SECONDS = 30  # SQLite: how long a writer waits for the other writer
# Of the connection, for PostgreSQL: a peer that is gone is noticed within half a minute, not after hours.
ALIVE = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
WAITS = {"lock_timeout": 10, "statement_timeout": 30, "idle_in_transaction_session_timeout": 20}  # seconds
PING_AFTER_SECONDS = 2.0  # a connection that lay in the pool for so long is tried before it is used
USED_AT = "photogen_used_at"
READ_ONLY = "photogen_read_only"


@lru_cache(maxsize=1)
def engine() -> Engine:
    """The process's engine, made at first use so that spawned children make their own."""
    return make_engine(settings().database_url)


def make_engine(url: str) -> Engine:
    """An engine for PostgreSQL (psycopg) or SQLite (WAL, writers take the lock at BEGIN)."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(url, parsed.database)
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    made = create_engine(parsed, connect_args=ALIVE)
    event.listen(made, "connect", _limit_waits)
    event.listen(made, "checkin", _note_use)
    event.listen(made, "checkout", _ping_when_idle)
    return made


def _limit_waits(connection: Any, _: Any) -> None:
    """A client that is frozen within a transaction must not hold its locks, nor one that waits for them, for ever."""
    for name, seconds in WAITS.items():
        connection.execute(f"SET {name} = '{seconds}s'")
    connection.commit()


def _note_use(_: Any, record: ConnectionPoolEntry) -> None:
    record.info[USED_AT] = time.monotonic()


def _ping_when_idle(connection: Any, record: ConnectionPoolEntry, _: Any) -> None:
    """SQLAlchemy's own ping asks at every checkout, which costs a stage several round trips."""
    if time.monotonic() - record.info.get(USED_AT, time.monotonic()) < PING_AFTER_SECONDS:
        return
    try:
        connection.execute("")
        connection.rollback()
    except psycopg.Error as error:
        raise DisconnectionError("the server closed it meanwhile") from error  # the pool opens another


def _sqlite(url: str, database: str | None) -> Engine:
    if database:
        Path(database).parent.mkdir(parents=True, exist_ok=True)
    made = create_engine(url, connect_args={"timeout": BUSY_SECONDS})
    event.listen(made, "connect", _prepare_sqlite)
    event.listen(made, "begin", _begin_sqlite)
    return made


def _prepare_sqlite(connection: Any, _: Any) -> None:
    # The driver's own BEGIN is deferred: two such writers deadlock into "database is locked".
    connection.isolation_level = None
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    reads = connection.get_execution_options().get(READ_ONLY)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


@contextmanager
def session_scope() -> Iterator[Session]:
    """One transaction: commits at the end, rolls back on any exception."""
    with Session(engine(), expire_on_commit=False) as session, session.begin():
        yield session


@contextmanager
def read_scope() -> Iterator[Session]:
    """A transaction for looking only; on SQLite it never waits for a writer."""
    with Session(engine().execution_options(**{READ_ONLY: True}), expire_on_commit=False) as session:
        yield session
