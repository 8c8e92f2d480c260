"""What a stage's work is told: the customer's choices, and the operator's, who alone says which weights are used."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from photogen_tasks.config import settings
from photogen_tasks.errors import FatalError
from photogen_tasks.models import Job
from photogen_tasks.stages import Stage
from photogen_tasks.storage import open_storage

POCKET = "pocket"  # the base model that ships with gpu_worker, and its default


def stage_params(job: Job, stage: Stage) -> dict[str, Any]:
    """Without what was left open: each stage knows its own defaults.

    Raises FatalError when weights that the settings name are not where they say, TransientError when storage is away.
    """
    chosen = job.params | {"class_noun": job.subject.class_noun} | _operators(stage)
    if job.subject.base_model != POCKET:
        chosen["base_model"] = job.subject.base_model
    return {name: value for name, value in chosen.items() if value not in (None, [])}


def _operators(stage: Stage) -> dict[str, Any]:
    config = settings()
    if stage is Stage.UPSCALE:
        return {"upscale_weights": config.upscale_weights or None}
    if stage is not Stage.MATTE:
        return {}
    told: dict[str, Any] = {"matting": config.matting}
    if config.matting == "rembg":
        told["rembg_model"] = config.rembg_model
    if config.matting == "rembg" and config.rembg_weights:
        names = (f"{config.rembg_model}.onnx", f"{config.rembg_model}.onnx.sha256")
        told["rembg_weights"] = str(local_folder(config.rembg_weights, names))
    return told


def local_folder(place: str, names: tuple[str, ...]) -> Path:
    """A folder of this machine in which `names` lie: `place` itself, or its copies when it is s3://bucket/prefix.

    Copies are kept for the next job; who reads them checks their hash.
    Raises FatalError when one of them is not there.
    """
    if not place.startswith("s3://"):
        return Path(place)
    folder = settings().data_dir.absolute() / "cache" / "weights" / hashlib.sha256(place.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        if not (folder / name).is_file():
            _fetch(place, name, folder)
    return folder


def _fetch(place: str, name: str, folder: Path) -> None:
    beside = folder / f"{name}.part"
    try:
        open_storage(place).get_file(name, beside)
    except KeyError as error:
        raise FatalError("weights_missing", f"{name} is not at {place}.") from error
    beside.replace(folder / name)
