"""Parts of one machine's stack as processes: start, prefix their lines, restart what dies, stop all."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

RESTART_SECONDS = (1.0, 2.0, 5.0, 10.0)  # waits between restarts of a part that keeps dying
PR_SET_PDEATHSIG = 1  # prctl(2); kept over execve
STEADY_SECONDS = 60.0  # a part that lived so long starts again at the first wait


@dataclass
class Part:
    """One process: its name in the logs, its command, how long it may take to stop."""

    name: str
    command: Sequence[str]
    stop_seconds: float = 10.0
    process: subprocess.Popen[str] | None = None
    started: float = 0.0
    restarts: int = 0
    due: float = field(default=0.0)


class Processes:
    """Runs parts until told to stop; `tell(name, line)` gets every line they print."""

    def __init__(self, parts: Sequence[Part], environment: Mapping[str, str], tell: Callable[[str, str], None]) -> None:
        self.parts = list(parts)
        self._environment = dict(environment)
        self._tell = tell

    def start(self) -> None:
        """Start every part, in order."""
        for part in self.parts:
            self._start(part)

    def mend(self) -> None:
        """Restart what died. By the thread that started the rest: on Linux a tied part ends with its thread."""
        for part in self.parts:
            self._mend(part)

    def stop(self) -> None:
        """All but the first at once, the first at last, for the others speak to it: nothing stays behind."""
        for group in (self.parts[1:], self.parts[:1]):
            for part in group:
                self._terminate(part)
            for part in group:
                self._reap(part)

    def _start(self, part: Part) -> None:
        part.started = time.monotonic()
        # A group of its own: Ctrl-C reaches us alone, and we stop the parts in order.
        part.process = subprocess.Popen(
            part.command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=(part, part.process), daemon=True).start()

    def _read(self, part: Part, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self._tell(part.name, line.rstrip("\n"))

    def _mend(self, part: Part) -> None:
        if part.process is None or part.process.poll() is None:
            return
        now = time.monotonic()
        if not part.due:
            self._kill_group(part)
            part.restarts = 0 if now - part.started > STEADY_SECONDS else part.restarts
            wait = RESTART_SECONDS[min(part.restarts, len(RESTART_SECONDS) - 1)]
            part.due, part.restarts = now + wait, part.restarts + 1
            self._tell(part.name, f"ended with {part.process.returncode}; starting again in {wait:g} s")
        elif now >= part.due:
            part.due = 0.0
            self._start(part)

    @staticmethod
    def _terminate(part: Part) -> None:
        if part.process is not None and part.process.poll() is None:
            part.process.terminate()

    def _reap(self, part: Part) -> None:
        if part.process is None:
            return
        try:
            part.process.wait(part.stop_seconds)
        except subprocess.TimeoutExpired:
            self._tell(part.name, f"did not stop within {part.stop_seconds:g} s; killed")
        self._kill_group(part)
        part.process.wait()

    @staticmethod
    def _kill_group(part: Part) -> None:
        assert part.process is not None
        try:
            os.killpg(part.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def die_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Get this signal when the parent ends, however it ends. Linux only; elsewhere nothing happens."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)
