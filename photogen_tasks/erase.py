"""Bytes that must go: a deleted job's photos, outputs and checkpoints, a deleted subject's weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import structlog
from sqlalchemy import Delete, Update, bindparam, delete, exists, select, update
from sqlalchemy.orm import Session

from photogen_tasks import upkeep
from photogen_tasks.db import read_scope, session_scope
from photogen_tasks.errors import TransientError
from photogen_tasks.models import Image, Job, Photo, StageRow, Tenant, db_now
from photogen_tasks.stages import TERMINAL, Stage, Status
from photogen_tasks.storage import answers, job_prefix, photo_key, storage, subject_prefix

log = structlog.get_logger()
IMAGES_ERASED = "images_erased"
ABANDONED_SECONDS = 24 * 3600  # photos that no job took within a day

_judged = exists().where(
    StageRow.job_id == Photo.job_id, StageRow.name == Stage.PREPROCESS, StageRow.status == Status.SUCCEEDED
)
_over = exists().where(Job.id == Photo.job_id, Job.status.in_(TERMINAL))
JUDGED = select(Photo.id, Photo.key).where(Photo.erased_at.is_(None), _judged | _over)
GONE = update(Photo).where(Photo.id == bindparam("photo")).values(erased_at=db_now())
DROP = delete(Photo).where(Photo.id == bindparam("photo"))


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
    upkeep.add(session, IMAGES_ERASED, len(erased))


def _held(job: Job) -> bool:
    return any(row.status == Status.RUNNING for row in job.stages)


def erase_waiting() -> int:
    """Erase what deleted jobs left behind; how many of them. What fails is tried again next time."""
    with read_scope() as session:
        waiting = session.scalars(select(Job.id).where(Job.deleted_at.is_not(None), Job.erased_at.is_(None))).all()
    return each(waiting, erase)


def erase_or_wait(job_id: str) -> bool:
    """erase(), leaving it to the next sweep whatever goes wrong: the job is deleted already."""
    try:
        return erase(job_id)
    except Exception as error:
        _log(job_id, error)
        return False


def each(names: Iterable[str], act: Callable[[str], int]) -> int:
    """The sum of what act() gave. A name that fails holds up no other, unless storage answers nobody."""
    done = 0
    for name in names:
        try:
            done += act(name)
        except Exception as error:
            _log(name, error)
            if not answers():
                break  # each of the others would wait for it as long
    return done


def _log(name: str, error: Exception) -> None:
    unexpected = not isinstance(error, TransientError)
    log.warning("not erased; will be tried again", of=name, error=str(error), exc_info=unexpected)


def originals(job_id: str | None = None) -> int:
    """Erase uploaded files that nobody will read again, of one job or of all; how many.

    Once the gate has judged a set, or its job is over, what is kept are crops without metadata. A phone's own file
    tells where it was taken.
    """
    query = JUDGED if job_id is None else JUDGED.where(Photo.job_id == job_id)
    with read_scope() as session:
        keys = {row.id: row.key for row in session.connection().execute(query)}
    erased = _erase_photos(keys)
    _execute(GONE, erased)
    return len(erased)


def _execute(statement: Delete | Update, photo_ids: list[str]) -> None:
    if photo_ids:
        with session_scope() as session:
            session.connection().execute(statement, [{"photo": photo_id} for photo_id in photo_ids])


def _erase_photos(keys: dict[str, str]) -> list[str]:
    """Erase the bytes of photos, given by id; ids of those that went. What fails is tried again next time."""
    erased = []

    def act(photo_id: str) -> int:
        storage().delete_prefix(keys[photo_id])
        erased.append(photo_id)
        return 1

    each(keys, act)
    return erased


def abandoned_photos() -> int:
    """Erase photos that no job took within a day, and uploads that came after their photo was erased; how many."""
    return _untaken() + _strays()


def _untaken() -> int:
    old = (Photo.job_id.is_(None)) & (Photo.created_at < db_now() - ABANDONED_SECONDS)
    # Marked first, so that no job takes them meanwhile; the rows go last, so that no bytes are forgotten.
    with session_scope() as session:
        marked = session.execute(update(Photo).where(old).values(erased_at=db_now()).returning(Photo.id, Photo.key))
        keys = {row.id: row.key for row in marked}
    erased = _erase_photos(keys)
    _execute(DROP, erased)
    return len(erased)


def _strays() -> int:
    """A permission to upload outlives its photo: what no row names, or names as erased, goes."""
    with read_scope() as session:
        tenants = session.scalars(select(Tenant.id)).all()
    return each(tenants, _strays_of)


def _strays_of(tenant_id: str) -> int:
    # Listed before the rows are read: a row comes before its upload, so that whoever lacks one has lost it.
    keys = list(storage().keys(photo_key(tenant_id, "")))
    if not keys:
        return 0
    with read_scope() as session:
        live = set(session.scalars(select(Photo.id).where(Photo.tenant_id == tenant_id, Photo.erased_at.is_(None))))
    strays = {key: key for key in keys if _photo_id(key) not in live}
    return len(_erase_photos(strays))


def _photo_id(key: str) -> str:
    """Of a photo's key, or of the file beside it that an upload to a local folder is written into."""
    return key.rpartition("/")[2].lstrip(".").partition(".")[0]
