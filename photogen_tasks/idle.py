"""A worker that sits idle while its queue is not empty leaves, so that its supervisor starts it anew.

After some broken connections Celery says "Connected" and consumes nothing. The lease makes leaving safe.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from celery import signals
from celery.worker import state

from photogen_tasks import broker
from photogen_tasks.config import settings

log = structlog.get_logger()
FORCE_SECONDS = 15.0
LOOKS = 6  # in the time after which an idle worker leaves


class IdleWatch:
    """Looks now and then; `leave` is called once when the worker was idle before a full queue for too long."""

    def __init__(self, queues: list[str], leave: Callable[[], None]) -> None:
        self._queues, self._leave = queues, leave
        self._well = time.monotonic()

    def look(self) -> bool:
        """True when it is time to leave."""
        now = time.monotonic()
        if state.active_requests or state.reserved_requests or not waiting(self._queues):
            self._well = now
        return now - self._well > settings().idle_seconds

    def run(self) -> None:
        while not self.look():
            time.sleep(settings().idle_seconds / LOOKS)
        log.error("idle while messages wait; leaving to be started anew", queues=self._queues)
        self._leave()


def leave() -> None:
    """As if told to; and by force when that did not help."""
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(settings().drain_seconds + FORCE_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)


def waiting(queues: list[str]) -> int:
    """Messages in these queues; 0 when the broker cannot be asked, for then nobody can consume."""
    try:
        return broker.ask(lambda connection: sum(int(connection.default_channel._size(queue)) for queue in queues))
    except broker.BrokerAway:
        return 0


@signals.worker_ready.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _watch(sender: Any, **_: Any) -> None:
    queues = list(sender.app.amqp.queues.consume_from)
    watch = IdleWatch(queues, leave)
    threading.Thread(target=watch.run, name="idle-watch", daemon=True).start()
