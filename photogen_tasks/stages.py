"""Stages and job kinds in river order: which role runs a stage, what it reads, how long it may take."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """Who runs a stage; also the name of the queue it waits in."""

    CPU = "cpu"
    TRAIN = "train"
    INFER = "infer"
    INSPECT = "inspect"  # no stage: single photos, before a job exists


class Stage(StrEnum):
    """One word everywhere: task name, storage prefix, module, metric label."""

    PREPROCESS = "preprocess"
    MATTE = "matte"
    TRAIN = "train"
    GENERATE = "generate"
    UPSCALE = "upscale"

    @property
    def task(self) -> str:
        """Name of the Celery task that runs this stage."""
        return f"photogen.{self.value}"

    @property
    def spec(self) -> StageSpec:
        return SPECS[self]


class JobKind(StrEnum):
    PORTRAIT = "portrait"
    TRAIN = "train"
    GENERATE = "generate"

    @property
    def stages(self) -> tuple[Stage, ...]:
        return PIPELINES[self]


class Status(StrEnum):
    """Of a job (`queued` first) and of a stage (`pending` first)."""

    QUEUED = "queued"
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


TERMINAL = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)


@dataclass(frozen=True)
class StageSpec:
    """`reads`: earlier stages whose outputs come as `inputs/<stage>/`; `photos`: also the job's photos."""

    role: Role
    time_limit: int  # seconds; a hung stage is killed, a slow one is not
    reads: tuple[Stage, ...] = ()
    photos: bool = False


SPECS: dict[Stage, StageSpec] = {
    Stage.PREPROCESS: StageSpec(Role.CPU, 300, photos=True),
    Stage.MATTE: StageSpec(Role.INFER, 600, reads=(Stage.PREPROCESS,)),
    Stage.TRAIN: StageSpec(Role.TRAIN, 5400, reads=(Stage.PREPROCESS, Stage.MATTE)),
    Stage.GENERATE: StageSpec(Role.INFER, 1800, reads=(Stage.TRAIN,)),
    Stage.UPSCALE: StageSpec(Role.INFER, 1800, reads=(Stage.GENERATE,)),
}

PIPELINES: dict[JobKind, tuple[Stage, ...]] = {
    JobKind.PORTRAIT: tuple(Stage),
    JobKind.TRAIN: (Stage.PREPROCESS, Stage.MATTE, Stage.TRAIN),
    JobKind.GENERATE: (Stage.GENERATE, Stage.UPSCALE),
}
