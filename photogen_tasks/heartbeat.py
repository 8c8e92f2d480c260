"""A thread that renews a lease while the stage works, writes its progress and reads the flags."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import structlog
from sqlalchemy.exc import SQLAlchemyError

from photogen_tasks import claims
from photogen_tasks.config import settings

log = structlog.get_logger()
LEAVE_SECONDS = 5.0  # that a stage run waits for its heartbeat's last word
LOST, CANCELLED, DRAINING = "lost", "cancelled", "draining"


class Stopped(Exception):
    """Raised out of the stage's work by its progress report: the lease is lost, cancelled, or draining."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def drain_flag(worker_pid: int) -> Path:
    """The file by which a worker's parent tells its child to give the stage back."""
    return (settings().work_dir or Path(tempfile.gettempdir())) / f"photogen-drain-{worker_pid}"


class Heartbeat:
    """Context manager around one stage run; `report` is the stage's on_step."""

    def __init__(self, claim: claims.Claim) -> None:
        self._claim = claim
        self._progress = 0.0
        self._line = ""
        self._reports = 0
        self._why: str | None = None
        self._renewed_at = time.monotonic()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{claim.stage}", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join(LEAVE_SECONDS)  # it may hang in a dead connection; what it writes then counts no more

    def report(self, progress: float, line: str) -> None:
        """Progress in 0..1 and one line for people. Raises Stopped when the work must end."""
        self._progress, self._line = min(max(progress, 0.0), 1.0), line
        self._reports += 1
        self.check()

    def check(self) -> None:
        """Raises Stopped when the work must end: told so, or the lease was not renewed in time."""
        # The thread may hang in a dead connection: whether the lease still holds is told by the clock alone.
        if self._why is None and time.monotonic() - self._renewed_at > settings().lease_seconds:
            self._why = LOST
        if self._why is not None:
            raise Stopped(self._why)

    def _beat(self) -> None:
        told, stop_since = 0, 0.0
        while not self._done.wait(settings().heartbeat_seconds):
            if self._why in (LOST, CANCELLED):
                stop_since = stop_since or time.monotonic()
                if time.monotonic() - stop_since > settings().stubborn_seconds:
                    self._end_process()
                continue
            reports, asked_at = self._reports, time.monotonic()
            try:
                beat = claims.renew(self._claim, self._progress, self._line, moved=reports != told)
            except SQLAlchemyError as error:
                log.warning("heartbeat not written; the lease runs on", error=str(error))
                # Another worker may hold the stage by now: computing on would be waste, committing would fail.
                if time.monotonic() - self._renewed_at > settings().lease_seconds:
                    self._why = LOST
                continue
            self._renewed_at, told = asked_at, reports
            if beat.cancelled:
                self._why = CANCELLED
            elif beat.lost:
                self._why = LOST
            elif drain_flag(os.getppid()).exists():
                self._why = DRAINING

    def _end_process(self) -> None:
        """The work does not listen, and the GPU must be free: nothing that it makes can count any more."""
        log.error("told to stop and still working; this process ends", why=self._why)
        if self._why == CANCELLED:
            with suppress(SQLAlchemyError):
                claims.cancelled(self._claim)
        os.kill(os.getpid(), signal.SIGKILL)
