"""What a stage's work is told: the customer's choices, and the operator's, who alone says which weights are used."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from photogen_tasks.config import settings
from photogen_tasks.errors import FatalError
from photogen_tasks.held_job import HeldJob
from photogen_tasks.params import HIRES_SCALE
from photogen_tasks.stages import Stage
from photogen_tasks.storage import open_storage

POCKET = "pocket"  # the base model that ships with gpu_worker, and its default


def stage_params(job: HeldJob, stage: Stage) -> dict[str, Any]:
    """Without what was left open: each stage knows its own defaults. Over those go, for a training, the operator's.

    Raises FatalError when weights that the settings name are not where they say, TransientError when storage is away.
    """
    asked = {name: value for name, value in job.params.items() if value not in (None, [])}
    usual = settings().training if stage is Stage.TRAIN else {}
    chosen = usual | asked | {"class_noun": job.class_noun} | _operators(stage)
    if chosen.pop("hires", False):
        chosen["hires_scale"] = HIRES_SCALE
    if job.base_model != POCKET:
        chosen["base_model"] = job.base_model
    return {name: value for name, value in chosen.items() if value not in (None, [])}


def _operators(stage: Stage) -> dict[str, Any]:
    config = settings()
    if stage is Stage.UPSCALE:
        return {"upscale_weights": config.upscale_weights or None} | _signing()
    if stage is Stage.GENERATE:
        judged = {"limits": {"unsafe": config.unsafe_limit}, "clip_weights": config.clip_weights or None}
        return _engine() | judged
    if stage is Stage.TRAIN:
        return {"clip_weights": config.clip_weights or None}
    if stage is Stage.PREPROCESS:
        return {
            "min_photos": config.min_photos,
            "same_person": config.same_person,
            "more_scales": [scale for scale in config.crop_scales.split(",") if scale],
        }
    return _matting() if stage is Stage.MATTE else {}


def _engine() -> dict[str, Any]:
    config = settings()
    return {
        "loras": config.loras or None,
        "engine_memory": config.engine_memory or None,
        "precision": config.precision or None,
        "compiled": config.compile,
    }


def warm_params() -> dict[str, Any]:
    """What an infer worker draws with before it knows of any job."""
    own = {} if settings().base_model == POCKET else {"base_model": settings().base_model}
    return own | {name: value for name, value in _engine().items() if value not in (None, [])}


def _signing() -> dict[str, Any]:
    """Where the files are, never what they hold. Empty settings also undo what a customer named."""
    config = settings()
    told = {
        "c2pa_key": config.c2pa_key,
        "c2pa_certificate": config.c2pa_certificate,
        "c2pa_timestamp_url": config.c2pa_timestamp_url,
    }
    return {name: value or None for name, value in told.items()}


def _matting() -> dict[str, Any]:
    config = settings()
    told: dict[str, Any] = {"matting": config.matting, "few_photos_size": config.few_photos_size}
    if config.matting == "rembg":
        told["rembg_model"] = config.rembg_model
    if config.matting == "rembg" and config.rembg_weights:
        told["rembg_weights"] = str(local_folder(config.rembg_weights, f"{config.rembg_model}.onnx"))
    return told


def local_folder(place: str, name: str) -> Path:
    """A folder of this machine with the file `name` and its hash, `name`.sha256.

    That is `place` itself or, when it is s3://bucket/prefix, a folder with copies; they are fetched again when the hash
    there has changed. Who reads the file checks it against the hash.
    Raises FatalError when one of them is not there.
    """
    if not place.startswith("s3://"):
        return Path(place)
    folder = settings().data_dir.absolute() / "cache" / "weights" / hashlib.sha256(place.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder) as fetched:
        hash_now = _fetch(place, f"{name}.sha256", Path(fetched))
        kept = folder / hash_now.name
        if not (folder / name).is_file() or not kept.is_file() or kept.read_bytes() != hash_now.read_bytes():
            _fetch(place, name, Path(fetched)).replace(folder / name)
            hash_now.replace(kept)
    return folder


def _fetch(place: str, name: str, folder: Path) -> Path:
    try:
        open_storage(place).get_file(name, folder / name)
    except KeyError as error:
        raise FatalError("weights_missing", f"{name} is not at {place}.") from error
    return folder / name
