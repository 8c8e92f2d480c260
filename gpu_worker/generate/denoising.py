"""The denoising loop: from seeds and guides to pixels, over the parts of diffusers' pipe.

Which prompt holds when, and where images go, is not known here.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gpu_worker.generate.conditioning import Guides
from gpu_worker.generate.start import Original, Start, first_index
from gpu_worker.prompt_encoding import Encoded


@dataclass(frozen=True)
class Drawing:
    """How a batch is drawn. `width` and `height` in pixels, None: the base model's."""

    steps: int
    guidance: float
    width: int | None
    height: int | None


@torch.no_grad()
def denoise(
    pipe: Any,
    seeds: Sequence[int],
    guides_at: Callable[[int], list[Guides]],
    drawing: Drawing,
    on_step: Callable[[int], None],
    start: Start | None = None,
) -> NDArray[np.float32]:
    """Images, float32 (N, H, W, 3) in [0, 1], one for each seed.

    `guides_at` gives all images' guides at an inference step, counted from 1; `on_step` is told each step's number
    after it. Noise is drawn on the CPU, so that a seed means the same image on every device. With `start` its images
    are drawn again, at their own size; steps keep the numbers that they have in a whole drawing, the first ones are
    left out.
    """
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    pipe.scheduler.set_timesteps(drawing.steps, device=pipe.unet.device)
    timesteps = pipe.scheduler.timesteps
    first = _first(pipe.scheduler, start)
    original = Original(pipe, start, generators) if start else None
    latents = original.noisy(timesteps[first]) if original else _pure_noise(pipe, generators, drawing)
    extra = pipe.prepare_extra_step_kwargs(generators, 0.0)
    for index in range(first, len(timesteps)):
        # Some schedulers of diffusers pass a noise level twice: more timesteps than steps.
        step = math.ceil((index + 1) * drawing.steps / len(timesteps))
        scaled = pipe.scheduler.scale_model_input(latents, timesteps[index])
        noise = guided(pipe.unet, scaled, timesteps[index], guides_at(step), drawing.guidance)
        latents = pipe.scheduler.step(noise, timesteps[index], latents, **extra, return_dict=False)[0]
        if original:
            latents = original.kept(latents, timesteps[index + 1] if index + 1 < len(timesteps) else None)
        on_step(step)
    return _decoded(pipe, latents, generators)


def _first(scheduler: Any, start: Start | None) -> int:
    """The index of the first timestep, told to the schedulers that count: two timesteps may round to one number."""
    first = first_index(scheduler, start.strength) if start else 0
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(first)
    return first


def _pure_noise(pipe: Any, generators: list[torch.Generator], drawing: Drawing) -> torch.Tensor:
    unet = pipe.unet
    side = int(unet.config.sample_size) * pipe.vae_scale_factor
    size = (drawing.height or side, drawing.width or side)
    shape = (len(generators), int(unet.config.in_channels), *size)
    latents: torch.Tensor = pipe.prepare_latents(*shape, unet.dtype, unet.device, generators)
    return latents


def _decoded(pipe: Any, latents: torch.Tensor, generators: list[torch.Generator]) -> NDArray[np.float32]:
    images = pipe.vae.decode(latents / pipe.vae.config.scaling_factor, return_dict=False, generator=generators)[0]
    pixels: NDArray[np.float32] = pipe.image_processor.postprocess(images, output_type="np")
    return pixels


def guided(
    unet: Any, latents: torch.Tensor, timestep: torch.Tensor, guides: Sequence[Guides], guidance: float
) -> torch.Tensor:
    """The unet's prediction for each latent (N, channels, h, w), led by its guides.

    Classifier-free guidance (Ho & Salimans, 2022, section 3.2) over a composed prediction: the negative's, plus
    each part's difference from it times its weight (Liu et al., 2022, conjunction). One part of weight 1 is plain
    guidance.
    """
    wanted = [(number, part) for number, guide in enumerate(guides) for part, _ in guide.parts]
    plain = [len(guide.parts) == 1 and guide.parts[0][1] == 1 for guide in guides]
    if guidance <= 1 and all(plain):
        return torch.stack(_predict(unet, latents, timestep, wanted))
    negatives = [(number, guide.negative) for number, guide in enumerate(guides)]
    predicted = _predict(unet, latents, timestep, [*negatives, *wanted])
    against, parts = predicted[: len(guides)], iter(predicted[len(guides) :])
    towards = []
    for negative, guide, is_plain in zip(against, guides, plain, strict=True):
        of_image = [(next(parts), weight) for _, weight in guide.parts]
        towards.append(of_image[0][0] if is_plain else _composed(negative, of_image))
    unguided = torch.stack(against)
    return unguided + guidance * (torch.stack(towards) - unguided)


def _composed(negative: torch.Tensor, parts: Sequence[tuple[torch.Tensor, float]]) -> torch.Tensor:
    composed = negative.clone()
    for predicted, weight in parts:
        composed += weight * (predicted - negative)
    return composed


def _predict(
    unet: Any, latents: torch.Tensor, timestep: torch.Tensor, rows: Sequence[tuple[int, Encoded]]
) -> list[torch.Tensor]:
    """The prediction of each row: a latent's number and a text.

    Texts of one length share a pass, of twice as many rows as there are latents at most: what plain guidance
    needs, so that long or composed prompts fit where plain ones do.
    """
    predicted: dict[int, torch.Tensor] = {}
    lengths = dict.fromkeys(len(text.hidden) for _, text in rows)
    for length in lengths:
        alike = [at for at, (_, text) in enumerate(rows) if len(text.hidden) == length]
        for start in range(0, len(alike), 2 * len(latents)):
            together = alike[start : start + 2 * len(latents)]
            numbers = [rows[at][0] for at in together]
            hidden = torch.stack([rows[at][1].hidden for at in together])
            out = unet(latents[numbers], timestep, encoder_hidden_states=hidden, return_dict=False)[0]
            predicted |= dict(zip(together, out, strict=True))
    return [predicted[at] for at in range(len(rows))]
