"""What of a benchmark one of several processes does, and how they keep out of each other's way. No measuring here."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from filelock import FileLock

Piece = TypeVar("Piece")


@dataclass(frozen=True)
class Share:
    """Every `count`-th piece of work, from number `first` on, which begins at 0."""

    first: int = 0
    count: int = 1

    def of(self, pieces: Iterable[Piece]) -> list[Piece]:
        return list(islice(pieces, self.first, None, self.count))


ALL = Share()


def add_share(options: argparse.ArgumentParser) -> None:
    """The option --share K/N."""
    options.add_argument("--share", type=_read, default=ALL, metavar="K/N", help="be the K-th of N processes at once")


def alone(path: Path) -> FileLock:
    """A context in which no other process makes `path`; whoever is killed holds nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path.with_name(f"{path.name}.lock"))


def _read(text: str) -> Share:
    number, _, count = text.partition("/")
    share = Share(int(number) - 1, int(count))
    if not 0 <= share.first < share.count:
        raise ValueError(f"{text} is no share")
    return share
