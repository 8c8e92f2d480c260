"""What waits for one worker alone is never lost and never stuck: it dies, leaves, is slow, or Redis is emptied."""

from __future__ import annotations

import time

import pytest
import redis
from celery import chain
from sqlalchemy import select, update

from photogen_tasks import broker as broker_connections
from photogen_tasks import claims, db, idle, jobs, pipeline, private_queues, sweeper, worker
from photogen_tasks.celery import app
from photogen_tasks.config import settings
from photogen_tasks.models import StageRow, Worker
from photogen_tasks.queues import private
from photogen_tasks.stages import Stage, Status
from tests.photogen_tasks.conftest import Customer, make_customer
from tests.photogen_tasks.drawing import drawing, trained, waiting, worker_row
from tests.photogen_tasks.test_claims import job_row


@pytest.fixture
def artist(sqlite: str, broker: str) -> Customer:
    return make_customer("customer")


@pytest.fixture
def subject(artist: Customer) -> str:
    return trained(artist)


@pytest.fixture
def queue(artist: Customer, subject: str) -> str:
    """Of a worker that lives and holds the subject."""
    return worker_row("one", subject)


def sent(customer: Customer, subject: str, queue: str) -> str:
    """Id of a job whose first message waits in this private queue."""
    job_id = drawing(customer, subject)
    before = waiting(queue)
    assert pipeline.send(job_id)
    assert waiting(queue) == before + 1
    return job_id


def waited(job_id: str, seconds: float) -> None:
    with db.session_scope() as session:
        set_age = update(StageRow).where(StageRow.job_id == job_id).values(pending_since=time.time() - seconds)
        session.execute(set_age)


def task_ids(queue: str) -> list[str]:
    """Of what waits in a queue at the usual priority, the oldest first."""
    with app.connection_for_read() as connection:
        messages = connection.default_channel.client.lrange(f"photogen:{queue}\x06\x163", 0, -1)
    return [private_queues._task_id(message) for message in reversed(messages)]


def at_work(customer: Customer, name: str = "one") -> None:
    other = drawing(customer, trained(customer), lost=True)
    assert isinstance(claims.claim({"job": other, "epoch": 1}, Stage.GENERATE, name), claims.Claim)


def test_who_waits_briefly_for_a_living_worker_is_left_alone(artist: Customer, subject: str, queue: str) -> None:
    sent(artist, subject, queue)
    assert not any(sweeper.sweep().values())
    assert waiting(queue) == 1


def test_nobody_waits_longer_than_affinity_may_cost(artist: Customer, subject: str, queue: str) -> None:
    at_work(artist)
    old = sent(artist, subject, queue)
    young = sent(artist, subject, queue)
    waited(old, settings().affinity_seconds + 1)
    assert sweeper.sweep()["moved_from_private"] == 1
    assert (waiting(queue), waiting("infer")) == (1, 1)
    assert task_ids("infer") == [pipeline.task_id(old, Stage.GENERATE, 1)]
    assert job_row(old).epoch == job_row(young).epoch == 1
    assert sweeper.sweep()["moved_from_private"] == 0
    with db.read_scope() as session:
        assert session.scalars(select(Worker.name)).all() == ["one"]  # at work, not dead


def test_an_idle_worker_that_takes_nothing_is_sent_no_more(artist: Customer, subject: str, queue: str) -> None:
    waited(sent(artist, subject, queue), 16)
    sweeper.sweep()
    assert waiting("infer") == 1
    with db.read_scope() as session:
        assert session.scalars(select(Worker.name)).all() == []


def test_a_dead_workers_queue_is_emptied_in_order(artist: Customer, subject: str, queue: str) -> None:
    at_work(artist)
    names = [pipeline.task_id(sent(artist, subject, queue), Stage.GENERATE, 1) for _ in range(2)]
    with db.session_scope() as session:
        session.execute(update(Worker).values(seen_at=1.0))
    done = sweeper.sweep()
    assert (done["worker_gone"], done["moved_from_private"]) == (1, 2)
    assert task_ids("infer") == names
    assert waiting(queue) == 0


def test_a_queue_whose_row_is_gone_is_found_all_the_same(artist: Customer, subject: str, queue: str) -> None:
    """Its worker was renamed, or a publisher had looked just before it left."""
    sent(artist, subject, queue)
    with db.session_scope() as session:
        session.execute(Worker.__table__.delete())
    assert sweeper.sweep()["moved_from_private"] == 1
    assert waiting("infer") == 1


@pytest.mark.parametrize("priority", [pipeline.FIRST, pipeline.USUAL, 6, 9])
def test_a_message_keeps_its_priority(artist: Customer, subject: str, queue: str, priority: int) -> None:
    job_id = drawing(artist, subject)
    ref = {"job": job_id, "epoch": 1}
    app.send_task(Stage.GENERATE.task, args=(ref,), task_id="x.y.1", priority=priority, queue=private("infer.gone"))
    assert sweeper.sweep()["moved_from_private"] == 1
    mark = f"\x06\x16{priority}" if priority else ""
    with app.connection_for_read() as connection:
        assert connection.default_channel.client.llen(f"infer{mark}") == 1


def test_a_moved_message_is_taken_acknowledged_and_carries_its_chain(
    artist: Customer, subject: str, queue: str
) -> None:
    job_id = sent(artist, subject, queue)
    waited(job_id, 16)
    sweeper.sweep()
    with app.connection_for_read() as connection, connection.SimpleQueue(app.amqp.queues["infer"]) as taken:
        message = taken.get(timeout=5)
        assert message.payload[0] == [{"job": job_id, "epoch": 1}]
        assert [each["task"] for each in message.payload[2]["chain"]] == [Stage.UPSCALE.task]
        message.ack()
        assert connection.default_channel.client.hlen("unacked") == 0


def test_what_waits_in_a_private_queue_is_not_forgotten(
    artist: Customer, subject: str, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOGEN_AFFINITY_SECONDS", "1000")
    settings.cache_clear()
    job_id = sent(artist, subject, queue)
    waited(job_id, 2 * settings().pending_seconds)
    assert not any(sweeper.sweep().values())
    assert job_row(job_id).epoch == 1


def test_a_flushed_redis_loses_no_job(artist: Customer, subject: str, queue: str, operator_url: str) -> None:
    job_id = sent(artist, subject, queue)
    with redis.Redis.from_url(operator_url) as client:
        client.flushall()
    waited(job_id, settings().pending_seconds + 1)
    assert sweeper.sweep()["message_forgotten"] == 1
    assert job_row(job_id).epoch == 2
    assert (waiting(queue), waiting("infer")) == (0, 1)


def test_who_is_drawn_out_of_turn_makes_no_message_look_lost(artist: Customer, subject: str, queue: str) -> None:
    """The shared queue is long; a later job passes it by way of the private queue."""
    job_id = drawing(artist, trained(artist, "another"))
    assert pipeline.send(job_id)
    assert waiting("infer") == 1
    waited(job_id, 300)
    at_work(artist)
    assert sweeper.sweep()["message_forgotten"] == 0
    assert job_row(job_id).epoch == 1


def test_a_cancelled_job_leaves_nothing_behind_in_a_dead_workers_queue(
    artist: Customer, subject: str, queue: str
) -> None:
    job_id = sent(artist, subject, queue)
    with db.session_scope() as session:
        session.execute(Worker.__table__.delete())
        jobs.cancel(session, jobs.get(session, artist.tenant_id, job_id))
    drawing(artist, subject, lost=True)  # while nobody waits, the sweeper need not look
    sweeper.sweep()
    assert (waiting(queue), waiting("infer")) == (0, 1)
    assert job_row(job_id).status == Status.CANCELLED


def test_a_leaving_worker_empties_its_queue_and_drops_its_row(
    artist: Customer, subject: str, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work(artist)
    other = worker_row("two", trained(artist))
    at_work(artist, "two")
    names = [pipeline.task_id(sent(artist, subject, queue), Stage.GENERATE, 1) for _ in range(2)]
    monkeypatch.setenv("PHOTOGEN_WORKER_NAME", "one")
    monkeypatch.setenv("PHOTOGEN_PRIVATE_QUEUE", queue)
    settings.cache_clear()
    worker.leave_row()
    assert task_ids("infer") == names
    with db.read_scope() as session:
        assert session.scalars(select(Worker.queue)).all() == [other]
    worker.leave_row()  # told twice, it does no harm
    assert waiting("infer") == 2


def test_a_leaving_worker_without_a_broker_still_leaves(
    artist: Customer, subject: str, queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PHOTOGEN_WORKER_NAME", "one")
    monkeypatch.setenv("PHOTOGEN_PRIVATE_QUEUE", queue)
    settings.cache_clear()
    app.conf.broker_url = "redis://127.0.0.1:1/0"  # the fixture of the broker puts its own back
    app._after_fork()
    broker_connections.forget()
    worker.leave_row()
    with db.read_scope() as session:
        assert session.scalars(select(Worker.name)).all() == []


def test_an_idle_watch_counts_both_queues(artist: Customer, subject: str, queue: str) -> None:
    sent(artist, subject, queue)
    pipeline.send(drawing(artist, subject))
    assert idle.waiting(["infer", queue]) == 2


def test_a_chain_sent_whole_goes_to_a_private_queue_with_its_first_task_alone(artist: Customer, queue: str) -> None:
    ref = {"job": "0" * 32, "epoch": 1}
    first = app.signature(Stage.GENERATE.task, args=(ref,), priority=pipeline.USUAL)
    rest = app.signature(Stage.UPSCALE.task, priority=pipeline.USUAL)
    chain(first, rest).apply_async(queue=private(queue))
    with app.connection_for_read() as connection, connection.SimpleQueue(private(queue)) as taken:
        message = taken.get(timeout=5)
        assert "queue" not in message.payload[2]["chain"][0]["options"]
        message.ack()
