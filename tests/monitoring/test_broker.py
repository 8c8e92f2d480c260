"""The look at the broker counts the messages that kombu really wrote."""

from __future__ import annotations

import pytest
from redis import Redis
from redis.exceptions import RedisError

from monitoring.broker import depths
from photogen_tasks import queues
from photogen_tasks.celery import app

PREFIX = "photogen:"


def test_counts_ready_and_unacknowledged_messages(broker: str) -> None:
    with app.connection_for_write() as connection, Redis.from_url(broker) as redis:
        for task in ("photogen.train", "photogen.train", "photogen.matte"):
            app.send_task(task, args=({"job": "j", "epoch": 1},), connection=connection)
        before = depths(redis, PREFIX)
        consumer = connection.default_channel.basic_get("train", no_ack=False)
        assert consumer is not None
        during = depths(redis, PREFIX)
        connection.default_channel.basic_ack(consumer.delivery_tag)
        after = depths(redis, PREFIX)
    assert before.ready == {"cpu": 0, "train": 2, "infer": 1, "inspect": 0}
    assert during.ready["train"] == 1
    assert during.unacked == {"cpu": 0, "train": 1, "infer": 0, "inspect": 0}
    assert after.unacked["train"] == 0


def test_what_waits_for_one_worker_alone_counts_to_its_roles_queue(broker: str) -> None:
    own = queues.private("infer.a-worker@host")
    with app.connection_for_write() as connection, Redis.from_url(broker) as redis:
        for priority in (0, 3):
            told = {"connection": connection, "queue": own, "priority": priority}
            app.send_task("photogen.generate", args=({"job": "j", "epoch": 1},), **told)
        app.send_task("photogen.matte", args=({"job": "j", "epoch": 1},), connection=connection)
        message = connection.default_channel.basic_get(own.name, no_ack=False)
        assert message is not None
        seen = depths(redis, PREFIX)
        connection.default_channel.basic_ack(message.delivery_tag)
    assert seen.ready == {"cpu": 0, "train": 0, "infer": 2, "inspect": 0}
    assert seen.unacked == {"cpu": 0, "train": 0, "infer": 1, "inspect": 0}


def test_a_closed_port_is_an_error_not_a_zero() -> None:
    with Redis.from_url("redis://127.0.0.1:1/0") as redis, pytest.raises(RedisError):
        depths(redis, PREFIX)
