"""Judges what images show: hair, skin, beard, clothes, place, by one small network with a head for each.

It was taught on drawings, so it judges pocket's images alone; real faces are not its matter. Nothing is
trained here (see base_models/pocket/train_scorer.py).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

IDENTITY = ("hair_colour", "hair_style", "skin", "beard")  # what a subject keeps from photo to photo
PROMPT = ("garment", "scene")  # what a prompt changes
BATCH = 64
GRID = 4  # places kept per side: a beard is below, hair above
HIDDEN_BY_HATS = ("hair_style",)  # under most of them only the ends of long hair are seen


@dataclass(frozen=True)
class ScorerShape:
    """The side of what it looks at, px, and the channels of its levels; each but the last halves the side.

    `deep`: each level has a second convolution, whose answer is added.
    """

    side: int = 64
    channels: tuple[int, ...] = (32, 64, 128, 160)
    deep: bool = False


FIRST = ScorerShape()  # that of a scorer.json which says nothing of it


class AttributeNetwork(nn.Module):
    """Images float (N, 3, side, side) in [-1, 1] → logits (N, values) for each attribute."""

    def __init__(self, heads: Mapping[str, Sequence[str]], shape: ScorerShape = FIRST) -> None:
        super().__init__()
        self.shape = shape
        blocks: list[nn.Module] = []
        before = 3
        for number, channels in enumerate(shape.channels, start=1):
            blocks += _step(before, channels, stride=1 if number == len(shape.channels) else 2)
            if shape.deep:
                blocks.append(_Added(channels))
            before = channels
        self.body = nn.Sequential(*blocks)
        self.narrow = nn.Conv2d(before, 64, 1)
        self.heads = nn.ModuleDict({k: nn.Linear(64 * GRID * GRID, len(v)) for k, v in heads.items()})

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Logits per attribute."""
        places = functional.adaptive_avg_pool2d(self.narrow(self.body(images)), GRID)
        seen = functional.dropout(functional.silu(places).flatten(1), 0.2, self.training)
        return {name: head(seen) for name, head in self.heads.items()}


class _Added(nn.Module):
    """He et al., "Deep Residual Learning for Image Recognition", 2015."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.step = nn.Sequential(*_step(channels, channels, stride=1))

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        added: torch.Tensor = seen + self.step(seen)
        return added


def _step(before: int, after: int, stride: int) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, stride=stride, padding=1), nn.GroupNorm(8, after), nn.SiLU()]


class AttributeScorer:
    """The trained network and the words of its heads."""

    def __init__(self, network: AttributeNetwork, values: Mapping[str, Sequence[str]]) -> None:
        self.network = network.eval()
        self.values = {name: tuple(words) for name, words in values.items()}

    @property
    def side(self) -> int:
        """Of the images that the network looks at, px; all others are brought to it."""
        return self.network.shape.side

    @classmethod
    def load(cls, folder: Path | str) -> "AttributeScorer":
        """Open scorer.json and scorer.safetensors in `folder`. Raises OSError when they are not there."""
        told = json.loads((Path(folder) / "scorer.json").read_text())
        shape = _shape(told["network"]) if "network" in told else FIRST
        network = AttributeNetwork(told["values"], shape)
        network.load_state_dict(load_file(Path(folder) / "scorer.safetensors"))
        return cls(network, told["values"])

    def save(self, folder: Path, facts: Mapping[str, object]) -> None:
        """Write both files; `facts` (accuracies, how trained) go into scorer.json beside the words and the shape."""
        folder.mkdir(parents=True, exist_ok=True)
        half = {name: tensor.half().contiguous() for name, tensor in self.network.state_dict().items()}
        save_file(half, folder / "scorer.safetensors")
        told = {"values": self.values, "network": asdict(self.network.shape), **facts}
        (folder / "scorer.json").write_text(json.dumps(told, indent=1) + "\n")

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
        if pixels.shape[-2:] != (self.side, self.side):
            pixels = functional.interpolate(pixels, (self.side, self.side), mode="bilinear", antialias=True)
        logits = self.network(pixels / 127.5 - 1.0)
        return {name: values.softmax(dim=1).numpy() for name, values in logits.items()}


def _shape(told: Mapping[str, Any]) -> ScorerShape:
    return ScorerShape(told["side"], tuple(told["channels"]), told["deep"])


def visible(attribute: str, attributes: Mapping[str, str]) -> bool:
    """Whether a picture with `attributes` can show this one: a bald head has no hair colour, a hat hides the cut."""
    if attribute in HIDDEN_BY_HATS:
        return attributes.get("hat", "none") == "none"
    return attribute != "hair_colour" or attributes.get("hair_style") != "bald"
