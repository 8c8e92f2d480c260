"""Shared content in a folder of this machine, for who runs a stage by hand. No storage and no database."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

WAIT_SECONDS = 1.0  # between two looks at another process's work


class SharedFolder:
    """A `gpu_worker.stage.SharedContent`: of several processes one makes a file, the others wait for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def once(self, name: str, make: Callable[[Path], None], on_wait: Callable[[], None]) -> Path:
        """See the protocol. The lock is the kernel's: it goes with the process that held it."""
        path = self._folder / name
        self._folder.mkdir(parents=True, exist_ok=True)
        while not path.is_file():
            try:
                with FileLock(f"{path}.lock").acquire(timeout=WAIT_SECONDS):
                    if not path.is_file():
                        _make_whole(path, make)
            except Timeout:
                on_wait()
        return path


def _make_whole(path: Path, make: Callable[[Path], None]) -> None:
    """Whole or not at all, whenever the process ends."""
    partial = path.with_suffix(f".{uuid4().hex}.partial")
    try:
        make(partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
