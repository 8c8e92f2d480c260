"""Where a job is drawn: at a worker that holds its subject or base model in memory, else wherever it is its turn.

A hint and no promise: rows may be old, a worker may be slow, and its private queue is no safer than it is. What waits
too long there goes to the role's queue, see private_queues. Nothing is sent here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Float, bindparam, exists, select, true
from sqlalchemy.exc import SQLAlchemyError

from photogen_tasks import broker, queues, workers
from photogen_tasks.db import read_scope
from photogen_tasks.models import Job, StageRow, Subject, Worker, db_now
from photogen_tasks.stages import Role, Stage, Status

log = structlog.get_logger()
MOST_WAITING = 2  # messages in a private queue: a subject that everybody wants must not leave other workers idle
SHARED = Role.INFER.value

_works = exists().where(StageRow.status == Status.RUNNING, StageRow.owner == Worker.name)
# Built once: every job executes it.
HOLDERS = (
    select(Job.subject_id, Subject.base_model, Worker.queue, Worker.subjects, Worker.base_models, _works.label("works"))
    .select_from(Job)
    .join(Subject, Subject.id == Job.subject_id)
    .join(Worker, true())
    .where(Job.id == bindparam("job"), Worker.seen_at > db_now() - bindparam("silence", type_=Float))
)


@dataclass(frozen=True)
class Holder:
    """A worker that lives: is it at work, and has it this job's subject or base model in memory?"""

    queue: str
    works: bool
    subject: bool
    base_model: bool


def route(name: str, args: Sequence[Any] = (), _: Any = None, options: Any = None, **__: Any) -> dict[str, Any] | None:
    """Celery router. A chain that goes on comes here; whoever sends its first task has chosen already."""
    if name == Stage.GENERATE.task and "queue" not in (options or {}):
        ref = args[0] if args and isinstance(args[0], Mapping) else {}
        if chosen := choose(str(ref.get("job", "")), int(ref.get("epoch", 0))):
            return {"queue": queues.private(chosen)}
    return queues.route(name)


def choose(job_id: str, epoch: int) -> str | None:
    """Name of the private queue that this job's generate stage is sent to; None: its role's queue.

    A chain that was sent again has lost time already, and waits for nobody.
    """
    if queues.goes_first(epoch):
        return None
    try:
        holders = _holders(job_id)
        if not any(each.subject or _special(each, holders) for each in holders):
            return None
        return best(holders, broker.ask(lambda connection: _depths(connection, holders)))
    except (SQLAlchemyError, broker.BrokerAway) as error:
        log.warning("nobody to ask who holds the subject; the role's queue will do", job=job_id, error=str(error))
        return None


def _holders(job_id: str) -> list[Holder]:
    with read_scope() as session:
        rows = session.connection().execute(HOLDERS, {"job": job_id, "silence": workers.silence()}).all()
    return [
        Holder(row.queue, row.works, row.subject_id in row.subjects, row.base_model in row.base_models) for row in rows
    ]


def _depths(connection: Any, holders: Sequence[Holder]) -> dict[str, int]:
    names = [SHARED, *(each.queue for each in holders)]
    return {name: int(connection.default_channel._size(name)) for name in names}


def best(holders: Sequence[Holder], depths: Mapping[str, int]) -> str | None:
    """Somebody free who holds the subject, or the base model when others do not; else whoever is free.

    When all are at work: who holds the subject, while few wait for him; then who holds the base model, while nobody
    does and in the role's queue somebody.
    """
    free = [each for each in holders if not each.works and not depths[each.queue]]
    if free:
        fit = [each for each in free if each.subject] or [each for each in free if _special(each, free)]
        return fit[0].queue if fit else None
    near = [each for each in holders if each.subject and depths[each.queue] < MOST_WAITING]
    if not near and depths[SHARED]:
        near = [each for each in holders if _special(each, holders) and not depths[each.queue]]
    return min(near, key=lambda each: depths[each.queue]).queue if near else None


def _special(holder: Holder, among: Sequence[Holder]) -> bool:
    """Does it hold the base model while another does not? Where all do, whoever is free first is as good."""
    return holder.base_model and not all(each.base_model for each in among)
