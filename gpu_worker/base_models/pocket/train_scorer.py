"""The attribute scorer's training: learns on drawings to see what pocket's images show.

Many of those it sees went through pocket's VAE, and all of them are moved, blurred, tinted or noised a little, so that
it judges generated images by their content and not by their polish. People held out are judged at the end.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from gpu_worker.base_models.pocket.architecture import FIRST as FIRST_POCKET
from gpu_worker.base_models.pocket.architecture import SHAPE_OPTION, SHAPES
from gpu_worker.base_models.pocket.drawings import Drawings, held_out, to_network, to_pixels
from gpu_worker.base_models.pocket.loop import Budget, Training, run, train_command
from gpu_worker.base_models.pocket.people import vocabulary
from gpu_worker.base_models.pocket.train_unet import open_vae
from gpu_worker.score import FIRST, AttributeNetwork, AttributeScorer, ScorerShape, visible

log = logging.getLogger(__name__)

STEPS = 3000
BATCH = 32
LEARNING_RATE = 1.5e-3
EMA_DECAY = 0.995
UNSEEN = -100  # cross_entropy's mark for "no answer here"
CODED_EVERY = 2  # one drawing in so many goes through the VAE: minutes for all of them
CODED_SHARE = 0.8  # of the times that such a one is seen, it is seen as the VAE leaves it
SECOND = ScorerShape(side=128, channels=(32, 64, 96, 128, 160), deep=True)

Heads = Mapping[str, Sequence[str]]
Accuracies = dict[str, dict[str, float]]


def heads_of(words: vocabulary.Words) -> Heads:
    """What is to be told, and the words for it."""
    hats = {"hat": words.hats} if len(words.hats) > 1 else {}
    return {
        "hair_colour": tuple(vocabulary.HAIR_COLOURS),
        "hair_style": words.hair_styles,
        "skin": tuple(vocabulary.SKINS),
        "beard": vocabulary.BEARDS,
        "glasses": vocabulary.GLASSES,
        "garment": words.garments,
        "garment_colour": tuple(vocabulary.GARMENT_COLOURS),
        "scene": words.scenes,
        "mood": vocabulary.MOODS,
        "class_noun": vocabulary.GENDERS,
        **hats,
    }


def train_scorer(
    drawings: Drawings, vae: Any, folder: Path, budget: Budget, network: AttributeNetwork, heads: Heads, seed: int = 0
) -> tuple[AttributeScorer, Accuracies]:
    """Train `network` within `budget`; returns the scorer and its accuracies on people it never saw."""
    labels = labels_of([row["attributes"] for row in drawings.rows], heads)
    kept = torch.tensor([held_out(str(row["person"])) for row in drawings.rows])
    coded = kept | (torch.arange(len(kept)) % CODED_EVERY == 0)
    again = drawings.images.clone()
    again[coded] = round_trip(vae, drawings.images[coded])
    training = Training("scorer", folder, network.train(), LEARNING_RATE, EMA_DECAY, seed, weight_decay=0.05)
    training.resume()
    torch.manual_seed(seed + training.step)  # of the dropout
    seen = torch.nonzero(~kept)[:, 0]

    def loss() -> torch.Tensor:
        chosen = seen[torch.randint(0, len(seen), (BATCH,), generator=training.generator)]
        through = torch.rand(BATCH, 1, 1, 1, generator=training.generator) < CODED_SHARE
        images = to_network(torch.where(through, again[chosen], drawings.images[chosen]))
        logits = network(disturb(move(images, training.generator), training.generator))
        return torch.stack([_answer_loss(logits[name], labels[name][chosen]) for name in heads]).sum()

    run(training, budget, loss)
    best = AttributeNetwork(heads, network.shape)
    training.averaged(best)
    scorer = AttributeScorer(best, heads)
    answers = {name: values[kept] for name, values in labels.items()}
    return scorer, {
        "accuracy_on_unseen_people": accuracies(scorer, again[kept], answers),
        "accuracy_on_their_drawings": accuracies(scorer, drawings.images[kept], answers),
    }


def labels_of(rows: list[dict[str, str]], heads: Heads) -> dict[str, torch.Tensor]:
    """Index of each row's value per attribute, int64 (N,); UNSEEN where the picture cannot show it."""
    return {
        name: torch.tensor([list(values).index(r[name]) if visible(name, r) else UNSEEN for r in rows])
        for name, values in heads.items()
    }


@torch.no_grad()
def round_trip(vae: Any, images: torch.Tensor) -> torch.Tensor:
    """`images` uint8 (N, 3, H, W) through the VAE and back."""
    parts = []
    for at in range(0, len(images), 32):
        latents = vae.encode(to_network(images[at : at + 32])).latent_dist.mean
        parts.append(to_pixels(vae.decode(latents).sample))
    return torch.cat(parts)


def move(images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Scaled by 0.9 to 1.1 and shifted by up to a sixteenth of the side; edges go on outwards."""
    count = len(images)
    moves = torch.zeros(count, 2, 3)
    moves[:, 0, 0] = moves[:, 1, 1] = 0.9 + 0.2 * torch.rand(count, generator=generator)
    moves[:, :, 2] = (torch.rand(count, 2, generator=generator) * 2 - 1) / 8
    grid = functional.affine_grid(moves, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


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
        if not shown.any():
            continue
        hits = shares[name].argmax(axis=1)[shown] == answers.numpy()[shown]
        right[name] = round(float(hits.mean()), 4)
    return right


def _answer_loss(logits: torch.Tensor, answers: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(logits, answers, ignore_index=UNSEEN, label_smoothing=0.05)


def command(drawings: Path, vae: Path, out: Path, budget: Budget, shape: str) -> None:
    """Train the attribute scorer on the drawings and on what `vae` leaves of them; see train_scorer()."""
    first = SHAPES[shape] == FIRST_POCKET
    heads = heads_of(vocabulary.SHIPPED if first else vocabulary.WHOLE)
    torch.manual_seed(budget.piece)
    network = AttributeNetwork(heads, FIRST if first else SECOND)
    seen = Drawings(drawings, network.shape.side)
    scorer, right = train_scorer(seen, open_vae(vae), out, budget, network, heads, seed=budget.piece)
    log.info(right)
    scorer.save(out / "scorer", {**right, "drawings": len(seen.rows)})


if __name__ == "__main__":
    train_command(
        command,
        ("drawings", "vae", "out"),
        steps=STEPS,
        options={"shape": SHAPE_OPTION},
    )
