"""F-X1: jobs for a long time with no fault at all; what grows meanwhile, and what is left when the last has ended."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import linear_regression
from typing import Any

from tests.chaos.checker import Finding, check, orphans
from tests.chaos.load import Load, open_jobs
from tests.chaos.parts import Part
from tests.chaos.runs import SOAK, TELL_SECONDS
from tests.chaos.waiting import holds_within
from tests.chaos.world import World, running_world

SAMPLES = 240  # of a whole run
WARM = 0.25  # of the run: imports, pools and caches fill
GROWTH = 1.0  # MB an hour that a worker's parent may grow
PASSING_FILES = 3  # a connection that is just being made
JUDGED_SECONDS = 1800.0  # shorter runs tell a slope of noise
END_SECONDS = 600.0
TIDY_SECONDS = 120.0  # leases of the last jobs, and some ticks of the sweeper


@dataclass
class Growth:
    """One process: seconds, MB of resident memory and open files, sample by sample."""

    at: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    @property
    def slope(self) -> float:
        """MB an hour, by least squares; 0 when there is too little to tell."""
        return linear_regression(self.at, self.memory).slope * 3600 if len(self.at) > 2 else 0.0


@dataclass
class Steady:
    """What a run without faults found."""

    finding: Finding
    seconds: float
    parents: dict[str, Growth]
    unacked: int
    orphans: int

    def missed(self) -> list[str]:
        found = list(self.finding.violations)
        for name, parent in self.parents.items():
            if self.seconds >= JUDGED_SECONDS and parent.slope > GROWTH:
                found.append(f"{name} grows by {parent.slope:.1f} MB/h")
            if parent.files[-1] > parent.files[0] + PASSING_FILES:
                found.append(f"{name} had {parent.files[0]} open files and has {parent.files[-1]}")
        found += [f"{self.unacked} messages are unacked"] * bool(self.unacked)
        return found + [f"{self.orphans} objects are named by no row"] * bool(self.orphans)

    def summary(self) -> dict[str, Any]:
        return {
            "steady": "failed" if self.missed() else "ok",
            "seconds": round(self.seconds),
            "jobs": self.finding.jobs,
            "lost": self.finding.lost,
            "twice": self.finding.twice,
            "mb_per_hour": {name: round(parent.slope, 2) for name, parent in self.parents.items()},
            "open_files": {name: [parent.files[0], parent.files[-1]] for name, parent in self.parents.items()},
            "unacked": self.unacked,
            "orphans": self.orphans,
        }


def run(seed: int, seconds: float, tell: Callable[[str], None]) -> Steady:
    """Jobs for so long, then wait until all have ended and the sweeper has tidied up."""
    with running_world(SOAK.plan) as world:
        began = time.monotonic()
        load = Load(world, _until(began + seconds), seed, SOAK.in_flight)
        parents: dict[str, Growth] = {name: Growth() for name in world.workers}
        load.start()
        holds_within(lambda: not load.is_alive(), WARM * seconds, poll=0.5)
        watcher = _Watcher(world, load, parents, seconds, tell)
        while load.is_alive():
            watcher.look()
            holds_within(lambda: not load.is_alive(), seconds / SAMPLES, poll=0.5)
        holds_within(lambda: open_jobs(world) == 0, END_SECONDS, poll=0.5)
        holds_within(lambda: orphans(world) == [] and unacked(world) == 0, TIDY_SECONDS, poll=2.0)
        watcher.look()
        finding = check(world, load.book.orders)
        finding.violations += load.failures
        return Steady(finding, seconds, parents, unacked(world), len(orphans(world)))


def _until(end: float) -> Iterator[int]:
    return itertools.takewhile(lambda _: time.monotonic() < end, itertools.count())


class _Watcher:
    """Samples of every worker's parent, and a line a minute."""

    def __init__(
        self, world: World, load: Load, parents: dict[str, Growth], seconds: float, tell: Callable[[str], None]
    ) -> None:
        self._world, self._load, self._parents, self._seconds, self._tell = world, load, parents, seconds, tell
        self._told = time.monotonic()

    def look(self) -> None:
        for name, growth in self._parents.items():
            sample(self._world.workers[name], growth)
        if time.monotonic() - self._told > TELL_SECONDS:
            self._told = time.monotonic()
            self._tell(f"{len(self._load.book.orders)} jobs taken, {open_jobs(self._world)} open")


def sample(part: Part, growth: Growth) -> None:
    """Add one sample; none of a process that is just gone."""
    folder = Path(f"/proc/{part.pid}")
    with suppress(OSError):
        lines = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        files = len(list((folder / "fd").iterdir()))
        growth.at.append(time.monotonic())
        growth.memory.append(int(lines["VmRSS"].split()[0]) / 1024)
        growth.files.append(files)


def unacked(world: World) -> int:
    """Messages that somebody took and did not acknowledge."""
    with world.redis.client() as client:
        return sum(int(str(client.hlen(key))) for key in client.keys("photogen:unacked") if client.type(key) == b"hash")
