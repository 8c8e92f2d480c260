"""The stage `matte`: an alpha and a cutout for every instance image.

Photos are neither judged nor cropped here; who stands in them was decided before. How an alpha is found is the
backends' matter, see `gpu_worker.matting`.
"""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from gpu_worker.images import read_rgb, write_png
from gpu_worker.job_photos import job_sheet
from gpu_worker.matting import Matting
from gpu_worker.matting.background import cut_out
from gpu_worker.stage import OnStep, StageConfig, silent

# A subject covers a third of a portrait; far less means that the backend saw nobody.
LEAST_COVER = 0.03


class MatteConfig(StageConfig):
    """Which backend works out the alpha, and how closely."""

    matting: Literal["portrait", "pocket", "rembg"] = "portrait"
    # px; closed-form matting solves one equation per pixel: 0.1 to 0.4 s at 320, four times that at 640
    matting_side: int = Field(default=320, ge=64, le=1024)
    matting_method: Literal["closed_form", "knn"] = "closed_form"  # of `portrait`
    rembg_model: str = "birefnet-portrait"  # one of gpu_worker.matting.rembg.MODELS
    rembg_weights: str | None = None  # the folder with MODEL.onnx; nothing is ever downloaded
    few_photos: bool = False
    few_photos_size: int = Field(default=10, ge=1, le=40)  # instance images that few photos are filled up to
    seed: int = Field(default=0, ge=0)


def matte_photos(inputs: Path, outputs: Path, config: MatteConfig, *, on_step: OnStep | None = None) -> None:
    """Matte each PNG of inputs/preprocess/instance and held_out.

    Writes outputs/alpha/NNN.png (8-bit L), outputs/cutout/NNN.png (RGBA, the subject's own colours also where
    the background shone through), outputs/report.json, which names the backend, and outputs/photos.jpg, every
    photo with its verdict. Where the backend sees nobody the alpha is 1 everywhere: training then keeps the whole
    photo. With `few_photos` outputs/made/ holds what the set was filled up with, see few_photos.filling.
    Raises BadWeights when the backend lacks its own.
    """
    on_step = on_step or silent
    matting = open_matting(config)
    folders = [inputs / "preprocess" / name for name in ("instance", "held_out")]
    paths = sorted((p for f in folders for p in f.glob("*.png")), key=lambda path: path.name)
    (outputs / "alpha").mkdir(parents=True)
    (outputs / "cutout").mkdir()
    report = []
    for done, path in enumerate(paths, 1):
        report.append(_matte_file(path, outputs, matting))
        on_step(done / len(paths), f"matte {done}/{len(paths)}")
    made = _fill_up(inputs, outputs, config) if config.few_photos else 0
    told = {"matting": matting.name, "made": made, "photos": report}
    (outputs / "report.json").write_text(json.dumps(told, indent=1))
    job_sheet(inputs / "preprocess", outputs).save(outputs / "photos.jpg", quality=88)


def _fill_up(inputs: Path, outputs: Path, config: MatteConfig) -> int:
    from gpu_worker.few_photos.filling import fill_up

    return fill_up(inputs / "preprocess", outputs, config.few_photos_size, config.seed)


def open_matting(config: MatteConfig) -> Matting:
    """The backend that `config` names; its libraries are imported now and not before. Raises BadWeights."""
    if config.matting == "pocket":
        from gpu_worker.matting.pocket import PocketMatting

        return PocketMatting()
    if config.matting == "rembg":
        return _open_rembg(config.rembg_model, config.rembg_weights)
    from gpu_worker.matting.portrait import PortraitMatting

    return PortraitMatting(config.matting_side, config.matting_method)


@lru_cache(maxsize=1)
def _open_rembg(model: str, folder: str | None) -> Matting:
    """Kept for the worker's next job: a gigabyte of weights takes longer to check and load than to use."""
    from gpu_worker.matting.rembg import RembgMatting

    return RembgMatting(model, folder)


def _matte_file(path: Path, outputs: Path, matting: Matting) -> dict[str, Any]:
    image = read_rgb(path)
    alpha = matting.alpha(image)
    if alpha.mean() < LEAST_COVER:
        alpha = np.ones(alpha.shape)
    cutout = cut_out(image, alpha)
    write_png(cutout[:, :, 3], outputs / "alpha" / path.name)
    write_png(cutout, outputs / "cutout" / path.name)
    return {
        "file": path.name,
        "number": int(path.stem[:3]),
        "cover": round(float(alpha.mean()), 4),
        "whole": bool(alpha.min() == 1),
    }
