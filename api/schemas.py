"""What the API takes and answers, as pydantic models. Rows come in, nothing internal goes out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from api.deps import HEX_ID
from api.errors import OUR_FAULT
from api.evidence import DeliveryOut, EvidenceOut
from photogen_tasks.models import Image, Job, Photo, StageRow, Subject
from photogen_tasks.params import MAX_PHOTOS, JobParams
from photogen_tasks.stages import TERMINAL, JobKind, Stage, Status

JOB_ID = "7d0f3c5e9b1a4f0e8c2d6a4b1e3f5a7c"
SUBJECT_ID = "1b9e4c7a2d5f48e0a3c6b8d1f2e4a6c8"
PHOTO_ID = "5e2a9c4b7d1f4a3e8b6c0d9f1a2e3c4b"


def _utc(value: Any) -> Any:
    return datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else value


Id = Annotated[str, StringConstraints(pattern=HEX_ID)]
Time = Annotated[datetime, BeforeValidator(_utc)]
# No control characters: PostgreSQL refuses NUL, and terminals obey some of the others.
Filename = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]


def _example(example: dict[str, Any], extra: Literal["forbid", "ignore"] = "ignore") -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [example]}, extra=extra)


class FileIn(BaseModel):
    """A photo that will be sent."""

    model_config = _example({"filename": "IMG_2041.HEIC", "bytes": 2481330}, extra="forbid")

    filename: Filename
    bytes: int | None = Field(None, ge=1, description="When given, a photo that is too large is refused at once.")


class UploadIn(BaseModel):
    """Up to 20 photos that will be sent."""

    model_config = _example({"files": [{"filename": "IMG_2041.HEIC"}, {"filename": "me.jpg"}]}, extra="forbid")

    files: list[FileIn] = Field(min_length=1, max_length=MAX_PHOTOS)


class UploadOut(BaseModel):
    """Where one photo goes: a form POST to `url` with `fields` first and the photo as part `file`."""

    model_config = _example(
        {
            "photo": PHOTO_ID,
            "filename": "me.jpg",
            "url": "https://photos.example.com/",
            "fields": {"key": f"tenants/3f/photos/{PHOTO_ID}", "policy": "eyJ…", "x-amz-signature": "9c…"},
        }
    )

    photo: str = Field(description="Id to name in `POST /v1/jobs`.")
    filename: str
    url: str
    fields: dict[str, str]


class UploadsOut(BaseModel):
    """One entry for each announced photo, in the order of the request."""

    uploads: list[UploadOut]
    max_bytes: int = Field(description="Of one photo.", examples=[26214400])
    expires_in: int = Field(description="Seconds that these permissions live.", examples=[900])


class InspectIn(BaseModel):
    """Uploaded photos to judge."""

    model_config = _example({"photos": [PHOTO_ID]}, extra="forbid")

    photos: list[Id] = Field(min_length=1, max_length=MAX_PHOTOS)


class FindingOut(BaseModel):
    """One thing that is wrong with a photo. A `hard` one refuses it, a soft one is a warning."""

    code: str = Field(examples=["blurry"])
    hard: bool
    sentence: str = Field(examples=["The face in this photo is blurred."])
    advice: str = Field(examples=["Hold still, tap on the face to focus, and take it again."])


class FaceOut(BaseModel):
    """A face's box, px of the upright photo; `score` is the detector's, 0..1."""

    x: float
    y: float
    width: float
    height: float
    score: float


class PhotoOut(BaseModel):
    """A photo and what the gate says of it; `verdict` is null while nobody has looked."""

    id: str = Field(examples=[PHOTO_ID])
    filename: str = Field(examples=["me.jpg"])
    verdict: Literal["accepted", "refused", "held_out"] | None = Field(
        description="`held_out`: accepted, and kept from training to judge the result by."
    )
    size: tuple[int, int] | None = Field(None, description="Width and height in px, upright.")
    findings: list[FindingOut] = []
    faces: list[FaceOut] = Field([], description="The subject's first.")
    scores: dict[str, float] = Field({}, examples=[{"blur": 0.46, "highlights": 208.0, "turn": 0.02}])

    @classmethod
    def of(cls, photo: Photo) -> PhotoOut:
        told = dict.fromkeys(("verdict", "size")) | (photo.verdict or {})
        return cls.model_validate(told | {"id": photo.id, "filename": photo.filename})


class PhotosOut(BaseModel):
    """Photos in the order that was asked for."""

    photos: list[PhotoOut]


class PhotoSetOut(BaseModel):
    """What the gate says of the photos together."""

    verdict: Literal["accepted", "refused"]
    accepted: int = Field(description="Photos that can be used.")
    photos: int
    findings: list[FindingOut]
    variety: dict[str, float] = Field(
        description="Median difference between two of the accepted photos, by aspect; empty for fewer than three.",
        examples=[{"pose": 0.18, "light": 9.5, "background": 41.2, "clothes": 33.0}],
    )
    advice: str = Field(examples=["Three of your eight photos are nearly the same; add two with another background."])


class JobPhotosOut(PhotosOut):
    """A job's photos with their verdicts."""

    set: PhotoSetOut | None = Field(description="Null before the first stage has ended.")
    sheet: str | None = Field(
        description="Short-lived link to a picture of all photos with verdicts, crops and cutouts. "
        "Null before matting, unless the photos were refused."
    )

    @classmethod
    def of(cls, job: Job, photos: Sequence[Photo], sheet: str | None) -> JobPhotosOut:
        judged = PhotoSetOut.model_validate(job.photo_set) if job.photo_set else None
        return cls(photos=[PhotoOut.of(photo) for photo in photos], set=judged, sheet=sheet)


class JobIn(JobParams):
    """A job: its photos (or, for `generate`, its subject) and what to draw."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"photos": [PHOTO_ID], "class_noun": "woman", "style": "demo", "seed": 7},
                {"kind": "generate", "subject": SUBJECT_ID, "prompts": ["{token} as an astronaut"]},
            ]
        }
    )

    photos: list[Id] = Field([], max_length=MAX_PHOTOS, description="Ids from `POST /v1/uploads`, all of one person.")
    subject: Id | None = Field(None, description="Only for `generate`: the trained person.")

    def params(self) -> JobParams:
        """What the stages need, without what only the rows need."""
        return JobParams(**self.model_dump(exclude={"photos", "subject"}))


class ErrorOut(BaseModel):
    """Why a job failed. `UsageError`: the customer can mend it; anything else is on us."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"class": "UsageError", "code": "no_face", "sentence": "We found no face in photo 3."}]
        }
    )

    kind: str = Field(alias="class")
    code: str
    sentence: str

    @classmethod
    def of(cls, job: Job) -> ErrorOut | None:
        if job.error_class is None:
            return None
        theirs = job.error_class == "UsageError"
        sentence = (job.error or "") if theirs else OUR_FAULT
        return cls.model_validate(
            {"class": job.error_class, "code": job.error_code or "internal_error", "sentence": sentence}
        )


class StageOut(BaseModel):
    """One stage of a job."""

    name: Stage
    status: Status
    progress: float = Field(ge=0, le=1, examples=[0.42])
    line: str = Field(description="What is happening, for people.", examples=["train step 168 of 400, loss 0.081"])
    attempts: int = Field(examples=[1])
    seconds: float | None = Field(description="Of the latest attempt; grows while it runs.", examples=[61.3])
    error: ErrorOut | None = None

    @classmethod
    def of(cls, row: StageRow, job: Job) -> StageOut:
        return cls(
            name=row.name,
            status=row.status,
            progress=min(max(row.progress, 0.0), 1.0),
            line=row.line,
            attempts=row.attempt,
            seconds=_seconds(row),
            error=ErrorOut.of(job) if row.status == Status.FAILED else None,
        )


def _seconds(row: StageRow) -> float | None:
    if row.started_at is None or row.status == Status.PENDING:
        return None
    end = row.ended_at if row.ended_at is not None else time.time()
    return round(max(end - row.started_at, 0.0), 3)


class JobOut(BaseModel):
    """A job as it stands."""

    id: str = Field(examples=[JOB_ID])
    kind: JobKind
    status: Status
    cancel_requested: bool
    progress: float = Field(ge=0, le=1, description="Of the whole job; every stage counts alike.", examples=[0.48])
    line: str = Field(examples=["train: train step 168 of 400, loss 0.081"])
    subject: str = Field(examples=[SUBJECT_ID])
    params: dict[str, Any] = Field(examples=[{"style": "demo", "class_noun": "woman", "seed": 7}])
    stages: list[StageOut]
    error: ErrorOut | None
    delivery: DeliveryOut | None = Field(description="Null before the images are there, and where none were judged.")
    created_at: Time
    started_at: Time | None
    ended_at: Time | None

    @classmethod
    def of(cls, job: Job) -> JobOut:
        stages = [StageOut.of(row, job) for row in job.stages]
        error = ErrorOut.of(job)
        return cls(
            id=job.id,
            kind=job.kind,
            status=job.status,
            cancel_requested=job.cancel_requested,
            progress=round(sum(stage.progress for stage in stages) / len(stages), 4),
            line=_line(job, stages, error),
            subject=job.subject_id,
            params=job.params,
            stages=stages,
            error=error,
            delivery=DeliveryOut.of(job),
            created_at=_utc(job.created_at),
            started_at=_utc(job.started_at),
            ended_at=_utc(job.ended_at),
        )


def _line(job: Job, stages: list[StageOut], error: ErrorOut | None) -> str:
    """One line for people: the error, the running stage, or what the job waits for."""
    if error is not None:
        return error.sentence
    if job.status in TERMINAL:
        delivered = DeliveryOut.of(job)
        return f"{job.status}: {delivered.sentence}" if delivered else str(job.status)
    for stage in stages:
        if stage.status == Status.RUNNING:
            return f"{stage.name}: {stage.line}" if stage.line else str(stage.name)
    waiting = next((stage.name for stage in stages if stage.status == Status.PENDING), None)
    return f"waiting for {waiting}" if waiting else str(job.status)


class JobsOut(BaseModel):
    """A page of jobs, newest first."""

    jobs: list[JobOut]
    next_before: str | None = Field(description="Pass as `before` for the next page; null on the last.")


class ImageOut(BaseModel):
    """A picture that went out. `url` is short-lived: ask again when it has expired."""

    id: str
    url: str = Field(examples=["https://photos.example.com/tenants/3f/…/001.png?X-Amz-Signature=9c…"])
    width: int = Field(examples=[768])
    height: int = Field(examples=[768])
    prompt: str = Field(examples=["photo of sks woman in a suit, in an office"])
    seed: int = Field(examples=[7])
    evidence: EvidenceOut | None = Field(description="Null for images that were not judged.")

    @classmethod
    def of(cls, image: Image, url: str) -> ImageOut:
        return cls(
            id=image.id,
            url=url,
            width=image.width,
            height=image.height,
            prompt=image.prompt,
            seed=image.seed,
            evidence=EvidenceOut.model_validate(image.evidence) if image.evidence else None,
        )


class ImagesOut(BaseModel):
    """All images of a job, in order; empty until its last stage has ended."""

    images: list[ImageOut]


class SubjectOut(BaseModel):
    """A trained person."""

    id: str = Field(examples=[SUBJECT_ID])
    class_noun: str = Field(examples=["woman"])
    base_model: str = Field(examples=["pocket"])
    trained: bool = Field(description="Whether generate jobs can use it.")
    created_at: Time

    @classmethod
    def of(cls, subject: Subject) -> SubjectOut:
        return cls(
            id=subject.id,
            class_noun=subject.class_noun,
            base_model=subject.base_model,
            trained=subject.weights_manifest is not None,
            created_at=_utc(subject.created_at),
        )


class SubjectsOut(BaseModel):
    """A page of subjects, newest first."""

    subjects: list[SubjectOut]
    next_before: str | None = Field(description="Pass as `before` for the next page; null on the last.")


class Alive(BaseModel):
    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """`degraded`: jobs are accepted and wait until the broker is back."""

    status: Literal["ready", "degraded", "unavailable"]
    checks: dict[str, Literal["ok", "unreachable"]] = Field(
        examples=[{"database": "ok", "storage": "ok", "broker": "ok"}]
    )
