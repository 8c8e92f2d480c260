"""Redis away, wiped, half-open, full, and old messages told again: the database decides, and nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest
from celery import Celery

from photogen_tasks import celery as product
from photogen_tasks.stages import Stage
from tests.chaos import faults
from tests.chaos.conftest import LONG
from tests.chaos.scene import Scene
from tests.chaos.waiting import holds_within, wait_for
from tests.chaos.world import Plan, World

pytestmark = pytest.mark.chaos


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan(settings={"IDLE_SECONDS": "20"})


@pytest.mark.parametrize("seconds", [8, 25, pytest.param(150, marks=LONG), pytest.param(600, marks=LONG)])
def test_redis_away_while_stages_end(world: World, scene: Scene, seconds: float) -> None:
    scene.submit(4)
    scene.until_training()
    world.redis.kill()
    holds_within(lambda: False, seconds)
    world.redis.start()
    assert scene.ended(60.0).violations == []


def test_what_redis_knew_is_gone_for_good(world: World, scene: Scene) -> None:
    scene.submit(10)
    scene.until_training()
    world.redis.wipe()
    assert scene.ended(120.0).violations == []


def test_a_reset_starts_no_second_training(world: World, scene: Scene) -> None:
    scene.submit(3)
    scene.until_training()
    assert faults.kill_clients(world) > 0
    assert scene.ended().violations == []
    assert scene.trainings() == 3


def test_half_open_connections_are_noticed(world: World, scene: Scene) -> None:
    scene.submit(2)
    scene.until_training()
    world.proxies.order("redis", "forget")
    scene.submit(2)
    assert scene.ended(90.0).violations == []


def test_a_full_redis_refuses_and_the_outbox_keeps(world: World, scene: Scene) -> None:
    with world.redis.client() as client:
        client.config_set("maxmemory", "1mb")
        scene.submit(2)
        assert scene.book.refused == 0
        client.config_set("maxmemory", "0")
    assert scene.ended().violations == []


def test_a_user_without_rights_is_refused_and_the_outbox_keeps(world: World, scene: Scene) -> None:
    world.redis.forbid_writing()
    try:
        jobs = scene.submit(3)
        assert scene.book.refused == 0
        assert _unsent(world, jobs) == 3
    finally:
        world.redis.allow_writing()
    assert scene.ended().violations == []


def _unsent(world: World, job_ids: list[str]) -> int:
    query = "select count(*) from outbox where kind = 'chain' and sent_at is null and job_id = any(%s)"
    [[count]] = world.postgres.ask(query, (job_ids,))
    return int(str(count))


def test_the_api_answers_without_redis(world: World, scene: Scene) -> None:
    world.redis.kill()
    scene.submit(3)
    world.redis.start()
    assert (scene.book.refused, scene.book.slowest < 5.0) == (0, True), scene.book.slowest
    assert scene.ended().violations == []


def test_old_messages_told_again_do_nothing(world: World, scene: Scene) -> None:
    done = scene.submit(1)
    assert scene.ended().violations == []
    waiting = scene.submit(1)
    scene.until_training()
    before = scene.trainings()
    _replay(world, [*done, *waiting], times=10)
    wait_for(lambda: _queued(world) == 0, "the old messages to be taken")
    assert scene.ended().violations == []
    assert scene.trainings() == before
    assert all(scene.row(job, stage, "attempt") == 1 for job in [*done, *waiting] for stage in Stage)


def _replay(world: World, job_ids: list[str], times: int) -> None:
    """Messages of an old epoch and of the epoch that is done, as a broker may tell them again."""
    app = Celery("replay", broker=world.redis.url(world.redis.port), set_as_current=False)
    app.conf.update(
        task_queues=product.app.conf.task_queues,
        task_ignore_result=True,
        broker_transport_options={"global_keyprefix": "photogen:"},
    )
    with app.connection_for_write() as connection:
        for job_id in job_ids:
            for stage in Stage:
                for epoch in (0, 1):
                    _send(app, connection, stage, {"job": job_id, "epoch": epoch}, times)
    app.close()


def _send(app: Celery, connection: Any, stage: Stage, ref: dict[str, Any], times: int) -> None:
    for _ in range(times):
        app.send_task(stage.task, args=(ref,), queue=stage.spec.role.value, connection=connection)


def _queued(world: World) -> int:
    with world.redis.client() as client:
        names = [key for key in client.keys("photogen:*") if client.type(key) == b"list"]
        return sum(int(str(client.llen(name))) for name in names)
