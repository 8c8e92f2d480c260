"""Parts are started, their lines are prefixed, the dead are started again, and nothing stays behind."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest

from photogen_tasks.processes import Part, Processes
from tests.conftest import await_true

STEADY = "import signal, os; print('here', os.getpid(), flush=True)\nwhile True: signal.pause()"
WITH_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {STEADY!r}])"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{STEADY}"


class Heard:
    """What the parts said."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, name: str, line: str) -> None:
        self.lines.append((name, line))

    def pids(self, name: str) -> list[int]:
        return [int(line.split()[1]) for part, line in self.lines if part == name and line.startswith("here")]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def processes(heard: Heard) -> Iterator[Processes]:
    parts = [
        Part("steady", [sys.executable, "-c", STEADY]),
        Part("parent", [sys.executable, "-c", WITH_CHILD]),
        Part("stubborn", [sys.executable, "-c", STUBBORN], stop_seconds=0.2),
    ]
    running = Processes(parts, dict(os.environ), heard)
    running.start()
    yield running
    running.stop()


def test_every_part_is_heard_and_nothing_stays_behind(processes: Processes, heard: Heard) -> None:
    names = ("steady", "parent", "stubborn")
    await_true(lambda: all(heard.pids(name) for name in names), "three parts")
    processes.stop()
    pids = [pid for name in names for pid in heard.pids(name)]
    await_true(lambda: not any(alive(pid) for pid in pids), "all to be gone")


def test_a_part_that_dies_comes_back_without_its_orphans(processes: Processes, heard: Heard) -> None:
    await_true(lambda: heard.pids("parent"), "the part's child")
    child = heard.pids("parent")[0]
    part = processes.parts[1]
    assert part.process is not None
    os.kill(part.process.pid, signal.SIGKILL)

    def back() -> bool:
        processes.mend()
        return len(heard.pids("parent")) == 2

    await_true(back, "the part to come back")
    assert not alive(child)
    assert any(name == "parent" and "starting again" in line for name, line in heard.lines)
