"""The drawn people as pocket's trainings see them: 64 px images, attributes, captions, shard by shard.

No drawing here (see `people`), no network.
"""

import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

# One person in this many is kept from the scorer's training and judged afterwards.
HELD_OUT_EVERY = 12


@dataclass
class Drawings:
    """The shards of `folder` read so far: images uint8 (N, 3, side, side) and one attribute row each.

    `alphas`, uint8 (N, 1, side / 4, side / 4), says where the person is, on the grid of the latents.
    """

    folder: Path
    side: int
    images: torch.Tensor = field(init=False)
    alphas: torch.Tensor = field(init=False)
    rows: list[dict[str, Any]] = field(default_factory=list)
    shards: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.images = torch.empty(0, 3, self.side, self.side, dtype=torch.uint8)
        self.alphas = torch.empty(0, 1, self.side // 4, self.side // 4, dtype=torch.uint8)
        self.refresh()

    def refresh(self) -> int:
        """Read shards that are new and whole (jsonl is written last); returns how many drawings came."""
        new = [shard for shard in sorted(self.folder.glob("*.npz")) if shard.stem not in self.shards]
        parts, alphas = [self.images], [self.alphas]
        for shard in new:
            labels = shard.with_suffix(".jsonl")
            if not labels.is_file():
                continue
            with np.load(shard) as arrays:
                parts.append(shrink(arrays["images"], self.side))
                alphas.append(shrink(arrays["alphas"][..., None], self.side // 4))
            self.rows += [json.loads(line) for line in labels.read_text().splitlines()]
            self.shards.append(shard.stem)
        before = len(self.images)
        self.images, self.alphas = torch.cat(parts), torch.cat(alphas)
        if len(self.images) != len(self.rows):
            raise ValueError(f"{len(self.images)} drawings but {len(self.rows)} captions in {self.folder}")
        return len(self.images) - before


def shrink(images: np.ndarray, side: int) -> torch.Tensor:
    """Area-downsample uint8 (N, H, H, C) to uint8 (N, C, side, side); H is a multiple of `side`."""
    count, height, _, channels = images.shape
    factor = height // side
    blocks = images.reshape(count, side, factor, side, factor, channels).astype(np.float32)
    small = blocks.mean(axis=(2, 4)).round().astype(np.uint8)
    return torch.from_numpy(small).permute(0, 3, 1, 2).contiguous()


def to_network(images: torch.Tensor) -> torch.Tensor:
    """uint8 (N, 3, H, W) as float32 in [-1, 1]."""
    return images.float().div_(127.5).sub_(1.0)


def to_pixels(images: torch.Tensor) -> torch.Tensor:
    """float (N, 3, H, W) in [-1, 1] as uint8, rounded and clipped."""
    return images.float().add(1.0).mul(127.5).round().clamp(0, 255).to(torch.uint8)


def held_out(person: str) -> bool:
    """Whether this person is kept for judging; the same answer on every machine."""
    return zlib.crc32(person.encode()) % HELD_OUT_EVERY == 0
