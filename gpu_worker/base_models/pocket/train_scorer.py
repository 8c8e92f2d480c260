"""The attribute scorer's training: learns on drawings to see what pocket's images show.

Half of what it sees went through pocket's VAE, and all of it is blurred, tinted or noised a little, so that
it judges generated images by their content and not by their polish. People held out are judged at the end.
"""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch.nn import functional

from gpu_worker.base_models.pocket.drawings import Drawings, held_out, to_network, to_pixels
from gpu_worker.base_models.pocket.loop import Budget, Training, run, train_command
from gpu_worker.base_models.pocket.people import vocabulary
from gpu_worker.score import SIDE, AttributeNetwork, AttributeScorer, visible

log = logging.getLogger(__name__)

STEPS = 1000
BATCH = 64
LEARNING_RATE = 2e-3
EMA_DECAY = 0.995
UNSEEN = -100  # cross_entropy's mark for "no answer here"
HEADS: dict[str, Sequence[str]] = {
    "hair_colour": tuple(vocabulary.HAIR_COLOURS),
    "hair_style": vocabulary.HAIR_STYLES,
    "skin": tuple(vocabulary.SKINS),
    "beard": vocabulary.BEARDS,
    "glasses": vocabulary.GLASSES,
    "garment": vocabulary.GARMENTS,
    "garment_colour": tuple(vocabulary.GARMENT_COLOURS),
    "scene": tuple(vocabulary.SCENES),
    "mood": vocabulary.MOODS,
    "class_noun": vocabulary.GENDERS,
}


def train_scorer(
    drawings: Drawings, vae: Any, folder: Path, budget: Budget, seed: int = 0
) -> tuple[AttributeScorer, dict[str, float]]:
    """Train within `budget`; returns the scorer and its accuracy per attribute on people it never saw."""
    torch.manual_seed(seed)
    labels = labels_of([row["attributes"] for row in drawings.rows])
    kept = torch.tensor([held_out(str(row["person"])) for row in drawings.rows])
    again = round_trip(vae, drawings.images)
    network = AttributeNetwork(HEADS).train()
    training = Training("scorer", folder, network, LEARNING_RATE, EMA_DECAY, seed, weight_decay=0.05)
    training.resume()
    seen = torch.nonzero(~kept)[:, 0]

    def loss() -> torch.Tensor:
        chosen = seen[torch.randint(0, len(seen), (BATCH,), generator=training.generator)]
        coded = torch.rand(BATCH, 1, 1, 1, generator=training.generator) < 0.5
        images = torch.where(coded, again[chosen], drawings.images[chosen])
        logits = network(disturb(to_network(images), training.generator))
        return torch.stack([_answer_loss(logits[name], labels[name][chosen]) for name in HEADS]).sum()

    run(training, budget, loss)
    best = AttributeNetwork(HEADS)
    training.averaged(best)
    scorer = AttributeScorer(best, HEADS)
    return scorer, accuracies(scorer, again[kept], {name: values[kept] for name, values in labels.items()})


def labels_of(rows: list[dict[str, str]]) -> dict[str, torch.Tensor]:
    """Index of each row's value per attribute, int64 (N,); UNSEEN where the picture cannot show it."""
    return {
        name: torch.tensor([values.index(r[name]) if visible(name, r) else UNSEEN for r in rows])
        for name, values in HEADS.items()
    }


@torch.no_grad()
def round_trip(vae: Any, images: torch.Tensor) -> torch.Tensor:
    """`images` uint8 (N, 3, 64, 64) through the VAE and back."""
    parts = []
    for at in range(0, len(images), 32):
        latents = vae.encode(to_network(images[at : at + 32])).latent_dist.mean
        parts.append(to_pixels(vae.decode(latents).sample))
    return torch.cat(parts)


def disturb(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Mirror, tint, blur and noise, each by chance; float (N, 3, H, W) in [-1, 1] in and out."""

    def chance(low: float, high: float, channels: int = 1) -> torch.Tensor:
        return low + (high - low) * torch.rand(len(images), channels, 1, 1, generator=generator)

    images = torch.where(chance(0, 1) < 0.5, images.flip(3), images)
    images = images * chance(0.85, 1.1) * chance(0.95, 1.05, 3) + chance(-0.06, 0.06)
    blurred = functional.avg_pool2d(images, 3, stride=1, padding=1, count_include_pad=False)
    images = images.lerp(blurred, chance(0, 1))
    noise = torch.randn(images.shape, generator=generator)
    return (images + noise * chance(0, 0.06)).clamp(-1, 1)


def accuracies(scorer: AttributeScorer, images: torch.Tensor, labels: dict[str, torch.Tensor]) -> dict[str, float]:
    """Share of right answers per attribute, 0..1, over pictures that show it."""
    shares = scorer.probabilities(images.permute(0, 2, 3, 1).numpy())
    right: dict[str, float] = {}
    for name, answers in labels.items():
        shown = (answers != UNSEEN).numpy()
        hits = shares[name].argmax(axis=1)[shown] == answers.numpy()[shown]
        right[name] = round(float(hits.mean()), 4)
    return right


def _answer_loss(logits: torch.Tensor, answers: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(logits, answers, ignore_index=UNSEEN, label_smoothing=0.05)


def command(drawings: Path, vae: Path, out: Path, budget: Budget) -> None:
    """Train the attribute scorer on the drawings and on what `vae` leaves of them; see train_scorer()."""
    coder: Any = AutoencoderKL.from_pretrained(vae)
    seen = Drawings(drawings, SIDE)
    scorer, right = train_scorer(seen, coder, out, budget)
    log.info(right)
    scorer.save(out / "scorer", {"accuracy_on_unseen_people": right, "drawings": len(seen.rows)})


if __name__ == "__main__":
    train_command(command, ("drawings", "vae", "out"), steps=STEPS)
