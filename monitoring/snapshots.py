"""What the watchers saw last, as plain data. No query, no connection and no metric is made here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

Seen = TypeVar("Seen")

STALE_SECONDS = 30.0  # two scrapes: older values are not shown, since nobody knows whether they still hold


@dataclass(frozen=True)
class Durations:
    """Ended stage runs of one stage and outcome: how many, their seconds, how many within each bound."""

    count: int
    seconds: float
    within: tuple[int, ...]


@dataclass(frozen=True)
class DatabaseSnapshot:
    """Totals over all rows, tombstones included, so that counters never fall."""

    jobs_ended: Mapping[tuple[str, str], int]  # (kind, outcome)
    job_failures: Mapping[tuple[str, str], int]  # (kind, error)
    jobs_in_state: Mapping[str, int]
    durations: Mapping[tuple[str, str], Durations]  # (stage, outcome)
    stage_failures: Mapping[tuple[str, str], int]  # (stage, error)
    running: Mapping[str, tuple[int, float]]  # stage: how many, mean progress 0..1
    oldest_age: Mapping[str, float]  # queue: seconds
    sweeper_actions: Mapping[str, int]
    outbox_age: float  # seconds
    images: int


@dataclass(frozen=True)
class BrokerSnapshot:
    """Messages by queue: waiting in its list, and handed to a worker but not acknowledged."""

    ready: Mapping[str, int]
    unacked: Mapping[str, int]


@dataclass(frozen=True)
class WorkersSnapshot:
    """Workers that answered, by the queue they take."""

    workers: Mapping[str, int]
    busy: Mapping[str, int]


@dataclass
class Latest(Generic[Seen]):
    """The last thing that one watcher saw, with its age; written by the watcher, read by every scrape."""

    name: str
    _seen: Seen | None = None
    _since: float = field(default_factory=monotonic)
    _errors: int = 0
    _lock: Lock = field(default_factory=Lock)
    clock: Callable[[], float] = monotonic

    def put(self, seen: Seen) -> None:
        with self._lock:
            self._seen, self._since = seen, self.clock()

    def failed(self) -> None:
        with self._lock:
            self._errors += 1

    @property
    def age(self) -> float:
        """Seconds since the last look that succeeded, or since the start when none has."""
        return max(0.0, self.clock() - self._since)

    @property
    def errors(self) -> int:
        """Looks that failed since this process started."""
        return self._errors

    @property
    def fresh(self) -> bool:
        return self._seen is not None and self.age <= STALE_SECONDS

    def get(self) -> Seen | None:
        """What was seen, or None when it is too old to be trusted."""
        with self._lock:
            return self._seen if self.fresh else None
