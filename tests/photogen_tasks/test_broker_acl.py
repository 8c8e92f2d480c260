"""The product's user on Redis does what Celery needs and is refused all else; nobody comes in without a password."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import chain
from celery.events import EventReceiver
from kombu import pools
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.retry import Retry

from photogen_tasks import broker_acl, local, private_queues, queues
from photogen_tasks.celery import app
from photogen_tasks.config import Settings
from tests.conftest import await_true, running
from tests.photogen_tasks import acl_worker

START_SECONDS = 90.0  # a cold import on a busy machine
SCRIPT = "return redis.call('SET', 'others:key', 1)"

COMMANDS = [
    "FLUSHALL",
    "FLUSHDB",
    "CONFIG SET maxmemory 1mb",
    "CONFIG GET *",
    "CONFIG REWRITE",
    "DEBUG SLEEP 0",
    "MODULE LIST",
    "MODULE LOAD /tmp/evil.so",
    "ACL WHOAMI",
    "ACL LIST",
    "ACL SETUSER photogen +@all",
    "SHUTDOWN NOSAVE",
    "REPLICAOF 127.0.0.1 1",
    "MIGRATE 127.0.0.1 1 photogen:x 0 1",
    "SLAVEOF NO ONE",
    "SAVE",
    "BGREWRITEAOF",
    "KEYS *",
    "INFO",
    "MONITOR",
    "CLIENT LIST",
    "CLIENT KILL ID 1",
    "CLIENT PAUSE 1",
    "SWAPDB 0 1",
    "SLOWLOG GET",
    "SCRIPT FLUSH",
    "SCRIPT KILL",
    "FUNCTION LIST",
    "FUNCTION FLUSH",
    "FCALL f 0",
    "CLUSTER RESET",
]
ELSEWHERE = [
    "GET others:key",
    "SET others:key 1",
    "DEL photogen:mine others:key",
    "BRPOP others:queue 1",
    "RENAME photogen:mine others:key",
    "PUBLISH others:channel x",
    "PUBLISH /0.celery.pidbox x",
    "SUBSCRIBE others:channel",
    "PSUBSCRIBE *",
    "PSUBSCRIBE photogen:*",
]


@contextmanager
def connected(url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(url, socket_timeout=10) as client:
        yield client


@pytest.fixture
def refusals(broker: str, operator_url: str) -> Iterator[Any]:
    """What Redis refused since this test began, as the operator reads it."""
    with connected(operator_url) as operator:
        operator.acl_log_reset()
        yield lambda: [(entry["reason"], entry["object"], entry["username"]) for entry in operator.acl_log()]


@pytest.mark.parametrize("command", COMMANDS + ELSEWHERE)
def test_refuses_what_no_message_needs(broker: str, command: str) -> None:
    # These a server may refuse to everybody, before it asks who it is.
    refused = "permission" if not command.startswith(("DEBUG", "MODULE")) else "permission|not allowed"
    with connected(broker) as client, pytest.raises(redis.ResponseError, match=f"(?i){refused}"):
        client.execute_command(*command.split())  # type: ignore[no-untyped-call]  # redis-py leaves it so


def test_a_script_reaches_no_further_than_its_caller(broker: str, operator_url: str) -> None:
    with connected(broker) as client, pytest.raises(redis.ResponseError, match=r"(?i)permission|ACL"):
        client.eval(SCRIPT, 0)
    with connected(operator_url) as operator:
        assert operator.exists("others:key") == 0


def test_the_operator_may_do_all(broker: str, operator_url: str) -> None:
    with connected(operator_url) as operator:
        assert operator.acl_whoami() == "default"
        assert operator.config_set("maxmemory", "0")
        assert operator.info("server")["tcp_port"]


def test_nobody_comes_in_without_the_right_password(redis_server: Settings) -> None:
    folder = redis_server.data_dir / "redis"
    right, operators = ((folder / name).read_text() for name in ("photogen-password", "password"))
    assert right != operators
    users = [None, "default", broker_acl.USER, "root"]
    wrong = [(user, password) for user in users for password in (None, "", "wrong", right, operators)]
    wrong = [
        pair for pair in wrong if pair not in [(None, operators), ("default", operators), (broker_acl.USER, right)]
    ]
    for user, password in wrong:
        at: dict[str, Any] = {"port": redis_server.redis_port, "socket_timeout": 10, "retry": Retry(NoBackoff(), 0)}
        with redis.Redis(**at, username=user, password=password) as client, pytest.raises(AuthenticationError):
            client.ping()


def test_the_prefix_is_celerys() -> None:
    assert f"~{app.conf.broker_transport_options['global_keyprefix']}*" in broker_acl.RULE.split()


def test_the_servers_config_holds_no_password(redis_server: Settings) -> None:
    folder = redis_server.data_dir / "redis"
    told = (folder / "redis.conf").read_text()
    assert told.count("\nuser ") == 2
    assert (folder / "password").read_text() not in told
    assert (folder / "photogen-password").read_text() not in told
    assert (folder / "password").read_text() not in "".join(local.environment(redis_server).values())


def test_an_overdue_message_comes_back_under_the_mutex(broker: str, refusals: Any) -> None:
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        app.send_task("photogen.train", args=({"job": "j", "epoch": 1},), connection=connection)
        taken = channel.basic_get("train", no_ack=False)
        assert taken is not None
        assert channel._size("train") == 0
        channel.qos.visibility_timeout = -1  # all that is out is overdue
        channel.qos.restore_visible()
        assert channel._size("train") == 1
        again = channel.basic_get("train", no_ack=False)
        assert again is not None
        assert again.properties["correlation_id"] == taken.properties["correlation_id"]
        channel.basic_ack(again.delivery_tag)
    with connected(broker) as client:
        assert client.hlen("photogen:unacked") == 0
    assert refusals() == []


def test_a_queue_is_counted_purged_and_deleted(broker: str, refusals: Any) -> None:
    with app.connection_for_write() as connection:
        for _ in range(3):
            app.send_task("photogen.train", args=({"job": "j", "epoch": 1},), connection=connection)
        assert app.control.purge(connection=connection) == 3
        connection.default_channel.queue_delete("train")
    assert refusals() == []


def test_a_private_queue_is_found_counted_and_emptied(broker: str, refusals: Any) -> None:
    own = queues.private("infer.a-worker@acl")
    with app.connection_for_write() as connection:
        for _ in range(3):
            app.send_task("photogen.generate", args=({"job": "j", "epoch": 1},), connection=connection, queue=own)
        assert connection.default_channel._size(own.name) == 3
        assert private_queues.empty(own.name) == 3
        assert connection.default_channel._size("infer") == 3
    assert refusals() == []


@contextmanager
def worker(folder: Path, broker: str, name: str) -> Iterator[int]:
    """A real worker with gossip and mingle, which the product's own leave out; its process id, once it listens."""
    env = os.environ | {"PHOTOGEN_BROKER_URL": broker, "PHOTOGEN_DRAIN_SECONDS": "1", "REMAP_SIGTERM": "SIGQUIT"}
    command = [sys.executable, "-m", "celery", "-A", "tests.photogen_tasks.acl_worker", "worker", "-Q", "cpu"]
    log = folder / f"{name}.log"
    with running([*command, "-n", f"{name}@acl", "-c", "1", "--loglevel", "INFO"], env, log) as process:
        await_true(lambda: "ready." in log.read_text(), f"the worker {name}", START_SECONDS)
        yield process.pid


@pytest.fixture
def mine(broker: str) -> Iterator[None]:
    """The test's own app speaks to this test's Redis."""
    before = acl_worker.app.conf.broker_url
    acl_worker.app.conf.broker_url = broker
    acl_worker.app.set_default()
    pools.reset()  # they are shared by address, and a test before this one has closed them
    yield
    acl_worker.app.conf.broker_url = before
    app.set_default()


@pytest.mark.slow
def test_a_worker_needs_no_more(mine: None, tmp_path: Path, broker: str, refusals: Any) -> None:
    """Chain, events, remote control, soft shutdown with its message given back, and the next worker taking it."""
    send = acl_worker.app.signature
    with worker(tmp_path, broker, "first") as pid, acl_worker.app.connection_for_write() as connection:
        ask = acl_worker.app.control.inspect(timeout=1, connection=connection)
        await_true(lambda: ask.ping() == {"first@acl": {"ok": "pong"}}, "the pong")
        succeeded = _events_of(chain(send("acl.mark", (str(tmp_path), "one")), send("acl.mark", ("two",))), connection)
        assert len(succeeded) == 2
        assert (tmp_path / "two").exists()
        send("acl.hold", (str(tmp_path),)).apply_async(connection=connection)
        await_true((tmp_path / "began").exists, "the task")
        os.kill(pid, signal.SIGTERM)
        await_true(lambda: _waiting(broker) == 1, "the message to come back")
    (tmp_path / "go-on").touch()
    with worker(tmp_path, broker, "second"):
        await_true((tmp_path / "ended").exists, "the task to end")
        await_true(lambda: _out(broker) == 0, "its message to be gone")
    assert (tmp_path / "began").read_text() == "xx"
    assert refusals() == []


def _events_of(work: Any, connection: Any) -> set[str]:
    """Ids of the tasks that said they succeeded, after the two of `work` were sent."""
    seen: set[str] = set()
    done = {"task-succeeded": lambda event: seen.add(event["uuid"])}
    with EventReceiver(connection, done, app=acl_worker.app).consumer_context() as (listening, _, _):
        work.apply_async(connection=connection)
        await_true(lambda: _drained(listening, seen), "the events")
    return seen


def _drained(connection: Any, seen: set[str]) -> bool:
    with suppress(TimeoutError):
        connection.drain_events(timeout=1)
    return len(seen) == 2


def _waiting(broker: str) -> int:
    with connected(broker) as client:
        return int(client.llen("photogen:cpu"))


def _out(broker: str) -> int:
    with connected(broker) as client:
        return int(client.hlen("photogen:unacked"))
