"""A small network that tells drawn people apart, known to nothing that selects images. It is taught elsewhere."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from gpu_worker.base_models.pocket.drawings import to_network
from tests.benchmarks.quality_drawn import drawn_by
from tests.benchmarks.quality_share import alone

SIDE = 64  # px
LENGTH = 64  # of a vector
CHANNELS = (32, 64, 96, 128)

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Lessons:
    """What it is taught with; `seed` counts in millions of people, see shards.Plan, and nobody else uses this one."""

    people: int
    steps: int
    unseen: int  # people who are kept to measure it
    drawings: int = 4  # of each
    seed: int = 700
    batch: int = 64
    learning_rate: float = 2e-3
    scale: float = 16.0
    margin: float = 0.2


class IdentityNetwork(nn.Module):
    """Images float (N, 3, 64, 64) in [-1, 1] → vectors of length 1, (N, 64)."""

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for before, channels in zip((3, *CHANNELS), CHANNELS, strict=False):
            blocks += [nn.Conv2d(before, channels, 3, 2, 1), nn.GroupNorm(8, channels), nn.SiLU()]
        self.body = nn.Sequential(*blocks)
        self.head = nn.Linear(CHANNELS[-1] * 16, LENGTH)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        seen = functional.dropout(self.body(images).flatten(1), 0.2, self.training)
        return functional.normalize(self.head(seen), dim=1)


@dataclass(frozen=True)
class Encoder:
    """The taught network. `auc`: the chance that two pictures of one unseen person lie nearer than two people's."""

    network: IdentityNetwork
    auc: float

    @torch.no_grad()
    def vectors(self, images: NDArray[np.uint8]) -> Vectors:
        """float32 (N, 64), each of length 1, for RGB images uint8 (N, H, W, 3)."""
        pixels = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()
        small = functional.interpolate(pixels, (SIDE, SIDE), mode="bilinear", antialias=True)
        vectors: Vectors = self.network(to_network(small)).numpy()
        return vectors


def encoder_path(work: Path, lessons: Lessons, base_hash: str) -> Path:
    """Where it is kept, by a hash of all that shapes it."""
    told = json.dumps([asdict(lessons), base_hash, drawn_by(), CHANNELS, LENGTH], sort_keys=True)
    return work / "encoder" / f"{hashlib.sha256(told.encode()).hexdigest()[:16]}.safetensors"


def open_encoder(work: Path, lessons: Lessons, base_model: str, base_hash: str) -> Encoder:
    """The one that lies in `work`, or a new one, which is kept there; minutes on two cores."""
    path = encoder_path(work, lessons, base_hash)
    with alone(path):
        if not path.is_file():
            _teach(path, lessons, base_model)
    network = IdentityNetwork().eval()
    network.load_state_dict(load_file(path))
    with safe_open(path, "pt") as file:
        return Encoder(network, float(file.metadata()["auc"]))


def _teach(path: Path, lessons: Lessons, base_model: str) -> None:
    from tests.benchmarks.quality_encoder_lessons import teach

    network, value = teach(path.parent, lessons, base_model)
    beside = path.with_suffix(".partial")
    save_file(network.state_dict(), beside, metadata={"auc": str(value)})
    beside.replace(path)


def auc(vectors: Vectors, people: NDArray[np.int64]) -> float:
    """Chance in 0..1 that a pair of one person's vectors has a higher cosine than a pair of two people's."""
    from scipy.stats import mannwhitneyu

    one, other = np.triu_indices(len(people), k=1)
    cosines, same = (vectors @ vectors.T)[one, other], people[one] == people[other]
    wins = mannwhitneyu(cosines[same], cosines[~same]).statistic
    return float(wins / (same.sum() * (~same).sum()))
