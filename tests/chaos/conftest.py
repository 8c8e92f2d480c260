"""One world for each file of chaos tests, and a scene of jobs for each test."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from tests.chaos.scene import Scene
from tests.chaos.world import Plan, World, running_world

LONG = pytest.mark.skipif(not os.environ.get("CHAOS_LONG"), reason="takes minutes; CHAOS_LONG=1 asks for it")

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def plan() -> Plan:
    """What the file's world is made of; files that want another override this."""
    return Plan()


@pytest.fixture(scope="module")
def world(plan: Plan) -> Iterator[World]:
    with running_world(plan) as world:
        yield world


@pytest.fixture
def scene(world: World) -> Scene:
    """Jobs of this test's own; everything is up when it starts."""
    return Scene(world, seed=next(_numbers))
