"""How the second encoder is taught: on people who are no customer's and not pocket's, as pocket draws them.

Half of its pictures went through the base model's VAE, all are tinted, blurred and noised a little. Seeded. Nothing is
judged here but what it learnt.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import nn
from torch.nn import functional

from gpu_worker.base_models.pocket.drawings import Drawings, to_network
from gpu_worker.base_models.pocket.people import shards
from gpu_worker.base_models.pocket.train_scorer import disturb, round_trip
from tests.benchmarks.quality_drawn import drawn_by
from tests.benchmarks.quality_encoder import LENGTH, SIDE, Encoder, IdentityNetwork, Lessons, auc

WORKERS = 2


@dataclass(frozen=True)
class Pictures:
    """`drawn` and what the VAE leaves of it, `coded`: uint8 (N, 3, 64, 64); whom each shows, from 0: int64 (N,)."""

    drawn: torch.Tensor
    coded: torch.Tensor
    people: torch.Tensor


def teach(folder: Path, lessons: Lessons, base_model: str) -> tuple[IdentityNetwork, float]:
    """The network, and its AUC on people it never saw, as the VAE leaves them."""
    pictures = _draw(folder, lessons, base_model)
    with torch.random.fork_rng():
        torch.manual_seed(lessons.seed)
        network = _taught(pictures, lessons)
    unseen = pictures.people >= lessons.people
    vectors = Encoder(network, 0.0).vectors(pictures.coded[unseen].permute(0, 2, 3, 1).numpy())
    return network, round(auc(vectors, pictures.people[unseen].numpy()), 4)


def _draw(folder: Path, lessons: Lessons, base_model: str) -> Pictures:
    count = (lessons.people + lessons.unseen) * lessons.drawings
    place = folder / f"drawings-{lessons.seed}-{count}-{drawn_by()}"
    shards.write(shards.Plan(place, count, SIDE, lessons.seed, float(lessons.drawings), shard=80), WORKERS)
    drawings = Drawings(place, SIDE)
    first = lessons.seed * shards.PEOPLE_PER_SEED
    people = torch.tensor([int(row["person"]) - first for row in drawings.rows])
    vae: Any = AutoencoderKL.from_pretrained(Path(base_model) / "vae")
    return Pictures(drawings.images, round_trip(vae, drawings.images), people)


def _taught(pictures: Pictures, lessons: Lessons) -> IdentityNetwork:
    """Softmax over the people, with a margin: Wang et al., "CosFace", arXiv 1801.09414, equation 4."""
    network, centres = IdentityNetwork().train(), nn.Parameter(torch.randn(lessons.people, LENGTH))
    optimizer = torch.optim.AdamW([*network.parameters(), centres], lessons.learning_rate, weight_decay=0.05)
    rates = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, lessons.steps)
    for images, people in _batches(pictures, lessons):
        cosines = network(images) @ functional.normalize(centres, dim=1).T
        less = lessons.margin * functional.one_hot(people, lessons.people)
        functional.cross_entropy(lessons.scale * (cosines - less), people).backward()
        optimizer.step()
        optimizer.zero_grad()
        rates.step()
    return network.eval()


def _batches(pictures: Pictures, lessons: Lessons) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(lessons.seed)
    seen = torch.nonzero(pictures.people < lessons.people)[:, 0]
    for _ in range(lessons.steps):
        chosen = seen[torch.randint(0, len(seen), (lessons.batch,), generator=generator)]
        coded = torch.rand(lessons.batch, 1, 1, 1, generator=generator) < 0.5
        images = torch.where(coded, pictures.coded[chosen], pictures.drawn[chosen])
        yield disturb(to_network(images), generator), pictures.people[chosen]
