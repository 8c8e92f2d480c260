"""The stage `matte`: an alpha and a cutout for every instance image.

Photos are neither judged nor cropped here; who stands in them was decided before.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from gpu_worker.assets import asset
from gpu_worker.images import read_rgb, write_png
from gpu_worker.stage import OnStep, StageConfig, silent

SEGMENTER_SIDE = 256  # px, the network's input
SURE = 0.1  # confidence this near to 0 or 1 counts as known in the trimap
EDGE = 3  # px of the matting side by which known zones shrink: hair and blur live on the border
# A subject covers a third of a portrait; far less means that the segmenter saw nobody.
LEAST_COVER = 0.03


class MatteConfig(StageConfig):
    """How closely the alpha is worked out."""

    # px; closed-form matting solves one equation per pixel: 0.1 to 0.4 s at 320, four times that at 640
    matting_side: int = Field(default=320, ge=64, le=1024)


def matte_photos(inputs: Path, outputs: Path, config: MatteConfig, *, on_step: OnStep | None = None) -> None:
    """Matte each PNG of inputs/preprocess/instance and held_out.

    Writes outputs/alpha/NNN.png (8-bit L), outputs/cutout/NNN.png (RGBA, the subject's own colours also where
    the background shone through) and outputs/report.json. Where the segmenter sees nobody the alpha is 1
    everywhere: training then keeps the whole photo.
    """
    on_step = on_step or silent
    folders = [inputs / "preprocess" / name for name in ("instance", "held_out")]
    paths = sorted((p for f in folders for p in f.glob("*.png")), key=lambda path: path.name)
    (outputs / "alpha").mkdir(parents=True)
    (outputs / "cutout").mkdir()
    report = []
    for done, path in enumerate(paths, 1):
        report.append(_matte_file(path, outputs, config))
        on_step(done / len(paths), f"matte {done}/{len(paths)}")
    (outputs / "report.json").write_text(json.dumps({"photos": report}, indent=1))


def _matte_file(path: Path, outputs: Path, config: MatteConfig) -> dict[str, Any]:
    image = read_rgb(path)
    alpha = estimate_alpha(image, config.matting_side)
    colours = _subject_colours(image, alpha)
    eight_bit = np.round(alpha * 255).astype(np.uint8)
    write_png(eight_bit, outputs / "alpha" / path.name)
    write_png(np.dstack([colours, eight_bit]), outputs / "cutout" / path.name)
    return {"number": int(path.stem), "cover": round(float(alpha.mean()), 4), "whole": bool(alpha.min() == 1)}


def estimate_alpha(image: np.ndarray, side: int) -> np.ndarray:
    """The subject's share of each pixel, float64 (H, W) in [0, 1], of a square RGB image, uint8 (H, H, 3).

    Method: a trimap from MediaPipe's selfie segmenter, then closed-form matting (Levin, Lischinski and Weiss,
    "A Closed-Form Solution to Natural Image Matting", 2008) at `side` px, enlarged linearly.
    """
    import cv2
    from pymatting import estimate_alpha_cf

    side = min(side, len(image))
    trimap = _trimap(cv2.resize(segment(image), (side, side), interpolation=cv2.INTER_LINEAR))
    if np.mean(trimap == 1) < LEAST_COVER or not np.any(trimap == 0):
        return np.ones(image.shape[:2])
    small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA) / 255.0
    alpha = estimate_alpha_cf(small, trimap)
    full = cv2.resize(alpha, (image.shape[1], image.shape[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(full, 0, 1))


def segment(image: np.ndarray) -> np.ndarray:
    """How sure the segmenter is of a person, float32 (256, 256) in [0, 1], of RGB, uint8 (H, W, 3)."""
    import cv2

    interpreter = _segmenter()
    small = cv2.resize(image, (SEGMENTER_SIDE, SEGMENTER_SIDE), interpolation=cv2.INTER_AREA)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], small[None].astype(np.float32) / 255)
    interpreter.invoke()
    confidence: np.ndarray = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0, :, :, 0]
    return confidence


@cache
def _segmenter() -> Any:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(asset("selfie_segmentation.tflite")))
    interpreter.allocate_tensors()
    return interpreter


def _trimap(confidence: np.ndarray) -> np.ndarray:
    """1 where the subject is sure, 0 where the background is, 0.5 between, float64 like `confidence`."""
    import cv2

    kernel = np.ones((2 * EDGE + 1, 2 * EDGE + 1), np.uint8)
    trimap = np.full(confidence.shape, 0.5)
    trimap[cv2.erode((confidence > 1 - SURE).astype(np.uint8), kernel) == 1] = 1
    trimap[cv2.erode((confidence < SURE).astype(np.uint8), kernel) == 1] = 0
    return trimap


def _subject_colours(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The subject's colours without the background's share, uint8 (H, W, 3).

    Method: Germer, Uelwer, Conrad and Harmeling, "Fast Multi-Level Foreground Estimation", 2020.
    """
    from pymatting import estimate_foreground_ml

    colours = estimate_foreground_ml(image / 255.0, alpha)
    return np.asarray(np.round(np.clip(colours, 0, 1) * 255), np.uint8)
