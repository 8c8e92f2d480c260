"""The matte network's training: learns on drawn people, before any background, how much of each pixel is the person.

Writes matte.safetensors, its facts in matte.json and a sheet; as pocket.safetensors and pocket.json in
gpu_worker/matting/weights the backend `pocket` takes them up. How photos come about stands in matte_batches.
"""

import logging
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from gpu_worker.base_models.pocket.drawings import to_network
from gpu_worker.base_models.pocket.loop import Budget, Training, run, train_command
from gpu_worker.base_models.pocket.matte_batches import (
    BACKGROUNDS,
    BATCH,
    People,
    composites,
    paint_backgrounds,
    read_people,
)
from gpu_worker.base_models.pocket.pictures import save_sheet
from gpu_worker.matting.measures import measure
from gpu_worker.matting.pocket_network import MatteNetwork, save_network

log = logging.getLogger(__name__)

STEPS = 2400
LEARNING_RATE = 2e-3
EMA_DECAY = 0.995
LEVELS = 4  # of the Laplacian pyramid: 128 to 16 px
PYRAMID_WEIGHT = 0.5
SHEET_SECONDS = 120.0
JUDGED = 200  # drawings that are kept for judging, at most
PAPER = (0.0, 0.5, 0.0)  # behind the sheet's cutouts; nobody drawn is of this green


def train_matte(
    drawings: Path, folder: Path, budget: Budget, seed: int = 0, backgrounds_count: int = BACKGROUNDS
) -> MatteNetwork:
    """Train within `budget` on the shards in `drawings`; returns the averaged network, also saved in `folder`."""
    torch.manual_seed(seed)
    people, kept = read_people(drawings)
    backgrounds = paint_backgrounds(backgrounds_count, seed)
    network = MatteNetwork().train()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stubs leave it out
    training = Training("matte", folder, network, LEARNING_RATE, EMA_DECAY, seed)
    training.resume()

    def loss() -> torch.Tensor:
        photos, alphas = composites(people, backgrounds, training.generator)
        return matte_loss(network(photos.contiguous(memory_format=torch.channels_last)).sigmoid(), alphas)

    def sheet() -> None:
        _save_sheet(_averaged(training), people, backgrounds, folder / "matte-sheet.png")

    run(training, budget, loss, every={SHEET_SECONDS: sheet})
    sheet()
    best = _averaged(training)
    save_network(best, folder / "matte.safetensors", _facts(training, best, people, kept))
    return best


def matte_loss(found: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    """Mean absolute error of alphas, float (N, 1, 128, 128) in [0, 1], and of their Laplacian pyramids.

    The pyramid's levels count double from one to the next coarser, as in Hou and Liu, "Context-Aware Image Matting for
    Simultaneous Foreground and Alpha Estimation", 2019.
    """
    error = found - true  # a pyramid is linear: the pyramids' difference is the difference's pyramid
    loss = error.abs().mean()
    for level in range(LEVELS):
        smooth = _smooth(error)
        loss = loss + PYRAMID_WEIGHT * 2**level * (error - smooth).abs().mean()
        error = smooth[..., ::2, ::2]
    return loss


def _smooth(values: torch.Tensor) -> torch.Tensor:
    """Burt and Adelson's binomial window of 5 px, 1983."""
    line = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    padded = functional.pad(values, (2, 2, 2, 2), mode="replicate")
    return functional.conv2d(functional.conv2d(padded, line.view(1, 1, 1, 5)), line.view(1, 1, 5, 1))


def _averaged(training: Training) -> MatteNetwork:
    network = MatteNetwork()
    training.averaged(network)
    return network


def _facts(training: Training, network: MatteNetwork, people: People, kept: People) -> dict[str, object]:
    return {
        "licence": "Apache-2.0",
        "commercial_use": True,
        "trained_on": f"{len(people.images)} drawings of synthetic people; no photograph of a person, no real person",
        "train_steps": training.step,
        "batch": BATCH,
        "seed": training.seed,
        "seconds": round(training.seconds),
        "final_loss": training.losses[-1][1] if training.losses else None,
        "on_unseen_people": _judge(network, kept),
    }


@torch.no_grad()
def _judge(network: MatteNetwork, kept: People) -> dict[str, float]:
    """The mean measures over people who were kept from the training, as they were drawn, at 128 px."""
    rows = []
    for image, alpha in zip(kept.images[:JUDGED], kept.alphas[:JUDGED], strict=True):
        found = network(to_network(image[None])).sigmoid()[0, 0].numpy()
        rows.append(measure(found, alpha[0].numpy() / 255))
    return {name: round(float(np.mean([row[name] for row in rows])), 5) for name in rows[0]} if rows else {}


@torch.no_grad()
def _save_sheet(network: MatteNetwork, people: People, backgrounds: torch.Tensor, file: Path) -> None:
    """Rows of photos, alphas found, true alphas, and what is cut out by the alphas found."""
    photos, true = composites(people, backgrounds, torch.Generator().manual_seed(1))
    found = network(photos).sigmoid()
    colours = (photos + 1) / 2
    cut = colours * found + torch.tensor(PAPER).view(3, 1, 1) * (1 - found)
    rows = [colours, found.expand(-1, 3, -1, -1), true.expand(-1, 3, -1, -1), cut]
    log.info(f"{file.stem} sad={(found - true).abs().sum() / len(found) / 1000:.3f}")
    save_sheet((torch.cat(rows) * 255).round().to(torch.uint8), columns=len(photos), file=file)


def command(drawings: Path, out: Path, budget: Budget) -> None:
    """Train pocket's matte network on the shards in `drawings`; see train_matte()."""
    train_matte(drawings, out, budget)


if __name__ == "__main__":
    train_command(command, ("drawings", "out"), steps=STEPS)
