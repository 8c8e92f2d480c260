"""What the API says of images: scores, verdicts, and how many were accepted. Rows come in; no row is read here."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

from photogen_tasks.models import Job


class ScoresOut(BaseModel):
    """What was measured of an image; null: could not be, and `unmeasured` says why."""

    likeness: float | None = Field(None, description="To the subject's photos; a cosine, -1 to 1.", examples=[0.61])
    faces: int | None = Field(None, examples=[1])
    adherence: float | None = Field(None, description="How much of the prompt is to be seen, 0 to 1.", examples=[0.75])
    sharpness: float | None = Field(None, description="0 to 1; more is sharper.", examples=[0.52])
    unsafe: float | None = Field(None, description="How likely it shows nudity, 0 to 1.", examples=[0.01])


class ReasonOut(BaseModel):
    """What is wrong with an image. A `hard` reason rejects it, another is a warning."""

    code: str = Field(examples=["unlike"])
    hard: bool
    sentence: str = Field(examples=["The face does not look enough like the photos."])


class ComparedOut(BaseModel):
    """What likeness was measured to."""

    photos: int = Field(examples=[1])
    held_out: bool = Field(description="Kept from training; else the photos that the subject was trained on.")


class EvidenceOut(BaseModel):
    """What is known of an image, and whether it is good enough."""

    verdict: Literal["accepted", "rejected"]
    scores: ScoresOut
    reasons: list[ReasonOut] = Field([], description="The worst first.")
    unmeasured: dict[str, str] = Field(
        {}, description="By score.", examples=[{"adherence": "The prompt names nothing that can be judged."}]
    )
    compared: ComparedOut | None = None


class DeliveryOut(BaseModel):
    """What became of the images that a job wanted."""

    wanted: int = Field(examples=[10])
    drawn: int = Field(description="With those that were drawn again.", examples=[13])
    accepted: int = Field(examples=[9])
    rejected: dict[str, int] = Field(
        {}, description="Images by the worst reason.", examples=[{"unlike": 3, "blurry": 1}]
    )
    sentence: str = Field(examples=["9 of 10 images accepted"])

    @classmethod
    def of(cls, job: Job) -> DeliveryOut | None:
        if not job.delivery:
            return None
        told = {"sentence": "{accepted} of {wanted} images accepted".format(**job.delivery)}
        return cls.model_validate(job.delivery | told)
