"""The submitter's other end: sends orders with failpoints, and starts a new process for who is to die sending."""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType

from tests.chaos.load import Order
from tests.chaos.world import World


class Submitter:
    """Context manager around one submitting process."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._process = self._start("")

    def _start(self, failpoint: str) -> subprocess.Popen[str]:
        own = {"PHOTOGEN_FAILPOINT": failpoint} if failpoint else {}
        return subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.submitter", str(self._world.folder)],
            env=self._world.environment | own,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def send(self, wanted: Order, failpoint: str = "") -> str:
        """A job whose messages carry this failpoint; its id."""
        return self._ask(self._process, wanted, failpoint, die=False)

    def die(self, wanted: Order, failpoint: str) -> str:
        """A job whose submitter meets the failpoint and dies of it, the rows written; the job's id."""
        process = self._start(failpoint)
        job_id = self._ask(process, wanted, failpoint, die=True)
        self._end(process)
        if process.returncode == 0:
            raise RuntimeError(f"the submitter survived {failpoint}")
        return job_id

    def _ask(self, process: subprocess.Popen[str], wanted: Order, failpoint: str, *, die: bool) -> str:
        assert process.stdin is not None
        assert process.stdout is not None
        photos = [photo.decode() for photo in wanted.photos]
        told = {"photos": photos, "seed": wanted.seed, "failpoint": failpoint, "die": die}
        process.stdin.write(json.dumps(told) + "\n")
        process.stdin.flush()
        job_id = process.stdout.readline().strip()
        if not job_id:
            raise RuntimeError("the submitter ended without a job")
        return job_id

    @staticmethod
    def _end(process: subprocess.Popen[str]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()
        process.wait(30)

    def __enter__(self) -> Submitter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(self._process)
