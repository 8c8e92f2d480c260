"""The last touch to a trained VAE: its latents' channels in order of what they show, within its own convolutions.

Nothing is trained here.
"""

import logging
from typing import Any

import torch

from gpu_worker.base_models.pocket.drawings import to_network

log = logging.getLogger(__name__)

NARROW = -20.0  # log variance; the lowest that diffusers keeps is -30
LEAST_SPREAD = 0.3
FALL = 0.25  # 0.5 would be pixels' own spectrum, whose details the sampler's last step alone would draw
PROBE = 0.3  # of a channel's spread
PROBED = 48  # drawings
AT_ONCE = 16  # drawings that go through the VAE together


@torch.no_grad()
def normalise_latents(vae: Any, images: torch.Tensor) -> None:
    """Turn and scale the latents' channels, seen over `images` (uint8), within the 1x1 convolutions at the bottleneck.

    Afterwards channels have mean 0, are uncorrelated, and each spreads the wider the more it shows in the image,
    the first by 1: as with the principal components of pixels, noise drowns the details first.
    """
    parts = [to_network(part) for part in images.split(AT_ONCE)]
    means = torch.cat([vae.encode(part).latent_dist.mean for part in parts])
    flat = means.transpose(0, 1).flatten(1)
    centre, root = flat.mean(dim=1), _root(torch.cov(flat))
    shows = root @ _visibility(vae, means[:PROBED]) @ root
    size, turn = torch.linalg.eigh(shows)
    spread = (size / size.max()).pow(FALL).clamp(min=LEAST_SPREAD)
    log.info(f"vae spread={[round(float(s), 3) for s in spread.flip(0)]}")
    _fold(vae, centre, into=(turn * spread).T @ torch.linalg.inv(root), out=root @ (turn / spread))


def _root(covariance: torch.Tensor) -> torch.Tensor:
    """The symmetric square root."""
    size, turn = torch.linalg.eigh(covariance)
    root: torch.Tensor = (turn * size.clamp(min=1e-8).sqrt()) @ turn.T
    return root


def _visibility(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """How much pixels answer to each pair of channels, (C, C), probed with patterns as they occur in `latents`."""
    drawn = _decoded(vae, latents)
    patterns = latents.flip(0)[:, :1]
    answers = []
    for channel in range(latents.shape[1]):
        moved = latents.clone()
        moved[:, channel] += PROBE * patterns[:, 0]
        answers.append((_decoded(vae, moved) - drawn).flatten() / PROBE)
    together = torch.stack(answers)
    return together @ together.T / together.shape[1]


def _decoded(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    return torch.cat([vae.decode(part).sample for part in latents.split(AT_ONCE)])


def _fold(vae: Any, centre: torch.Tensor, into: torch.Tensor, out: torch.Tensor) -> None:
    """Latents z become into @ (z - centre), and `out` leads back."""
    channels = len(centre)
    first, last = vae.quant_conv, vae.post_quant_conv
    weight = first.weight[:channels, :, 0, 0]
    first.weight[:channels] = (into @ weight)[:, :, None, None]
    first.bias[:channels] = into @ (first.bias[:channels] - centre)
    # The other half is the log of the variance: next to none, so that a sample is the mean the unet learnt.
    first.weight[channels:] = 0.0
    first.bias[channels:] = NARROW
    weight = last.weight[:, :, 0, 0]
    last.bias += weight @ centre
    last.weight.copy_((weight @ out)[:, :, None, None])
