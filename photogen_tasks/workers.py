"""The rows of workers that draw: each says that it lives and what it holds in memory. Nobody's work depends on them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy import ColumnElement, bindparam, delete, exists, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from photogen_tasks.config import settings
from photogen_tasks.db import read_scope, session_scope
from photogen_tasks.models import StageRow, Worker, db_now
from photogen_tasks.stages import Role, Status
from photogen_tasks.upkeep import INSERT

log = structlog.get_logger()
LEASES = 3  # a worker unseen for so many lease lengths is gone
SUBJECTS, BASE_MODELS = 16, 4  # newest ones told; what the engine has dropped meanwhile costs its loading, no more

_NAME = bindparam("worker", type_=Worker.name.type)
# A row that somebody holds just now is left as it is: a hint is not worth a wait.
_own = select(Worker.name).where(Worker.name == _NAME).with_for_update(skip_locked=True).correlate(None)
HOLDS = update(Worker).where(Worker.name.in_(_own))
HOLDS = HOLDS.values(base_models=bindparam("now_base_models"), subjects=bindparam("now_subjects"), seen_at=db_now())


class Memory:
    """What this process holds, newest first."""

    def __init__(self) -> None:
        self.base_models: list[str] = []
        self.subjects: list[str] = []

    def add(self, base_model: str, subject_id: str | None = None) -> None:
        self.base_models = _newest(base_model, self.base_models, BASE_MODELS)
        if subject_id:
            self.subjects = _newest(subject_id, self.subjects, SUBJECTS)


def _newest(name: str, names: list[str], most: int) -> list[str]:
    return [name, *(other for other in names if other != name)][:most]


_memory = Memory()


def silence() -> float:
    """Seconds after which a worker that nobody saw is gone."""
    return LEASES * settings().lease_seconds


def alive() -> ColumnElement[bool]:
    """Of a row: was its worker seen lately?"""
    return Worker.seen_at > db_now() - silence()


def enter() -> None:
    """This worker starts: its memory is empty. By the parent, before its child."""
    _write({"base_models": [], "subjects": [], "started_at": db_now()})


def renew() -> None:
    """This worker lives. Who was taken for dead comes back with nothing in memory, until it has drawn again."""
    _write({})


def _write(changes: dict[str, Any]) -> None:
    with session_scope() as session:
        row = INSERT[session.get_bind().dialect.name](Worker)
        row = row.values(name=settings().worker_name, role=Role.INFER, queue=settings().private_queue)
        seen = {"queue": row.excluded.queue, "seen_at": db_now()} | changes
        session.execute(row.on_conflict_do_update(index_elements=[Worker.name], set_=seen))


def leave() -> None:
    """Nobody sends to this worker any more, except who has just looked."""
    with session_scope() as session:
        session.execute(delete(Worker).where(Worker.name == settings().worker_name))


def keep_renewing(stop: threading.Event) -> None:
    """Until told to stop; for a thread of the parent, which lives while its child works."""
    while not stop.wait(settings().lease_seconds):
        try:
            renew()
        except SQLAlchemyError as error:
            log.warning("cannot say that this worker lives; trying again", error=str(error))


def drew(session: Session, base_model: str, subject_id: str) -> None:
    """This process holds them now; in the transaction of the stage's commit, so that it costs none of its own."""
    if settings().private_queue:
        _memory.add(base_model, subject_id)
        _tell(session)


def _tell(session: Session) -> None:
    held = {"now_base_models": _memory.base_models, "now_subjects": _memory.subjects}
    session.connection().execute(HOLDS, held | {"worker": settings().worker_name})


def warm_up(load: Callable[[str], None]) -> None:
    """A fresh process says that it holds nothing, loads the base model, and says that. Failing harms nobody."""
    try:
        with session_scope() as session:
            _tell(session)
        if not settings().warm:
            return
        load(settings().base_model)
        _memory.add(settings().base_model)
        with session_scope() as session:
            _tell(session)
    except Exception as error:  # the first stage loads what it needs, and says what is wrong with it
        log.warning("not warmed up; the first stage loads the base model", error=str(error))


def forget_dead() -> int:
    """Drop the rows of workers that fell silent. How many."""
    with read_scope() as session:
        if session.scalar(select(Worker.name).where(~alive()).limit(1)) is None:
            return 0
    return _forget(~alive())


def doubt(queue: str) -> int:
    """Messages wait too long in this queue: if its worker is not at work it may be dead, and nobody sends it more.

    One that lives says so within a lease length.
    """
    works = exists().where(StageRow.status == Status.RUNNING, StageRow.owner == Worker.name)
    return _forget((Worker.queue == queue) & ~works)


def _forget(which: ColumnElement[bool]) -> int:
    with session_scope() as session:
        names = select(Worker.name).where(which).with_for_update(skip_locked=True).correlate(None)
        return len(session.scalars(delete(Worker).where(Worker.name.in_(names)).returning(Worker.name)).all())
