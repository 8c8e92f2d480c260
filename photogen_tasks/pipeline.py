"""submit(): write the row, commit, send the chain; cancel(). Tasks are named here, never imported."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import structlog
from celery import chain
from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import SQLAlchemyError

from photogen_tasks import affinity, broker, jobs
from photogen_tasks.celery import app
from photogen_tasks.db import read_scope, session_scope
from photogen_tasks.models import Job, Outbox, StageRow, db_now
from photogen_tasks.params import JobParams
from photogen_tasks.queues import goes_first, private
from photogen_tasks.stages import Stage, Status

log = structlog.get_logger()
# On Redis 0 goes first: a job that lost its worker has waited already and does not queue up again behind the others.
FIRST, USUAL = 0, 3
_tried = update(Outbox).where(Outbox.id == bindparam("row")).values(tries=Outbox.tries + 1)
TRIED, SENT = _tried, _tried.values(sent_at=db_now())


def submit(
    tenant_id: str,
    params: JobParams,
    *,
    photo_ids: Sequence[str] = (),
    subject_id: str | None = None,
    idempotency_key: str | None = None,
    request_sha256: str | None = None,
) -> Job:
    """Write the job, commit, then send its chain. A send that fails stays in the outbox and the job still runs.

    Raises:
        UsageError: see jobs.create().
    """
    with session_scope() as session:
        job = jobs.create(
            session,
            tenant_id,
            params,
            photo_ids=photo_ids,
            subject_id=subject_id,
            idempotency_key=idempotency_key,
            request_sha256=request_sha256,
        )
    _send_rest(job.id, job.id, job.epoch, list(job.kind.stages))
    return job


def cancel(tenant_id: str, job_id: str) -> Job:
    """Ask for the end of a job; see jobs.cancel(). Raises NotFound."""
    with session_scope() as session:
        job = jobs.get(session, tenant_id, job_id)
        jobs.cancel(session, job)
    with read_scope() as session:
        return jobs.get(session, tenant_id, job_id)


def send(job_id: str) -> bool:
    """Send what the outbox holds for this job and is due; False when the broker did not take it."""
    with read_scope() as session:
        rows = session.execute(
            select(Outbox.id, Outbox.epoch)
            .where(Outbox.kind == "chain", Outbox.job_id == job_id, Outbox.sent_at.is_(None))
            .where(Outbox.not_before <= db_now())
        ).all()
    return all([send_row(row.id, job_id, row.epoch) for row in rows])


def send_row(outbox_id: str, job_id: str, epoch: int) -> bool:
    """Send one outbox row and mark it. Sending twice is harmless: the claim decides."""
    return _send_rest(outbox_id, job_id, epoch, unfinished(job_id, epoch))


def _send_rest(outbox_id: str, job_id: str, epoch: int, tail: list[Stage]) -> bool:
    """The job is accepted already: nothing here may fail its submission."""
    try:
        if tail:
            _send_chain(job_id, epoch, tail)
        _mark(outbox_id, sent=True)
        return True
    except broker.BrokerAway as away:
        log.warning("chain not sent; the sweeper will try again", job=job_id, error=str(away))
        with suppress(SQLAlchemyError):
            _mark(outbox_id, sent=False)
    except SQLAlchemyError as error:
        log.warning("sent or not, the outbox could not be told; the sweeper sends again", job=job_id, error=str(error))
    return False


def unfinished(job_id: str, epoch: int) -> list[Stage]:
    """The stages that a chain of this epoch still has to run; empty when the job is over or the epoch is stale."""
    with read_scope() as session:
        job = session.get(Job, job_id)
        if job is None or job.epoch != epoch or job.status not in (Status.QUEUED, Status.RUNNING):
            return []
        names = session.scalars(
            select(StageRow.name)
            .where(StageRow.job_id == job_id, StageRow.status != Status.SUCCEEDED)
            .order_by(StageRow.seq)
        )
        return [Stage(name) for name in names]


def task_id(job_id: str, stage: Stage, epoch: int) -> str:
    """So that who looks for a job's id in Flower finds all its tasks."""
    return f"{job_id}.{stage}.{epoch}"


def _send_chain(job_id: str, epoch: int, tail: list[Stage]) -> None:
    ref = {"job": job_id, "epoch": epoch}
    priority = FIRST if goes_first(epoch) else USUAL
    signatures = [
        app.signature(
            stage.task,
            args=(ref,) if stage is tail[0] else (),
            task_id=task_id(job_id, stage, epoch),
            priority=priority,
        )
        for stage in tail
    ]
    # Chosen before the broker is held: a database that thinks must not keep others from it.
    to = _queue(job_id, epoch) if tail[0] is Stage.GENERATE else {}
    broker.ask(lambda connection: chain(*signatures).apply_async(connection=connection, retry=False, **to))


def _queue(job_id: str, epoch: int) -> dict[str, Any]:
    chosen = affinity.choose(job_id, epoch)
    return {"queue": private(chosen) if chosen else Stage.GENERATE.spec.role.value}


def _mark(outbox_id: str, *, sent: bool) -> None:
    with session_scope() as session:
        session.connection().execute(SENT if sent else TRIED, {"row": outbox_id})
