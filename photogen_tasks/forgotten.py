"""Which pending stages has the broker forgotten? Asks rows and queues; sends nothing.

Age alone says nothing: a stage may wait for hours in a busy queue. Forgotten is whose queue is empty, and who was
overtaken by a later arrival; unless a worker holds its message and is only starting its process, or its message waits
for one worker alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from kombu.connection import Connection
from sqlalchemy import exists, select
from sqlalchemy.orm import Session, aliased

from photogen_tasks import broker, pipeline, private_queues
from photogen_tasks.celery import app
from photogen_tasks.config import settings
from photogen_tasks.db import read_scope
from photogen_tasks.models import Job, Outbox, StageRow, db_now
from photogen_tasks.queues import goes_first
from photogen_tasks.stages import TERMINAL, Role, Stage, Status

log = structlog.get_logger()
BATCH = 100  # of each role and tick, the oldest first
OVERTAKEN_SECONDS = 60  # so much later came who was claimed before
HELD = 6  # times pending_seconds: a message that a worker took is given this long until its process claims


@dataclass(frozen=True)
class Waiting:
    """A pending stage whose turn it is, for `age` seconds; `first`: its message goes before the usual ones."""

    job_id: str
    stage: Stage
    since: float
    age: float
    epoch: int

    @property
    def first(self) -> bool:
        return goes_first(self.epoch)

    @property
    def task_id(self) -> str:
        return pipeline.task_id(self.job_id, self.stage, self.epoch)


Claimed = dict[tuple[Role, bool], float]  # by role and `first`: the latest arrival that a worker holds


def stages() -> list[tuple[str, Stage | None]]:
    """Job ids and stages to be sent again; none when the broker cannot be asked."""
    with read_scope() as session:
        due = [waiting for role in Role for waiting in _due(session, role)]
        claimed = _latest_claimed(session) if due else {}
    try:
        empty, held = broker.ask(_look) if due else (set(), set())
    except broker.BrokerAway as away:
        log.warning("broker cannot be asked; nothing is sent again now", error=str(away))
        return []
    patience = HELD * settings().pending_seconds
    lost = [each for each in due if each.stage.spec.role in empty or _overtaken(each, claimed)]
    return [(each.job_id, each.stage) for each in lost if each.task_id not in held or each.age > patience]


def _overtaken(waiting: Waiting, claimed: Claimed) -> bool:
    """Was a later arrival claimed that should have come after? Who goes first may pass the others."""
    rivals = (True, False) if waiting.first else (False,)
    latest = max(claimed.get((waiting.stage.spec.role, first), 0.0) for first in rivals)
    return latest > waiting.since + OVERTAKEN_SECONDS


def _due(session: Session, role: Role) -> Iterator[Waiting]:
    """Of one role, so that a long queue hides no other's: open jobs with nothing unsent, pending for a while."""
    earlier = aliased(StageRow)
    blocked = exists().where(
        earlier.job_id == StageRow.job_id, earlier.seq < StageRow.seq, earlier.status != Status.SUCCEEDED
    )
    unsent = exists().where(Outbox.job_id == Job.id, Outbox.kind == "chain", Outbox.sent_at.is_(None))
    own = [stage for stage in Stage if stage.spec.role is role]
    age = (db_now() - StageRow.pending_since).label("age")
    query = (
        select(StageRow.job_id, StageRow.name, StageRow.pending_since, age, Job.epoch)
        .join(Job, Job.id == StageRow.job_id)
        .where(StageRow.name.in_(own), StageRow.status == Status.PENDING)
        .where(Job.status.not_in(TERMINAL), Job.cancel_requested.is_(False))
        .where(StageRow.pending_since < db_now() - settings().pending_seconds, ~blocked, ~unsent)
    )
    for row in session.execute(query.order_by(StageRow.pending_since).limit(BATCH)):
        yield Waiting(row.job_id, Stage(row.name), row.pending_since, row.age, row.epoch)


def _latest_claimed(session: Session) -> Claimed:
    """Drawings are left out: sent to one worker alone, they pass others by right. Their upscaling tells as much."""
    query = select(StageRow.name, StageRow.pending_since, Job.epoch).join(Job, Job.id == StageRow.job_id)
    latest: Claimed = {}
    in_line = (StageRow.status == Status.RUNNING) & (StageRow.name != Stage.GENERATE)
    for row in session.execute(query.where(in_line)):
        kind = Stage(row.name).spec.role, goes_first(row.epoch)
        latest[kind] = max(latest.get(kind, 0.0), row.pending_since)
    return latest


def _look(connection: Connection) -> tuple[set[Role], set[str]]:
    """Roles whose queues are empty, and the ids of the tasks whose messages workers hold or alone may take."""
    channel: Any = connection.default_channel
    # In the order in which a message goes: none that goes on meanwhile is seen nowhere.
    private = {task_id for line in private_queues.look(connection) for task_id in line.task_ids}
    empty = {role for role in Role if not channel._size(role.value)}
    prefix = app.conf.broker_transport_options["global_keyprefix"]
    entries = channel.client.execute_command("HVALS", f"{prefix}unacked")
    return empty, private | {_task_id(entry) for entry in entries}


def _task_id(entry: bytes) -> str:
    """Of a message as kombu keeps it until it is acknowledged: [message, exchange, routing key]."""
    try:
        return str(json.loads(entry)[0]["headers"]["id"])
    except (ValueError, LookupError, TypeError):
        return ""
