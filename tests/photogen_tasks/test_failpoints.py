"""A failpoint acts at its place, at its time and once; without one nothing happens. Who dies is a child process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery import signals

from photogen_tasks import failpoints, pipeline
from photogen_tasks.config import settings
from photogen_tasks.stages import Stage
from tests.photogen_tasks.conftest import Customer

CHILD = """
from photogen_tasks import failpoints
from photogen_tasks.stages import Stage

for stage in Stage:
    failpoints.enter(stage)
    for point in failpoints.POINTS:
        failpoints.reach(point)
        print(stage, point, flush=True)
"""


@pytest.fixture(autouse=True)
def clean(data_dir: Path) -> Iterator[None]:
    failpoints.forget()
    yield
    failpoints.forget()


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Values of the action `say`, which these tests add."""
    said: list[str] = []
    monkeypatch.setitem(failpoints.ACTIONS, "say", said.append)
    return said


def wanted(monkeypatch: pytest.MonkeyPatch, text: str, once: Path | None = None) -> None:
    """This process is told so."""
    monkeypatch.setenv("PHOTOGEN_FAILPOINT", text)
    if once is not None:
        monkeypatch.setenv("PHOTOGEN_FAILPOINT_ONCE", str(once))
    settings.cache_clear()
    failpoints.forget()


def child(text: str) -> subprocess.CompletedProcess[str]:
    """A process that walks through all points in order, and prints each that it got past."""
    environment = os.environ | {"PHOTOGEN_FAILPOINT": text}
    return subprocess.run([sys.executable, "-c", CHILD], env=environment, capture_output=True, text=True, check=False)


def test_kill_ends_the_process_at_its_point() -> None:
    done = child("train:before_commit:kill:1")
    assert done.returncode == -signal.SIGKILL
    passed = done.stdout.splitlines()
    assert passed[-1] == "train after_manifest_put"
    assert len(passed) == 2 * len(failpoints.POINTS) + failpoints.POINTS.index("before_commit")


def test_without_a_failpoint_every_point_is_passed() -> None:
    done = child("")
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 45), done.stderr


def test_raise_raises_at_the_nth_time_and_not_again(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted(monkeypatch, "matte:mid_work:raise:2")
    failpoints.enter(Stage.MATTE)
    failpoints.reach("mid_work")
    failpoints.reach("after_claim")
    with pytest.raises(OSError, match="a failpoint said so"):
        failpoints.reach("mid_work")
    failpoints.reach("mid_work")


def test_another_stage_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted(monkeypatch, "matte:mid_work:raise:1")
    failpoints.enter(Stage.TRAIN)
    failpoints.reach("mid_work")


def test_sleep_takes_its_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted(monkeypatch, "matte:mid_work:sleep=0.2:1")
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    failpoints.enter(Stage.MATTE)
    failpoints.reach("mid_work")
    assert slept == [0.2]


def test_once_is_once_for_all_processes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    once = tmp_path / "once"
    wanted(monkeypatch, "matte:mid_work:raise:1", once)
    failpoints.enter(Stage.MATTE)
    with pytest.raises(OSError, match="a failpoint said so"):
        failpoints.reach("mid_work")
    assert once.exists()
    failpoints.forget()  # as the process that is started again
    failpoints.reach("mid_work")


def test_forgotten_counts_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted(monkeypatch, "matte:mid_work:raise:1")
    failpoints.enter(Stage.MATTE)
    for _ in range(2):
        with pytest.raises(OSError, match="a failpoint said so"):
            failpoints.reach("mid_work")
        failpoints.forget()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("matte:nowhere:kill:1", "unknown failpoint nowhere"),
        ("matte:mid_work:burn:1", "unknown failpoint action burn"),
        ("paint:mid_work:kill:1", "'paint' is not a valid Stage"),
        ("matte:mid_work:kill", "not enough values"),
    ],
)
def test_a_failpoint_that_is_none_is_told(monkeypatch: pytest.MonkeyPatch, text: str, why: str) -> None:
    wanted(monkeypatch, text)
    with pytest.raises(ValueError, match=why):
        failpoints.reach("mid_work")


def test_a_test_may_add_an_action(monkeypatch: pytest.MonkeyPatch, reached: list[str]) -> None:
    wanted(monkeypatch, "matte:mid_work:say=now:1")
    failpoints.enter(Stage.MATTE)
    failpoints.reach("mid_work")
    assert reached == ["now"]


@pytest.mark.parametrize("point", ["before_publish", "after_publish"])
def test_publish_points_are_those_of_the_message(
    customer: Customer, broker: str, monkeypatch: pytest.MonkeyPatch, reached: list[str], point: str
) -> None:
    """Whoever works at another stage meets the failpoint of the stage whose message it sends."""
    failpoints.enter(Stage.UPSCALE)
    wanted(monkeypatch, f"preprocess:{point}:say=sent:1")
    assert pipeline.send(customer.job())
    assert reached == ["sent"]


def test_sending_a_message_reaches_no_point_of_who_sends(
    customer: Customer, broker: str, monkeypatch: pytest.MonkeyPatch, reached: list[str]
) -> None:
    failpoints.enter(Stage.UPSCALE)
    wanted(monkeypatch, "upscale:before_publish:say=sent:1")
    assert pipeline.send(customer.job())
    assert reached == []


def test_before_ack_is_that_of_the_task_that_ended(monkeypatch: pytest.MonkeyPatch, reached: list[str]) -> None:
    from photogen_tasks.celery import app

    app.loader.import_default_modules()
    failpoints.enter(Stage.UPSCALE)
    wanted(monkeypatch, "train:before_ack:say=acknowledged:1")
    for name in ("photogen.housekeeping", Stage.MATTE.task, Stage.TRAIN.task):
        signals.task_postrun.send(sender=app.tasks[name], task_id="1", task=app.tasks[name])
    assert reached == ["acknowledged"]
