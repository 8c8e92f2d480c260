"""Objects of attempts that died: once a job is over, what no row names goes. Whole jobs are erase.py's matter."""

from __future__ import annotations

import structlog
from sqlalchemy import select, update

from photogen_tasks.config import settings
from photogen_tasks.db import read_scope, session_scope
from photogen_tasks.errors import TransientError
from photogen_tasks.manifests import NAME
from photogen_tasks.models import Job, db_now
from photogen_tasks.stages import TERMINAL
from photogen_tasks.storage import job_prefix, storage, subject_prefix

log = structlog.get_logger()
BATCH = 100  # jobs in one tick
LEASES = 3  # after the end: whoever still writes has lost the lease by then, and takes away what it wrote


def erase_all() -> int:
    """Look at jobs that ended a while ago, each once; how many objects went."""
    late = db_now() - LEASES * settings().lease_seconds
    over = Job.status.in_(TERMINAL) & (Job.ended_at < late) & Job.deleted_at.is_(None)
    with read_scope() as session:
        jobs = session.scalars(select(Job).where(over, Job.orphans_erased_at.is_(None)).limit(BATCH)).all()
    return sum(_erase_of(job) for job in jobs)


def _erase_of(job: Job) -> int:
    try:
        erased = sum(storage().delete_prefix(key) for key in _orphans(job))
    except TransientError as error:
        log.warning("orphans not erased; the next tick will try", job=job.id, error=error.sentence)
        return 0
    with session_scope() as session:
        session.execute(update(Job).where(Job.id == job.id).values(orphans_erased_at=db_now()))
    if erased:
        log.info("orphans erased", job=job.id, objects=erased)
    return erased


def _orphans(job: Job) -> list[str]:
    """Keys below the job's own prefixes that no committed manifest and no row names."""
    named = [row.manifest_key for row in job.stages] + [job.subject.weights_manifest]
    kept = tuple(key.removesuffix(NAME) for key in named if key)
    own = [job_prefix(job.tenant_id, job.id), f"{subject_prefix(job.tenant_id, job.subject_id)}{job.id}/"]
    keys = [key for prefix in own for key in storage().keys(prefix)]
    return [key for key in keys if not key.startswith(kept) and key != job.photo_sheet]
