"""Real-ESRGAN's two networks in torch, read from ncnn's own files: the same layers, the same weights.

Only the layers that these networks have. Speed and comparison are upscale's.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

HALF = 0x01306B47  # before weights of 16 bits; other weights follow without a word


@dataclass(frozen=True)
class Layer:
    """One line of a .param file: what it does, to which blobs, with which settings by number."""

    kind: str
    takes: tuple[str, ...]
    makes: tuple[str, ...]
    settings: dict[int, str]

    def number(self, key: int, default: float = 0) -> float:
        return float(self.settings.get(key, default))


class Weights:
    """A .bin file, read from its begin on."""

    def __init__(self, file: Path) -> None:
        self._bytes, self._at = file.read_bytes(), 0

    def tagged(self, count: int) -> torch.Tensor:
        """`count` weights of 16 or 32 bits, as the word before them tells."""
        (tag,) = struct.unpack_from("<I", self._bytes, self._at)
        self._at += 4
        if tag not in (0, HALF):
            raise ValueError(f"weights of kind {tag:#x}")
        return self.plain(count, np.dtype("<f2") if tag == HALF else np.dtype("<f4"))

    def plain(self, count: int, kind: np.dtype = np.dtype("<f4")) -> torch.Tensor:  # noqa: B008 - a constant
        values = np.frombuffer(self._bytes, kind, count, self._at).astype(np.float32)
        self._at += -(-count * kind.itemsize // 4) * 4
        return torch.from_numpy(values)


Step = Callable[..., torch.Tensor]


class Network(torch.nn.Module):
    """Float (1, 3, h, w) in [0, 1] → (1, 3, 4h, 4w)."""

    def __init__(self, param: Path) -> None:
        super().__init__()
        weights = Weights(param.with_suffix(".bin"))
        self._layers = [_layer(line) for line in param.read_text().splitlines()[2:]]
        self._steps = [_STEPS[layer.kind](layer, weights) for layer in self._layers]

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        blobs = {"data": image}
        for layer, step in zip(self._layers, self._steps, strict=True):
            taken = [blobs.pop(name) for name in layer.takes]  # each blob is taken once
            made = step(*taken) if taken else image
            blobs |= dict.fromkeys(layer.makes, made)
        return blobs["output"]


def _layer(line: str) -> Layer:
    kind, _, takes, makes, *rest = line.split()
    blobs, told = rest[: int(takes) + int(makes)], rest[int(takes) + int(makes) :]
    settings = dict(each.split("=") for each in told)
    return Layer(
        kind,
        tuple(blobs[: int(takes)]),
        tuple(blobs[int(takes) :]),
        {int(key): value for key, value in settings.items()},
    )


def _convolution(layer: Layer, weights: Weights) -> Step:
    outputs, side, count = int(layer.number(0)), int(layer.number(1)), int(layer.number(6))
    kernel = weights.tagged(count).reshape(outputs, -1, side, side)
    bias = weights.plain(outputs) if layer.number(5) else None
    slope = float(layer.settings.get(-23310, "1,1").split(",")[1])

    def step(taken: torch.Tensor) -> torch.Tensor:
        made = F.conv2d(taken, kernel, bias, padding=int(layer.number(4)))
        return made if slope == 1 else F.leaky_relu_(made, slope)

    return step


def _prelu(layer: Layer, weights: Weights) -> Step:
    slopes = weights.plain(int(layer.number(0)))
    return lambda taken: F.prelu(taken, slopes)


def _scaled_sum(layer: Layer, weights: Weights) -> Step:
    first, second = (float(each) for each in layer.settings[-23301].split(",")[1:])
    return lambda one, other: one * first + other * second


def _larger(layer: Layer, weights: Weights) -> Step:
    return lambda taken: F.interpolate(taken, scale_factor=layer.number(1), mode="nearest")


_STEPS: dict[str, Callable[[Layer, Weights], Step]] = {
    "Input": lambda layer, weights: lambda: torch.empty(0),
    "Split": lambda layer, weights: lambda taken: taken,
    "Concat": lambda layer, weights: lambda *taken: torch.cat(taken, 1),
    "Convolution": _convolution,
    "PReLU": _prelu,
    "Eltwise": _scaled_sum,
    "BinaryOp": lambda layer, weights: lambda one, other: one + other,
    "Interp": _larger,
    "PixelShuffle": lambda layer, weights: lambda taken: F.pixel_shuffle(taken, int(layer.number(0))),
}
