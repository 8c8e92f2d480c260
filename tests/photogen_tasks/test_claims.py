"""A stage is held by one worker at a time, committed once, and every run leaves a row."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from photogen_tasks import claims, db, jobs
from photogen_tasks.claims import Claim, Refusal
from photogen_tasks.config import settings
from photogen_tasks.errors import FatalError, TransientError
from photogen_tasks.models import Job, Outbox, StageRow, StageRun
from photogen_tasks.stages import Stage, Status
from tests.photogen_tasks.conftest import Customer


def held(job_id: str, stage: Stage = Stage.PREPROCESS, epoch: int = 1) -> Claim:
    claim = claims.claim({"job": job_id, "epoch": epoch}, stage, "worker")
    assert isinstance(claim, Claim), claim
    return claim


def refused(job_id: str, stage: Stage = Stage.PREPROCESS, epoch: int = 1) -> str:
    refusal = claims.claim({"job": job_id, "epoch": epoch}, stage, "worker")
    assert isinstance(refusal, Refusal), refusal
    return refusal.why


def commit(claim: Claim) -> bool:
    with db.session_scope() as session:
        return claims.commit(session, claim, f"key-{claim.fence}", "0" * 64)


def job_row(job_id: str) -> Job:
    with db.read_scope() as session:
        return session.get_one(Job, job_id)


def runs(job_id: str) -> list[StageRun]:
    with db.read_scope() as session:
        return list(session.scalars(select(StageRun).where(StageRun.job_id == job_id).order_by(StageRun.started_at)))


def test_stages_come_in_order_and_the_last_ends_the_job(customer: Customer) -> None:
    job_id = customer.job()
    assert refused(job_id, Stage.MATTE) == "not_yet"
    for stage in Stage:
        assert commit(held(job_id, stage))
        assert refused(job_id, stage) == "done"
    job = job_row(job_id)
    assert job.status == Status.SUCCEEDED
    assert [run.outcome for run in runs(job_id)] == ["succeeded"] * 5
    with db.read_scope() as session:
        events = session.scalars(select(Outbox).where(Outbox.job_id == job_id, Outbox.kind == "event")).all()
    assert [event.payload for event in events] == [{"type": "job.succeeded"}]


def test_a_live_lease_is_respected(customer: Customer) -> None:
    job_id = customer.job()
    held(job_id)
    assert refused(job_id) == "held"


def test_of_many_at_once_one_gets_the_lease(customer: Customer) -> None:
    job_id = customer.job()
    got: list[Claim | Refusal] = []
    claimers = [
        threading.Thread(target=lambda: got.append(claims.claim({"job": job_id, "epoch": 1}, Stage.PREPROCESS, "w")))
        for _ in range(6)
    ]
    for thread in claimers:
        thread.start()
    for thread in claimers:
        thread.join()
    assert sum(isinstance(claim, Claim) for claim in got) == 1


def test_a_given_back_stage_moves_the_epoch_and_keeps_old_messages_out(customer: Customer) -> None:
    job_id = customer.job()
    old = held(job_id)
    claims.release(old, "lost", TransientError("storage_unavailable", "Storage is away."))
    assert refused(job_id, epoch=1) == "stale"
    new = held(job_id, epoch=2)
    assert new.fence > old.fence
    assert not commit(old)
    assert commit(new)
    assert [run.outcome for run in runs(job_id)] == ["lost", "succeeded"]


def test_a_delayed_stage_waits_for_its_time(customer: Customer) -> None:
    job_id = customer.job()
    claims.release(held(job_id), "lost", TransientError("away", "Away."), delay=60)
    assert refused(job_id, epoch=2) == "not_yet"


def test_failures_are_counted_and_capped(customer: Customer) -> None:
    job_id = customer.job()
    for attempt in range(settings().max_failures):
        claims.release(held(job_id, epoch=attempt + 1), "failed", TransientError("out_of_memory", "Out of memory."))
    job = job_row(job_id)
    assert (job.status, job.error_code, job.error_class) == (Status.FAILED, "attempts_used_up", "FatalError")
    assert "Out of memory" in (job.error or "")
    assert len(runs(job_id)) == settings().max_failures


def test_losses_have_a_longer_cap_of_their_own(customer: Customer) -> None:
    job_id = customer.job()
    for attempt in range(settings().max_losses):
        assert job_row(job_id).status in (Status.QUEUED, Status.RUNNING)
        claims.release(held(job_id, epoch=attempt + 1), "lost")
    assert job_row(job_id).status == Status.FAILED


def test_draining_counts_as_nobodys_fault(customer: Customer) -> None:
    job_id = customer.job()
    claims.release(held(job_id), "draining")
    with db.read_scope() as session:
        row = session.get_one(StageRow, (job_id, Stage.PREPROCESS))
    assert (row.status, row.failures, row.losses) == (Status.PENDING, 0, 0)


def test_a_failure_keeps_its_traceback_in_the_run_and_its_sentence_in_the_job(customer: Customer) -> None:
    job_id = customer.job()
    claims.fail(held(job_id), FatalError("ValueError", "It broke."), "FatalError", "Traceback: here")
    job = job_row(job_id)
    assert (job.status, job.error) == (Status.FAILED, "It broke.")
    assert runs(job_id)[0].error == "Traceback: here"
    assert refused(job_id) == "over"


def test_heartbeats_renew_and_learn_of_a_cancel(customer: Customer) -> None:
    job_id = customer.job()
    claim = held(job_id)
    assert claims.renew(claim, 0.5, "half") == claims.Beat()
    with db.session_scope() as session:
        jobs.cancel(session, jobs.get(session, customer.tenant_id, job_id))
    assert claims.renew(claim, 0.6, "more").cancelled
    assert not commit(claim)
    claims.cancelled(claim)
    assert job_row(job_id).status == Status.CANCELLED
    assert runs(job_id)[0].outcome == "cancelled"


def test_a_fenced_out_holder_learns_it(customer: Customer) -> None:
    job_id = customer.job()
    claim = held(job_id)
    claims.release(claim, "lost")
    assert claims.renew(claim, 0.5, "zombie").lost


def test_an_unclear_commit_is_recognised(customer: Customer) -> None:
    job_id = customer.job()
    claim = held(job_id)
    assert commit(claim)
    assert not commit(claim)
    with db.session_scope() as session:
        assert claims.is_committed(session, claim)


def test_leases_live_on_the_databases_clock(customer: Customer) -> None:
    job_id = customer.job()
    claim = held(job_id)
    with db.session_scope() as session:
        row = session.get_one(StageRow, (claim.job_id, claim.stage))
        assert row.lease_until is not None
        assert row.started_at is not None
        assert abs(row.lease_until - row.started_at - settings().lease_seconds) < 1
        session.execute(update(StageRow).values(lease_until=0))
    assert refused(job_id) == "held"  # taking back is the sweeper's business alone


def test_who_did_not_hear_the_answer_gets_the_lease_that_was_taken(customer: Customer) -> None:
    job_id = customer.job()
    ref = {"job": job_id, "epoch": 1}
    first = claims.claim(ref, Stage.PREPROCESS, "one", claim_id="mine")
    assert claims.claim(ref, Stage.PREPROCESS, "one", claim_id="mine") == first
    assert isinstance(claims.claim(ref, Stage.PREPROCESS, "one", claim_id="another"), claims.Refusal)


def test_a_job_has_one_event_and_the_database_knows(customer: Customer) -> None:
    job_id = customer.job()
    with db.session_scope() as session:
        jobs.end(session, job_id, Status.CANCELLED)
    with pytest.raises(IntegrityError), db.session_scope() as session:
        session.add(Outbox(kind="event", job_id=job_id, payload={"type": "job.failed"}))
