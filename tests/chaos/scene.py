"""What the small chaos tests share: a few jobs in a running world, moments to wait for, and the verdict at the end."""

from __future__ import annotations

from typing import Any

from photogen_tasks.stages import Stage
from tests.chaos.checker import Finding, check
from tests.chaos.load import Book, Customer, open_jobs, order, wait_until_over
from tests.chaos.submitting import Submitter
from tests.chaos.waiting import wait_for
from tests.chaos.world import World


class Scene:
    """Jobs of one test among those of others in the same world."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.book = Book()
        self._seed = seed

    def submit(self, count: int) -> list[str]:
        """So many jobs through the API; their ids."""
        first = len(self.book.orders)
        customer = Customer(self.world, self.book)
        try:
            return [
                customer.submit(order(self._seed, number), f"{self._seed}-{number}")
                for number in range(first, first + count)
            ]
        finally:
            customer.leave()

    def train_steps(self, job_id: str | None = None) -> int:
        return sum(self._of_ours(effect, job_id) for effect in self.world.effects.read("step"))

    def trainings(self, job_id: str | None = None) -> int:
        """How many trainings have begun, of one job or of ours."""
        begun = self.world.effects.read("begun")
        return sum(effect["stage"] == Stage.TRAIN and self._of_ours(effect, job_id) for effect in begun)

    def _of_ours(self, effect: dict[str, Any], job_id: str | None) -> bool:
        return effect["job"] == job_id if job_id else effect["job"] in self.book.orders

    def until_training(self, steps: int = 2) -> None:
        """Until our trainings have made so many train steps from now on."""
        before = self.train_steps()
        wait_for(lambda: self.train_steps() >= before + steps, "a training", 90.0)

    def owner(self, job_id: str, stage: Stage) -> str:
        """The worker that holds the stage, by its name in the world."""
        return str(self.row(job_id, stage, "owner")).split("@")[0]

    def row(self, job_id: str, stage: Stage, column: str) -> Any:
        """One column of a stage's row, straight from PostgreSQL."""
        with self.world.postgres.connect() as connection:
            query = f"select {column} from stages where job_id = %s and name = %s"
            found = connection.execute(query, (job_id, stage.value)).fetchone()
        assert found is not None
        return found[0]

    def ended(self, seconds: float = 90.0, status: str = "succeeded") -> Finding:
        """Wait until no job is open, and check ours."""
        if not wait_until_over(self.world, seconds):
            self.world.kept = True
            raise TimeoutError(f"{open_jobs(self.world)} jobs still open after {seconds:g} s")
        return check(self.world, self.book.orders, status)


def armed(scene: Scene, number: int, failpoint: str) -> str:
    """A job of this scene that carries a failpoint."""
    wanted = order(900 + number, number)
    with Submitter(scene.world) as submitter:
        job_id = submitter.send(wanted, failpoint)
    scene.book.orders[job_id] = wanted
    return job_id
