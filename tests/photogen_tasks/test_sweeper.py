"""What is lost is found again: unsent outboxes, expired leases, forgotten messages, deadlines, deleted jobs."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import select, update

from photogen_tasks import claims, db, erase, forgotten, jobs, pipeline, sweeper
from photogen_tasks.celery import app
from photogen_tasks.config import settings
from photogen_tasks.errors import TransientError
from photogen_tasks.models import Housekeeping, Job, Outbox, Photo, StageRow, StageRun
from photogen_tasks.stages import JobKind, Stage, Status
from photogen_tasks.storage import job_prefix, storage
from photogen_tasks.storage_local import LocalStorage
from tests.photogen_tasks.conftest import Customer
from tests.photogen_tasks.test_claims import held, job_row, refused


def waiting(queue: str) -> int:
    with app.connection_for_read() as connection:
        return int(connection.default_channel._size(queue))


def set_stage(job_id: str, **values: object) -> None:
    with db.session_scope() as session:
        session.execute(update(StageRow).where(StageRow.job_id == job_id).values(**values))


def test_the_outbox_is_sent_once(customer: Customer, broker: str) -> None:
    customer.job()
    assert sweeper.sweep()["outbox_sent"] == 0  # whoever submitted the job is about to send it
    with db.session_scope() as session:
        session.execute(update(Outbox).values(created_at=1.0))
    assert sweeper.sweep()["outbox_sent"] == 1
    assert sweeper.sweep()["outbox_sent"] == 0
    assert waiting("cpu") == 1


def test_without_a_broker_the_job_waits_in_the_outbox(customer: Customer) -> None:
    job_id = customer.job()
    assert not pipeline.send(job_id)
    with db.read_scope() as session:
        row = session.scalars(select(Outbox).where(Outbox.job_id == job_id)).one()
    assert row.sent_at is None
    assert row.tries == 1


def test_an_expired_lease_goes_back_and_is_sent_again(customer: Customer, broker: str) -> None:
    job_id = customer.job()
    pipeline.send(job_id)
    held(job_id)
    set_stage(job_id, lease_until=1.0)
    done = sweeper.sweep()
    assert done["lease_expired"] == 1
    assert done["outbox_sent"] == 1
    assert refused(job_id, epoch=1) == "stale"
    assert held(job_id, epoch=2).attempt == 2


def test_a_stage_without_progress_goes_back_although_its_worker_lives(customer: Customer, broker: str) -> None:
    job_id = customer.job()
    pipeline.send(job_id)
    claim = held(job_id)
    claims.renew(claim, 0.5, "half", moved=False)
    assert sweeper.sweep()["stalled"] == 0
    set_stage(job_id, progress_at=1.0)
    claims.renew(claim, 0.5, "half", moved=False)
    assert sweeper.sweep()["stalled"] == 1
    row = job_row(job_id).stages[0]
    assert (row.status, row.failures, row.losses) == (Status.PENDING, 1, 0)
    assert claims.renew(claim, 0.6, "on").lost


def test_a_forgotten_message_is_sent_again_only_when_its_queue_is_empty(customer: Customer, broker: str) -> None:
    job_id = customer.job()
    pipeline.send(job_id)
    set_stage(job_id, pending_since=1.0)
    assert sweeper.sweep()["message_forgotten"] == 0  # the message still waits in its queue
    with app.connection_for_write() as connection:
        connection.default_channel.queue_purge("cpu")
    assert sweeper.sweep()["message_forgotten"] == 1
    assert job_row(job_id).epoch == 2
    assert waiting("cpu") == 1
    assert sweeper.sweep()["message_forgotten"] == 0


def overtaking(customer: Customer, epoch: int) -> str:
    """A job that waits in a queue that is not empty, while a worker holds another that came much later."""
    waits, runs = customer.job(), customer.job()
    for job_id in (waits, customer.job(), customer.job()):
        pipeline.send(job_id)
    for _ in range(epoch - 1):
        claims.release(held(runs), "draining")
    held(runs, epoch=epoch)
    set_stage(waits, pending_since=1.0)
    with db.session_scope() as session:
        session.execute(update(Outbox).values(sent_at=1.0))
    return waits


def test_who_was_overtaken_by_a_later_arrival_is_sent_again(customer: Customer, broker: str) -> None:
    waits = overtaking(customer, epoch=1)
    assert sweeper.sweep()["message_forgotten"] == 1
    assert job_row(waits).epoch == 2


def test_who_lost_a_worker_goes_first_and_overtakes_nobody(customer: Customer, broker: str) -> None:
    waits = overtaking(customer, epoch=2)
    assert sweeper.sweep()["message_forgotten"] == 0
    assert job_row(waits).epoch == 1


def test_a_message_that_a_starting_worker_holds_is_not_forgotten(customer: Customer, broker: str) -> None:
    """A training gets a fresh process: its message is out of the queue for as long as that takes to start."""
    job_id = customer.job()
    pipeline.send(job_id)
    with app.connection_for_read() as connection, connection.SimpleQueue(app.amqp.queues["cpu"]) as queue:
        message = queue.get(timeout=5)
        set_stage(job_id, pending_since=time.time() - 2 * settings().pending_seconds)
        assert sweeper.sweep()["message_forgotten"] == 0
        set_stage(job_id, pending_since=1.0)  # not for ever: the worker may have died before it claimed
        assert sweeper.sweep()["message_forgotten"] == 1
        message.ack()


def test_a_long_queue_hides_no_lost_message_of_another(customer: Customer, broker: str) -> None:
    lost = customer.job()
    with db.session_scope() as session:
        session.execute(update(Outbox).values(sent_at=1.0))
    set_stage(lost, pending_since=1000.0)
    with db.session_scope() as session:
        for number in range(forgotten.BATCH + 5):
            session.add(_waiting_for_training(session.get_one(Job, lost), number))
    with app.connection_for_write() as connection:
        app.send_task("photogen.train", args=({"job": "x", "epoch": 1},), connection=connection)
    assert sweeper.sweep()["message_forgotten"] == 1
    assert job_row(lost).epoch == 2


def _waiting_for_training(like: Job, number: int) -> Job:
    own = {"tenant_id": like.tenant_id, "subject_id": like.subject_id, "kind": JobKind.TRAIN, "params": {}}
    stages = [StageRow(name=Stage.TRAIN, seq=0, pending_since=float(number))]
    return Job(id=f"{number:032d}", deadline=like.deadline, stages=stages, **own)


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_job_that_somebody_holds_delays_no_other(customer: Customer, broker: str) -> None:
    frozen, other = customer.job(), customer.job()
    for job_id in (frozen, other):
        held(job_id)
    set_stage(frozen, lease_until=1.0)
    set_stage(other, lease_until=2.0)
    with db.session_scope() as session:
        claims.lock(session, frozen)
        assert sweeper.sweep()["lease_expired"] == 1
    assert job_row(other).epoch == 2
    assert sweeper.sweep()["lease_expired"] == 1


def test_a_chain_goes_on_from_the_first_unfinished_stage(customer: Customer, broker: str) -> None:
    job_id = customer.job()
    with db.session_scope() as session:
        claims.commit(session, held(job_id), "key", "0" * 64)
    pipeline.send(job_id)
    assert (waiting("cpu"), waiting("infer")) == (0, 1)


def test_a_deadline_ends_a_job(customer: Customer) -> None:
    job_id = customer.job()
    with db.session_scope() as session:
        session.execute(update(Job).values(deadline=1.0))
    sweeper.sweep()
    job = job_row(job_id)
    assert (job.status, job.error_code) == (Status.FAILED, "deadline_passed")


def test_a_deadline_closes_the_run_that_it_ends(customer: Customer) -> None:
    claim = held(customer.job())
    with db.session_scope() as session:
        session.execute(update(Job).values(deadline=1.0))
    sweeper.sweep()
    assert claims.renew(claim, 0.5, "too late").lost
    with db.read_scope() as session:
        run = session.scalars(select(StageRun)).one()
    assert run.outcome == "cancelled"
    assert run.ended_at is not None


def test_a_cancelled_job_whose_worker_died_still_ends(customer: Customer) -> None:
    job_id = customer.job()
    held(job_id)
    with db.session_scope() as session:
        jobs.cancel(session, jobs.get(session, customer.tenant_id, job_id))
    assert job_row(job_id).status == Status.RUNNING
    set_stage(job_id, lease_until=1.0)
    sweeper.sweep()
    sweeper.sweep()
    assert job_row(job_id).status == Status.CANCELLED


def test_a_deleted_job_is_erased_once_nobody_holds_it(customer: Customer) -> None:
    job_id = customer.job()
    claim = held(job_id)
    key = job_prefix(customer.tenant_id, job_id) + "preprocess/a1/x"
    storage().put_if_absent(key, b"customer")
    with db.session_scope() as session:
        jobs.delete(session, jobs.get(session, customer.tenant_id, job_id))
    sweeper.sweep()
    assert storage().size(key) is not None
    claims.cancelled(claim)
    sweeper.sweep()
    assert storage().size(key) is None
    job = job_row(job_id)
    assert job.erased_at is not None
    assert job.params == {}


def test_one_job_that_cannot_be_erased_holds_up_no_other(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Storage that is away for one job; everything else is real."""
    stuck, other = customer.job(), customer.job()
    whole = LocalStorage.delete_prefix

    def away(self: LocalStorage, prefix: str) -> int:
        if stuck in prefix:
            raise TransientError("storage_unavailable", "Storage cannot be reached.")
        return whole(self, prefix)

    for job_id in (stuck, other):
        with db.session_scope() as session:
            jobs.delete(session, jobs.get(session, customer.tenant_id, job_id))
    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "delete_prefix", away)
        sweeper.sweep()
    assert job_row(stuck).erased_at is None
    assert job_row(other).erased_at is not None
    sweeper.sweep()
    assert job_row(stuck).erased_at is not None


def test_photos_that_no_job_took_go_after_a_day(customer: Customer) -> None:
    old, young = customer.photos(2)
    with db.session_scope() as session:
        session.execute(update(Photo).where(Photo.id == old).values(created_at=1.0))
    assert erase.abandoned_photos() == 1
    with db.read_scope() as session:
        assert session.scalars(select(Photo.id)).all() == [young]


def test_what_was_mended_is_counted_and_a_healthy_tick_mends_nothing(customer: Customer) -> None:
    assert not any(sweeper.sweep().values())
    held(customer.job())
    with db.session_scope() as session:
        session.execute(update(StageRow).values(lease_until=1.0))
    sweeper.sweep()
    with db.read_scope() as session:
        assert session.get_one(Housekeeping, "lease_expired").count == 1


def test_used_up_attempts_end_the_job(customer: Customer) -> None:
    job_id = customer.job()
    held(job_id)
    with db.session_scope() as session:
        session.execute(
            update(StageRow)
            .where(StageRow.job_id == job_id, StageRow.name == Stage.PREPROCESS)
            .values(lease_until=1.0, losses=settings().max_losses - 1)
        )
    sweeper.sweep()
    assert job_row(job_id).error_code == "attempts_used_up"
