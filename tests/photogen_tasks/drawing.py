"""Subjects that are trained, jobs that draw them, and workers' rows, for tests of who draws what."""

from __future__ import annotations

from sqlalchemy import update

from photogen_tasks import db, jobs
from photogen_tasks.celery import app
from photogen_tasks.models import Outbox, Subject, Worker, db_now
from photogen_tasks.params import JobParams
from photogen_tasks.queues import private_name
from photogen_tasks.stages import JobKind, Role
from tests.photogen_tasks.conftest import Customer


def trained(customer: Customer, base_model: str = "pocket", weights: str = "weights") -> str:
    """Id of a subject with weights; `weights` is their manifest's key."""
    with db.session_scope() as session:
        row = Subject(tenant_id=customer.tenant_id, class_noun="man", base_model=base_model, weights_manifest=weights)
        session.add(row)
        session.flush()
        return row.id


def drawing(customer: Customer, subject_id: str, *, lost: bool = False) -> str:
    """Id of a fresh job that draws the subject. `lost`: as if its message had been sent, and nobody has it."""
    with db.session_scope() as session:
        wanted = JobParams(kind=JobKind.GENERATE)
        job_id = jobs.create(session, customer.tenant_id, wanted, subject_id=subject_id).id
        if lost:
            session.execute(update(Outbox).where(Outbox.job_id == job_id).values(sent_at=db_now()))
        return job_id


def worker_row(name: str, *subjects: str, base_model: str = "pocket", silent: float = 0.0) -> str:
    """A worker that holds these, last seen `silent` seconds ago; the name of its private queue."""
    queue = private_name(name)
    told = {"subjects": list(subjects), "base_models": [base_model] if base_model else []}
    with db.session_scope() as session:
        session.add(Worker(name=name, role=Role.INFER, queue=queue, seen_at=db_now() - silent, **told))
    return queue


def waiting(queue: str) -> int:
    """Messages in the broker."""
    with app.connection_for_read() as connection:
        return int(connection.default_channel._size(queue))
