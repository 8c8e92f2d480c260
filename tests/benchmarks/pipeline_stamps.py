"""When did a stage's work begin and end? Lines that worker children append; it measures, and judges nothing.

Times are seconds of CLOCK_MONOTONIC, which all processes of one machine share.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from celery import current_task

from photogen_tasks.stages import Stage

VARIABLE = "PIPELINE_STAMPS"  # the folder; one file in it per process
SEQUENCE = {stage.value: seq for seq, stage in enumerate(Stage)}


@dataclass(frozen=True)
class Stamp:
    """One run of one stage's work, seconds."""

    job: str
    seq: int
    begin: float
    end: float


class Watch:
    """Made at the first line of a stage's work; stop() at the last one. Task ids are JOB.STAGE.EPOCH."""

    def __init__(self) -> None:
        self._begin = time.monotonic()

    def stop(self) -> None:
        job, stage, _ = current_task.request.id.split(".")
        line = f"{job} {SEQUENCE[stage]} {self._begin!r} {time.monotonic()!r}\n"
        with open(Path(os.environ[VARIABLE]) / str(os.getpid()), "a") as file:
            file.write(line)


class Stamps:
    """What all processes wrote so far; look() reads on from where the last look ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: Counter[Path] = Counter()
        self.of_job: dict[str, list[Stamp]] = {}

    def look(self) -> None:
        for path in self._folder.iterdir():
            with path.open("rb") as file:
                file.seek(self._seen[path])
                whole = file.read().rpartition(b"\n")[0]
            self._seen[path] += len(whole) + bool(whole)
            for line in whole.decode().splitlines():
                job, seq, begin, end = line.split()
                self.of_job.setdefault(job, []).append(Stamp(job, int(seq), float(begin), float(end)))

    def worked(self, job: str) -> bool:
        """Is the last stage's work over?"""
        return any(stamp.seq == len(Stage) - 1 for stamp in self.of_job.get(job, ()))

    def hand_offs(self, jobs: set[str]) -> list[float]:
        """From each stage's end to the begin of the next one of the same job, in ms."""
        return [
            (after.begin - before.end) * 1000
            for job in jobs
            for before, after in pairwise(sorted(self.of_job[job], key=lambda stamp: stamp.begin))
            if after.seq == before.seq + 1
        ]
