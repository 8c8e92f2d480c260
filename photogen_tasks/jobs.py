"""The life of a job row: create, read, cancel, end, delete. Every query is scoped to its tenant."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import BindParameter, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from photogen_tasks.config import settings
from photogen_tasks.errors import NotFound, UsageError
from photogen_tasks.models import Image, Job, Outbox, Photo, StageRow, StageRun, Subject, db_now, new_id
from photogen_tasks.params import MAX_PHOTOS, JobParams
from photogen_tasks.stages import TERMINAL, JobKind, Stage, Status

# Built once: every job executes them.
_JOB: BindParameter[str] = bindparam("job")
END = (
    update(Job)
    .where(Job.id == _JOB, Job.status.not_in(TERMINAL))
    .values(
        status=bindparam("how"),
        ended_at=db_now(),
        error_class=bindparam("of_class"),
        error_code=bindparam("code"),
        error=bindparam("said"),
    )
    .returning(Job.epoch)
)
TAKE_PHOTO = (
    update(Photo)
    .where(Photo.id == bindparam("photo"), Photo.tenant_id == bindparam("tenant"))
    .where(Photo.job_id.is_(None), Photo.uploaded_at.is_not(None), Photo.erased_at.is_(None))
    .values(job_id=_JOB, position=bindparam("n"))
)
CANCEL_STAGES = update(StageRow).where(StageRow.job_id == _JOB)
CANCEL_STAGES = CANCEL_STAGES.where(StageRow.status.in_((Status.PENDING, Status.RUNNING)))
CANCEL_STAGES = CANCEL_STAGES.values(status=Status.CANCELLED, lease_until=None, ended_at=db_now())
CANCEL_RUNS = update(StageRun).where(StageRun.job_id == _JOB, StageRun.outcome.is_(None))
CANCEL_RUNS = CANCEL_RUNS.values(outcome=Status.CANCELLED, ended_at=db_now())


def create(
    session: Session,
    tenant_id: str,
    params: JobParams,
    *,
    photo_ids: Sequence[str] = (),
    subject_id: str | None = None,
    idempotency_key: str | None = None,
    request_sha256: str | None = None,
) -> Job:
    """Job, stage rows and outbox row in the caller's transaction. The outbox row bears the job's own id.

    Raises:
        UsageError: photos missing, not uploaded or used already; subject missing or untrained.
    """
    subject = _subject(session, tenant_id, params, subject_id)
    job = Job(
        id=new_id(),
        tenant_id=tenant_id,
        subject=subject,
        kind=params.kind,
        params=params.model_dump(mode="json"),
        idempotency_key=idempotency_key,
        request_sha256=request_sha256,
        deadline=db_now() + settings().job_deadline_hours * 3600,
        stages=[StageRow(name=stage, seq=seq) for seq, stage in enumerate(params.kind.stages)],
    )
    session.add(job)
    session.flush()
    _take_photos(session, job, list(photo_ids))
    session.connection().execute(insert(Outbox), {"id": job.id, "kind": "chain", "job_id": job.id, "epoch": 1})
    return job


def _subject(session: Session, tenant_id: str, params: JobParams, subject_id: str | None) -> Subject:
    if params.kind is not JobKind.GENERATE:
        if subject_id is not None:
            raise UsageError("subject_not_wanted", "Only a generate job names a subject; this one trains its own.")
        return Subject(id=new_id(), tenant_id=tenant_id, class_noun=params.class_noun, base_model=settings().base_model)
    found = get_subject(session, tenant_id, subject_id) if subject_id else None
    if found is None:
        raise UsageError("subject_missing", "A generate job needs the subject to draw.")
    if found.weights_manifest is None:
        raise UsageError("subject_untrained", "This subject has no weights yet: wait until its training ends.")
    return found


def get_subject(session: Session, tenant_id: str, subject_id: str) -> Subject:
    """Raises NotFound when the tenant has no such subject."""
    found = session.scalar(
        select(Subject).where(Subject.id == subject_id, Subject.tenant_id == tenant_id, Subject.deleted_at.is_(None))
    )
    if found is None:
        raise NotFound("subject", subject_id)
    return found


def _take_photos(session: Session, job: Job, photo_ids: list[str]) -> None:
    if Stage.PREPROCESS not in job.kind.stages:
        if photo_ids:
            raise UsageError("photos_not_wanted", "A generate job takes no photos: its subject is trained already.")
        return
    if not 1 <= len(photo_ids) <= MAX_PHOTOS or len(set(photo_ids)) != len(photo_ids):
        raise UsageError("bad_photo_count", f"Send between 1 and {MAX_PHOTOS} different photos of one person.")
    connection = session.connection()
    wanted = [{"photo": id_, "tenant": job.tenant_id, "job": job.id, "n": n} for n, id_ in enumerate(photo_ids)]
    if connection.execute(TAKE_PHOTO, wanted).rowcount != len(wanted):
        taken = set(connection.scalars(select(Photo.id).where(Photo.job_id == job.id)))
        photo_id = next(id_ for id_ in photo_ids if id_ not in taken)
        raise UsageError("photo_unusable", f"Photo {photo_id} is unknown, not uploaded, or in use already.")


def get(session: Session, tenant_id: str, job_id: str) -> Job:
    """Raises NotFound when the tenant has no such job, or deleted it."""
    found = session.scalar(select(Job).where(Job.id == job_id, Job.tenant_id == tenant_id, Job.deleted_at.is_(None)))
    if found is None:
        raise NotFound("job", job_id)
    return found


def by_idempotency_key(session: Session, tenant_id: str, key: str) -> Job | None:
    """The tenant's job that was submitted under this key, deleted or not."""
    return session.scalar(select(Job).where(Job.tenant_id == tenant_id, Job.idempotency_key == key))


def listing(
    session: Session,
    tenant_id: str,
    *,
    status: Status | None = None,
    before: str | None = None,
    limit: int = 50,
) -> list[Job]:
    """The tenant's jobs, newest first; `before` is the id of the last one seen."""
    query = select(Job).where(Job.tenant_id == tenant_id, Job.deleted_at.is_(None))
    if status is not None:
        query = query.where(Job.status == status)
    if before is not None:
        last = session.scalar(select(Job).where(Job.id == before, Job.tenant_id == tenant_id))
        if last is None:
            raise NotFound("job", before)
        older = (Job.created_at < last.created_at) | ((Job.created_at == last.created_at) & (Job.id < last.id))
        query = query.where(older)
    return list(session.scalars(query.order_by(Job.created_at.desc(), Job.id.desc()).limit(limit)))


def images(session: Session, tenant_id: str, job_id: str) -> list[Image]:
    """What the job drew, in order. Raises NotFound as get() does."""
    get(session, tenant_id, job_id)
    query = select(Image).where(Image.job_id == job_id, Image.tenant_id == tenant_id)
    return list(session.scalars(query.order_by(Image.position)))


def photos(session: Session, tenant_id: str, job_id: str) -> list[Photo]:
    """What the job was trained on, in order. Raises NotFound as get() does."""
    get(session, tenant_id, job_id)
    query = select(Photo).where(Photo.job_id == job_id, Photo.tenant_id == tenant_id)
    return list(session.scalars(query.order_by(Photo.position)))


def cancel(session: Session, job: Job) -> None:
    """Ask for the end; at once when no stage runs, else the worker's next heartbeat sees the flag."""
    if job.status in TERMINAL:
        return
    job.cancel_requested = True
    session.flush()
    running = session.scalar(select(func.count()).where(StageRow.job_id == job.id, StageRow.status == Status.RUNNING))
    if not running:
        end(session, job.id, Status.CANCELLED)


def end(
    session: Session,
    job_id: str,
    status: Status,
    *,
    error_class: str | None = None,
    error_code: str | None = None,
    error: str | None = None,
) -> bool:
    """Mark a job terminal, once; its unfinished stages and runs follow, and one event says so. False if it was over."""
    connection = session.connection()
    told = {"how": status, "of_class": error_class, "code": error_code, "said": error}
    epoch = connection.scalar(END, {"job": job_id} | told)
    if epoch is None:
        return False
    if status is not Status.SUCCEEDED:  # then nothing is unfinished
        for unfinished in (CANCEL_STAGES, CANCEL_RUNS):
            connection.execute(unfinished, {"job": job_id})
    event = {"kind": "event", "job_id": job_id, "epoch": epoch, "payload": {"type": f"job.{status.value}"}}
    connection.execute(insert(Outbox), event)
    return True


def delete(session: Session, job: Job, *, keep_subject: bool = False) -> None:
    """Make the job invisible now and stop it; the sweeper erases its bytes once no worker holds it."""
    cancel(session, job)
    job.deleted_at = db_now()
    if Stage.TRAIN in JobKind(job.kind).stages and not keep_subject and not _subject_in_use(session, job):
        job.subject.deleted_at = db_now()
        job.subject.weights_manifest = None


def _subject_in_use(session: Session, job: Job) -> bool:
    others = select(Job.id).where(Job.subject_id == job.subject_id, Job.id != job.id, Job.deleted_at.is_(None))
    return session.scalar(others.limit(1)) is not None
