"""Judges what images show: hair, skin, beard, clothes, place, by one small network with a head for each.

It was taught on drawings, so it judges pocket's images alone; real faces are not its matter. Nothing is
trained here (see base_models/pocket/train_scorer.py).
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

IDENTITY = ("hair_colour", "hair_style", "skin", "beard")  # what a subject keeps from photo to photo
PROMPT = ("garment", "scene")  # what a prompt changes
SIDE = 64  # px; pocket's own size
BATCH = 64
CHANNELS = (32, 64, 128, 160)
GRID = 4  # places kept per side: a beard is below, hair above


class AttributeNetwork(nn.Module):
    """Images float (N, 3, 64, 64) in [-1, 1] → logits (N, values) for each attribute."""

    def __init__(self, heads: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        before = 3
        for channels in CHANNELS:
            blocks += [
                nn.Conv2d(before, channels, 3, stride=2 if channels != CHANNELS[-1] else 1, padding=1),
                nn.GroupNorm(8, channels),
                nn.SiLU(),
            ]
            before = channels
        self.body = nn.Sequential(*blocks)
        self.narrow = nn.Conv2d(before, 64, 1)
        self.heads = nn.ModuleDict({k: nn.Linear(64 * GRID * GRID, len(v)) for k, v in heads.items()})

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Logits per attribute."""
        places = functional.adaptive_avg_pool2d(self.narrow(self.body(images)), GRID)
        seen = functional.dropout(functional.silu(places).flatten(1), 0.2, self.training)
        return {name: head(seen) for name, head in self.heads.items()}


class AttributeScorer:
    """The trained network and the words of its heads."""

    def __init__(self, network: AttributeNetwork, values: Mapping[str, Sequence[str]]) -> None:
        self.network = network.eval()
        self.values = {name: tuple(words) for name, words in values.items()}

    @classmethod
    def load(cls, folder: Path | str) -> "AttributeScorer":
        """Open scorer.json and scorer.safetensors in `folder`. Raises OSError when they are not there."""
        values = json.loads((Path(folder) / "scorer.json").read_text())["values"]
        network = AttributeNetwork(values)
        network.load_state_dict(load_file(Path(folder) / "scorer.safetensors"))
        return cls(network, values)

    def save(self, folder: Path, facts: Mapping[str, object]) -> None:
        """Write both files; `facts` (accuracies, how trained) go into scorer.json beside the words."""
        folder.mkdir(parents=True, exist_ok=True)
        half = {name: tensor.half().contiguous() for name, tensor in self.network.state_dict().items()}
        save_file(half, folder / "scorer.safetensors")
        (folder / "scorer.json").write_text(json.dumps({"values": self.values, **facts}, indent=1) + "\n")

    @torch.no_grad()
    def probabilities(self, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Share of belief per value, float32 (N, values), for images uint8 (N, H, W, 3) of any size."""
        parts = [self._batch(images[at : at + BATCH]) for at in range(0, len(images), BATCH)]
        return {name: np.concatenate([part[name] for part in parts]) for name in self.values}

    def judge(self, images: NDArray[np.uint8]) -> list[dict[str, str]]:
        """The most likely value of every attribute, one mapping per image uint8 (N, H, W, 3)."""
        best = {name: shares.argmax(axis=1) for name, shares in self.probabilities(images).items()}
        return [
            {name: self.values[name][indices[number]] for name, indices in best.items()}
            for number in range(len(images))
        ]

    def subject_match(self, images: NDArray[np.uint8], wanted: Mapping[str, str]) -> float:
        """Share of (image, identity attribute) pairs judged as `wanted`, 0..1. Raises ValueError on none."""
        return self._match(images, wanted, IDENTITY)

    def prompt_match(self, images: NDArray[np.uint8], wanted: Mapping[str, str]) -> float:
        """Share of (image, prompt attribute) pairs judged as `wanted`, 0..1. Raises ValueError on none."""
        return self._match(images, wanted, PROMPT)

    def _match(self, images: NDArray[np.uint8], wanted: Mapping[str, str], attributes: Sequence[str]) -> float:
        asked = [name for name in attributes if name in wanted and visible(name, wanted)]
        if not asked or not len(images):
            raise ValueError(f"nothing to judge: {len(images)} images, attributes {asked}")
        pairs = [seen[name] == wanted[name] for seen in self.judge(images) for name in asked]
        return sum(pairs) / len(pairs)

    def _batch(self, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        pixels = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()
        if pixels.shape[-2:] != (SIDE, SIDE):
            pixels = functional.interpolate(pixels, (SIDE, SIDE), mode="bilinear", antialias=True)
        logits = self.network(pixels / 127.5 - 1.0)
        return {name: values.softmax(dim=1).numpy() for name, values in logits.items()}


def visible(attribute: str, attributes: Mapping[str, str]) -> bool:
    """Whether a picture with `attributes` can show this one: a bald head has no hair colour."""
    return attribute != "hair_colour" or attributes.get("hair_style") != "bald"
