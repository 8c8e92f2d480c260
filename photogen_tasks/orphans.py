"""Objects of attempts that died: once a job is over, what no row names goes; once it is erased, what came after.

Whole jobs are erase.py's matter.
"""

from __future__ import annotations

import structlog
from sqlalchemy import ColumnElement, select, update

from photogen_tasks.config import settings
from photogen_tasks.db import read_scope, session_scope
from photogen_tasks.erase import each
from photogen_tasks.manifests import NAME
from photogen_tasks.models import Job, db_now
from photogen_tasks.stages import TERMINAL
from photogen_tasks.storage import job_prefix, storage, subject_prefix

log = structlog.get_logger()
BATCH = 100  # jobs in one tick
LEASES = 3  # after the end: whoever still writes has lost the lease by then, and takes away what it wrote


def erase_all() -> int:
    """Look at jobs that ended a while ago, and again at those that were erased, each once; how many objects went."""
    with read_scope() as session:
        jobs = {job.id: job for job in session.scalars(select(Job).where(_over() | _erased()).limit(BATCH))}
    return each(jobs, lambda job_id: _erase_of(jobs[job_id]))


def _over() -> ColumnElement[bool]:
    late = db_now() - _leases()
    return Job.status.in_(TERMINAL) & (Job.ended_at < late) & Job.deleted_at.is_(None) & Job.orphans_erased_at.is_(None)


def _erased() -> ColumnElement[bool]:
    """A frozen worker may wake in the middle of an upload, and a link to upload by lives on after the erasing."""
    late = db_now() - max(_leases(), settings().presign_seconds)
    looked_at_again = Job.orphans_erased_at.is_not(None) & (Job.orphans_erased_at > Job.erased_at)
    return (Job.erased_at < late) & ~looked_at_again


def _leases() -> float:
    return LEASES * settings().lease_seconds


def _erase_of(job: Job) -> int:
    erased = sum(storage().abort_uploads(prefix) for prefix in _own(job))
    erased += sum(storage().delete_prefix(key) for key in _orphans(job))
    with session_scope() as session:
        session.execute(update(Job).where(Job.id == job.id).values(orphans_erased_at=db_now()))
    if erased:
        log.info("orphans erased", job=job.id, objects=erased)
    return erased


def _own(job: Job) -> list[str]:
    """Where its workers write: its own prefix, and its part of the subject's."""
    return [job_prefix(job.tenant_id, job.id), f"{subject_prefix(job.tenant_id, job.subject_id)}{job.id}/"]


def _orphans(job: Job) -> list[str]:
    """Keys below the job's own prefixes that no committed manifest and no row names."""
    named = [job.subject.weights_manifest]
    if job.erased_at is None:
        named += [row.manifest_key for row in job.stages] + [job.photo_sheet]
    kept = tuple(key.removesuffix(NAME) for key in named if key)
    keys = [key for prefix in _own(job) for key in storage().keys(prefix)]
    return [key for key in keys if not key.startswith(kept)]
