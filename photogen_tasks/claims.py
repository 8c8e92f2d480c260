"""The life of a stage run: claim, renew, commit, release, fail. Leases, fences, attempts; no work is done here."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.orm import Session

from photogen_tasks import claim_statements as statements
from photogen_tasks import held_job, jobs
from photogen_tasks.config import settings
from photogen_tasks.db import read_scope, session_scope
from photogen_tasks.errors import PhotogenError
from photogen_tasks.held_job import HeldJob
from photogen_tasks.models import Job, Outbox, StageRow, db_now, new_id
from photogen_tasks.stages import Stage, Status

LONGEST_DELAY = 300.0  # seconds; what is away for minutes is asked ever more rarely

Ref = dict[str, Any]  # {"job": id, "epoch": n}: all that travels through the broker


@dataclass(frozen=True)
class Claim:
    """A held lease. `fence` grows with every claim of this stage; only its holder can commit."""

    job_id: str
    stage: Stage
    fence: int
    attempt: int
    job: HeldJob | None = field(default=None, compare=False, repr=False)  # for who works under it


@dataclass(frozen=True)
class Refusal:
    """Why this copy of the chain may not work: `done` lets it go on, anything else ends it here."""

    why: str

    @property
    def done(self) -> bool:
        return self.why == "done"


@dataclass(frozen=True)
class Beat:
    """What a heartbeat learnt: the lease is `lost`, or the job is to be `cancelled`."""

    lost: bool = False
    cancelled: bool = False


def claim(
    ref: Ref, stage: Stage, owner: str, gpu: str = "", base_model: str = "", claim_id: str | None = None
) -> Claim | Refusal:
    """Take the stage's lease by one UPDATE on the database's clock, and open its stage run.

    Who did not hear the answer asks again with the same `claim_id` and gets the lease that was taken.
    """
    job_id, epoch = str(ref["job"]), int(ref["epoch"])
    claim_id = claim_id or new_id()
    with session_scope() as session:
        connection = session.connection()
        job = held_job.locked(connection, job_id, stage)
        if job is None:
            return Refusal("unknown")
        named = {"job": job_id, "of_stage": stage, "epoch": epoch, "claim": claim_id, "worker": owner}
        row = connection.execute(statements.CLAIM, named | {"lease": settings().lease_seconds}).first()
        if row is None:
            taken = _claimed(session, job_id, stage, StageRow.claim_id == claim_id)
            return replace(taken, job=job) if taken else _refusal(connection, job, epoch, stage)
        run = {"job_id": job_id, "stage": stage, "attempt": row.attempt, "fence": row.fence}
        connection.execute(statements.OPEN_RUN, run | {"worker": owner, "gpu": gpu, "base_model": base_model})
        if job.status == Status.QUEUED:
            connection.execute(statements.START_JOB, {"job": job_id})
        return Claim(job_id, stage, row.fence, row.attempt, job)


def _refusal(connection: Connection, job: HeldJob, epoch: int, stage: Stage) -> Refusal:
    status = connection.scalar(statements.STATUS, {"job": job.id, "of_stage": stage})
    if status is None:
        return Refusal("unknown")
    if job.epoch != epoch:
        return Refusal("stale")
    if job.cancel_requested or job.status in (Status.FAILED, Status.CANCELLED):
        return Refusal("over")
    if status == Status.SUCCEEDED:
        return Refusal("done")
    return Refusal("held" if status == Status.RUNNING else "not_yet")


def of_owner(job_id: str, stage: Stage, owner: str) -> Claim | None:
    """The lease that this worker holds on the stage, if it does."""
    with read_scope() as session:
        return _claimed(session, job_id, stage, StageRow.owner == owner)


def held_by(owner: str) -> bool:
    """Does this worker hold any stage?"""
    with read_scope() as session:
        held = select(StageRow.job_id).where(StageRow.status == Status.RUNNING, StageRow.owner == owner)
        return session.scalar(held.limit(1)) is not None


def _claimed(session: Session, job_id: str, stage: Stage, whose: Any) -> Claim | None:
    running = (StageRow.job_id == job_id) & (StageRow.name == stage) & (StageRow.status == Status.RUNNING)
    row = session.execute(select(StageRow.fence, StageRow.attempt).where(running, whose)).first()
    return Claim(job_id, stage, row.fence, row.attempt) if row else None


def lock(session: Session, job_id: str) -> None:
    """Whoever changes a stage and its job locks the job first: in one order nobody waits in a circle."""
    session.connection().execute(statements.LOCK, {"job": job_id})


def _mine(claim: Claim) -> Any:
    return (
        (StageRow.job_id == claim.job_id)
        & (StageRow.name == claim.stage)
        & (StageRow.fence == claim.fence)
        & (StageRow.status == Status.RUNNING)
    )


def renew(claim: Claim, progress: float, line: str, *, moved: bool = True) -> Beat:
    """Push the lease on, write progress (0..1, one line for people, whether the work moved), read the flags."""
    values = {"lease_until": db_now() + settings().lease_seconds, "progress": progress, "line": line[:200]}
    if moved:
        values["progress_at"] = db_now()
    with session_scope() as session:
        held = session.execute(update(StageRow).where(_mine(claim)).values(values).returning(StageRow.job_id)).first()
        cancelled = session.scalar(select(Job.cancel_requested).where(Job.id == claim.job_id))
        return Beat(lost=held is None, cancelled=bool(cancelled))


def commit(session: Session, claim: Claim, manifest_key: str, manifest_sha256: str) -> bool:
    """Name the output in the row, if the fence still holds and nobody cancelled. False: fenced out."""
    connection = session.connection()
    output = {"key": manifest_key, "sha256": manifest_sha256}
    done = connection.execute(statements.COMMIT, _named(claim) | output).first()
    if done is None:
        return False
    close_run(session, claim, Status.SUCCEEDED)
    following = connection.execute(statements.NEXT_IS_DUE, {"job": claim.job_id, "next": done.seq + 1})
    if following.rowcount == 0:
        jobs.end(session, claim.job_id, Status.SUCCEEDED)
    return True


def _named(claim: Claim) -> dict[str, Any]:
    return {"job": claim.job_id, "of_stage": claim.stage, "of_fence": claim.fence}


def try_lock(session: Session, job_id: str) -> bool:
    """lock() for who has other work: False when somebody else holds the job just now."""
    return session.connection().scalar(statements.TRY_LOCK, {"job": job_id}) is not None


def holds(session: Session, claim: Claim) -> bool:
    """Is the stage still mine? After lock(), until the transaction ends."""
    return session.scalar(select(StageRow.job_id).where(_mine(claim))) is not None


def is_committed(session: Session, claim: Claim) -> bool:
    """After an unclear commit: is it my fence that the row calls succeeded?"""
    row = session.get(StageRow, (claim.job_id, claim.stage))
    return row is not None and row.status == Status.SUCCEEDED and row.fence == claim.fence


def release(claim: Claim, outcome: str, error: PhotogenError | None = None, delay: float = 0.0) -> None:
    """Give the stage back: `failed` counts as ours, `lost` as the machine's, `away` and `draining` as nobody's.

    What is away (storage, database) is asked ever more rarely, until the job's deadline.
    """
    with session_scope() as session:
        lock(session, claim.job_id)
        counts = {
            "failures": StageRow.failures + int(outcome == "failed"),
            "losses": StageRow.losses + int(outcome == "lost"),
        }
        row = session.execute(update(StageRow).where(_mine(claim)).values(**counts).returning(StageRow.job_id)).first()
        if row is None:
            return
        close_run(session, claim, outcome, "TransientError" if error else None, error)
        give_back(session, claim.job_id, claim.stage, error, delay)


def give_back(
    session: Session, job_id: str, stage: Stage, error: PhotogenError | None = None, delay: float = 0.0
) -> None:
    """Running to pending, epoch + 1, the tail of the chain into the outbox; or the end, when attempts are used up."""
    row = session.get_one(StageRow, (job_id, stage), populate_existing=True)
    if row.failures >= settings().max_failures or row.losses >= settings().max_losses:
        _give_up(session, row, error)
        return
    row.status, row.lease_until, row.claim_id = Status.PENDING, None, None
    delay = min(delay * 2 ** min(max(0, row.attempt - row.failures - 1), 10), LONGEST_DELAY)
    session.flush()
    session.execute(
        update(StageRow)
        .where(StageRow.job_id == job_id, StageRow.name == stage)
        .values(pending_since=db_now() + delay, not_before=db_now() + delay)
    )
    resend(session, job_id, delay)


def _give_up(session: Session, row: StageRow, error: PhotogenError | None) -> None:
    why = f" The last one: {error.sentence}" if error else ""
    sentence = f"Stage {row.name} ended after {row.attempt} attempts.{why}"
    row.status, row.error_code, row.error = Status.FAILED, "attempts_used_up", sentence
    row.lease_until, row.ended_at = None, db_now()
    session.flush()
    jobs.end(
        session,
        row.job_id,
        Status.FAILED,
        error_class="FatalError",
        error_code="attempts_used_up",
        error=sentence,
    )


def resend(session: Session, job_id: str, delay: float = 0.0) -> None:
    """Epoch + 1 and the tail of the same chain into the outbox."""
    epoch = session.scalar(update(Job).where(Job.id == job_id).values(epoch=Job.epoch + 1).returning(Job.epoch))
    session.add(Outbox(kind="chain", job_id=job_id, epoch=epoch, not_before=db_now() + delay))


def fail(claim: Claim, error: PhotogenError, error_class: str, trace: str = "") -> None:
    """End stage and job as failed; the run's row keeps the traceback of what is ours."""
    with session_scope() as session:
        lock(session, claim.job_id)
        row = session.execute(
            update(StageRow)
            .where(_mine(claim))
            .values(
                status=Status.FAILED,
                failures=StageRow.failures + 1,
                error_code=error.code,
                error=error.sentence,
                lease_until=None,
                ended_at=db_now(),
            )
            .returning(StageRow.job_id)
        ).first()
        if row is None:
            return
        close_run(session, claim, Status.FAILED, error_class, error, trace)
        jobs.end(
            session,
            claim.job_id,
            Status.FAILED,
            error_class=error_class,
            error_code=error.code,
            error=error.sentence,
        )


def cancelled(claim: Claim) -> bool:
    """The worker saw the flag, or its commit was refused: close the run and end the job, if it is to be cancelled."""
    with session_scope() as session:
        lock(session, claim.job_id)
        if not session.scalar(select(Job.cancel_requested).where(Job.id == claim.job_id)):
            return False
        close_run(session, claim, Status.CANCELLED)
        return jobs.end(session, claim.job_id, Status.CANCELLED)


def close_run(
    session: Session,
    claim: Claim,
    outcome: str,
    error_class: str | None = None,
    error: PhotogenError | None = None,
    trace: str = "",
) -> None:
    """Write down how this stage run ended; a run that is closed stays as it is."""
    ended = {
        "how": str(outcome),
        "of_class": error_class,
        "code": error.code if error else None,
        "said": trace or (error.sentence if error else None),
    }
    session.connection().execute(statements.CLOSE_RUN, _named(claim) | ended)
