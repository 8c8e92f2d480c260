"""A job as the run of one of its stages needs it, read once under the job's lock. Nothing is written here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, select

from photogen_tasks.models import Job, StageRow, Subject
from photogen_tasks.stages import Stage

# Built once: every stage run executes them.
_JOB: BindParameter[str] = bindparam("job")
LOCK_AND_READ = (
    select(
        Job.id,
        Job.status,
        Job.epoch,
        Job.cancel_requested,
        Job.tenant_id,
        Job.subject_id,
        Job.params,
        Subject.class_noun,
        Subject.base_model,
        Subject.weights_manifest,
    )
    .join(Subject, Subject.id == Job.subject_id)
    .where(Job.id == _JOB)
    .with_for_update(of=Job)
)
MANIFESTS = select(StageRow.name, StageRow.manifest_key).where(StageRow.job_id == _JOB)


@dataclass(frozen=True)
class HeldJob:
    """`manifests` are the storage keys of this job's outputs so far, when the stage reads any."""

    id: str
    status: str
    epoch: int
    cancel_requested: bool
    tenant_id: str
    subject_id: str
    params: dict[str, Any]
    class_noun: str
    base_model: str
    weights_manifest: str | None
    manifests: dict[Stage, str]


def locked(connection: Connection, job_id: str, stage: Stage) -> HeldJob | None:
    """The job of this stage run; nobody changes it until the transaction ends. None when there is no such job."""
    row = connection.execute(LOCK_AND_READ, {"job": job_id}).first()
    if row is None:
        return None
    rows = connection.execute(MANIFESTS, {"job": job_id}).all() if stage.spec.reads else []
    manifests = {Stage(each.name): each.manifest_key for each in rows if each.manifest_key}
    return HeldJob(**row._mapping, manifests=manifests)
