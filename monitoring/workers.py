"""Asks the workers, by broadcast, which queues they take and whether they are busy. Never orders anything."""

from __future__ import annotations

from collections import Counter
from typing import Any

from monitoring.snapshots import WorkersSnapshot
from photogen_tasks.celery import app
from photogen_tasks.queues import QUEUES

REPLY_SECONDS = 2.0  # answers are gathered for so long; a parent answers even while its child works


def look() -> WorkersSnapshot:
    """One question to all workers. Raises the broker's errors when it cannot be put."""
    ask = app.control.inspect(timeout=REPLY_SECONDS)
    return tally(ask.active_queues() or {}, ask.active() or {})


def tally(queues: dict[str, list[dict[str, Any]]], active: dict[str, list[Any]]) -> WorkersSnapshot:
    """Count workers by queue from their answers, {worker: its queues} and {worker: its tasks}."""
    workers: Counter[str] = Counter()
    busy: Counter[str] = Counter()
    for worker, taken in queues.items():
        for queue in taken:
            workers[queue["name"]] += 1
            busy[queue["name"]] += bool(active.get(worker))
    names = [queue.name for queue in QUEUES]
    return WorkersSnapshot({n: workers[n] for n in names}, {n: busy[n] for n in names})
