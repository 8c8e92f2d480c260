"""The peer: a plain Celery chain of five tasks that do nothing, with the product's settings of worker and broker.

A Celery worker is started with this module as its app. No rows, no storage, no leases, no outbox.
"""

from __future__ import annotations

from typing import Any

from celery import Celery, chain

from photogen_tasks.celery import app as ours
from photogen_tasks.config import settings
from photogen_tasks.pipeline import USUAL
from photogen_tasks.queues import QUEUES
from photogen_tasks.stages import Stage
from tests.benchmarks.pipeline_servers import SERVED
from tests.benchmarks.pipeline_stamps import Watch

PREFIX = "raw:"  # its keys in the same Redis

# What names the product's own tasks; all else is taken over.
OWN = {"include", "broker_url", "deprecated_settings", "task_routes", "task_annotations", "beat_schedule"}

app = Celery("raw", broker=settings().broker_url.get_secret_value(), include=["tests.benchmarks.pipeline_raw"])
app.conf.update({name: ours.conf[name] for name in ours.conf.table() if name not in OWN})
app.conf.update(
    broker_transport_options={
        **ours.conf.broker_transport_options,
        "global_keyprefix": PREFIX,
        "priority_steps": SERVED,
    },
    task_queues=QUEUES,
    task_routes={f"raw.{stage}": {"queue": stage.spec.role.value} for stage in Stage},
    task_annotations={f"raw.{stage}": ours.conf.task_annotations[stage.task] for stage in Stage},
)
assert app.conf.task_acks_late, "the product's settings did not arrive: the two sides would not be alike"


def _work(ref: dict[str, Any]) -> dict[str, Any]:
    Watch().stop()
    return ref


for each in Stage:
    app.task(name=f"raw.{each}")(_work)


def submit(job: str) -> None:
    """Send one chain through a pooled connection; Celery's own way."""
    ref = {"job": job, "epoch": 1}
    signatures = [
        app.signature(
            f"raw.{stage}",
            args=(ref,) if stage is Stage.PREPROCESS else (),
            task_id=f"{job}.{stage}.1",
            priority=USUAL,
        )
        for stage in Stage
    ]
    chain(*signatures).apply_async()
