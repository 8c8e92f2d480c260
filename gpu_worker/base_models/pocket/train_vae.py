"""Pocket's VAE: learns to write an image as latents and back, faces before all. Reads drawings, writes vae/.

No captions, no unet. Afterwards the latents' channels are put in order of what they show, see latent_order, and
`scaling_factor` is 1.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from gpu_worker.base_models.pocket.architecture import SHAPE_OPTION, SHAPES, Shape, new_vae
from gpu_worker.base_models.pocket.drawings import Drawings, to_network, to_pixels
from gpu_worker.base_models.pocket.face_places import face_masks, known
from gpu_worker.base_models.pocket.latent_order import normalise_latents
from gpu_worker.base_models.pocket.loop import Budget, Training, run, train_command
from gpu_worker.base_models.pocket.pictures import save_sheet

log = logging.getLogger(__name__)

STEPS = 3000
# Small: few images per second, so many small steps teach more than few big ones.
BATCH_OF_PARTS, BATCH_OF_WHOLES = 16, 8
# First a quarter of each picture, mostly the face's: a fourth of the time, and convolutions learn the same from it.
# Then whole ones, for the attention and the group norms that see all of a picture at once.
PARTS_UNTIL = 0.75  # of the budget
AT_A_FACE = 0.6  # share of the parts that are cut around the face
LEARNING_RATE = 1.5e-3
EMA_DECAY = 0.995
SQUARE_WEIGHT = 5.0
SCALES = (2, 4, 8)  # px: a tint that is wrong all over hides among large edges
SCALE_WEIGHT = 1.0
# What an error counts: behind the person, on the person, in the face (by which people are told apart) on top of that.
BEHIND, PERSON, FACE = 0.5, 1.0, 2.5
KL_WEIGHT = 1e-3  # per latent number; enough to keep latents smooth for the unet
REFRESH_SECONDS = 60.0
SHEET_SECONDS = 180.0


@dataclass(frozen=True)
class Batch:
    """`images` float (N, 3, H, H) in [-1, 1]; what an error counts at each place, float (N, 1, H, H), mean 1."""

    images: torch.Tensor
    weights: torch.Tensor


def train_vae(
    drawings: Drawings, folder: Path, budget: Budget, shape: Shape, seed: int = 0, resume: bool = True
) -> Any:
    """Train within `budget` and return the averaged, normalised AutoencoderKL, also saved in folder/vae."""
    torch.manual_seed(seed)
    vae = new_vae(shape).train().to(memory_format=torch.channels_last)
    training = Training("vae", folder, vae, LEARNING_RATE, EMA_DECAY, seed)
    if resume:
        training.resume()

    def loss() -> torch.Tensor:
        whole = budget.progress(training.step) >= PARTS_UNTIL
        return _loss(vae, batch_of(drawings, training.generator, whole), training.generator)

    def sheet() -> None:
        save_round_trip(training.averaged(new_vae(shape)), drawings, folder / "vae-sheet.png")

    run(training, budget, loss, every={REFRESH_SECONDS: drawings.refresh, SHEET_SECONDS: sheet})
    sheet()
    best = training.averaged(new_vae(shape))
    normalise_latents(best, drawings.images[:: max(1, len(drawings.images) // 500)])
    best.save_pretrained(folder / "vae")  # type: ignore[operator]
    return best


def batch_of(drawings: Drawings, generator: torch.Generator, whole: bool) -> Batch:
    """Random drawings or quarters of them, half of them mirrored, rescaled in brightness."""
    count = BATCH_OF_WHOLES if whole else BATCH_OF_PARTS
    chosen = torch.randint(0, len(drawings.images), (count,), generator=generator)
    layers = torch.cat([to_network(drawings.images[chosen]), _weights(drawings, chosen)], dim=1)
    if not whole:
        layers = _parts(layers, drawings.faces[chosen], generator)
    mirrored = torch.rand(count, 1, 1, 1, generator=generator) < 0.5
    layers = torch.where(mirrored, layers.flip(3), layers)
    gain = 0.9 + 0.2 * torch.rand(count, 3, 1, 1, generator=generator)
    images = (layers[:, :3] * gain).clamp(-1, 1).contiguous(memory_format=torch.channels_last)
    return Batch(images, layers[:, 3:] / layers[:, 3:].mean())


def _weights(drawings: Drawings, chosen: torch.Tensor) -> torch.Tensor:
    alphas = functional.interpolate(drawings.alphas[chosen].float() / 255, scale_factor=4.0)
    faces = face_masks(drawings.faces[chosen], drawings.side)
    return BEHIND + (PERSON - BEHIND) * alphas + FACE * faces


def _parts(layers: torch.Tensor, faces: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A quarter of each picture, (N, C, H / 2, H / 2)."""
    side = layers.shape[-1] // 2
    corners = torch.rand(len(layers), 2, generator=generator) * side
    middles = torch.stack([faces[:, [1, 3]].mean(dim=1), faces[:, [0, 2]].mean(dim=1)], dim=1)
    around = (
        middles * 2 * side - side / 2 + (corners - side / 2) / 2
    )  # so that a face does not always sit in the middle
    at_face = (torch.rand(len(layers), generator=generator) < AT_A_FACE) & known(faces)
    corners = torch.where(at_face[:, None], around, corners).clamp(0, side).long()
    cut = [layer[:, y : y + side, x : x + side] for layer, (y, x) in zip(layers, corners.tolist(), strict=True)]
    return torch.stack(cut)


def _loss(vae: Any, batch: Batch, generator: torch.Generator) -> torch.Tensor:
    posterior = vae.encode(batch.images).latent_dist
    drawn = vae.decode(posterior.sample(generator)).sample
    kl = posterior.kl().mean() / posterior.mean[0].numel()
    loss: torch.Tensor = drawing_loss(drawn, batch) + KL_WEIGHT * kl
    return loss


def drawing_loss(drawn: torch.Tensor, batch: Batch) -> torch.Tensor:
    """How far `drawn` is from the batch: in pixels, in differences between neighbours, in the colours of patches."""
    error, weights = drawn - batch.images, batch.weights
    across, down = error[..., :, 1:] - error[..., :, :-1], error[..., 1:, :] - error[..., :-1, :]
    loss = _distance(error, weights)
    loss = loss + _distance(across, weights[..., :, 1:]) + _distance(down, weights[..., 1:, :])
    for scale in SCALES:
        coarse, counted = (functional.avg_pool2d(values, scale) for values in (error, weights))
        loss = loss + SCALE_WEIGHT * _distance(coarse, counted)
    return loss


def _distance(error: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    # The square pulls at the few large errors (eyes, glasses), which the mean of absolute errors neglects.
    return (weights * (error.abs() + SQUARE_WEIGHT * error.square())).mean()


@torch.no_grad()
def save_round_trip(vae: Any, drawings: Drawings, file: Path) -> None:
    """Write twelve drawings and, below, what is left of them after `vae`; prints the mean error."""
    some = drawings.images[:: max(1, len(drawings.images) // 12)][:12]
    latents = vae.encode(to_network(some)).latent_dist.mean
    again = to_pixels(vae.decode(latents).sample)
    error = (again.float() - some.float()).abs().mean()
    log.info(f"{file.stem} drawings={len(drawings.images)} error={error:.2f}/255")
    save_sheet(torch.cat([some, again]), columns=12, file=file)


def command(drawings: Path, out: Path, budget: Budget, shape: str) -> None:
    """Train pocket's VAE on the shards in `drawings`; see train_vae()."""
    chosen = SHAPES[shape]
    train_vae(Drawings(drawings, chosen.resolution), out, budget, chosen)


if __name__ == "__main__":
    train_command(command, ("drawings", "out"), steps=STEPS, options={"shape": SHAPE_OPTION})
