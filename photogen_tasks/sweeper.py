"""Own process: sends the outbox, takes back expired leases, sends a chain's tail again. Never does a stage's work."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable
from itertools import takewhile
from typing import Any

import structlog
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from photogen_tasks import claims, erase, forgotten, jobs, orphans, pipeline, private_queues, upkeep, workers
from photogen_tasks.config import settings
from photogen_tasks.db import read_scope, session_scope
from photogen_tasks.errors import TransientError
from photogen_tasks.models import Job, Outbox, StageRow, db_now
from photogen_tasks.stages import TERMINAL, Stage, Status

log = structlog.get_logger()
BATCH = 100  # rows looked at per action and tick; the rest waits for the next tick
LOCK = 7_406_839  # one sweeper at a time sweeps; the others wait as spares
SUBMIT_SECONDS = 5.0  # who submits a job sends its chain; what lies here longer was not sent


def run(stop: threading.Event | None = None) -> None:
    """Sweep until told to stop by SIGTERM, SIGINT or the event."""
    stop = stop or _stop_on_signals()
    log.info("sweeper started", every=settings().sweeper_seconds)
    while not stop.is_set():
        try:
            sweep()
        except Exception as error:  # the next tick may find the world mended
            log.warning("sweep failed; trying again", error=str(error))
        stop.wait(settings().sweeper_seconds)


def _stop_on_signals() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


def sweep() -> dict[str, int]:
    """One tick: every action once. How many rows each one mended."""
    done = {
        "lease_expired": _each(_expired(), _take_back),
        "stalled": _each(_stalled(), _take_back_stalled),
        "cancelled": _each(_cancelled(), _end_cancelled),
        "deadline_passed": _each(_overdue(), _end_overdue),
        "worker_gone": workers.forget_dead(),
        "moved_from_private": private_queues.move_overdue(),
        "message_forgotten": _each(forgotten.stages(), _send_again),
        "outbox_sent": _send_unsent(),
        "orphans_erased": orphans.erase_all(),
    }
    _count({action: count for action, count in done.items() if count})
    erase.erase_waiting()
    return done


def _each(names: Iterable[tuple[str, Stage | None]], mend: Callable[[Session, str, Stage | None], bool]) -> int:
    """Mend rows one transaction each, so that one bad row holds up no other."""
    count = 0
    for job_id, stage in names:
        try:
            with session_scope() as session:
                # Who is locked is being worked at, or its holder is frozen: the others need not wait for that.
                if _locked(session) and claims.try_lock(session, job_id):
                    count += mend(session, job_id, stage)
        except SQLAlchemyError as error:
            log.warning("row not mended; trying again", job=job_id, error=str(error))
    return count


def _locked(session: Session) -> bool:
    """SQLite's writer lock is held since BEGIN; PostgreSQL needs one by name, given back at the commit."""
    if session.get_bind().dialect.name != "postgresql":
        return True
    return bool(session.scalar(text("select pg_try_advisory_xact_lock(:lock)").bindparams(lock=LOCK)))


def _expired() -> list[tuple[str, Stage | None]]:
    with read_scope() as session:
        query = select(StageRow.job_id, StageRow.name).where(
            StageRow.status == Status.RUNNING, StageRow.lease_until < db_now()
        )
        return [(row.job_id, Stage(row.name)) for row in session.execute(query.limit(BATCH))]


def _take_back(session: Session, job_id: str, stage: Stage | None) -> bool:
    row = session.scalar(
        select(StageRow)
        .where(StageRow.job_id == job_id, StageRow.name == stage, StageRow.status == Status.RUNNING)
        .where(StageRow.lease_until < db_now())
        .with_for_update()
    )
    if row is None or stage is None:
        return False
    log.warning("lease expired; the stage goes back", job=job_id, stage=stage.value, owner=row.owner)
    claim = claims.Claim(job_id, stage, row.fence, row.attempt)
    claims.close_run(session, claim, "lost")
    row.losses += 1
    session.flush()
    claims.give_back(session, job_id, stage)
    return True


def _stalled() -> list[tuple[str, Stage | None]]:
    with read_scope() as session:
        query = select(StageRow.job_id, StageRow.name).where(_stuck())
        return [(row.job_id, Stage(row.name)) for row in session.execute(query.limit(BATCH))]


def _stuck() -> Any:
    """Its worker lives and its work does not move; the worker's heartbeat ends it once the lease is gone."""
    return (StageRow.status == Status.RUNNING) & (StageRow.progress_at < db_now() - settings().stall_seconds)


def _take_back_stalled(session: Session, job_id: str, stage: Stage | None) -> bool:
    named = (StageRow.job_id == job_id) & (StageRow.name == stage)
    row = session.scalar(select(StageRow).where(named, _stuck()).with_for_update())
    if row is None or stage is None:
        return False
    log.error("no progress; the stage goes back", job=job_id, stage=stage.value, owner=row.owner)
    sentence = f"The stage made no progress for {settings().stall_seconds:g} seconds."
    error = TransientError("stalled", sentence, ours=True)
    claims.close_run(session, claims.Claim(job_id, stage, row.fence, row.attempt), "failed", "TransientError", error)
    row.failures += 1
    session.flush()
    claims.give_back(session, job_id, stage, error)
    return True


def _cancelled() -> list[tuple[str, Stage | None]]:
    with read_scope() as session:
        running = select(StageRow.job_id).where(StageRow.status == Status.RUNNING)
        query = select(Job.id).where(
            Job.cancel_requested.is_(True), Job.status.not_in(TERMINAL), Job.id.not_in(running)
        )
        return [(job_id, None) for job_id in session.scalars(query.limit(BATCH))]


def _end_cancelled(session: Session, job_id: str, _: Stage | None) -> bool:
    return jobs.end(session, job_id, Status.CANCELLED)


def _overdue() -> list[tuple[str, Stage | None]]:
    with read_scope() as session:
        query = select(Job.id).where(Job.deadline < db_now(), Job.status.not_in(TERMINAL))
        return [(job_id, None) for job_id in session.scalars(query.limit(BATCH))]


def _end_overdue(session: Session, job_id: str, _: Stage | None) -> bool:
    sentence = "The job did not end within its deadline."
    return jobs.end(
        session, job_id, Status.FAILED, error_class="FatalError", error_code="deadline_passed", error=sentence
    )


def _send_again(session: Session, job_id: str, stage: Stage | None) -> bool:
    row = session.scalar(
        select(StageRow)
        .where(StageRow.job_id == job_id, StageRow.name == stage, StageRow.status == Status.PENDING)
        .with_for_update()
    )
    if row is None:
        return False
    log.warning("message forgotten by the broker; sending the tail again", job=job_id, stage=row.name)
    row.pending_since = db_now()
    claims.resend(session, job_id)
    return True


def _unsent() -> list[tuple[str, str, int]]:
    with read_scope() as session:
        query = (
            select(Outbox.id, Outbox.job_id, Outbox.epoch)
            .where(Outbox.kind == "chain", Outbox.sent_at.is_(None), Outbox.not_before <= db_now())
            .where((Outbox.epoch > 1) | (Outbox.created_at < db_now() - SUBMIT_SECONDS))
            .order_by(Outbox.created_at)
            .limit(BATCH)
        )
        return [(row.id, row.job_id, row.epoch) for row in session.execute(query)]


def _send_unsent() -> int:
    """Until the broker fails to answer: then all else would wait behind it."""
    return sum(1 for _ in takewhile(bool, (pipeline.send_row(*row) for row in _unsent())))


def _count(done: dict[str, int]) -> None:
    if not done:
        return
    with session_scope() as session:
        for action, count in done.items():
            upkeep.add(session, action, count)
