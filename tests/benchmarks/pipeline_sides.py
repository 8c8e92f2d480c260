"""The two that take turns: the product's jobs, and raw Celery chains. Submit, wait until all are done, tell the times.

What a side's workers do is in pipeline_stages and pipeline_raw.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from photogen_tasks import photos, pipeline
from photogen_tasks.db import read_scope, session_scope
from photogen_tasks.models import Job, Tenant, new_id
from photogen_tasks.params import JobParams
from photogen_tasks.stages import Status
from photogen_tasks.storage import storage
from tests.benchmarks import pipeline_raw, pipeline_stamps

LOOK_SECONDS = 0.005
PATIENCE_SECONDS = 300.0


@dataclass(frozen=True)
class Run:
    """Jobs submitted at once: seconds from the first submission until all were done, of that the submitting one's;
    hand-offs in ms.
    """

    jobs: int
    seconds: float
    submitting: float
    hand_offs: list[float]

    @property
    def per_second(self) -> float:
        return self.jobs / self.seconds


class Side(ABC):
    """One way to run five stages; `folder` is where its workers stamp."""

    name: str

    def __init__(self, folder: Path) -> None:
        self._stamps = pipeline_stamps.Stamps(folder)

    def together(self, count: int) -> Run:
        """All jobs at once: the workers are never idle."""
        tickets = self.prepare(count)
        began = time.monotonic()
        jobs = {self.submit(ticket) for ticket in tickets}
        submitting = time.monotonic() - began
        self._await(jobs)
        seconds = time.monotonic() - began
        return Run(count, seconds, submitting, self._stamps.hand_offs(jobs))

    def one_by_one(self, count: int) -> list[float]:
        """Each job alone, the workers idle before it; hand-offs in ms."""
        jobs = set()
        for ticket in self.prepare(count):
            job = self.submit(ticket)
            self._await({job})
            jobs.add(job)
        return self._stamps.hand_offs(jobs)

    @abstractmethod
    def prepare(self, count: int) -> list[str]:
        """What must be there before a submission, and is not measured."""

    @abstractmethod
    def submit(self, ticket: str) -> str:
        """Send one job; its id."""

    @abstractmethod
    def done(self, jobs: set[str]) -> bool:
        """Asked once the last stage's work is over: is all written down?"""

    def _await(self, jobs: set[str]) -> None:
        until = time.monotonic() + PATIENCE_SECONDS
        waiting = set(jobs)
        while waiting or not self.done(jobs):
            if time.monotonic() > until:
                raise TimeoutError(f"{self.name}: {len(waiting)} jobs were not done within {PATIENCE_SECONDS:g} s")
            time.sleep(LOOK_SECONDS)
            self._stamps.look()
            waiting = {job for job in waiting if not self._stamps.worked(job)}


class Ours(Side):
    """Jobs of the product, submitted as the API does it, one uploaded photo each."""

    name = "ours"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._photo = folder.with_name("photo")
        self._photo.write_bytes(b"no picture")
        self._tenant = new_id()
        with session_scope() as session:
            session.add(Tenant(id=self._tenant, name=f"benchmark-{self._tenant}"))

    def prepare(self, count: int) -> list[str]:
        with session_scope() as session:
            made = photos.create(session, self._tenant, ["a.jpg"] * count)
        for photo in made:
            storage().put_file(photo.key, self._photo, "image/jpeg")
        ids = [photo.id for photo in made]
        photos.mark_uploaded(self._tenant, ids)
        return ids

    def submit(self, ticket: str) -> str:
        return pipeline.submit(self._tenant, JobParams(), photo_ids=[ticket]).id

    def done(self, jobs: set[str]) -> bool:
        with read_scope() as session:
            ended = session.execute(select(Job.status, func.count()).where(Job.id.in_(jobs)).group_by(Job.status))
            counts = {status: count for status, count in ended}
        if counts.keys() & {Status.FAILED, Status.CANCELLED}:
            raise RuntimeError(f"jobs ended as {counts}; see the workers' logs")
        return counts == {Status.SUCCEEDED: len(jobs)}


class Raw(Side):
    """Celery chains, without anything that makes them safe."""

    name = "raw"

    def prepare(self, count: int) -> list[str]:
        return [new_id() for _ in range(count)]

    def submit(self, ticket: str) -> str:
        pipeline_raw.submit(ticket)
        return ticket

    def done(self, jobs: set[str]) -> bool:
        return True
