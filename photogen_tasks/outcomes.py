"""What a stage's output means to the rows: verdicts of photos, a subject's weights, images with their evidence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from photogen_tasks.held_job import HeldJob
from photogen_tasks.manifests import Kept
from photogen_tasks.models import Image, Job, Photo, StageRun, Subject
from photogen_tasks.stages import Stage

SHEET = "photos.jpg"  # as preprocess calls it for a refused set, and matte for an accepted one

# Built once: every job executes them.
PHOTOS = select(Photo.id).where(Photo.job_id == bindparam("job")).order_by(Photo.position)
JUDGE_PHOTO = update(Photo).where(Photo.id == bindparam("photo")).values(verdict=bindparam("said"))
JUDGE_SET = update(Job).where(Job.id == bindparam("job")).values(photo_set=bindparam("said"))
KEEP_SHEET = update(Job).where(Job.id == bindparam("job")).values(photo_sheet=bindparam("key"))
DROP_IMAGES = delete(Image).where(Image.job_id == bindparam("job"))
TELL_DELIVERY = update(Job).where(Job.id == bindparam("job")).values(delivery=bindparam("said"))
KEEP_WEIGHTS = update(Subject).where(Subject.id == bindparam("subject"), Subject.deleted_at.is_(None))
KEEP_WEIGHTS = KEEP_WEIGHTS.values(weights_manifest=bindparam("key"))
NAME_BASE_MODEL = update(StageRun).where(StageRun.job_id == bindparam("job"), StageRun.stage == Stage.TRAIN)
NAME_BASE_MODEL = NAME_BASE_MODEL.where(StageRun.fence == bindparam("of_fence"))
NAME_BASE_MODEL = NAME_BASE_MODEL.values(base_model_sha256=bindparam("sha256"))


def record(session: Session, job: HeldJob, stage: Stage, fence: int, outputs: Path, kept: Kept) -> None:
    """Write a committed stage's results into rows, in the transaction of its commit."""
    if stage is Stage.PREPROCESS:
        record_verdicts(session, job.id, outputs)
    elif stage is Stage.MATTE:
        if sheet := kept.key_of(SHEET):
            record_sheet(session, job.id, sheet)
    elif stage is Stage.TRAIN:
        _weights(session, job, fence, outputs / "training.json", kept.key)
    elif stage is Stage.UPSCALE:
        _images(session, job, outputs, kept)


def record_verdicts(session: Session, job_id: str, outputs: Path) -> None:
    """Each photo's verdict and the set's, also when it was refused: its stage fails, and the customer sees why."""
    report = outputs / "report.json"
    if not report.is_file():
        return
    told = _read(report)
    connection = session.connection()
    photos = connection.scalars(PHOTOS, {"job": job_id}).all()
    verdicts = [
        {"photo": photo, "said": verdict} for photo, verdict in zip(photos, told.get("photos", []), strict=False)
    ]
    if verdicts:
        connection.execute(JUDGE_PHOTO, verdicts)
    connection.execute(JUDGE_SET, {"job": job_id, "said": told.get("set")})


def record_sheet(session: Session, job_id: str, key: str) -> None:
    """Where the picture of all photos with their verdicts lies."""
    session.connection().execute(KEEP_SHEET, {"job": job_id, "key": key})


def _weights(session: Session, job: HeldJob, fence: int, training: Path, manifest_key: str) -> None:
    connection = session.connection()
    connection.execute(KEEP_WEIGHTS, {"subject": job.subject_id, "key": manifest_key})
    sha256_now = _read(training).get("base_model_hash")
    connection.execute(NAME_BASE_MODEL, {"job": job.id, "of_fence": fence, "sha256": sha256_now})


def _images(session: Session, job: HeldJob, outputs: Path, kept: Kept) -> None:
    connection = session.connection()
    connection.execute(DROP_IMAGES, {"job": job.id})
    of_job = {"tenant_id": job.tenant_id, "job_id": job.id}
    told = _read(outputs / "images.json")
    rows = [of_job | {"position": number} | _image(image, kept) for number, image in enumerate(told["images"])]
    if rows:  # an empty list would insert a row of defaults
        connection.execute(insert(Image), rows)
    if delivery := told.get("delivery"):
        connection.execute(TELL_DELIVERY, {"job": job.id, "said": delivery})


def _image(image: dict[str, Any], kept: Kept) -> dict[str, Any]:
    file = kept.files[image["file"]]
    told = {name: image[name] for name in ("width", "height", "prompt", "seed")}
    told["evidence"] = image.get("evidence")
    return told | {"key": kept.key_of(file.name), "sha256": file.sha256, "bytes": file.bytes}


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found
