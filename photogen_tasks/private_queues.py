"""What waits in workers' private queues, and its way back to the role's queue. Nothing is sent to a private queue here.

A message is moved by one command of Redis: it is always in one queue or the other, and never in both.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from typing import Any

import structlog
from kombu.connection import Connection
from sqlalchemy import exists, select

from photogen_tasks import broker, workers
from photogen_tasks.celery import app
from photogen_tasks.config import settings
from photogen_tasks.db import read_scope
from photogen_tasks.models import Job, StageRow, Worker, db_now
from photogen_tasks.pipeline import task_id
from photogen_tasks.queues import PRIVATE, shared
from photogen_tasks.stages import Stage, Status

log = structlog.get_logger()
SCANNED = 1000  # keys that Redis looks at in one go; all that there are, usually
_waits = (StageRow.name == Stage.GENERATE) & (StageRow.status == Status.PENDING)
ANY_WAITS = select(exists().where(_waits))


@dataclass(frozen=True)
class Line:
    """Messages of one private queue and one priority: the ids of their tasks, the oldest first."""

    queue: str
    priority: str  # as kombu marks it in the key
    task_ids: tuple[str, ...]

    @property
    def key(self) -> str:
        return _prefix() + self.queue + self.priority

    @property
    def home(self) -> str:
        """Key of the same line of the role's queue."""
        return _prefix() + shared(self.queue) + self.priority


def _prefix() -> str:
    return str(app.conf.broker_transport_options["global_keyprefix"])


def _client(connection: Connection) -> Any:
    """Kombu's own, which puts the prefix before the keys of some commands; not of those used here."""
    channel: Any = connection.default_channel
    return channel.client


def look(connection: Connection) -> list[Line]:
    """All private queues that are not empty, whoever's they are: a row may be gone, a worker renamed."""
    client = _client(connection)
    keys = [bytes(key).decode() for key in client.scan_iter(match=f"{_prefix()}{PRIVATE}*", count=SCANNED)]
    return [_line(key, client.lrange(key, 0, -1)) for key in sorted(keys)]


def _line(key: str, messages: Sequence[bytes]) -> Line:
    queue, mark, step = key.removeprefix(_prefix()).partition("\x06\x16")
    return Line(queue, mark + step, tuple(_task_id(message) for message in reversed(messages)))


def _task_id(message: bytes) -> str:
    try:
        return str(json.loads(message)["headers"]["id"])
    except (ValueError, LookupError, TypeError):
        return ""


def move(connection: Connection, line: Line, count: int) -> int:
    """The oldest of a line to the end of the same line of the role's queue. How many there were."""
    client = _client(connection)
    moves = (client.lmove(line.key, line.home, "RIGHT", "LEFT") for _ in range(count))
    return sum(1 for _ in takewhile(lambda message: message is not None, moves))


def empty(queue: str) -> int:
    """Move all that waits in this private queue. Raises BrokerAway."""
    return broker.ask(
        lambda connection: sum(
            move(connection, line, len(line.task_ids)) for line in look(connection) if line.queue == queue
        )
    )


def move_overdue() -> int:
    """Move what waits for a worker that is gone, or longer than affinity may cost. How many."""
    with read_scope() as session:
        if not session.scalar(ANY_WAITS):
            return 0
    try:
        lines = broker.ask(look)
        moved = _move_overdue(lines) if lines else 0
    except broker.BrokerAway as away:
        log.warning("broker cannot be asked; nothing is moved now", error=str(away))
        return 0
    return moved


def _move_overdue(lines: Sequence[Line]) -> int:
    alive, patient = _alive(), _patient(lines)
    moved = 0
    for line in lines:
        lives = line.queue in alive
        over = [name for name in line.task_ids if name not in patient] if lives else line.task_ids
        if over:
            moved += broker.ask(partial(move, line=line, count=len(over)))
            log.info("waited for a worker; back to the role's queue", queue=line.queue, count=len(over), lives=lives)
            workers.doubt(line.queue)
    return moved


def _alive() -> set[str]:
    with read_scope() as session:
        return set(session.scalars(select(Worker.queue).where(workers.alive())))


def _patient(lines: Sequence[Line]) -> set[str]:
    """Ids of the tasks that have not waited long."""
    jobs = {name.partition(".")[0] for line in lines for name in line.task_ids}
    query = select(Job.id, Job.epoch).join(StageRow, StageRow.job_id == Job.id)
    young = StageRow.pending_since > db_now() - settings().affinity_seconds
    with read_scope() as session:
        rows = session.execute(query.where(Job.id.in_(jobs), _waits, young)).all()
    return {task_id(row.id, Stage.GENERATE, row.epoch) for row in rows}
