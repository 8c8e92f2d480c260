"""Bytes that must go: a deleted job's photos, outputs and checkpoints, a deleted subject's weights."""

from __future__ import annotations

import structlog
from sqlalchemy import bindparam, delete, exists, select, update
from sqlalchemy.orm import Session

from photogen_tasks.db import read_scope, session_scope
from photogen_tasks.errors import TransientError
from photogen_tasks.models import Housekeeping, Image, Job, Photo, StageRow, db_now
from photogen_tasks.stages import TERMINAL, Stage, Status
from photogen_tasks.storage import job_prefix, photo_key, storage, subject_prefix

log = structlog.get_logger()
IMAGES_ERASED = "images_erased"
ABANDONED_SECONDS = 24 * 3600  # photos that no job took within a day

_judged = exists().where(
    StageRow.job_id == Photo.job_id, StageRow.name == Stage.PREPROCESS, StageRow.status == Status.SUCCEEDED
)
_over = exists().where(Job.id == Photo.job_id, Job.status.in_(TERMINAL))
JUDGED = select(Photo.id, Photo.key).where(Photo.erased_at.is_(None), _judged | _over)
GONE = update(Photo).where(Photo.id == bindparam("photo")).values(erased_at=db_now())


def erase(job_id: str) -> bool:
    """Erase a deleted job's bytes, unless a worker still holds one of its stages. True when nothing is left.

    The rows of images and photos go too; the job's own row stays as a tombstone without what was asked for.
    """
    with session_scope() as session:
        job = session.get_one(Job, job_id)
        if job.deleted_at is None or _held(job):
            return False
        prefixes = [job_prefix(job.tenant_id, job.id)]
        photos = session.scalars(select(Photo.id).where(Photo.job_id == job_id))
        prefixes += [photo_key(job.tenant_id, photo_id) for photo_id in photos]
        if job.subject.deleted_at is not None:
            prefixes.append(subject_prefix(job.tenant_id, job.subject_id))
    objects = sum(storage().delete_prefix(prefix) for prefix in prefixes)
    with session_scope() as session:
        session.execute(delete(Photo).where(Photo.job_id == job_id))
        _erase_images(session, job_id)
        job = session.get_one(Job, job_id)
        job.params, job.photo_set, job.photo_sheet, job.erased_at = {}, None, None, db_now()
    log.info("job erased; nothing of it is left", job=job_id, objects=objects)
    return True


def _erase_images(session: Session, job_id: str) -> None:
    """The rows go, their number stays: what was delivered is counted for good."""
    erased = session.execute(delete(Image).where(Image.job_id == job_id).returning(Image.id)).all()
    row = session.get(Housekeeping, IMAGES_ERASED, with_for_update=True)
    row = row or Housekeeping(action=IMAGES_ERASED, count=0)
    row.count += len(erased)
    session.add(row)


def _held(job: Job) -> bool:
    return any(row.status == Status.RUNNING for row in job.stages)


def erase_waiting() -> int:
    """Erase what deleted jobs left behind; how many of them. What fails is tried again next time."""
    with read_scope() as session:
        waiting = session.scalars(select(Job.id).where(Job.deleted_at.is_not(None), Job.erased_at.is_(None))).all()
    return sum(erase_or_wait(job_id) for job_id in waiting)


def erase_or_wait(job_id: str) -> bool:
    """erase(), leaving it to the next sweep when storage is away: the job is deleted already."""
    try:
        return erase(job_id)
    except TransientError as error:
        log.warning("job not erased; the sweeper will try again", job=job_id, error=error.sentence)
        return False


def originals(job_id: str | None = None) -> int:
    """Erase uploaded files that nobody will read again, of one job or of all; how many.

    Once the gate has judged a set, or its job is over, what is kept are crops without metadata. A phone's own file
    tells where it was taken.
    """
    query = JUDGED if job_id is None else JUDGED.where(Photo.job_id == job_id)
    with read_scope() as session:
        rows = session.connection().execute(query).all()
    for row in rows:
        storage().delete_prefix(row.key)
    if rows:
        with session_scope() as session:
            session.connection().execute(GONE, [{"photo": row.id} for row in rows])
    return len(rows)


def abandoned_photos() -> int:
    """Delete photos that no job took within a day; how many."""
    with session_scope() as session:
        old = (Photo.job_id.is_(None)) & (Photo.created_at < db_now() - ABANDONED_SECONDS)
        keys = session.scalars(delete(Photo).where(old).returning(Photo.key)).all()
    # After the commit: a photo that a job takes meanwhile must keep its bytes.
    for key in keys:
        storage().delete_prefix(key)
    return len(keys)
