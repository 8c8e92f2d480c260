"""Turns the last snapshots into metrics. It only reads memory: no query, no connection, no waiting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from monitoring.database import BOUNDS
from monitoring.snapshots import BrokerSnapshot, DatabaseSnapshot, Durations, WorkersSnapshot
from monitoring.watchers import Watch

Labelled = Mapping[Any, float]  # tuple of label values: value


class SnapshotCollector(Collector):
    """Shows what was seen lately; what is too old to be trusted is left out; its watcher's age says why."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def collect(self) -> Iterable[Metric]:
        yield from watching(self._watch)
        if (rows := self._watch.database.get()) is not None:
            yield from jobs(rows)
            yield from stages(rows)
            yield from upkeep(rows)
        if (messages := self._watch.broker.get()) is not None:
            yield queues(messages)
        if (answers := self._watch.workers.get()) is not None:
            yield from workers(answers)


def watching(watch: Watch) -> Iterator[Metric]:
    ages = {(latest.name,): latest.age for latest in watch.all()}
    yield _gauge("photogen_watcher_age_seconds", "Since this watcher last saw anything.", ["watcher"], ages)
    errors = {(latest.name,): float(latest.errors) for latest in watch.all()}
    failed = "Looks that failed since the exporter started."
    yield _counter("photogen_watcher_errors", failed, ["watcher"], errors)


def jobs(rows: DatabaseSnapshot) -> Iterator[Metric]:
    yield _counter("photogen_jobs", "Jobs that ended.", ["kind", "outcome"], rows.jobs_ended)
    failures = "Jobs that failed: UsageError is the customer's to mend, FatalError ours."
    yield _counter("photogen_job_failures", failures, ["kind", "error"], rows.job_failures)
    states = "Jobs by status, deleted ones included."
    yield _gauge("photogen_jobs_in_state", states, ["status"], _one(rows.jobs_in_state))
    yield _counter("photogen_images", "Images delivered.", [], {(): float(rows.images)})


def stages(rows: DatabaseSnapshot) -> Iterator[Metric]:
    yield durations(rows.durations)
    failures = "Stage runs that failed or were lost, by error code."
    yield _counter("photogen_stage_failures", failures, ["stage", "error"], rows.stage_failures)
    running = {(stage,): float(count) for stage, (count, _) in rows.running.items()}
    yield _gauge("photogen_stages_running", "Stages that hold a lease.", ["stage"], running)
    progress = {(stage,): mean for stage, (count, mean) in rows.running.items() if count}
    yield _gauge("photogen_stage_progress_ratio", "Mean progress of running stages.", ["stage"], progress)


def durations(found: Mapping[tuple[str, str], Durations]) -> Metric:
    metric = HistogramMetricFamily(
        "photogen_stage_duration_seconds", "Seconds of ended stage runs.", labels=["stage", "outcome"]
    )
    for labels, seen in sorted(found.items()):
        bounds = [*(str(float(bound)) for bound in BOUNDS), "+Inf"]
        buckets = list(zip(bounds, [*seen.within, seen.count], strict=True))
        metric.add_metric(list(labels), buckets, sum_value=seen.seconds)
    return metric


def upkeep(rows: DatabaseSnapshot) -> Iterator[Metric]:
    waiting = "How long the oldest stage that could run has waited."
    yield _gauge("photogen_queue_oldest_age_seconds", waiting, ["queue"], _one(rows.oldest_age))
    mended = "Rows that the sweeper mended, by action."
    yield _counter("photogen_sweeper_actions", mended, ["action"], _one(rows.sweeper_actions))
    unsent = "How long the oldest chain that is due has waited to be sent."
    yield _gauge("photogen_outbox_age_seconds", unsent, [], {(): rows.outbox_age})


def queues(messages: BrokerSnapshot) -> Metric:
    depth = {(queue, "ready"): float(count) for queue, count in messages.ready.items()}
    depth |= {(queue, "unacked"): float(count) for queue, count in messages.unacked.items()}
    return _gauge("photogen_queue_depth", "Messages in the broker.", ["queue", "state"], depth)


def workers(answers: WorkersSnapshot) -> Iterator[Metric]:
    yield _gauge("photogen_workers", "Workers that take this queue.", ["queue"], _one(answers.workers))
    busy = "Workers of this queue that work now."
    yield _gauge("photogen_workers_busy", busy, ["queue"], _one(answers.busy))


def _one(values: Mapping[str, float]) -> Labelled:
    return {(name,): float(value) for name, value in values.items()}


def _counter(name: str, text: str, labels: list[str], values: Labelled) -> Metric:
    metric = CounterMetricFamily(name, text, labels=labels)
    for names, value in sorted(values.items()):
        metric.add_metric(list(names), value)
    return metric


def _gauge(name: str, text: str, labels: list[str], values: Labelled) -> Metric:
    metric = GaugeMetricFamily(name, text, labels=labels)
    for names, value in sorted(values.items()):
        metric.add_metric(list(names), value)
    return metric
