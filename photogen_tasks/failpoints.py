"""Named places at which a test makes this process die, fail or hang; without PHOTOGEN_FAILPOINT they cost one look.

`STAGE:POINT:ACTION:NTH`, as `train:before_commit:kill:1`: at the NTH time that a process reaches this point of this
stage it gets a kill -9 (`kill`), an OSError (`raise`) or sleeps (`sleep=SECONDS`). The publish points are those of the
stage's own message, whoever sends it: the worker of the stage before, or who submits. At these and before the ack
Celery swallows what is raised. Once: FAILPOINT_ONCE names a file that the first who acts makes, so that the worker that
is started again goes on.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from celery import signals

from photogen_tasks.config import settings
from photogen_tasks.stages import Stage

POINTS = (
    "after_claim",
    "mid_work",
    "after_data_put",
    "after_manifest_put",
    "before_commit",
    "after_commit",
    "before_publish",
    "after_publish",
    "before_ack",
)


@dataclass(frozen=True)
class Failpoint:
    """What is to happen where; `value` is what the action says after its `=`."""

    stage: Stage
    point: str
    action: str
    value: str
    nth: int
    once: Path | None


def _kill(_: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _raise(_: str) -> None:
    raise OSError("a failpoint said so")


def _sleep(seconds: str) -> None:
    time.sleep(float(seconds))


# By name; each is told what follows the name's `=`. A test may add its own.
ACTIONS: dict[str, Callable[[str], None]] = {"kill": _kill, "raise": _raise, "sleep": _sleep}

_reached: Counter[tuple[Stage, str]] = Counter()
_stage: Stage | None = None  # that this process works at; a worker's child works at one at a time


def enter(stage: Stage) -> None:
    """From here on, points of the work are this stage's."""
    global _stage
    _stage = stage


def reach(point: str, stage: Stage | None = None) -> None:
    """Act, if this is the place and the time; without a stage it is the entered one's. Raises OSError when told to."""
    wanted = _wanted(settings().failpoint)
    stage = stage or _stage
    if wanted is None or stage is not wanted.stage or point != wanted.point:
        return
    _reached[stage, point] += 1
    if _reached[stage, point] == wanted.nth and _first(wanted.once):
        ACTIONS[wanted.action](wanted.value)


def forget() -> None:
    """Count from zero again, and read the failpoint's settings anew."""
    _reached.clear()
    _wanted.cache_clear()


@lru_cache(maxsize=1)
def _wanted(text: str) -> Failpoint | None:
    if not text:
        return None
    stage, point, told, nth = text.split(":")
    action, _, value = told.partition("=")
    if point not in POINTS:
        raise ValueError(f"unknown failpoint {point}")
    if action not in ACTIONS:
        raise ValueError(f"unknown failpoint action {action}")
    return Failpoint(Stage(stage), point, action, value, int(nth), settings().failpoint_once)


def _first(once: Path | None) -> bool:
    if once is None:
        return True
    try:
        once.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _of_task(name: str, point: str) -> None:
    """A point of the stage that this task runs; other tasks have none."""
    stage = next((stage for stage in Stage if stage.task == name), None)
    if stage is not None:
        reach(point, stage)


@signals.before_task_publish.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _before_publish(sender: str, **_: object) -> None:
    _of_task(sender, "before_publish")


@signals.after_task_publish.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _after_publish(sender: str, **_: object) -> None:
    _of_task(sender, "after_publish")


@signals.task_postrun.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _before_ack(sender: Any, **_: object) -> None:
    _of_task(sender.name, "before_ack")
