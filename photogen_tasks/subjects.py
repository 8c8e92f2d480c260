"""Subjects, the trained persons: list and delete. Training and its weights are the stages' business."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from photogen_tasks import jobs
from photogen_tasks.db import session_scope
from photogen_tasks.errors import NotFound, UsageError
from photogen_tasks.models import Job, Subject, db_now
from photogen_tasks.stages import TERMINAL
from photogen_tasks.storage import storage, subject_prefix


def listing(session: Session, tenant_id: str, *, before: str | None = None, limit: int = 50) -> list[Subject]:
    """The tenant's subjects, newest first; `before` is the id of the last one seen, or NotFound."""
    query = select(Subject).where(Subject.tenant_id == tenant_id, Subject.deleted_at.is_(None))
    if before is not None:
        # Deleted since or not: the next page goes on where the last one ended.
        last = session.scalar(select(Subject).where(Subject.id == before, Subject.tenant_id == tenant_id))
        if last is None:
            raise NotFound("subject", before)
        same_moment = (Subject.created_at == last.created_at) & (Subject.id < last.id)
        query = query.where((Subject.created_at < last.created_at) | same_moment)
    return list(session.scalars(query.order_by(Subject.created_at.desc(), Subject.id.desc()).limit(limit)))


def delete(tenant_id: str, subject_id: str) -> None:
    """Erase a subject's weights, then the subject. A failure half-way leaves it there, untrained: try again.

    Raises:
        NotFound: the tenant has no such subject.
        UsageError: a job still needs it.
        TransientError: storage cannot be reached.
    """
    with session_scope() as session:
        subject = jobs.get_subject(session, tenant_id, subject_id)
        if _in_use(session, subject):
            raise UsageError("subject_in_use", "A job still works with this subject: cancel it or wait.", status=409)
        subject.weights_manifest = None
    storage().delete_prefix(subject_prefix(tenant_id, subject_id))
    with session_scope() as session:
        session.get_one(Subject, subject_id).deleted_at = db_now()


def _in_use(session: Session, subject: Subject) -> bool:
    unfinished = select(Job.id).where(Job.subject_id == subject.id, Job.status.not_in(TERMINAL))
    return session.scalar(unfinished.limit(1)) is not None
