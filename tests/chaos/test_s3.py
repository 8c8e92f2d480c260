"""S3 refuses, lies and is away: whole outputs or none, and no attempt is charged to the stage."""

from __future__ import annotations

import pytest

from photogen_tasks.claims import LONGEST_DELAY
from photogen_tasks.stages import Stage
from tests.chaos import faults
from tests.chaos.checker import orphans
from tests.chaos.conftest import LONG
from tests.chaos.scene import Scene
from tests.chaos.waiting import wait_for
from tests.chaos.world import World

pytestmark = pytest.mark.chaos


def test_refusals_lost_answers_and_cut_answers(world: World, scene: Scene) -> None:
    undo = faults.s3_lies(world, slow_down=12, lost_answer=31, truncate=19)
    scene.submit(8)
    finding = scene.ended(120.0)
    undo()
    assert finding.violations == []


@pytest.mark.parametrize("seconds", [12, pytest.param(600, marks=LONG)])
def test_away_for_a_while_is_charged_to_nobody(world: World, scene: Scene, seconds: float) -> None:
    jobs = scene.submit(3)
    scene.until_training()
    world.proxies.away("s3", seconds)
    assert scene.ended(150.0 + LONGEST_DELAY * (seconds > 60)).violations == []
    assert all(scene.row(job, stage, "failures") == 0 for job in jobs for stage in Stage)


def test_what_dead_attempts_left_is_erased(world: World, scene: Scene) -> None:
    scene.submit(3)
    scene.until_training()
    for part in world.workers.values():
        part.kill()
    assert scene.ended().violations == []
    wait_for(lambda: orphans(world) == [], "what no row names to go")
