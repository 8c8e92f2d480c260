"""Workers out of memory, told to leave, hanging, with a full disk, at another time, of another release."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from photogen_tasks.stages import Stage
from tests.chaos.conftest import LONG
from tests.chaos.parts import Part
from tests.chaos.scene import Scene, armed
from tests.chaos.waiting import wait_for
from tests.chaos.work import CHECKPOINT_EVERY, TRAIN_STEPS
from tests.chaos.world import Plan, World, running_world

pytestmark = pytest.mark.chaos
MAX_LOSSES = 3  # the waits between them double
FAKETIME = Path(os.environ.get("FAKETIME_LIBRARY", "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"))


@pytest.fixture(scope="module")
def plan() -> Plan:
    """Trainings of some seconds, hangs that are noticed within seconds, and few attempts."""
    told = {"CHAOS_STEP_SECONDS": "0.4", "STALL_SECONDS": "8", "STUBBORN_SECONDS": "3", "MAX_LOSSES": str(MAX_LOSSES)}
    return Plan(settings=told)


def test_a_leaving_worker_gives_its_training_back(world: World, scene: Scene) -> None:
    [job] = scene.submit(1)
    scene.until_training(CHECKPOINT_EVERY + 1)
    part = world.workers[scene.owner(job, Stage.TRAIN)]
    process = part.process
    assert process is not None
    began = time.monotonic()
    process.terminate()
    wait_for(lambda: scene.trainings(job) == 2, "the next worker to take it", 30.0)
    process.wait(90)
    assert time.monotonic() - began < 90
    finding = scene.ended()
    assert finding.violations == []
    assert finding.steps - TRAIN_STEPS <= CHECKPOINT_EVERY
    assert (scene.row(job, Stage.TRAIN, "failures"), scene.row(job, Stage.TRAIN, "losses")) == (0, 0)


@LONG
def test_a_leaving_worker_has_75_seconds_and_loses_an_interval_at_most() -> None:
    """As on a spot notice: trainings whose next checkpoint is further away than the notice."""
    with running_world(Plan(settings={"DRAIN_SECONDS": "75", "CHAOS_STEP_SECONDS": "20"})) as world:
        scene = Scene(world, seed=83)
        [job] = scene.submit(1)
        wait_for(lambda: scene.train_steps(job) >= CHECKPOINT_EVERY + 1, "a checkpoint and a train step", 300.0)
        process = world.workers[scene.owner(job, Stage.TRAIN)].process
        assert process is not None
        process.terminate()
        process.wait(90)
        wait_for(lambda: scene.trainings(job) == 2, "the next worker to take it", 30.0)
        finding = scene.ended(400.0)
        assert finding.violations == []
        assert finding.steps - TRAIN_STEPS <= CHECKPOINT_EVERY
        assert (scene.row(job, Stage.TRAIN, "failures"), scene.row(job, Stage.TRAIN, "losses")) == (0, 0)


def test_a_hanging_stage_is_taken_back_and_ended(world: World, scene: Scene) -> None:
    job = armed(scene, 1, "train:mid_work:sleep=600:1")
    wait_for(lambda: world.fired(job), "the stage to hang")
    [begun] = (effect for effect in world.effects.read("begun", job) if effect["stage"] == Stage.TRAIN)
    assert scene.ended(60.0).violations == []
    wait_for(lambda: not Path(f"/proc/{begun['pid']}").exists(), "the hanging process to be ended", 30.0)


def test_a_full_disk_fails_an_attempt_and_not_the_job() -> None:
    if os.getuid() != 0:
        pytest.skip("a small disk needs root to be mounted")
    with running_world() as world, full_disk(world.work_dir("front-1")):
        scene = Scene(world, seed=77)
        scene.submit(6)
        assert scene.ended().violations == []


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """A disk with no byte left where a worker works."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], check=True)
    try:
        (folder / "full").write_bytes(b"\0" * 4096 * 15)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.skipif(not FAKETIME.exists(), reason="libfaketime is not installed (Debian: faketime)")
def test_a_worker_two_hours_off_changes_no_lease() -> None:
    early, late = ({"LD_PRELOAD": str(FAKETIME), "FAKETIME": by} for by in ("-2h", "+2h"))
    with running_world(Plan(own={"front-1": late, "infer-1": early})) as world:
        scene = Scene(world, seed=78)
        scene.submit(8)
        finding = scene.ended()
        assert finding.violations == []
        assert finding.losses == 0


def test_old_and_new_workers_side_by_side_while_jobs_run() -> None:
    """A release that knows a task more: what the old one throws away unknown is sent again."""
    old = {"PHOTOGEN_CHAOS_WITHOUT": "train"}
    with running_world(Plan(own={"front-1": old})) as world:
        scene = Scene(world, seed=79)
        scene.submit(8)
        scene.until_training()
        for name, part in world.workers.items():
            deploy(world, name, part)
        assert scene.ended(120.0).violations == []


def deploy(world: World, name: str, part: Part) -> None:
    """Replace one worker by one of the new release."""
    process = part.process
    assert process is not None
    part.environment = world.worker(name, "", {}).environment
    process.terminate()
    wait_for(lambda: part.alive() and part.process is not process, "the new worker")


def test_a_stage_that_runs_out_of_memory_every_time_ends_with_a_reason(world: World, scene: Scene) -> None:
    job = armed(scene, 3, "always train:mid_work:memory:1")
    assert scene.ended(90.0, status="failed").violations == []
    assert scene.row(job, Stage.TRAIN, "error_code") == "attempts_used_up"
    assert "memory" in scene.row(job, Stage.TRAIN, "error")
    assert (scene.row(job, Stage.TRAIN, "attempt"), scene.row(job, Stage.TRAIN, "failures")) == (3, 3)


def test_a_stage_that_kills_its_worker_every_time_ends_with_a_reason(world: World, scene: Scene) -> None:
    """Attempts that end with their process are counted, and do not go on for ever."""
    job = armed(scene, 2, "always matte:mid_work:kill:1")
    assert scene.ended(90.0, status="failed").violations == []
    assert scene.row(job, Stage.MATTE, "error_code") == "attempts_used_up"
    assert scene.row(job, Stage.MATTE, "attempt") == MAX_LOSSES
