"""The effects log: one line of JSON for each thing that work did to the world. Depends on no row and no log.

A line goes out by one write to a file opened for appending: lines of killed and stopped processes stay whole.
"""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any


class Effects:
    """An append-only file that any number of processes write to; who reads keeps what was read."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._seen: list[dict[str, Any]] = []
        self._offset = 0
        self._lock = threading.Lock()

    def write(self, **effect: Any) -> None:
        """Append one effect with this process's id and the machine's monotonic clock, which nobody turns."""
        line = json.dumps(effect | {"pid": os.getpid(), "at": time.monotonic()}) + "\n"
        handle = os.open(self.file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)

    def read(self, what: str | None = None, job: str | None = None) -> list[dict[str, Any]]:
        """All effects so far, in the order they were written; of one kind, of one job."""
        with self._lock:
            self._catch_up()
            return [
                line
                for line in self._seen
                if (what is None or line["what"] == what) and (job is None or line["job"] == job)
            ]

    def _catch_up(self) -> None:
        if not self.file.exists():
            return
        with self.file.open("rb") as log:
            log.seek(self._offset)
            lines = log.read().splitlines()
            self._offset = log.tell()
        self._seen += [json.loads(line) for line in lines]
