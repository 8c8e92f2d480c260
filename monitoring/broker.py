"""Looks at Redis: how many messages wait in each queue and how many are out, not acknowledged. Reads only."""

from __future__ import annotations

import json
from collections import Counter
from functools import lru_cache

from redis import Redis
from redis.exceptions import RedisError

from monitoring.snapshots import BrokerSnapshot
from photogen_tasks.celery import app
from photogen_tasks.config import settings
from photogen_tasks.queues import PRIVATE, QUEUES, shared

TIMEOUT_SECONDS = 3.0  # a broker that answers later is as good as gone
SCANNED = 1000  # keys that Redis looks at in one go
PRIORITY_MARKS = ("", "\x06\x163", "\x06\x166", "\x06\x169")  # kombu keeps a list for each step of priority


class UnreadableMessage(RedisError):
    """The broker's table of unacknowledged messages is not as kombu writes it."""


@lru_cache(maxsize=1)
def _redis() -> Redis:
    return Redis.from_url(
        settings().broker_url.get_secret_value(),
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
    )


def look() -> BrokerSnapshot:
    """One look at the broker. Raises RedisError when it does not answer in time."""
    return depths(_redis(), str(app.conf.broker_transport_options.get("global_keyprefix", "")))


def depths(redis: Redis, prefix: str) -> BrokerSnapshot:
    """Count by queue the messages below a key prefix; what waits for one worker alone counts to its role's queue."""
    names = [queue.name for queue in QUEUES]
    private = [bytes(key).decode() for key in redis.scan_iter(match=f"{prefix}{PRIVATE}*", count=SCANNED)]
    keys = [f"{prefix}{name}{mark}" for name in names for mark in PRIORITY_MARKS] + private
    pipeline = redis.pipeline(transaction=True)
    for key in keys:
        pipeline.llen(key)
    pipeline.hvals(f"{prefix}unacked")
    *lengths, unacked = pipeline.execute()
    ready: Counter[str] = Counter()
    for key, length in zip(keys, lengths, strict=True):
        ready[shared(key.removeprefix(prefix).partition("\x06\x16")[0])] += length
    out = Counter(shared(_queue_of(entry)) for entry in unacked)
    return BrokerSnapshot(
        ready={name: ready[name] for name in names}, unacked={name: out.get(name, 0) for name in names}
    )


def _queue_of(entry: bytes) -> str:
    """The routing key, which for our direct messages is the queue's name."""
    try:
        _message, _exchange, routing_key = json.loads(entry)
    except ValueError as error:
        raise UnreadableMessage(str(error)) from error
    return str(routing_key)
