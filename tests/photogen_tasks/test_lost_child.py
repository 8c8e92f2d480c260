"""A child that dies gives its stage back at once, and the row says of what."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from billiard.exceptions import WorkerLostError
from celery.worker.request import Request

from photogen_tasks import claims, lost_child
from photogen_tasks.config import settings
from photogen_tasks.stages import Stage, Status
from tests.photogen_tasks.conftest import Customer, make_customer
from tests.photogen_tasks.test_claims import job_row


@pytest.fixture
def customer(sqlite: str) -> Customer:
    return make_customer("customer")


def worked_at(job_id: str) -> None:
    found = claims.claim({"job": job_id, "epoch": 1}, Stage.PREPROCESS, settings().worker_name)
    assert isinstance(found, claims.Claim)


def died(job_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Celery's parent tells it."""
    monkeypatch.setattr(Request, "on_failure", lambda *_, **__: None)
    request = lost_child.StageRequest.__new__(lost_child.StageRequest)
    request.id = f"{job_id}.preprocess.1"
    request.on_failure(SimpleNamespace(exception=WorkerLostError("Worker exited prematurely: signal 9 (SIGKILL)")))


def test_a_killed_child_is_a_loss(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = customer.job()
    worked_at(job_id)
    died(job_id, monkeypatch)
    row = job_row(job_id).stages[0]
    assert (row.status, row.losses, row.failures) == (Status.PENDING, 1, 0)
    assert job_row(job_id).epoch == 2


def test_a_child_without_memory_is_our_failure(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = customer.job()
    kills = lost_child.oom_kills()
    for attempt in range(settings().max_failures):
        with claims.session_scope() as session:
            job = session.get_one(claims.Job, job_id)
            job.epoch = 1
            job.stages[0].not_before = 0
        worked_at(job_id)
        monkeypatch.setattr(lost_child, "oom_kills", lambda attempt=attempt: kills + attempt + 1)
        died(job_id, monkeypatch)
    job = job_row(job_id)
    assert (job.status, job.error_code) == (Status.FAILED, "attempts_used_up")
    assert job.error is not None
    assert "ran out of memory" in job.error
    assert (job.stages[0].failures, job.stages[0].losses) == (settings().max_failures, 0)


def test_a_child_killed_at_its_time_limit_is_our_failure(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = customer.job()
    worked_at(job_id)
    monkeypatch.setattr(Request, "on_timeout", lambda *_, **__: None)
    request = lost_child.StageRequest.__new__(lost_child.StageRequest)
    request.id = f"{job_id}.preprocess.1"
    request.on_timeout(True, 300)
    assert job_row(job_id).stages[0].status == Status.RUNNING  # the soft limit is the work's own to answer
    request.on_timeout(False, 360)
    row = job_row(job_id).stages[0]
    assert (row.status, row.losses, row.failures) == (Status.PENDING, 0, 1)


def test_memory_that_ran_out_before_this_stage_began_is_not_its_fault(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = customer.job()
    worked_at(job_id)
    monkeypatch.setattr(Request, "on_accepted", lambda *_, **__: None)
    kills = lost_child.oom_kills()
    monkeypatch.setattr(lost_child, "oom_kills", lambda: kills + 3)
    request = lost_child.StageRequest.__new__(lost_child.StageRequest)
    request.on_accepted(1, 0.0)
    died(job_id, monkeypatch)
    assert job_row(job_id).stages[0].losses == 1


def test_a_stage_that_somebody_else_holds_stays_his(customer: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = customer.job()
    assert isinstance(claims.claim({"job": job_id, "epoch": 1}, Stage.PREPROCESS, "another"), claims.Claim)
    died(job_id, monkeypatch)
    assert job_row(job_id).stages[0].status == Status.RUNNING
