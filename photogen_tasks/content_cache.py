"""Shared content on a worker's disk, bounded: what was used least recently leaves first, never what a run holds.

What the files are is not known here; they can be had again from storage.
"""

from __future__ import annotations

import fcntl
import os
import re
from pathlib import Path

import structlog

log = structlog.get_logger()
ENTRY = re.compile(r"[0-9a-f]{64}")  # beside them lie copies of weights that the operator named: those stay
LOCK = ".lock"


class ContentCache:
    """Folders by name in `root`, which all workers of a machine use. One object for each run, closed at its end.

    Locks are the kernel's: who is killed holds nothing any more.
    """

    def __init__(self, root: Path, most_bytes: float) -> None:
        self._root = root
        self._most = most_bytes
        self._locks: dict[str, int] = {}

    def hold(self, name: str) -> Path:
        """The folder `name`, used now; until this is closed, nothing leaves it."""
        folder = self._root / name
        folder.mkdir(parents=True, exist_ok=True)
        if name not in self._locks:
            self._locks[name] = _opened(folder)
            fcntl.flock(self._locks[name], fcntl.LOCK_SH)  # who empties it just now is done in a moment
        os.utime(folder)
        return folder

    def close(self) -> None:
        """Let go of all, and empty what has not been used for longest until no more than `most_bytes` are left."""
        if not self._locks:
            return
        while self._locks:
            os.close(self._locks.popitem()[1])
        try:
            self._trim()
        except OSError as error:  # another run will find it too large as well
            log.warning("the cache of shared content cannot be trimmed", error=str(error))

    def _trim(self) -> None:
        folders = [path for path in self._root.iterdir() if ENTRY.fullmatch(path.name)]
        sizes = {folder: sum(file.stat().st_size for file in _files(folder)) for folder in folders}
        left = sum(sizes.values())
        for folder in sorted(folders, key=lambda folder: folder.stat().st_mtime_ns):
            if left <= self._most:
                return
            if sizes[folder] and _emptied(folder):
                left -= sizes[folder]


def _emptied(folder: Path) -> bool:
    """False when a run holds it. The folder stays, so that its lock is everybody's."""
    lock = _opened(folder)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for file in _files(folder):
            file.unlink()
        return True
    except BlockingIOError:
        return False
    finally:
        os.close(lock)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name != LOCK]


def _opened(folder: Path) -> int:
    return os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
