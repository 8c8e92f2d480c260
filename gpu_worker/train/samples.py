"""Samples: what the base model draws of the subject while it is being taught, to tell good train steps from late ones.

Nothing is judged here, and training does not notice that anything was drawn.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gpu_worker.base_models.family import BaseModel
from gpu_worker.device import telling_out_of_memory
from gpu_worker.errors import OutOfMemory
from gpu_worker.train.config import TrainConfig

Image = NDArray[np.uint8]

TIMES = 4  # samples are drawn, unless the settings say otherwise
PIXELS_AT_ONCE = 4 * 512 * 512  # of a batch: four images of 512 px take less memory than a train step


def sample_prompts(config: TrainConfig) -> list[str]:
    """The prompt of every sample, each validation prompt `num_validation_images` times."""
    return [config.prompt(text) for text in config.validation_prompts for _ in range(config.num_validation_images)]


def sample_steps(config: TrainConfig, total: int) -> list[int]:
    """After which of `total` train steps samples are drawn: each `validation_steps`, and at the end; none for none."""
    if not config.num_validation_images:
        return []
    every = config.validation_steps or max(1, math.ceil(total / TIMES))
    return [*range(every, total, every), total]


def unheard(line: str) -> None:
    """Who is told how far the samples are, when nobody asked."""


def draw(base: BaseModel, config: TrainConfig, seed: int, tell: Callable[[str], None] = unheard) -> list[Image]:
    """An image for each of sample_prompts(), uint8 (side, side, 3), with the weights that `base` has now.

    Image n starts from noise of the seed `seed` + n, so that samples of two train steps differ by what was learnt
    between them. Parts that wait on another device are brought to the denoiser's and taken back. torch's global
    generators, the training mode of every module, and the base model's schedulers are left as they were found.
    `tell` is called at every inference step. Where memory is short, fewer are drawn at once; raises OutOfMemory where
    one image is too many, or the parts do not fit beside what is trained.
    """
    pipe = base.pipe()
    pipe.scheduler = type(pipe.scheduler).from_config(pipe.scheduler.config)  # timesteps are set on the scheduler
    pipe.set_progress_bar_config(disable=True)
    prompts, side = sample_prompts(config), config.resolution or base.resolution
    at_once = max(1, PIXELS_AT_ONCE // side**2)
    images: list[Image] = []
    with telling_out_of_memory(), _unnoticed(pipe, base.denoiser.device, seed):
        while len(images) < len(prompts):
            part = prompts[len(images) : len(images) + at_once]
            line = f"samples {len(images) + 1}-{len(images) + len(part)}/{len(prompts)}"
            try:
                with telling_out_of_memory():
                    images += _batch(pipe, part, side, seed + len(images), config, lambda: tell(line))  # noqa: B023
            except OutOfMemory:
                if at_once == 1:
                    raise
                at_once = max(1, at_once // 2)
    return images


def _batch(
    pipe: Any, prompts: list[str], side: int, seed: int, config: TrainConfig, tell: Callable[[], None]
) -> list[Image]:
    def told(_: Any, __: int, ___: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        tell()
        return tensors

    drawn = pipe(
        prompt=prompts,
        height=side,
        width=side,
        generator=[torch.Generator().manual_seed(seed + number) for number in range(len(prompts))],
        num_inference_steps=config.validation_inference_steps,
        guidance_scale=config.validation_guidance_scale,
        output_type="np",
        callback_on_step_end=told,
    ).images
    # Weights that diverged draw no numbers; a black image says so and the loss stops the training.
    return list(np.rint(np.nan_to_num(drawn) * 255).astype(np.uint8))


@contextmanager
def _unnoticed(pipe: Any, device: torch.device, seed: int) -> Iterator[None]:
    """Everything on one device, in evaluation mode, without gradients; afterwards all is as it was before."""
    parts = [part for part in pipe.components.values() if isinstance(part, torch.nn.Module)]
    before = [(part, next(part.parameters()).device) for part in parts]
    modes = [(module, module.training) for part in parts for module in part.modules()]
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), torch.no_grad():
            torch.manual_seed(seed)  # for samplers that add noise from the global generator
            for part in parts:
                part.to(device).eval()
            with _decoding_in_full(pipe.vae, device):
                yield
    finally:
        for module, training in modes:
            module.training = training
        for part, place in before:
            part.to(place)


@contextmanager
def _decoding_in_full(vae: Any, device: torch.device) -> Iterator[None]:
    """SDXL's VAE overflows in float16, and would draw black: it decodes in its own precision whatever training's is."""
    decode = vae.decode

    def decode_in_full(latents: torch.Tensor, *given: Any, **named: Any) -> Any:
        with torch.autocast(device.type, enabled=False):
            return decode(latents.to(vae.dtype), *given, **named)

    vae.decode = decode_in_full
    try:
        yield
    finally:
        del vae.decode
