"""Connections to the broker for who cannot wait: the API before a customer, the sweeper before its other work.

A worker is patient, and uses the app's own. Nothing is sent here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from kombu import pools
from kombu.connection import Connection
from kombu.exceptions import LimitExceeded, OperationalError
from redis.exceptions import RedisError

from photogen_tasks.celery import app

PATIENCE_SECONDS = 2.0  # for connecting, for each answer, and for a free connection
REST_SECONDS = 2.0  # after a failure nobody asks again for so long: forty threads must not all wait for a dead broker
QUICK_SECONDS = 0.5  # a failure that comes so fast was a connection that lay in the pool while the broker restarted
T = TypeVar("T")

_rests_until = 0.0


class BrokerAway(Exception):
    """The broker did not answer in time, or just now did not answer another."""


def ask(question: Callable[[Connection], T]) -> T:
    """The answer, on a pooled connection, within seconds. It may be asked twice. Raises BrokerAway."""
    global _rests_until
    began = time.monotonic()
    if began < _rests_until:
        raise BrokerAway("it did not answer a moment ago")
    try:
        try:
            return _asked(question)
        except (OperationalError, RedisError, OSError):
            if time.monotonic() - began > QUICK_SECONDS:
                raise
            return _asked(question)
    except (OperationalError, RedisError, OSError, LimitExceeded) as error:
        _rests_until = time.monotonic() + REST_SECONDS
        raise BrokerAway(str(error)) from error


def _asked(question: Callable[[Connection], T]) -> T:
    with pools.connections[_impatient()].acquire(block=True, timeout=PATIENCE_SECONDS) as connection:
        try:
            connection.ensure_connection(max_retries=1, timeout=PATIENCE_SECONDS, interval_start=0)
            return question(connection)
        except BaseException:
            connection.collect()  # whoever takes it next gets a fresh one
            raise


def _impatient() -> Connection:
    times = {"socket_timeout": PATIENCE_SECONDS, "socket_connect_timeout": PATIENCE_SECONDS}
    connection: Connection = app.connection_for_write(connect_timeout=PATIENCE_SECONDS, transport_options=times)
    return connection


def forget() -> None:
    """Ask again at once, on fresh connections."""
    global _rests_until
    _rests_until = 0.0
    pools.reset()
