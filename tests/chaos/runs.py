"""The large runs, F-0 to F-4, each in a world of its own; pytest runs them small, `make chaos` whole."""

from __future__ import annotations

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos import cells, faults
from tests.chaos.checker import Finding, check
from tests.chaos.load import IN_FLIGHT, Book, Load, open_jobs, wait_until_over
from tests.chaos.nemesis import EVERYTHING, Habit, Nemesis, rarely
from tests.chaos.waiting import holds_within
from tests.chaos.world import WORKERS, Plan, World, running_world

STILL_SECONDS = 15.0  # with no effect for so long, nothing will happen any more
BUSY_SECONDS = 180.0  # for what comes at once, on a machine with other work
QUICK = {"CHAOS_STEP_SECONDS": "0.05", "CHAOS_STAGE_SECONDS": "0.1"}  # the matrix hits its points by name, not by time
LONGEST_SECONDS = 4 * 3600.0  # of one run; the faults end with the last job
END_SECONDS = 600.0  # from the last fault until every job has ended
TELL_SECONDS = 60.0


@dataclass(frozen=True)
class Course:
    """The faults of a run, and the world it runs in."""

    habits: tuple[Habit, ...] = ()
    s3_lies: bool = False
    plan: Plan = field(default_factory=Plan)
    in_flight: int = IN_FLIGHT
    tell: Callable[[str], None] = lambda line: None  # a line of progress now and then


FREE = Course()
# Thousands of jobs: quick stages, leases that a full machine keeps, and workers with time to work between the faults.
SOAK = Course(
    habits=rarely(EVERYTHING, times=3, zombie=(12, 15)),
    s3_lies=True,
    plan=Plan(
        workers=WORKERS | {"front-3": "cpu,train", "front-4": "cpu,train", "infer-3": "infer"},
        settings={
            "CHAOS_STEP_SECONDS": "0.05",
            "CHAOS_STAGE_SECONDS": "0.2",
            "LEASE_SECONDS": "10",
            "PENDING_SECONDS": "6",
            "SWEEPER_SECONDS": "1.5",
        },
        tasks_per_child=500,
    ),
    in_flight=32,
)


@dataclass
class Run:
    """What a run found, and how many faults of which kind it stood; what S3's proxy answered wrongly is beside them."""

    finding: Finding
    struck: Counter[str] = field(default_factory=Counter)
    lies: dict[str, int] = field(default_factory=dict)
    book: Book = field(default_factory=Book)
    seconds: float = 0.0
    reached: int = 0
    cells: int = 0
    missed: list[str] = field(default_factory=list)

    @property
    def faults(self) -> int:
        return self.struck.total()


def unguarded(seed: int, jobs: int = 8) -> Run:
    """F-0: nobody is refused, nobody sweeps; killed workers and reset connections must leave marks on the checker."""
    plan = Plan(sweepers=0, settings={"CHAOS_UNGUARDED": "1"})
    with running_world(plan) as world:
        load = Load(world, range(jobs), seed, in_flight=jobs)
        load.start()
        load.join()
        struck = Counter[str]()
        for strike in (_kill_all, _reset, _reset):
            _until_more_steps(world)
            strike(world)
            struck[strike.__name__.removeprefix("_")] += 1
        holds_within(lambda: _committed_twice(world), BUSY_SECONDS)
        _wait_until_still(world)
        run = Run(check(world, load.book.orders), struck, book=load.book)
        world.kept = False  # it was meant to break
        return run


def _until_more_steps(world: World) -> None:
    worked = len(world.effects.read("step"))
    holds_within(lambda: len(world.effects.read("step")) > worked + 4, BUSY_SECONDS)


def _reset(world: World) -> None:
    """Every message that is being worked at goes back to its queue: it will run twice."""
    faults.reset_redis(world, random.Random(0))


def _kill_all(world: World) -> None:
    """Every message that is being worked at is out of its queue, and for hours nobody puts it back."""
    for part in world.workers.values():
        part.signal_group(signal.SIGKILL)


def _committed_twice(world: World) -> bool:
    query = (
        "select 1 from chaos_changes where now = 'succeeded' and stage <> '' group by job, stage having count(*) > 1"
    )
    return bool(world.postgres.ask(query))


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
            unmet = [cell for job, cell in met.items() if not (world.fired(job) or cell.by_submitter)]
            run.missed += [f"{cell.stage}:{cell.point}" for cell in unmet]
            run.struck[action] += len(met) - len(unmet)
        run.finding = check(world, run.book.orders)
        broken = {job for job in run.book.orders if any(job in line for line in run.finding.violations)}
        run.reached = run.faults - len(broken)
        return run


def disturbed(seed: int, jobs: int, course: Course) -> Run:
    """F-2 to F-4: so many jobs while the nemesis keeps its habits, and S3 lies if told to."""
    began = time.monotonic()
    with running_world(course.plan) as world:
        load = Load(world, range(jobs), seed, course.in_flight)
        undo = faults.s3_lies(world) if course.s3_lies else None
        load.start()
        nemesis = Nemesis(world, course.habits, seed)
        progress = _Progress(world, load, nemesis, course.tell)
        nemesis.run(progress.over, seconds=LONGEST_SECONDS)
        if undo is not None:
            undo()
        wait_until_over(world, END_SECONDS)
        lies = world.proxies.lies()
        course.tell("checking")
        finding = check(world, load.book.orders)
        finding.violations += load.failures
        return Run(finding, nemesis.struck, lies, load.book, time.monotonic() - began)


class _Progress:
    """Is the run over? Asked all the time, it tells of the run once a minute."""

    def __init__(self, world: World, load: Load, nemesis: Nemesis, tell: Callable[[str], None]) -> None:
        self._world, self._load, self._nemesis, self._tell = world, load, nemesis, tell
        self._began = self._told = time.monotonic()

    def over(self) -> bool:
        found = open_jobs(self._world)
        if time.monotonic() - self._told > TELL_SECONDS and found is not None:
            self._told = time.monotonic()
            self._tell(
                f"{self._told - self._began:.0f} s: {len(self._load.book.orders) - found} jobs done, {found} open, "
                f"{self._nemesis.struck.total()} faults, {self._world.keeper.starts} restarts"
            )
        return found == 0 and not self._load.is_alive()
