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

    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        error = getattr(exc_info.exception, "exc", exc_info.exception)
        if isinstance(error, WorkerLostError):
            give_back(self.id, str(error))
        return super().on_failure(exc_info, send_failed_event=send_failed_event, return_ok=return_ok)


def give_back(task_id: str, how: str) -> None:
    """The stage that this worker's child held goes back: as ours when memory ran out, else as lost with its machine."""
    job_id, stage, _ = task_id.split(".")
    error = _out_of_memory() or TransientError("child_died", f"The worker's process died: {how}", RETRY_SECONDS)
    try:
        claim = claims.of_owner(job_id, Stage(stage), settings().worker_name)
        if claim is not None:
            log.error("child died; the stage goes back", job=job_id, stage=stage, how=how, code=error.code)
            claims.release(claim, "failed" if error.ours else "lost", error, error.retry_after)
    except SQLAlchemyError as away:
        log.warning("child died and no database to say so; the lease runs out", error=str(away))


def _out_of_memory() -> TransientError | None:
    global _killed_before
    before, _killed_before = _killed_before, oom_kills()
    if _killed_before == before:
        return None
    sentence = "The machine ran out of memory and ended the worker's process."
    return TransientError("out_of_memory", sentence, retry_after=RETRY_SECONDS, ours=True)


def oom_kills() -> int:
    """Processes that the kernel has ended for want of memory, here or in this control group; 0 where nobody counts."""
    groups = _lines(Path("/proc/self/cgroup"))
    own = [Path("/sys/fs/cgroup") / line.partition("::")[2].lstrip("/") for line in groups if line.startswith("0::")]
    files = [Path("/proc/vmstat"), *(group / "memory.events" for group in own)]
    counts = [line.split() for file in files for line in _lines(file)]
    return sum(int(value) for name, value in counts if name == "oom_kill")


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []


_killed_before = oom_kills()
