"""The app's settings are what durability needs, every stage has a queue, and nothing but JSON passes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from kombu.exceptions import ContentDisallowed
from kombu.serialization import loads, prepare_accept_content

from photogen_tasks.celery import app
from photogen_tasks.queues import HOUSEKEEPING, route
from photogen_tasks.stages import Role, Stage


def test_every_stage_waits_in_the_queue_of_its_role() -> None:
    queues = {queue.name for queue in app.conf.task_queues}
    assert queues == {role.value for role in Role}
    for stage in Stage:
        assert route(stage.task) == {"queue": stage.spec.role.value}
    assert route(HOUSEKEEPING) == {"queue": "cpu"}
    assert route("somebody.elses") is None


def test_a_worker_knows_its_own_queue_and_no_other(data_dir: Path) -> None:
    told = os.environ | {"PHOTOGEN_PRIVATE_QUEUE": "infer.me@here"}
    known = "from photogen_tasks.celery import app; print(*sorted(app.amqp.queues))"
    done = subprocess.run([sys.executable, "-c", known], env=told, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["cpu", "infer", "infer.me@here", "inspect", "train"]


def test_what_a_stage_reads_comes_before_it() -> None:
    order = list(Stage)
    assert all(order.index(read) < order.index(stage) for stage in Stage for read in stage.spec.reads)


def test_settings_that_durability_rests_on() -> None:
    conf = app.conf
    assert conf.task_acks_late
    assert conf.task_reject_on_worker_lost
    assert conf.worker_prefetch_multiplier == 1
    assert conf.worker_pool_start_method == "spawn"
    assert not conf.worker_cancel_long_running_tasks_on_connection_loss
    assert not conf.task_create_missing_queues
    assert conf.result_backend is None


def test_only_json_is_accepted() -> None:
    assert app.conf.accept_content == ["json"]
    accept = prepare_accept_content(app.conf.accept_content)
    assert loads('{"job": "x"}', "application/json", "utf-8", accept=accept) == {"job": "x"}
    with pytest.raises(ContentDisallowed):
        loads(b"cos\nsystem\n", "application/x-python-serialize", "binary", accept=accept)
