"""What was measured, a line of JSON for each (recipe, customer, train step), written once; nothing is computed here."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Line = dict[str, Any]


@dataclass(frozen=True)
class Key:
    """What a line is about; `fingerprint` tells under which settings."""

    recipe: str
    customer: str
    step: int
    fingerprint: str


class Results:
    """The lines of one file, in the order in which they came. What a killed run left half-written is passed over."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = {key_of(line): line for line in _read(path)}

    def refresh(self) -> None:
        """Read what other processes have written since."""
        self._lines |= {key_of(line): line for line in _read(self.path)}

    def __contains__(self, key: Key) -> bool:
        return key in self._lines

    def __getitem__(self, key: Key) -> Line:
        return self._lines[key]

    def all(self) -> list[Line]:
        return list(self._lines.values())

    def add(self, key: Key, told: Line) -> None:
        """Append a line and see it on the disk. Raises ValueError where there is one for this key."""
        if key in self._lines:
            raise ValueError(f"{key} was measured before")
        line = {**vars(key), **told}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+b") as file:
            file.write(_end_of_line(file) + json.dumps(line).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self._lines[key] = line


def key_of(line: Line) -> Key:
    return Key(line["recipe"], line["customer"], line["step"], line["fingerprint"])


def _read(path: Path) -> Iterator[Line]:
    for text in path.read_text(errors="replace").splitlines() if path.is_file() else []:
        try:
            line = json.loads(text)
            key_of(line)
        except (ValueError, LookupError, TypeError):
            continue
        yield line


def _end_of_line(file: Any) -> bytes:
    """A newline where the last line has none."""
    size = file.seek(0, os.SEEK_END)
    if not size:
        return b""
    file.seek(size - 1)
    return b"" if file.read(1) == b"\n" else b"\n"
