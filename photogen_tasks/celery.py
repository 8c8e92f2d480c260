"""The Celery app and its settings, each with its reason. Tasks register elsewhere; nothing runs at import."""

from __future__ import annotations

from celery import Celery

from photogen_tasks.config import settings
from photogen_tasks.queues import HOUSEKEEPING, INSPECT, QUEUES, private
from photogen_tasks.stages import Stage

HOUR = 3600
GRACE = 60  # seconds from the soft time limit to the hard one
INCLUDE = ["photogen_tasks.tasks", "photogen_tasks.worker", "photogen_tasks.idle"]

app = Celery("photogen", broker=settings().broker_url.get_secret_value(), include=INCLUDE)

app.conf.update(
    # Only ids travel, as JSON: nothing executable, nothing of a customer's.
    accept_content=["json"],
    task_serializer="json",
    result_serializer="json",
    event_serializer="json",
    # The database holds the state; a chain needs no result backend.
    task_ignore_result=True,
    task_store_errors_even_if_ignored=False,
    # Ack when done, so that a dead worker's message comes back; safe because claims cap attempts.
    task_acks_late=True,
    task_acks_on_failure_or_timeout=True,
    task_reject_on_worker_lost=True,
    # One message per worker: a training must not hold another customer's message hostage.
    worker_prefetch_multiplier=1,
    worker_disable_prefetch=True,
    # The only pool that puts a message back on shutdown, with a child that may own CUDA.
    worker_pool="prefork",
    worker_pool_start_method="spawn",
    worker_concurrency=1,
    # A spawned child imports the app and torch before it answers.
    worker_proc_alive_timeout=120,
    # Celery's soft shutdown sleeps to its end; photogen_tasks.worker waits for the stage alone, and then leaves.
    worker_soft_shutdown_timeout=0.0,
    # On Redis this setting marks the task revoked and loses the message.
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        # The lease decides who may work; redelivery is only a late net, and must not fire during a training.
        "visibility_timeout": 6 * HOUR,
        "global_keyprefix": "photogen:",
        # A connection whose other end forgot it costs this several times over until a worker is back.
        "socket_timeout": 10,
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 10,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        # A message whose queue has lost its binding is kept instead of vanishing.
        "deadletter_queue": "dead",
    },
    visibility_timeout=6 * HOUR,
    # A typo in a queue's name must fail, not vanish into a queue that nobody reads.
    task_create_missing_queues=False,
    # A worker's own it alone must know: the router makes others' from their rows.
    task_queues=(*QUEUES, *(private(name) for name in [settings().private_queue] if name)),
    task_default_queue=QUEUES[0].name,
    task_routes=("photogen_tasks.affinity.route",),
    # The next stage is published by a worker: a broker that restarts within seconds costs no sweep.
    task_publish_retry_policy={"max_retries": 5, "interval_start": 0.2, "interval_step": 0.5, "interval_max": 2.0},
    task_send_sent_event=True,
    worker_send_task_events=True,
    task_track_started=True,
    # The next stage keeps the priority of the one before; without a word Redis would let it go first.
    task_inherit_parent_priority=True,
    # The soft limit ends a stage in a row that says so; the hard one is for what does not listen.
    task_annotations={
        stage.task: {"soft_time_limit": stage.spec.time_limit, "time_limit": stage.spec.time_limit + GRACE}
        for stage in Stage
    }
    # A photo that kills its worker must not come back and kill the next: no claim counts its attempts.
    | {INSPECT: {"soft_time_limit": 30, "time_limit": 40, "reject_on_worker_lost": False}},
    beat_schedule={"housekeeping": {"task": HOUSEKEEPING, "schedule": HOUR}},
    timezone="UTC",
)
