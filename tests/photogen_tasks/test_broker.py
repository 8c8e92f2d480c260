"""Who cannot wait for the broker does not: a server that accepts and never answers costs seconds, once."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from kombu.connection import Connection

from photogen_tasks import broker, db, pipeline
from photogen_tasks.celery import app
from photogen_tasks.models import Outbox
from tests.conftest import forget_broker
from tests.photogen_tasks.conftest import make_customer


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A broker that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(app.conf, "broker_url", f"redis://127.0.0.1:{server.getsockname()[1]}/0")
        forget_broker()
        yield
        forget_broker()


def ping(connection: Connection) -> str:
    return type(connection.default_channel).__name__


def test_whoever_comes_after_a_failure_is_told_at_once(silent: None) -> None:
    with pytest.raises(broker.BrokerAway):
        broker.ask(ping)
    asked: list[Connection] = []
    with pytest.raises(broker.BrokerAway, match="a moment ago"):
        broker.ask(asked.append)
    assert not asked


def test_nobody_waits_as_long_as_a_worker_would() -> None:
    patient = app.conf.broker_transport_options["socket_timeout"]
    assert broker._impatient().transport_options["socket_timeout"] == broker.PATIENCE_SECONDS < patient


def test_a_submission_before_a_silent_broker_stays_in_the_outbox(sqlite: str, silent: None) -> None:
    job_id = make_customer("customer").job()
    assert not pipeline.send(job_id)
    with db.read_scope() as session:
        assert session.get_one(Outbox, job_id).tries == 1


def test_a_connection_that_died_in_the_pool_is_replaced(broker: str) -> None:
    from photogen_tasks import broker as asked

    assert asked.ask(ping) == "Channel"
    asked.ask(lambda connection: connection.default_channel.client.connection_pool.disconnect())
    assert asked.ask(lambda connection: connection.default_channel.client.ping())
