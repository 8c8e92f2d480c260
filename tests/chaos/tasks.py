"""The five tasks under chaos: the real wrapper, claims and checkpoints around work.py. Imported by workers alone.

A job may carry a failpoint: a file `armed/<job>` with what PHOTOGEN_FAILPOINT would say arms the process that takes one
of the job's messages, and disarms it with the next message. With PHOTOGEN_CHAOS_UNGUARDED the guard is off.
"""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path
from typing import Any

from celery import signals

from photogen_tasks import claims, failpoints
from photogen_tasks.claims import Claim, Refusal
from photogen_tasks.config import settings
from photogen_tasks.runner import OpenStage, stage_task
from photogen_tasks.stages import Stage
from tests.chaos import unguarded, work
from tests.chaos.effects import Effects

FOLDER = Path(os.environ["PHOTOGEN_CHAOS_FOLDER"])
PACE = work.Pace(
    float(os.environ.get("PHOTOGEN_CHAOS_STEP_SECONDS", "0.1")),
    float(os.environ.get("PHOTOGEN_CHAOS_STAGE_SECONDS", "0.25")),
)
EFFECTS = Effects(FOLDER / "effects.jsonl")
MOUTHFUL, MOST = 16 * 1024**2, 2 * 1024**3
ALWAYS = "always "  # before a failpoint that acts more than once
WITHOUT = os.environ.get("PHOTOGEN_CHAOS_WITHOUT", "")  # stages that this worker's release does not know

_held: Claim | None = None


def _work(stage: Stage, opened: OpenStage) -> None:
    assert _held is not None
    tell = partial(EFFECTS.write, job=_held.job_id, stage=stage.value, fence=_held.fence, attempt=_held.attempt)
    tell(what="begun")
    work.do(stage, opened, PACE, lambda step: tell(what="step", step=step))
    tell(what="worked")


for _stage in Stage:
    if _stage.value not in WITHOUT.split(","):
        stage_task(_stage)(partial(_work, _stage))

_claim = claims.claim


def _remembering(*args: Any, **options: Any) -> Claim | Refusal:
    """Claim as ever, and remember what is held: the work itself is not told."""
    global _held
    claimed = _claim(*args, **options)
    _held = claimed if isinstance(claimed, Claim) else None
    return claimed


if os.environ.get("PHOTOGEN_CHAOS_UNGUARDED"):
    _claim = unguarded.claim
    unguarded.switch_off()
claims.claim = _remembering


@signals.task_prerun.connect  # type: ignore[untyped-decorator]  # Celery ships no types
def _arm(args: tuple[Any, ...] = (), **_: Any) -> None:
    job = args[0]["job"] if args and isinstance(args[0], dict) else ""
    armed, once = FOLDER / "armed" / job, FOLDER / "once" / job
    text = armed.read_text() if job and armed.is_file() and not once.exists() else ""
    failpoints.forget()
    if not text and not settings().failpoint:
        return
    os.environ["PHOTOGEN_FAILPOINT"] = text.removeprefix(ALWAYS)
    os.environ.pop("PHOTOGEN_FAILPOINT_ONCE", None)
    if not text.startswith(ALWAYS):
        os.environ["PHOTOGEN_FAILPOINT_ONCE"] = str(once)
    settings.cache_clear()


def _no_memory(_: str) -> None:
    """What Python says when it gets no more."""
    raise MemoryError("a failpoint said so")


def _kill_all(_: str) -> None:
    """The worker's parent dies with its child."""
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _eat(_: str) -> None:
    """Take memory until the kernel ends this process."""
    taken = [bytearray(b"x" * MOUTHFUL) for _ in range(MOST // MOUTHFUL)]
    raise RuntimeError(f"took {len(taken) * MOUTHFUL} bytes, and nobody minded")


failpoints.ACTIONS |= {"memory": _no_memory, "killall": _kill_all, "eat": _eat}
