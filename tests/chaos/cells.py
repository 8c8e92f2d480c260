"""The kill matrix: five stages by nine points, each met by one job in one world, many jobs at a time."""

from __future__ import annotations

from dataclasses import dataclass

from photogen_tasks.failpoints import POINTS
from photogen_tasks.stages import Stage
from tests.chaos.load import Book, open_jobs, order, wait_until_over
from tests.chaos.submitting import Submitter
from tests.chaos.waiting import wait_for
from tests.chaos.world import World

PUBLISH = ("before_publish", "after_publish")
AT_ONCE = 18  # open jobs: each fault costs its job a lease, and the workers go on with the others
CELL_SECONDS = 180.0  # from the last submission until all have ended


@dataclass(frozen=True)
class Cell:
    """A stage and a point at which whoever gets there dies."""

    stage: Stage
    point: str

    @property
    def by_submitter(self) -> bool:
        """The first stage's message is sent by who submits, and no worker gets there."""
        return self.stage is Stage.PREPROCESS and self.point in PUBLISH

    def failpoint(self, action: str) -> str:
        """As PHOTOGEN_FAILPOINT says it."""
        return f"{self.stage}:{self.point}:{action}:1"


CELLS = tuple(Cell(stage, point) for stage in Stage for point in POINTS)


def strike(world: World, action: str, seed: int, book: Book) -> dict[str, Cell]:
    """One job for every cell, armed before it is sent; returns when all are over or time is up. Cells by job."""
    met: dict[str, Cell] = {}
    with Submitter(world) as submitter:
        for number, cell in enumerate(CELLS):
            wait_for(lambda: _has_room(world), "a job to end", CELL_SECONDS, poll=0.1)
            wanted = order(seed, number)
            # A submitter is a process of its own: there is nobody to die with it.
            failpoint = cell.failpoint("kill" if cell.by_submitter else action)
            job_id = submitter.die(wanted, failpoint) if cell.by_submitter else submitter.send(wanted, failpoint)
            book.orders[job_id] = wanted
            met[job_id] = cell
    wait_until_over(world, CELL_SECONDS)
    return met


def _has_room(world: World) -> bool:
    found = open_jobs(world)
    return found is not None and found < AT_ONCE
