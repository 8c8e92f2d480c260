"""Pocket's VAE: learns to write a 64 px image as 16x16x8 latents and back. Reads drawings, writes vae/.

No captions, no unet. Afterwards the latents' channels are put in order of what they show, see
normalise_latents(), and `scaling_factor` is 1.
"""

import logging
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from gpu_worker.base_models.pocket.architecture import RESOLUTION, new_vae
from gpu_worker.base_models.pocket.drawings import Drawings, to_network, to_pixels
from gpu_worker.base_models.pocket.loop import Budget, Training, run, train_command
from gpu_worker.base_models.pocket.pictures import save_sheet

log = logging.getLogger(__name__)

STEPS = 1700
BATCH = 16  # small: few images per second, so many small steps teach more than few big ones
LEARNING_RATE = 1.5e-3
EMA_DECAY = 0.99
SQUARE_WEIGHT = 5.0
PATCH = 4
PATCH_WEIGHT = 2.0
NARROW = -20.0  # log variance; the lowest that diffusers keeps is -30
LEAST_SPREAD = 0.3
FALL = 0.25  # 0.5 would be pixels' own spectrum, whose details the sampler's last step alone would draw
PROBE = 0.3  # of a channel's spread
KL_WEIGHT = 1e-3  # per latent number; enough to keep latents smooth for the unet
REFRESH_SECONDS = 60.0
SHEET_SECONDS = 180.0


def train_vae(drawings: Drawings, folder: Path, budget: Budget, seed: int = 0, resume: bool = True) -> Any:
    """Train within `budget` and return the averaged, normalised AutoencoderKL, also saved in folder/vae."""
    torch.manual_seed(seed)
    vae = new_vae().train().to(memory_format=torch.channels_last)
    training = Training("vae", folder, vae, LEARNING_RATE, EMA_DECAY, seed)
    if resume:
        training.resume()

    def sheet() -> None:
        save_round_trip(training.averaged(new_vae()), drawings, folder / "vae-sheet.png")

    run(
        training,
        budget,
        lambda: _loss(vae, batch_of(drawings.images, training.generator), training.generator),
        every={REFRESH_SECONDS: drawings.refresh, SHEET_SECONDS: sheet},
    )
    sheet()
    best = training.averaged(new_vae())
    normalise_latents(best, drawings.images[:: max(1, len(drawings.images) // 500)])
    best.save_pretrained(folder / "vae")  # type: ignore[operator]
    return best


def batch_of(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Random drawings, half of them mirrored, some shifted by a few pixels and rescaled in brightness."""
    chosen = images[torch.randint(0, len(images), (BATCH,), generator=generator)]
    batch = to_network(chosen)
    mirrored = torch.rand(BATCH, 1, 1, 1, generator=generator) < 0.5
    batch = torch.where(mirrored, batch.flip(3), batch)
    gain = 0.9 + 0.2 * torch.rand(BATCH, 3, 1, 1, generator=generator)
    batch = (batch * gain).clamp(-1, 1)
    return batch.contiguous(memory_format=torch.channels_last)


def _loss(vae: Any, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    posterior = vae.encode(images).latent_dist
    drawn = vae.decode(posterior.sample(generator)).sample
    kl = posterior.kl().mean() / posterior.mean[0].numel()
    loss: torch.Tensor = drawing_loss(drawn, images) + KL_WEIGHT * kl
    return loss


def drawing_loss(drawn: torch.Tensor, images: torch.Tensor) -> torch.Tensor:
    """How far `drawn` is from `images`: in pixels, in the differences between neighbours, in the colours of patches."""
    error = drawn - images
    across, down = error[..., :, 1:] - error[..., :, :-1], error[..., 1:, :] - error[..., :-1, :]
    patches = functional.avg_pool2d(error, PATCH)  # a tint that is wrong all over hides among large edges
    return _distance(error) + _distance(across) + _distance(down) + PATCH_WEIGHT * _distance(patches)


def _distance(error: torch.Tensor) -> torch.Tensor:
    # The square pulls at the few large errors (eyes, glasses), which the mean of absolute errors neglects.
    return error.abs().mean() + SQUARE_WEIGHT * error.square().mean()


@torch.no_grad()
def normalise_latents(vae: Any, images: torch.Tensor) -> None:
    """Turn and scale the latents' channels, seen over `images` (uint8), within the 1x1 convolutions at the bottleneck.

    Afterwards channels have mean 0, are uncorrelated, and each spreads the wider the more it shows in the image,
    the first by 1: as with the principal components of pixels, noise drowns the details first.
    """
    parts = [images[at : at + 32] for at in range(0, len(images), 32)]
    means = torch.cat([vae.encode(to_network(part)).latent_dist.mean for part in parts])
    flat = means.transpose(0, 1).flatten(1)
    centre, root = flat.mean(dim=1), _root(torch.cov(flat))
    shows = root @ _visibility(vae, means[:64]) @ root
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
    drawn = vae.decode(latents).sample
    patterns = latents.flip(0)[:, :1]
    answers = []
    for channel in range(latents.shape[1]):
        moved = latents.clone()
        moved[:, channel] += PROBE * patterns[:, 0]
        answers.append((vae.decode(moved).sample - drawn).flatten() / PROBE)
    together = torch.stack(answers)
    return together @ together.T / together.shape[1]


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


@torch.no_grad()
def save_round_trip(vae: Any, drawings: Drawings, file: Path) -> None:
    """Write twelve drawings and, below, what is left of them after `vae`; prints the mean error."""
    some = drawings.images[:: max(1, len(drawings.images) // 12)][:12]
    latents = vae.encode(to_network(some)).latent_dist.mean
    again = to_pixels(vae.decode(latents).sample)
    error = (again.float() - some.float()).abs().mean()
    log.info(f"{file.stem} drawings={len(drawings.images)} error={error:.2f}/255")
    save_sheet(torch.cat([some, again]), columns=12, file=file)


def command(drawings: Path, out: Path, budget: Budget) -> None:
    """Train pocket's VAE on the shards in `drawings`; see train_vae()."""
    train_vae(Drawings(drawings, RESOLUTION), out, budget)


if __name__ == "__main__":
    train_command(command, ("drawings", "out"), steps=STEPS)
