"""Named places at which a test makes this process die, fail or hang; without PHOTOGEN_FAILPOINT they cost one look.

`STAGE:POINT:ACTION:NTH`, as `train:before_commit:kill:1`: at the NTH time that a process reaches this point of this
stage it gets a kill -9 (`kill`), an OSError (`raise`) or sleeps (`sleep=SECONDS`). Once: FAILPOINT_ONCE names a file
that the first who acts makes, so that the worker that is started again goes on.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

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


@dataclass
class Failpoint:
    """What is to happen where."""

    stage: Stage
    point: str
    action: str
    nth: int
    once: Path | None


_reached: Counter[tuple[Stage, str]] = Counter()
_stage: Stage | None = None  # that this process works at; a worker's child works at one at a time


def enter(stage: Stage) -> None:
    """From here on, points are this stage's."""
    global _stage
    _stage = stage


def reach(point: str) -> None:
    """Act, if this is the place and the time. Raises OSError when told to."""
    wanted = _wanted(settings().failpoint)
    if wanted is None or _stage is not wanted.stage or point != wanted.point:
        return
    _reached[_stage, point] += 1
    if _reached[_stage, point] == wanted.nth and _first(wanted.once):
        _act(wanted.action)


@lru_cache(maxsize=1)
def _wanted(text: str) -> Failpoint | None:
    if not text:
        return None
    stage, point, action, nth = text.split(":")
    if point not in POINTS:
        raise ValueError(f"unknown failpoint {point}")
    once = settings().failpoint_once
    return Failpoint(Stage(stage), point, action, int(nth), once)


def _first(once: Path | None) -> bool:
    if once is None:
        return True
    try:
        once.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _act(action: str) -> None:
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "raise":
        raise OSError("a failpoint said so")
    elif action.startswith("sleep="):
        time.sleep(float(action.removeprefix("sleep=")))
    else:
        raise ValueError(f"unknown failpoint action {action}")


@signals.before_task_publish.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _before_publish(**_: object) -> None:
    reach("before_publish")


@signals.after_task_publish.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _after_publish(**_: object) -> None:
    reach("after_publish")


@signals.task_postrun.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _before_ack(**_: object) -> None:
    reach("before_ack")
