"""The drawn people as pocket's trainings see them: small images, attributes, captions, faces, shard by shard.

No drawing here (see `people`), no network.
"""

import json
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from gpu_worker.base_models.pocket.face_places import face_boxes

# One person in this many is kept from the scorer's training and judged afterwards.
HELD_OUT_EVERY = 12


@dataclass
class Drawings:
    """The shards of `folder` read so far: images uint8 (N, 3, side, side) and one attribute row each.

    `alphas`, uint8 (N, 1, side / 4, side / 4), says where the person is. `faces`, float32 (N, 4), says where the face
    is, see face_places.
    """

    folder: Path
    side: int
    images: torch.Tensor = field(init=False)
    alphas: torch.Tensor = field(init=False)
    faces: torch.Tensor = field(init=False)
    rows: list[dict[str, Any]] = field(default_factory=list)
    shards: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.images = torch.empty(0, 3, self.side, self.side, dtype=torch.uint8)
        self.alphas = torch.empty(0, 1, self.side // 4, self.side // 4, dtype=torch.uint8)
        self.faces = torch.empty(0, 4)
        self.refresh()

    def refresh(self) -> int:
        """Read shards that are new and whole (jsonl is written last); returns how many drawings came."""
        new = [shard for shard in sorted(self.folder.glob("*.npz")) if shard.stem not in self.shards]
        parts, alphas, faces = [self.images], [self.alphas], [self.faces]
        for shard in new:
            labels = shard.with_suffix(".jsonl")
            if not labels.is_file():
                continue
            rows = [json.loads(line) for line in labels.read_text().splitlines()]
            with np.load(shard) as arrays:
                images = arrays["images"]
                parts.append(shrink(images, self.side))
                alphas.append(shrink(arrays["alphas"][..., None], self.side // 4))
            faces.append(torch.from_numpy(face_boxes(rows, images.shape[1])))
            self.rows += rows
            self.shards.append(shard.stem)
        before = len(self.images)
        self.images, self.alphas, self.faces = torch.cat(parts), torch.cat(alphas), torch.cat(faces)
        if len(self.images) != len(self.rows):
            raise ValueError(f"{len(self.images)} drawings but {len(self.rows)} captions in {self.folder}")
        return len(self.images) - before


def shrink(images: np.ndarray, side: int) -> torch.Tensor:
    """Area-downsample uint8 (N, H, H, C) to uint8 (N, C, side, side). Raises ValueError where H is less than `side`."""
    count, height, _, channels = images.shape
    if height < side:
        raise ValueError(f"drawings of {height} px cannot be shrunk to {side} px; draw them larger")
    if height % side:
        resized = [cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA) for image in images]
        small = np.stack(resized).reshape(count, side, side, channels)
    else:
        blocks = images.reshape(count, side, height // side, side, height // side, channels).astype(np.float32)
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
