"""Thousands of jobs that wait: rows in bulk, and a message each in the queue of their first stage.

The messages lie at Redis's lowest priority, which the measured workers do not serve: nobody drains the backlog while it
is measured beside. The sweeper sees it as it sees every long queue. It writes, and measures nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from typing import Any

import redis
from celery import chain
from sqlalchemy import func, insert, select, text, update

from photogen_tasks.celery import app
from photogen_tasks.config import settings
from photogen_tasks.db import engine, read_scope, session_scope
from photogen_tasks.models import Base, Job, Outbox, Photo, StageRow, Subject, Tenant, db_now, new_id
from photogen_tasks.params import JobParams
from photogen_tasks.stages import JobKind, Stage, Status

BEHIND = 9  # priority; 0 goes first on Redis
QUEUE = f"{app.conf.broker_transport_options['global_keyprefix']}{Stage.PREPROCESS.spec.role}\x06\x16{BEHIND}"
PLACEHOLDER = "f" * 32


class Backlog:
    """Jobs of a tenant of their own; they stay until the servers go."""

    def __init__(self, count: int) -> None:
        self._tenant = new_id()
        jobs = [new_id() for _ in range(count)]
        with session_scope() as session:
            session.add(Tenant(id=self._tenant, name=f"waiting-{self._tenant}"))
        _write_rows(self._tenant, jobs)
        _send(jobs)
        self.refresh()
        with engine().begin() as connection:
            connection.execute(text("ANALYZE"))  # as autovacuum does after a minute

    def refresh(self) -> None:
        """Before each measurement: all have waited long enough for the sweeper to look at them, and not longer.

        A minute later they would seem to be overtaken by the measured jobs, and it would send them again.
        """
        waiting = StageRow.job_id.in_(select(Job.id).where(Job.tenant_id == self._tenant))
        waited = settings().pending_seconds + 1
        with session_scope() as session:
            session.execute(
                update(StageRow)
                .where(waiting, StageRow.name == Stage.PREPROCESS, StageRow.status == Status.PENDING)
                .values(pending_since=db_now() - waited)
                .execution_options(synchronize_session=False)
            )

    def size(self) -> int:
        """Messages that wait."""
        with _client() as client:
            return int(client.llen(QUEUE))

    def resent(self) -> int:
        """How many the sweeper sent again, and the workers then ran: 0, or the measurement was too slow to count."""
        query = select(func.count()).select_from(Job).where(Job.tenant_id == self._tenant, Job.epoch > 1)
        with read_scope() as session:
            return int(session.scalar(query) or 0)


def _client() -> redis.Redis:
    return redis.Redis.from_url(settings().broker_url.get_secret_value())


def _write_rows(tenant_id: str, jobs: Sequence[str]) -> None:
    """Jobs as jobs.create() leaves them once their chains were sent."""
    with session_scope() as session:
        now = float(session.scalar(select(db_now())) or 0.0)
        rows: dict[type[Base], list[dict[str, Any]]] = {}
        for job in jobs:
            for model, values in _rows(tenant_id, job, now):
                rows.setdefault(model, []).append(values)
        for model, many in rows.items():
            session.execute(insert(model), many)


def _rows(tenant_id: str, job: str, now: float) -> Iterator[tuple[type[Base], dict[str, Any]]]:
    """One job's, those first that others point to."""
    subject, stages = new_id(), JobKind.PORTRAIT.stages
    yield Subject, {"id": subject, "tenant_id": tenant_id, "class_noun": "person", "base_model": "pocket"}
    told = {"kind": JobKind.PORTRAIT, "params": JobParams().model_dump(mode="json")}
    deadline = now + settings().job_deadline_hours * 3600
    yield Job, {"id": job, "tenant_id": tenant_id, "subject_id": subject, "deadline": deadline, **told}
    photo = {"position": 0, "key": f"waiting/{job}", "filename": "a.jpg", "uploaded_at": now}
    yield Photo, {"tenant_id": tenant_id, "job_id": job, **photo}
    for seq, stage in enumerate(stages):
        yield StageRow, {"job_id": job, "name": stage, "seq": seq}
    yield Outbox, {"kind": "chain", "job_id": job, "epoch": 1, "sent_at": now}


def _send(jobs: Sequence[str]) -> None:
    """Send one chain as the product does, then copies of its message with the other jobs' ids."""
    signatures = [
        app.signature(
            stage.task,
            args=({"job": PLACEHOLDER, "epoch": 1},) if seq == 0 else (),
            task_id=f"{PLACEHOLDER}.{stage}.1",
            priority=BEHIND,
        )
        for seq, stage in enumerate(JobKind.PORTRAIT.stages)
    ]
    chain(*signatures).apply_async()
    with _client() as client:
        sample = client.rpop(QUEUE)
        assert isinstance(sample, bytes)
        client.lpush(QUEUE, *(_addressed(sample.decode(), job) for job in jobs))


def _addressed(sample: str, job: str) -> str:
    message = json.loads(sample.replace(PLACEHOLDER, job))
    body = base64.b64decode(message["body"]).decode().replace(PLACEHOLDER, job)
    message["body"] = base64.b64encode(body.encode()).decode()
    message["properties"]["delivery_tag"] = new_id()
    return json.dumps(message)
