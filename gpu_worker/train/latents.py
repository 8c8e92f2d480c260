"""Latents of instance images, worked out once and in batches; training never asks the VAE again.

They are kept in memory only: they are quick to make and show a customer. What the images show is decided elsewhere.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from gpu_worker.base_models.family import BaseModel

ENCODE_BATCH = 8  # images the VAE takes at once,
ENCODE_SIDE = 512  # px, up to which so many fit an 8 GB gpu

Item = TypeVar("Item")


class Latents:
    """A base model's latents of images, each image encoded once."""

    def __init__(self, base: BaseModel, seed: int) -> None:
        self._base = base
        self._generator = torch.Generator().manual_seed(seed)
        self._known: dict[bytes, torch.Tensor] = {}

    def of(self, images: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
        """Latents of a batch of uint8 (H, W, 3), all of one size: float32 (N, channels, h, w), on the CPU."""
        names = [hashlib.blake2b(image.tobytes()).digest() for image in images]
        fresh = {name: image for name, image in zip(names, images, strict=True) if name not in self._known}
        if fresh:
            self._known |= zip(fresh, self._encode(list(fresh.values())), strict=True)
        return torch.stack([self._known[name] for name in names])

    def _encode(self, images: list[NDArray[np.uint8]]) -> torch.Tensor:
        return self._base.encode_images(to_tensor(np.stack(images)), self._generator).float().cpu()


def to_tensor(images: NDArray[np.uint8]) -> torch.Tensor:
    """uint8 (N, H, W, 3) to float32 (N, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


def batch_size(side: int) -> int:
    """How many images of this side, px, the VAE takes at once; its memory grows with the pixels."""
    return max(1, min(ENCODE_BATCH, ENCODE_BATCH * ENCODE_SIDE**2 // side**2))


def in_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """`items` in lists of `size`, the last one shorter; no item is asked for before its list is."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch
