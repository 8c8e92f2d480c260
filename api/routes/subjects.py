"""Subjects: list, look at, delete. Training one is a job."""

from __future__ import annotations

from fastapi import APIRouter

from api.deps import Before, Limit, SubjectId, Tenant
from api.errors import responses
from api.schemas import SubjectOut, SubjectsOut
from photogen_tasks import jobs, subjects
from photogen_tasks.db import read_scope

router = APIRouter(tags=["subjects"])


@router.get("/subjects", responses=responses(401, 404, 422, 503))
def list_subjects(tenant: Tenant, before: Before = None, limit: Limit = 50) -> SubjectsOut:
    """Your subjects, newest first."""
    with read_scope() as session:
        found = subjects.listing(session, tenant, before=before, limit=limit + 1)
    page = [SubjectOut.of(subject) for subject in found[:limit]]
    return SubjectsOut(subjects=page, next_before=page[-1].id if len(found) > limit else None)


@router.get("/subjects/{subject_id}", responses=responses(401, 404, 422, 503))
def get_subject(tenant: Tenant, subject_id: SubjectId) -> SubjectOut:
    """One subject."""
    with read_scope() as session:
        return SubjectOut.of(jobs.get_subject(session, tenant, subject_id))


@router.delete("/subjects/{subject_id}", status_code=204, responses=responses(401, 404, 409, 422, 503))
def delete_subject(tenant: Tenant, subject_id: SubjectId) -> None:
    """Delete a subject and its weights. Images that were drawn of it stay with their jobs."""
    subjects.delete(tenant, subject_id)
