"""The four large runs, F-0 to F-3, each in a world of its own; pytest runs them small, `make chaos` whole."""

from __future__ import annotations

import random
import signal
from dataclasses import dataclass, field

from tests.chaos import cells, faults
from tests.chaos.checker import Finding, check
from tests.chaos.load import Book, Load, open_jobs, wait_until_over
from tests.chaos.nemesis import Habit, Nemesis
from tests.chaos.waiting import holds_within
from tests.chaos.world import Plan, World, running_world

STILL_SECONDS = 15.0  # with no effect for so long, nothing will happen any more
QUICK = {"CHAOS_STEP_SECONDS": "0.05", "CHAOS_STAGE_SECONDS": "0.1"}  # the matrix hits its points by name, not by time
LONGEST_SECONDS = 4 * 3600.0  # of one run; the faults end with the last job
END_SECONDS = 240.0  # from the last fault until every job has ended


@dataclass
class Run:
    """What a run found, and how many faults it stood."""

    finding: Finding
    faults: int = 0
    book: Book = field(default_factory=Book)
    reached: int = 0
    cells: int = 0
    missed: list[str] = field(default_factory=list)


def unguarded(seed: int, jobs: int = 8) -> Run:
    """F-0: nobody is refused, nobody sweeps; killed workers and reset connections must leave marks on the checker."""
    plan = Plan(sweepers=0, settings={"CHAOS_UNGUARDED": "1"})
    with running_world(plan) as world:
        load = Load(world, jobs, seed, in_flight=jobs)
        load.start()
        load.join()
        for strike in (_kill_all, _reset, _reset):
            _until_more_steps(world)
            strike(world)
        _wait_until_still(world)
        run = Run(check(world, load.book.orders), faults=3, book=load.book)
        world.kept = False  # it was meant to break
        return run


def _until_more_steps(world: World) -> None:
    worked = len(world.effects.read("step"))
    holds_within(lambda: len(world.effects.read("step")) > worked + 4, STILL_SECONDS)


def _reset(world: World) -> None:
    """Every message that is being worked at goes back to its queue: it will run twice."""
    faults.reset_redis(world, random.Random(0))


def _kill_all(world: World) -> None:
    """Every message that is being worked at is out of its queue, and for hours nobody puts it back."""
    for part in world.workers.values():
        part.signal_group(signal.SIGKILL)


def _wait_until_still(world: World) -> None:
    seen = -1

    def moved() -> bool:
        return len(world.effects.read()) != seen

    while open_jobs(world) != 0 and holds_within(moved, STILL_SECONDS, poll=0.25):
        seen = len(world.effects.read())


def matrix(seed: int, repeat: int) -> Run:
    """F-1: kill -9 at every point of every stage: the child alone, then the worker with it, in turn."""
    with running_world(Plan(settings=QUICK)) as world:
        run = Run(Finding())
        for turn in range(repeat):
            action = ("kill", "killall")[turn % 2]
            met = cells.strike(world, action, seed + turn, run.book)
            run.cells += len(met)
            run.missed += [
                f"{cell.stage}:{cell.point}" for job, cell in met.items() if not (world.fired(job) or cell.by_submitter)
            ]
        run.finding = check(world, run.book.orders)
        run.faults = run.cells - len(run.missed)
        broken = {job for job in run.book.orders if any(job in line for line in run.finding.violations)}
        run.reached = run.faults - len(broken)
        return run


def undisturbed(seed: int, jobs: int) -> Run:
    """The same jobs with no fault, to compare with."""
    return disturbed(seed, jobs, ())


def disturbed(seed: int, jobs: int, habits: tuple[Habit, ...], *, s3_lies: bool = False) -> Run:
    """F-2 and F-3: so many jobs while the nemesis keeps its habits, and S3 lies if told to."""
    with running_world() as world:
        load = Load(world, jobs, seed)
        undo = faults.s3_lies(world) if s3_lies else None
        load.start()
        struck = _strike(world, load, habits, seed)
        if undo is not None:
            undo()
        wait_until_over(world, END_SECONDS)
        load.join()
        if load.failed is not None:
            raise load.failed
        return Run(check(world, load.book.orders), faults=struck, book=load.book)


def _strike(world: World, load: Load, habits: tuple[Habit, ...], seed: int) -> int:
    if not habits:
        load.join()
        return 0
    nemesis = Nemesis(world, habits, seed)
    nemesis.run(lambda: not load.is_alive() and open_jobs(world) == 0, seconds=LONGEST_SECONDS)
    return nemesis.struck
