"""What customers may do at any moment: cancel, delete, and ask fifty times for the same job."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from photogen_tasks.client import Client
from tests.chaos.cells import CELLS, Cell
from tests.chaos.checker import check
from tests.chaos.load import open_jobs, order, wait_until_over
from tests.chaos.scene import Scene
from tests.chaos.submitting import Submitter
from tests.chaos.waiting import wait_for
from tests.chaos.world import PREFIX, World, running_world

pytestmark = pytest.mark.chaos
SLEEP = "sleep=2"
AT_ONCE = 12
FREE_SECONDS = 15.0


def test_cancelled_at_every_point() -> None:
    with running_world() as world:
        scene = Scene(world, seed=90)
        asked: dict[str, float] = {}

        def cancel(client: Client, job_id: str) -> None:
            client.cancel(job_id)
            asked[job_id] = time.time()

        _at_every_point(scene, cancel)
        assert wait_until_over(world, 60.0)
        with world.postgres.connect() as connection:
            rows = connection.execute("select id, status, ended_at from jobs").fetchall()
        late = [(job, at) for job, _, at in rows if float(str(at)) - asked[str(job)] > FREE_SECONDS]
        assert late == []
        # Who was at its very end, with its commit on the way, may have come first.
        ends = {status: [str(job) for job, told, _ in rows if told == status] for status in ("cancelled", "succeeded")}
        assert len(ends["cancelled"]) >= len(CELLS) - 4
        for status, job_ids in ends.items():
            orders = {job_id: scene.book.orders[job_id] for job_id in job_ids}
            assert check(world, orders, status).violations == []


def test_deleted_at_every_point() -> None:
    with running_world() as world:
        scene = Scene(world, seed=91)
        _at_every_point(scene, lambda client, job_id: client.delete(job_id))
        assert wait_until_over(world, 60.0)
        wait_for(lambda: world.s3.keys(f"{PREFIX}/") == [], "every byte to go", 60.0)


def _at_every_point(scene: Scene, act: Callable[[Client, str], None]) -> None:
    """Let a job rest at each point of each stage, and act upon it while it does."""
    world = scene.world
    resting: dict[str, Cell] = {}
    with Submitter(world) as submitter, world.client() as client:
        for number, cell in enumerate(CELLS):
            wait_for(lambda: (open_jobs(world) or 0) < AT_ONCE or any(_acted(scene, resting, client, act)), "room")
            wanted = order(90, number)
            job_id = submitter.send(wanted, "" if cell.by_submitter else cell.failpoint(SLEEP))
            scene.book.orders[job_id] = wanted
            resting[job_id] = cell
        wait_for(lambda: not resting or (any(_acted(scene, resting, client, act)) and not resting), "all", 120.0)


def _acted(
    scene: Scene, resting: dict[str, Cell], client: Client, act: Callable[[Client, str], None]
) -> Iterator[bool]:
    for job_id, cell in list(resting.items()):
        if cell.by_submitter or scene.world.fired(job_id):
            act(client, job_id)
            del resting[job_id]
            yield True


def test_fifty_times_the_same_job(world: World, scene: Scene) -> None:
    [first] = scene.submit(1)
    with world.client() as client:
        photo = client._json("POST", "/v1/uploads", json={"files": [{"filename": "a.jpg"}]})["uploads"][0]
        httpx.post(photo["url"], data=photo["fields"], files={"file": b"fifty"}).raise_for_status()
    url = f"http://127.0.0.1:{world.api_port}/v1/jobs"
    headers = world.headers() | {"Idempotency-Key": "fifty"}

    def ask(_: int) -> httpx.Response:
        return httpx.post(url, headers=headers, json={"photos": [photo["photo"]]}, timeout=30)

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(ask, range(50)))
    assert {answer.status_code for answer in answers} <= {200, 202}, [answer.text for answer in answers]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert wait_until_over(world, 90.0)
    with world.postgres.connect() as connection:
        [[count]] = connection.execute("select count(*) from jobs where id <> %s", (first,)).fetchall()
    assert count == 1
