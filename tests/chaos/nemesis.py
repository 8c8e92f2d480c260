"""Strikes a world by a seed: which fault, when, and for how long. Writes down what it did, for the run to be read."""

from __future__ import annotations

import heapq
import itertools
import json
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.chaos import faults
from tests.chaos.waiting import holds_within
from tests.chaos.world import World


@dataclass(frozen=True)
class Habit:
    """One kind of fault: seconds between strikes, and how long it lasts when it can be undone."""

    strike: Callable[[World, random.Random], Any]
    every: tuple[float, float]
    lasts: tuple[float, float] = (0.0, 0.0)


KILLS = (Habit(faults.kill_either, (4, 7)),)
EVERYTHING = (
    Habit(faults.kill_either, (7, 11)),
    Habit(faults.stop_and_go, (20, 30), lasts=(6, 8)),  # longer than the lease
    Habit(faults.kill_redis, (16, 24), lasts=(0, 2)),
    Habit(faults.reset_redis, (7, 11)),
    Habit(faults.crash_postgres, (25, 35), lasts=(0, 1)),
    Habit(faults.kill_sweeper, (16, 24)),
)


def rarely(habits: tuple[Habit, ...], times: float, zombie: tuple[float, float]) -> tuple[Habit, ...]:
    """The same faults, so many times as far apart, for longer leases: `zombie` is how long a worker falls silent."""
    return tuple(
        Habit(
            habit.strike,
            (habit.every[0] * times, habit.every[1] * times),
            zombie if habit.strike is faults.stop_and_go else habit.lasts,
        )
        for habit in habits
    )


class Nemesis:
    """Keeps habits until the world has nothing left to do."""

    def __init__(self, world: World, habits: tuple[Habit, ...], seed: int) -> None:
        self._world = world
        self._chance = random.Random(seed)
        self._order = itertools.count()
        self._due: list[tuple[float, int, Habit | None, Callable[[], None] | None]] = []
        self._log = world.folder / "faults.jsonl"
        self.struck: Counter[str] = Counter()
        for habit in habits:
            self._plan(habit)

    def _plan(self, habit: Habit) -> None:
        heapq.heappush(self._due, (self._in(habit.every), next(self._order), habit, None))

    def _in(self, seconds: tuple[float, float]) -> float:
        return time.monotonic() + self._chance.uniform(*seconds)

    def run(self, over: Callable[[], bool], seconds: float) -> None:
        """Strike until `over` or out of time; then undo what still lasts."""
        until = time.monotonic() + seconds
        while not holds_within(over, min(self._next_at(), until) - time.monotonic(), poll=0.25):
            if time.monotonic() >= until:
                break
            self._next()
        for _, _, _, undo in sorted(self._due, key=lambda entry: entry[1]):
            if undo is not None:
                undo()

    def _next_at(self) -> float:
        return self._due[0][0] if self._due else float("inf")

    def _next(self) -> None:
        _, _, habit, undo = heapq.heappop(self._due)
        if undo is not None:
            undo()
        if habit is None:
            return
        undo = habit.strike(self._world, self._chance)
        self.struck[habit.strike.__name__] += 1
        self._tell(habit)
        if undo is not None:
            heapq.heappush(self._due, (self._in(habit.lasts), next(self._order), None, undo))
        self._plan(habit)

    def _tell(self, habit: Habit) -> None:
        with self._log.open("a") as log:
            log.write(json.dumps({"at": time.monotonic(), "fault": habit.strike.__name__}) + "\n")
