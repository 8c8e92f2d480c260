"""A real worker draws, is sent the next job alone, leaves in order, and is killed: no job is lost. Stand-in stages."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from photogen_tasks import affinity, db, manifests, pipeline, sweeper
from photogen_tasks.config import settings
from photogen_tasks.models import Worker
from photogen_tasks.queues import private_name
from photogen_tasks.stages import Status
from photogen_tasks.storage import storage
from tests.conftest import await_true, running
from tests.photogen_tasks.conftest import Customer, make_customer
from tests.photogen_tasks.drawing import drawing, trained, waiting
from tests.photogen_tasks.test_claims import job_row, runs

START_SECONDS = 120.0  # a cold import on a busy machine
NODE = "infer@here"
QUEUE = private_name(NODE)

pytestmark = pytest.mark.slow


@pytest.fixture
def artist(sqlite: str, broker: str) -> Customer:
    return make_customer("customer")


@pytest.fixture
def subject(artist: Customer, tmp_path: Path) -> str:
    """Its weights lie in storage."""
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "weights.safetensors").write_text("weights")
    return trained(artist, weights=manifests.keep(storage(), "subject/", folder).key)


@contextmanager
def worker(folder: Path) -> Iterator[int]:
    """One that takes its role's queue and its own; its process id, once it listens."""
    own = {"CHAOS_FOLDER": str(folder), "WORKER_NAME": NODE, "PRIVATE_QUEUE": QUEUE, "DRAIN_SECONDS": "5"}
    env = os.environ | {f"PHOTOGEN_{name}": value for name, value in own.items()} | {"REMAP_SIGTERM": "SIGQUIT"}
    command = [sys.executable, "-m", "celery", "-A", "tests.chaos.app", "worker", "-Q", f"infer,{QUEUE}", "-n", NODE]
    log = folder / "worker.log"
    log.write_text("")
    flags = ["-c", "1", "--loglevel", "INFO", "--without-gossip", "--without-mingle"]
    with running([*command, *flags], env, log) as process:
        await_true(lambda: "ready." in log.read_text(), "the worker", START_SECONDS)
        yield process.pid


def draws(job_id: str) -> None:
    """Send the job and wait for its end."""
    assert pipeline.send(job_id)
    await_true(lambda: job_row(job_id).status == Status.SUCCEEDED, "the job", START_SECONDS)
    assert [run.worker for run in runs(job_id)] == [NODE, NODE]


def row() -> Worker | None:
    with db.read_scope() as session:
        return session.get(Worker, NODE)


def test_a_worker_takes_its_own_queue_says_what_it_holds_and_leaves_nothing(
    artist: Customer, subject: str, tmp_path: Path
) -> None:
    first, again = drawing(artist, subject), drawing(artist, subject)
    with worker(tmp_path) as pid:
        entered = row()
        assert entered is not None
        assert (entered.queue, entered.subjects) == (QUEUE, [])
        draws(first)
        drew = row()
        assert drew is not None
        assert (drew.base_models, drew.subjects) == (["pocket"], [subject])
        await_true(lambda: affinity.choose(again, 1) == QUEUE, "the worker to be free")
        draws(again)
        os.kill(pid, signal.SIGTERM)
        await_true(lambda: row() is None, "the row to go")
    assert pipeline.send(drawing(artist, subject))
    assert (waiting(QUEUE), waiting("infer")) == (0, 1)


def test_what_a_killed_worker_was_sent_is_drawn_by_the_next(
    artist: Customer, subject: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = drawing(artist, subject), drawing(artist, subject)
    with worker(tmp_path) as pid:
        draws(first)
        await_true(lambda: affinity.choose(second, 1) == QUEUE, "the worker to be free")
        os.killpg(pid, signal.SIGKILL)
    assert pipeline.send(second)
    assert waiting(QUEUE) == 1  # its row still says that it lives
    assert sweeper.sweep()["moved_from_private"] == 0
    monkeypatch.setenv("PHOTOGEN_AFFINITY_SECONDS", "0.01")
    settings.cache_clear()
    assert sweeper.sweep()["moved_from_private"] == 1
    assert (waiting(QUEUE), waiting("infer")) == (0, 1)
    with worker(tmp_path):
        await_true(lambda: job_row(second).status == Status.SUCCEEDED, "the job", START_SECONDS)
    assert job_row(second).epoch == 1
