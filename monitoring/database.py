"""Looks at the rows: totals, what runs, what waits. It reads and never writes."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import ColumnElement, and_, case, exists, func, select
from sqlalchemy.orm import Session, aliased

from monitoring.snapshots import DatabaseSnapshot, Durations
from photogen_tasks.db import read_scope
from photogen_tasks.erase import IMAGES_ERASED
from photogen_tasks.errors import FatalError, UsageError
from photogen_tasks.models import Housekeeping, Image, Job, Outbox, StageRow, StageRun, db_now
from photogen_tasks.stages import TERMINAL, JobKind, Role, Stage, Status

# Seconds. A preprocess takes one, an upscale on CPU a few, a training minutes to its limit of 90.
BOUNDS = (0.5, 1, 2, 5, 10, 20, 40, 60, 120, 300, 600, 1200, 1800, 3600, 5400)
MAX_ERRORS = 100  # label values; by first appearance, so that a restart names the same ones
OTHER = "other"
USAGE, FATAL = UsageError.__name__, FatalError.__name__
LOST = "lost"  # outcome of a stage run whose worker fell silent


def look() -> DatabaseSnapshot:
    """One look at the database. Raises sqlalchemy.exc.SQLAlchemyError when it cannot be reached."""
    with read_scope() as session:
        sweeper_actions = _counts(session, select(Housekeeping.action, Housekeeping.count))
        erased = sweeper_actions.pop(IMAGES_ERASED, 0)
        images = session.scalar(select(func.count()).select_from(Image)) or 0
        return DatabaseSnapshot(
            jobs_ended=_jobs_ended(session),
            job_failures=_job_failures(session),
            jobs_in_state=_jobs_in_state(session),
            durations=_durations(session),
            stage_failures=_stage_failures(session),
            running=_running(session),
            oldest_age=_oldest_age(session),
            sweeper_actions=sweeper_actions,
            outbox_age=_outbox_age(session),
            images=images + erased,
        )


def _counts(session: Session, query: Any) -> dict[Any, int]:
    """Rows of (key…, count) as a mapping."""
    return {row[0] if len(row) == 2 else tuple(row[:-1]): int(row[-1]) for row in session.execute(query)}


def _jobs_ended(session: Session) -> dict[tuple[str, str], int]:
    """With a zero for what never happened: Prometheus sees the first one only as a step up from there."""
    query = select(Job.kind, Job.status, func.count()).where(Job.status.in_(TERMINAL))
    never = {(kind, status): 0 for kind in JobKind for status in TERMINAL}
    return never | _counts(session, query.group_by(Job.kind, Job.status))


def _job_failures(session: Session) -> dict[tuple[str, str], int]:
    """Two kinds of failure only: the customer's to mend, and ours."""
    # Not labelled `error`: that is a column, and PostgreSQL would group by it.
    failure = case((Job.error_class == USAGE, USAGE), else_=FATAL).label("failure")
    query = select(Job.kind, failure, func.count()).where(Job.status == Status.FAILED)
    never = {(kind, name): 0 for kind in JobKind for name in (USAGE, FATAL)}
    return never | _counts(session, query.group_by(Job.kind, "failure"))


def _jobs_in_state(session: Session) -> dict[str, int]:
    found = _counts(session, select(Job.status, func.count()).group_by(Job.status))
    return {status: found.get(status, 0) for status in (Status.QUEUED, Status.RUNNING, *TERMINAL)}


def _durations(session: Session) -> dict[tuple[str, str], Durations]:
    took = StageRun.ended_at - StageRun.started_at
    within = [func.sum(case((took <= bound, 1), else_=0)) for bound in BOUNDS]
    query = (
        select(StageRun.stage, StageRun.outcome, func.count(), func.sum(took), *within)
        .where(StageRun.outcome.is_not(None), StageRun.ended_at.is_not(None))
        .group_by(StageRun.stage, StageRun.outcome)
    )
    return {
        (row[0], row[1]): Durations(int(row[2]), float(row[3]), tuple(int(n) for n in row[4:]))
        for row in session.execute(query)
    }


def _stage_failures(session: Session) -> dict[tuple[str, str], int]:
    """Runs that failed or were lost with their worker, by error code; a loss without one is `lost`."""
    error = func.coalesce(StageRun.error_code, StageRun.error_class, StageRun.outcome)
    query = (
        select(StageRun.stage, error, func.count(), func.min(StageRun.ended_at).label("first"))
        .where(StageRun.outcome.in_((Status.FAILED, LOST)))
        .group_by(StageRun.stage, error)
        .order_by("first", StageRun.stage, error)
    )
    failures: dict[tuple[str, str], int] = defaultdict(int)
    for stage, name, count, _ in session.execute(query):
        known = len(failures) < MAX_ERRORS or (stage, name) in failures
        failures[(stage, name if known else OTHER)] += count
    return failures


def _running(session: Session) -> dict[str, tuple[int, float]]:
    query = (
        select(StageRow.name, func.count(), func.avg(StageRow.progress))
        .where(StageRow.status == Status.RUNNING)
        .group_by(StageRow.name)
    )
    found = {name: (int(count), float(mean)) for name, count, mean in session.execute(query)}
    return {stage: found.get(stage, (0, 0.0)) for stage in Stage}


def _oldest_age(session: Session) -> dict[str, float]:
    """How long the oldest stage that could run now has waited, by the queue it waits in."""
    query = (
        select(StageRow.name, db_now() - func.min(StageRow.pending_since))
        .join(Job, Job.id == StageRow.job_id)
        .where(_runnable())
        .group_by(StageRow.name)
    )
    ages = {role.value: 0.0 for role in Role}
    for name, age in session.execute(query):
        queue = Stage(name).spec.role.value
        ages[queue] = max(ages[queue], float(age))
    return ages


def _runnable() -> ColumnElement[bool]:
    earlier = aliased(StageRow)
    blocked = exists().where(
        earlier.job_id == StageRow.job_id, earlier.seq < StageRow.seq, earlier.status != Status.SUCCEEDED
    )
    return and_(
        StageRow.status == Status.PENDING,
        StageRow.not_before <= db_now(),
        Job.status.not_in(TERMINAL),
        Job.cancel_requested.is_(False),
        ~blocked,
    )


def _outbox_age(session: Session) -> float:
    due = case((Outbox.not_before > Outbox.created_at, Outbox.not_before), else_=Outbox.created_at)
    age = session.scalar(
        select(db_now() - func.min(due)).where(
            Outbox.kind == "chain", Outbox.sent_at.is_(None), Outbox.not_before <= db_now()
        )
    )
    return max(0.0, float(age or 0.0))
