"""Tiles enlarged by a diffusion model: details are drawn, not only sharpened. No tiling here, and no prompts.

Method: the upscaler of Rombach et al., "High-Resolution Image Synthesis with Latent Diffusion Models", 2022, section
4.4, as diffusers' StableDiffusionUpscalePipeline runs it.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gpu_worker.base_models.folders import check_folder
from gpu_worker.device import pick_device
from gpu_worker.errors import BadWeights
from gpu_worker.upscale.tiles import SCALE, Enlarger
from gpu_worker.weights import telling_bad_weights

STEPS = 20
NOISE_LEVEL = 20  # of the model's 350: noise over the small image, for the model to clear away
MULTIPLE = 8  # px; the unet halves its latents, which are as large as the small image, three times
BLOCK = 64  # latents; noise is drawn in squares of this side


def diffusion_enlarger(folder: Path, seed: int = 0) -> Enlarger:
    """The StableDiffusionUpscalePipeline in `folder`, safetensors only, on the gpu where there is one.

    Neighbouring tiles begin with the same noise where they overlap, so that they draw the same details. Raises
    BadWeights.
    """
    pipe = _pipe(folder)

    @torch.inference_mode()
    def enlarge(image: NDArray[np.float32], top: int, left: int) -> NDArray[np.float32]:
        height, width = image.shape[:2]
        below, beside = -height % MULTIPLE, -width % MULTIPLE
        whole = np.pad(image, ((0, below), (0, beside), (0, 0)), mode="symmetric")
        channels = int(pipe.vae.config.latent_channels)
        noise = plane_noise(seed, channels, (top, left), whole.shape[:2])
        large = pipe(
            prompt="",
            image=torch.from_numpy(whole).permute(2, 0, 1)[None],
            num_inference_steps=STEPS,
            guidance_scale=1.0,
            noise_level=NOISE_LEVEL,
            generator=torch.Generator().manual_seed(seed),
            latents=torch.from_numpy(noise)[None].to(pipe.unet.dtype),
            output_type="np",
        ).images[0]
        return np.asarray(large[: height * SCALE, : width * SCALE], np.float32)

    return enlarge


def plane_noise(seed: int, channels: int, corner: tuple[int, int], size: tuple[int, int]) -> NDArray[np.float32]:
    """Standard normal noise, float32 (channels, h, w): the part from `corner` on of an endless plane."""
    top, left = corner
    height, width = size
    rows = range(top // BLOCK, (top + height - 1) // BLOCK + 1)
    columns = range(left // BLOCK, (left + width - 1) // BLOCK + 1)
    blocks = [[_block(seed, channels, row, column) for column in columns] for row in rows]
    down, across = top - rows[0] * BLOCK, left - columns[0] * BLOCK
    return np.ascontiguousarray(np.block(blocks)[:, down : down + height, across : across + width])


def _block(seed: int, channels: int, row: int, column: int) -> NDArray[np.float32]:
    # Rows and columns left of the image are negative, seeds must not be.
    generator = np.random.default_rng((seed, row + 2**16, column + 2**16))
    return generator.standard_normal((channels, BLOCK, BLOCK), np.float32)


def _pipe(folder: Path) -> Any:
    from diffusers import StableDiffusionUpscalePipeline

    device = pick_device()
    dtype = torch.float16 if device.type == "cuda" else torch.float32
    with telling_bad_weights(f"cannot open the upscaler {folder}"):
        check_folder(str(folder))
        pipe = StableDiffusionUpscalePipeline.from_pretrained(
            folder, use_safetensors=True, safety_checker=None, watermarker=None, dtype=dtype
        ).to(device)
    scale = 2 ** (len(pipe.vae.config.block_out_channels) - 1)
    if scale != SCALE:
        raise BadWeights(f"{folder} enlarges by {scale}, not by {SCALE}")
    pipe.set_progress_bar_config(disable=True)
    return pipe
