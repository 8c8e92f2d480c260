"""Pocket's matte network: a U-Net of half a million parameters, and its file. Nothing is trained here."""

import hashlib
import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import nn
from torch.nn import functional

from gpu_worker.errors import BadWeights

SIDE = 128  # px, the network's input
FOLD = 2  # px a side that one place holds: convolutions at full size would take most of the time
CHANNELS = (24, 48, 96, 128)  # at 64, 32, 16 and 8 px


class MatteNetwork(nn.Module):
    """RGB float (N, 3, 128, 128) in [-1, 1] → logits of alpha (N, 1, 128, 128).

    Shape: a U-Net (Ronneberger, Fischer and Brox, 2015) whose ways across are added, as in LinkNet (Chaurasia and
    Culurciello, 2017), and not stacked.
    """

    def __init__(self) -> None:
        super().__init__()
        first = CHANNELS[0]
        pairs = list(pairwise(CHANNELS))
        self.entry = nn.Sequential(_step(3 * FOLD**2, first), _step(first, first))
        self.down = nn.ModuleList(nn.Sequential(_step(a, b, stride=2), _step(b, b)) for a, b in pairs)
        self.narrow = nn.ModuleList(nn.Conv2d(b, a, 1) for a, b in pairs)
        self.up = nn.ModuleList(_step(a, a) for a, _ in pairs)
        self.exit = nn.Conv2d(first, FOLD**2, 3, padding=1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits; their sigmoid is alpha."""
        kept = [self.entry(functional.pixel_unshuffle(images, FOLD))]
        for down in self.down:
            kept.append(down(kept[-1]))
        seen = kept.pop()
        for narrow, up in zip(reversed(self.narrow), reversed(self.up), strict=True):
            seen = up(functional.interpolate(narrow(seen), scale_factor=2.0, mode="bilinear") + kept.pop())
        return functional.pixel_shuffle(self.exit(seen), FOLD)


def save_network(network: MatteNetwork, file: Path, facts: Mapping[str, object]) -> None:
    """Write `file` (fp16 safetensors) and beside it a json with `facts` and the weights' SHA-256."""
    half = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    content = save(half)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    told = {**facts, "sha256": hashlib.sha256(content).hexdigest()}
    file.with_suffix(".json").write_text(json.dumps(told, indent=1) + "\n")


def load_network(file: Path) -> MatteNetwork:
    """Open what save_network() wrote, float32, for use. Raises BadWeights when a file is missing or not as written."""
    try:
        content = file.read_bytes()
        expected = json.loads(file.with_suffix(".json").read_text())["sha256"]
    except FileNotFoundError as error:
        raise BadWeights(f"pocket's matte network was never trained: {error.filename} is missing") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadWeights(f"{file.with_suffix('.json')} does not tell the weights' hash: {error}") from error
    if (found := hashlib.sha256(content).hexdigest()) != expected:
        raise BadWeights(f"{file} has the SHA-256 {found}, expected {expected}")
    network = MatteNetwork()
    try:
        network.load_state_dict(load(content))
    except (RuntimeError, SafetensorError) as error:
        raise BadWeights(f"{file} does not fit pocket's matte network: {error}") from error
    return network.eval()


def _step(before: int, after: int, stride: int = 1) -> nn.Sequential:
    """Groups share their mean and spread, so a batch of one does; four channels to a group."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
        nn.GroupNorm(after // 4, after),
        nn.SiLU(),
    )
