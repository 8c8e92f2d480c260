"""What a worker's parent does when its child dies at a stage: says in the row of what, and gives the stage back.

Without it the lease would run out first. The work itself is never looked at.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import structlog
from billiard.exceptions import WorkerLostError
from celery.worker.request import Request
from sqlalchemy.exc import SQLAlchemyError

from photogen_tasks import claims
from photogen_tasks.config import settings
from photogen_tasks.errors import TransientError
from photogen_tasks.stages import Stage

log = structlog.get_logger()
RETRY_SECONDS = 5.0


class StageRequest(Request):  # type: ignore[misc]  # Celery ships no types
    """Celery's request of one stage, in the parent."""

    def on_accepted(self, pid: int, time_accepted: float) -> Any:
        _note_kills()
        return super().on_accepted(pid, time_accepted)

    def on_timeout(self, soft: bool, timeout: float) -> Any:
        if not soft:  # the child is killed now, and nobody else would say why
            give_back(self.id, TransientError("too_slow", f"The stage did not end within {timeout:g} s.", ours=True))
        return super().on_timeout(soft, timeout)

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        error = getattr(exc_info.exception, "exc", exc_info.exception)
        if isinstance(error, WorkerLostError):
            give_back(self.id, _out_of_memory() or _died(str(error)))
        return super().on_failure(exc_info, send_failed_event=send_failed_event, return_ok=return_ok)


def give_back(task_id: str, error: TransientError) -> None:
    """The stage that this worker's child held goes back: as ours when memory or time ran out, else as lost."""
    job_id, stage, _ = task_id.split(".")
    try:
        claim = claims.of_owner(job_id, Stage(stage), settings().worker_name)
        if claim is not None:
            log.error(
                "child ended; the stage goes back", job=job_id, stage=stage, code=error.code, error=error.sentence
            )
            claims.release(claim, error.outcome, error, error.retry_after)
    except SQLAlchemyError as away:
        log.warning("child ended and no database to say so; the lease runs out", error=str(away))


def _died(how: str) -> TransientError:
    return TransientError("child_died", f"The worker's process died: {how}", RETRY_SECONDS)


def _out_of_memory() -> TransientError | None:
    """When the kernel ended a process for want of memory since this stage began."""
    if _note_kills() == 0:
        return None
    sentence = "The machine ran out of memory and ended the worker's process."
    return TransientError("out_of_memory", sentence, retry_after=RETRY_SECONDS, ours=True)


def _note_kills() -> int:
    """How many there were since the last look."""
    global _killed_before
    before, _killed_before = _killed_before, oom_kills()
    return _killed_before - before


def oom_kills() -> int:
    """Processes of this control group that the kernel has ended for want of memory; without one, of the machine."""
    groups = _lines(Path("/proc/self/cgroup"))
    own = [Path("/sys/fs/cgroup") / line.partition("::")[2].lstrip("/") for line in groups if line.startswith("0::")]
    lines = [line for group in own for line in _lines(group / "memory.events")] or _lines(Path("/proc/vmstat"))
    return sum(int(value) for name, value in map(str.split, lines) if name == "oom_kill")


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []


_killed_before = oom_kills()
