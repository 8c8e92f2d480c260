"""Of several processes one makes a file, the others wait; who dies at it is followed by another."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from gpu_worker import shared_folder
from gpu_worker.shared_folder import SharedFolder

AT_WORK = """
import sys
from pathlib import Path
from gpu_worker.shared_folder import SharedFolder

def make(path):
    path.write_text("half of it")
    print("working", flush=True)
    sys.stdin.read()

SharedFolder(Path(sys.argv[1])).once("0a.bin", make, lambda: None)
"""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_folder, "WAIT_SECONDS", 0.01)


def writing(text: str) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_text(text)

    return make


def unwanted(path: Path) -> None:
    pytest.fail("made twice")


def nobody_waits() -> None:
    pytest.fail("waited for nobody")


def test_a_file_is_made_once_and_found_again(tmp_path: Path) -> None:
    made = SharedFolder(tmp_path / "new").once("0a.bin", writing("x"), nobody_waits)
    found = SharedFolder(tmp_path / "new").once("0a.bin", unwanted, nobody_waits)
    assert (found, found.read_text()) == (made, "x")


def test_who_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    def make(path: Path) -> None:
        path.write_text("half of it")
        raise MemoryError

    with pytest.raises(MemoryError):
        SharedFolder(tmp_path).once("0a.bin", make, nobody_waits)
    assert [path.suffix for path in tmp_path.iterdir() if path.suffix != ".lock"] == []
    assert SharedFolder(tmp_path).once("0a.bin", writing("x"), nobody_waits).is_file()


def test_two_at_once_make_it_once(tmp_path: Path) -> None:
    begun, waited = threading.Event(), threading.Event()

    def make(path: Path) -> None:
        begun.set()
        assert waited.wait(10), "the other one did not wait"
        path.write_text("the first one's")

    first = threading.Thread(target=lambda: SharedFolder(tmp_path).once("0a.bin", make, nobody_waits))
    first.start()
    assert begun.wait(10)
    assert SharedFolder(tmp_path).once("0a.bin", unwanted, waited.set).read_text() == "the first one's"
    first.join()


def test_who_is_killed_is_followed_by_who_waits(tmp_path: Path) -> None:
    command = [sys.executable, "-c", AT_WORK, str(tmp_path)]
    waits: list[int] = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "working\n"

        def kill() -> None:
            waits.append(1)
            process.send_signal(signal.SIGKILL)

        found = SharedFolder(tmp_path).once("0a.bin", writing("whole"), kill)
    assert waits
    assert found.read_text() == "whole"


def test_who_waits_may_leave(tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def leave() -> None:
        raise Stopped

    begun, stop = threading.Event(), threading.Event()

    def make(path: Path) -> None:
        begun.set()
        stop.wait(10)
        path.write_text("x")

    first = threading.Thread(target=lambda: SharedFolder(tmp_path).once("0a.bin", make, nobody_waits))
    first.start()
    assert begun.wait(10)
    with pytest.raises(Stopped):
        SharedFolder(tmp_path).once("0a.bin", unwanted, leave)
    stop.set()
    first.join()
