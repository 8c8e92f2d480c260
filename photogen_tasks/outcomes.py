"""What a stage's output means to the rows: verdicts of photos, a subject's weights, images to show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from photogen_tasks.manifests import NAME, sha256
from photogen_tasks.models import Image, Job, Photo, StageRun, Subject
from photogen_tasks.stages import Stage

SHEET = "photos.jpg"  # as preprocess calls it for a refused set, and matte for an accepted one


def record(session: Session, job: Job, stage: Stage, fence: int, outputs: Path, manifest_key: str) -> None:
    """Write a committed stage's results into rows, in the transaction of its commit."""
    if stage is Stage.PREPROCESS:
        record_verdicts(session, job.id, outputs)
    elif stage is Stage.MATTE:
        record_sheet(session, job.id, manifest_key.removesuffix(NAME) + SHEET)
    elif stage is Stage.TRAIN:
        _weights(session, job, fence, outputs / "training.json", manifest_key)
    elif stage is Stage.UPSCALE:
        _images(session, job, outputs, manifest_key)


def record_verdicts(session: Session, job_id: str, outputs: Path) -> None:
    """Each photo's verdict and the set's, also when it was refused: its stage fails, and the customer sees why."""
    report = outputs / "report.json"
    if not report.is_file():
        return
    told = _read(report)
    photos = session.scalars(select(Photo).where(Photo.job_id == job_id).order_by(Photo.position)).all()
    for photo, verdict in zip(photos, told.get("photos", []), strict=False):
        photo.verdict = verdict
    session.execute(update(Job).where(Job.id == job_id).values(photo_set=told.get("set")))


def record_sheet(session: Session, job_id: str, key: str) -> None:
    """Where the picture of all photos with their verdicts lies."""
    session.execute(update(Job).where(Job.id == job_id).values(photo_sheet=key))


def _weights(session: Session, job: Job, fence: int, training: Path, manifest_key: str) -> None:
    session.execute(
        update(Subject)
        .where(Subject.id == job.subject_id, Subject.deleted_at.is_(None))
        .values(weights_manifest=manifest_key)
    )
    session.execute(
        update(StageRun)
        .where(StageRun.job_id == job.id, StageRun.stage == Stage.TRAIN, StageRun.fence == fence)
        .values(base_model_sha256=_read(training).get("base_model_hash"))
    )


def _images(session: Session, job: Job, outputs: Path, manifest_key: str) -> None:
    session.execute(delete(Image).where(Image.job_id == job.id))
    for position, image in enumerate(_read(outputs / "images.json")["images"]):
        path = outputs / image["file"]
        session.add(
            Image(
                tenant_id=job.tenant_id,
                job_id=job.id,
                position=position,
                key=manifest_key.removesuffix(NAME) + image["file"],
                sha256=sha256(path),
                bytes=path.stat().st_size,
                width=image["width"],
                height=image["height"],
                prompt=image["prompt"],
                seed=image["seed"],
            )
        )


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found
