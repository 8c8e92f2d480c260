"""Roles and queues: which queue a stage waits in. Signatures carry no queue; affinity.route chooses at publish."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from kombu.entity import Queue

from photogen_tasks.stages import Role, Stage

HOUSEKEEPING = "photogen.housekeeping"
INSPECT = "photogen.inspect"

QUEUES = tuple(Queue(role.value) for role in Role)
PRIVATE = f"{Role.INFER}."  # what the names of private queues begin with
MOST_LETTERS = 100  # of a worker's name in its queue's

_QUEUE_BY_TASK = {stage.task: stage.spec.role.value for stage in Stage} | {
    HOUSEKEEPING: Role.CPU.value,
    INSPECT: Role.INSPECT.value,  # somebody waits for the answer: never behind a stage
}


def route(name: str, *_: Any, **__: Any) -> dict[str, Any] | None:
    """The shared queue of a task name, as Celery wants it, or None for a task that is not ours (sending then fails)."""
    queue = _QUEUE_BY_TASK.get(name)
    return {"queue": queue} if queue else None


def goes_first(epoch: int) -> bool:
    """Was the chain of this epoch sent again? Its messages go before those of chains that never ran."""
    return epoch > 1


def private_name(worker: str) -> str:
    """Name of the queue that this worker alone takes. What a name may not hold is left out, and a hash tells whose."""
    plain = re.sub(r"[^A-Za-z0-9_.@-]", "_", worker)[:MOST_LETTERS]
    own = plain if plain == worker else f"{plain}.{hashlib.sha256(worker.encode()).hexdigest()[:8]}"
    return PRIVATE + own


def private(name: str) -> Queue:
    """The queue of this name, for who sends and who takes: in the broker it is nothing but its messages."""
    return Queue(name, no_declare=True)


def shared(name: str) -> str:
    """The queue whose messages these are: a private one's belong to its role's."""
    return Role.INFER.value if name.startswith(PRIVATE) else name
