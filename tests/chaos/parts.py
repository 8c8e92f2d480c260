"""One process of the world in a group of its own: start, signal, see it gone. And who starts again what died."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from photogen_tasks.processes import die_with_parent
from tests.chaos.waiting import wait_for

MEND_SECONDS = 0.1


class Part:
    """A process, its command, environment and log. `keep`: a keeper starts it again when it died."""

    def __init__(
        self, name: str, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self.environment = environment
        self.keep = False
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                # A harness that is killed leaves nothing behind.
                preexec_fn=lambda: die_with_parent(signal.SIGKILL),
            )

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def children(self) -> list[int]:
        """Process ids of its children: a worker's pool."""
        found: list[int] = []
        for file in Path(f"/proc/{self.pid}/task").glob("*/children"):
            with suppress(OSError):
                found += [int(pid) for pid in file.read_text().split()]
        return found

    def signal_group(self, number: signal.Signals) -> None:
        """To the process and all its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """kill -9 of the whole group; returns when the process is reaped."""
        process = self.process  # the keeper may put another in its place meanwhile
        if process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Keeper:
    """A thread that starts again every kept part that died."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = list(parts)
        self.starts = 0
        self._stop = threading.Event()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def start(self) -> None:
        """Start all parts. By the keeper's own thread: on Linux a part ends with the thread that started it."""
        self._thread.start()
        wait_for(self._started.is_set, "the parts to start")

    def _run(self) -> None:
        for part in self.parts:
            part.start()
            part.keep = True
        self._started.set()
        while not self._stop.wait(MEND_SECONDS):
            for part in list(self.parts):
                if part.keep and not part.alive():
                    part.kill()
                    part.start()
                    self.starts += 1

    def stop(self) -> None:
        """Keep nothing any more, and end all parts."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        for part in self.parts:
            part.kill()
