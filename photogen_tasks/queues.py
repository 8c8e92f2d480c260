"""Roles and queues: which queue a stage waits in. Signatures carry no queue; the router chooses at publish."""

from __future__ import annotations

from typing import Any

from kombu.entity import Queue

from photogen_tasks.stages import Role, Stage

HOUSEKEEPING = "photogen.housekeeping"
INSPECT = "photogen.inspect"

QUEUES = tuple(Queue(role.value) for role in Role)

_QUEUE_BY_TASK = {stage.task: stage.spec.role.value for stage in Stage} | {
    HOUSEKEEPING: Role.CPU.value,
    INSPECT: Role.INSPECT.value,  # somebody waits for the answer: never behind a stage
}


def route(name: str, *_: Any, **__: Any) -> dict[str, str] | None:
    """Celery router: the queue of a task name, or None for a task that is not ours (then sending fails)."""
    queue = _QUEUE_BY_TASK.get(name)
    return {"queue": queue} if queue else None
