"""PostgreSQL crashes and is away: unclear commits are resolved, and there are never two writers."""

from __future__ import annotations

import pytest

from tests.chaos.conftest import LONG
from tests.chaos.scene import Scene
from tests.chaos.waiting import holds_within
from tests.chaos.work import TRAIN_STEPS
from tests.chaos.world import World

pytestmark = pytest.mark.chaos


def test_crashes_in_the_middle_of_everything(world: World, scene: Scene) -> None:
    scene.submit(8)
    for _ in range(4):
        holds_within(lambda: False, 2.0)
        world.postgres.crash_and_start()
    assert scene.ended(120.0).violations == []


@pytest.mark.parametrize("seconds", [10, pytest.param(60, marks=LONG)])
def test_away_for_longer_than_a_lease_while_trainings_run(world: World, scene: Scene, seconds: float) -> None:
    scene.submit(2)
    scene.until_training()
    world.proxies.away("postgres", seconds)
    finding = scene.ended()
    assert finding.violations == []
    # What was computed beyond the last checkpoint, and until each worker saw that its lease was gone.
    assert finding.steps <= 2 * 2 * TRAIN_STEPS


def test_frozen_and_awake_again(world: World, scene: Scene) -> None:
    scene.submit(3)
    scene.until_training()
    world.proxies.order("postgres", "frozen")
    holds_within(lambda: False, 8.0)
    world.proxies.order("postgres", "pass")
    assert scene.ended().violations == []
