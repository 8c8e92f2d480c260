"""The guard switched off, to prove the checker: a claim refuses nobody, a commit always holds, no beat is ever lost."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from photogen_tasks import claims, held_job
from photogen_tasks.claims import Beat, Claim, Ref
from photogen_tasks.db import session_scope
from photogen_tasks.models import Job, Outbox, StageRow, StageRun, db_now
from photogen_tasks.stages import Stage, Status


def claim(ref: Ref, stage: Stage, owner: str, *_: Any, **__: Any) -> Claim:
    """Whoever asks may work, whatever the row says."""
    job_id = str(ref["job"])
    with session_scope() as session:
        row = session.execute(
            update(StageRow)
            .where(_named(job_id, stage))
            .values(status=Status.RUNNING, fence=StageRow.fence + 1, attempt=StageRow.attempt + 1)
            .returning(StageRow.fence, StageRow.attempt)
        ).one()
        session.add(StageRun(job_id=job_id, stage=stage, attempt=row.attempt, fence=row.fence, worker=owner))
        return Claim(job_id, stage, row.fence, row.attempt, held_job.locked(session.connection(), job_id, stage))


def switch_off() -> None:
    """Take the guards out of photogen_tasks.claims, in this process alone."""
    setattr(claims, "commit", _commit)  # noqa: B010 - its parameters have other names
    claims.renew = lambda *_, **__: Beat()


def _commit(session: Session, held: Claim, manifest_key: str, manifest_sha256: str) -> bool:
    session.execute(
        update(StageRow)
        .where(_named(held.job_id, held.stage))
        .values(status=Status.SUCCEEDED, manifest_key=manifest_key, manifest_sha256=manifest_sha256)
    )
    last = session.scalar(select(StageRow.name).where(StageRow.job_id == held.job_id).order_by(StageRow.seq.desc()))
    if last == held.stage:
        done = {"status": Status.SUCCEEDED, "ended_at": db_now()}
        session.execute(update(Job).where(Job.id == held.job_id).values(**done))
        told = select(Outbox.id).where(Outbox.kind == "event", Outbox.job_id == held.job_id)
        if session.scalar(told) is None:
            session.add(Outbox(kind="event", job_id=held.job_id, payload={"type": "job.succeeded"}))
    return True


def _named(job_id: str, stage: Stage) -> Any:
    return (StageRow.job_id == job_id) & (StageRow.name == stage)
