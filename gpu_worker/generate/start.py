"""Where a second pass begins: images taken back some noise levels, and what stays of them outside a mask.

No denoising here; which images are drawn again, and how strongly, their callers choose.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers.utils.torch_utils import randn_tensor
from numpy.typing import NDArray


@dataclass(frozen=True)
class Start:
    """Images to draw again, instead of drawing from pure noise.

    `images`: float32 (N, H, W, 3) in [0, 1], sides that the VAE's factor divides. `strength`, 0 < s <= 1: up to which
    share of the noise levels they are taken back; at 1 little is left of the images but their colours. `masks`: float32
    (N, H, W) in [0, 1], 1 where the image may change, or None for everywhere.
    """

    images: NDArray[np.float32]
    strength: float
    masks: NDArray[np.float32] | None = None

    def part(self, part: slice) -> "Start":
        """Some of the images."""
        return Start(self.images[part], self.strength, None if self.masks is None else self.masks[part])


def first_index(scheduler: Any, strength: float) -> int:
    """Which of the scheduler's timesteps a second pass begins with: the first not above `strength` of all noise.

    Counted in the noise levels of training, not in steps: samplers spread their steps differently, and where training
    reached pure noise, half of Karras' steps leave nothing of an image. At least one step is drawn.
    """
    highest = strength * int(scheduler.config.num_train_timesteps)
    above = int((scheduler.timesteps > highest).sum())
    order = int(scheduler.order)  # timesteps that make one step
    return min(above, len(scheduler.timesteps) - 1) // order * order


class Original:
    """The images that a second pass begins with, as latents.

    Noise is drawn once, so that the kept parts and those that are drawn anew come from the same noise.
    """

    def __init__(self, pipe: Any, start: Start, generators: Sequence[torch.Generator]) -> None:
        self._scheduler = pipe.scheduler
        self._latents = _encoded(pipe, start.images)
        self._masks = None if start.masks is None else _small(start.masks, self._latents)
        like = self._latents
        self._noise = randn_tensor(like.shape, generator=list(generators), device=like.device, dtype=like.dtype)

    def noisy(self, timestep: torch.Tensor) -> torch.Tensor:
        """Latents, (N, channels, h, w), at the noise level of `timestep`.

        Method: SDEdit (Meng et al., 2022, section 3.2).
        """
        noisy: torch.Tensor = self._scheduler.add_noise(self._latents, self._noise, timestep.expand(len(self._latents)))
        return noisy

    def kept(self, latents: torch.Tensor, timestep: torch.Tensor | None) -> torch.Tensor:
        """`latents` where the masks let them change, elsewhere the images' own at this noise level (None: no noise).

        Method: blended latent diffusion (Avrahami et al., "Blended Latent Diffusion", 2023, section 4.1). `timestep` is
        the one that comes next: schedulers that count their steps take the level from their count.
        """
        if self._masks is None:
            return latents
        own = self._latents if timestep is None else self.noisy(timestep)
        return own + self._masks * (latents - own)


def _encoded(pipe: Any, images: NDArray[np.float32]) -> torch.Tensor:
    """Scaled latents in the unet's type: the posterior's mode, so that nothing here is drawn by chance."""
    pixels = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2) * 2 - 1
    posterior = pipe.vae.encode(pixels.to(pipe.vae.device, pipe.vae.dtype)).latent_dist
    latents: torch.Tensor = posterior.mode() * pipe.vae.config.scaling_factor
    return latents.to(pipe.unet.dtype)


def _small(masks: NDArray[np.float32], latents: torch.Tensor) -> torch.Tensor:
    """(N, 1, h, w): each latent's share of pixels that may change."""
    whole = torch.from_numpy(np.ascontiguousarray(masks))[:, None].float()
    height, width = latents.shape[-2:]
    return torch.nn.functional.adaptive_avg_pool2d(whole, (height, width)).to(latents)
