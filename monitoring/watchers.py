"""Threads that look again and again and keep what they saw. A scrape never waits for one of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Thread
from time import monotonic
from typing import Generic

import structlog

from monitoring import broker, database, workers
from monitoring.snapshots import BrokerSnapshot, DatabaseSnapshot, Latest, Seen, WorkersSnapshot

log = structlog.get_logger()

DATABASE_SECONDS = 2.0
BROKER_SECONDS = 5.0
WORKERS_SECONDS = 5.0
PAUSE = 3  # times as long as the look took: a big table is left in peace for three quarters of the time


@dataclass
class Watcher(Generic[Seen]):
    """Calls `look` every `every` seconds in its own thread and puts the answer into `latest`."""

    latest: Latest[Seen]
    look: Callable[[], Seen]
    every: float
    _stop: Event = field(default_factory=Event)

    def start(self) -> None:
        Thread(target=self.run, name=f"watch-{self.latest.name}", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()

    def run(self) -> None:
        """Look until stopped."""
        while not self._stop.wait(max(self.every, PAUSE * self.once())):
            pass

    def once(self) -> float:
        """Look once, whatever happens; how many seconds it took."""
        began = monotonic()
        try:
            self.latest.put(self.look())
        except Exception as error:  # a watcher outlives every fault of what it watches
            self.latest.failed()
            log.warning("cannot look; will look again", watcher=self.latest.name, error=str(error))
        return monotonic() - began


@dataclass(frozen=True)
class Watch:
    """The three things that are watched."""

    database: Latest[DatabaseSnapshot] = field(default_factory=lambda: Latest("database"))
    broker: Latest[BrokerSnapshot] = field(default_factory=lambda: Latest("broker"))
    workers: Latest[WorkersSnapshot] = field(default_factory=lambda: Latest("workers"))

    def all(self) -> tuple[Latest[DatabaseSnapshot], Latest[BrokerSnapshot], Latest[WorkersSnapshot]]:
        return self.database, self.broker, self.workers

    def stale(self) -> list[str]:
        """Names of the watchers that have not seen anything lately."""
        return [latest.name for latest in self.all() if not latest.fresh]


def start_watching() -> Watch:
    """Start the three watchers; they end with the process."""
    watch = Watch()
    Watcher(watch.database, database.look, DATABASE_SECONDS).start()
    Watcher(watch.broker, broker.look, BROKER_SECONDS).start()
    Watcher(watch.workers, workers.look, WORKERS_SECONDS).start()
    return watch
