"""Workers that the kernel gives no more: no file descriptor, no memory. Others do the work, or a row says why."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from photogen_tasks.stages import Stage
from tests.chaos.scene import Scene, armed
from tests.chaos.waiting import wait_for
from tests.chaos.world import Plan, running_world

pytestmark = pytest.mark.chaos
GROUPS = Path("/sys/fs/cgroup")
MEMORY = 768 * 1024**2  # of a worker's parent and child; both need about 250 MB when idle


def test_a_worker_out_of_file_descriptors_fails_attempts_and_not_jobs() -> None:
    with running_world() as world:
        scene = Scene(world, seed=81)
        scene.submit(2)
        scene.ended()  # everybody has imported what work needs
        [child] = world.workers["front-1"].children()[-1:]
        _, hard = resource.prlimit(child, resource.RLIMIT_NOFILE)
        used = max(int(file.name) for file in Path(f"/proc/{child}/fd").iterdir()) + 1
        resource.prlimit(child, resource.RLIMIT_NOFILE, (used, hard))
        scene.submit(6)
        finding = scene.ended(180.0)
        assert finding.violations == []
        assert finding.losses > 0
        assert all(scene.row(job, stage, "failures") == 0 for job in scene.book.orders for stage in Stage)


def test_a_stage_that_the_kernel_ends_for_its_memory_fails_with_a_reason() -> None:
    plan = Plan(workers={"front-1": "cpu,train", "infer-1": "infer"})
    with small_memory(f"photogen-chaos-{os.getpid()}") as group, running_world(plan) as world:
        part = world.workers["front-1"]
        parent = part.pid
        for pid in [*part.children(), parent]:
            (group / "cgroup.procs").write_text(str(pid))
        scene = Scene(world, seed=82)
        job = armed(scene, 1, "always train:mid_work:eat:1")
        assert scene.ended(180.0, status="failed").violations == []
        assert scene.row(job, Stage.TRAIN, "error_code") == "attempts_used_up"
        assert "ran out of memory" in scene.row(job, Stage.TRAIN, "error")
        assert (scene.row(job, Stage.TRAIN, "attempt"), scene.row(job, Stage.TRAIN, "failures")) == (3, 3)
        assert part.pid == parent


@contextmanager
def small_memory(name: str) -> Iterator[Path]:
    """A control group with little memory; skips where there is none to be made."""
    file = GROUPS / "cgroup.subtree_control"
    if not file.exists() or "memory" not in file.read_text().split() or not os.access(file, os.W_OK):
        pytest.skip("no control group (version 2) whose memory.max could be set")
    group = GROUPS / name
    group.mkdir()
    try:
        (group / "memory.max").write_text(str(MEMORY))
        with suppress(OSError):  # no swap on this machine
            (group / "memory.swap.max").write_text("0")
        yield group
    finally:
        wait_for(lambda: not (group / "cgroup.procs").read_text(), "the group's processes to end")
        group.rmdir()
