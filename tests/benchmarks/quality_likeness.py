"""Likeness in the eyes of a network that selects nothing: of drawings by ours, of photographs by dlib's. No training.

SFace, which finds images of photographs good enough to deliver, would flatter what it picked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from gpu_worker.evidence.limits import domain_of
from tests.benchmarks import second_encoder
from tests.benchmarks.quality_encoder import Encoder, Lessons, encoder_path, open_encoder
from tests.benchmarks.quality_images import Images
from tests.benchmarks.quality_scale import Scale


class SecondLikeness(Protocol):
    """Anything that tells likeness and is asked by nobody but benchmarks."""

    @property
    def told(self) -> str:
        """What it is and how good, in a line."""
        ...

    def of(self, images: Images, photos: Sequence[np.ndarray]) -> float:
        """How much the images look like the person in the photos; more is better."""
        ...


@dataclass(frozen=True)
class Drawn:
    """The mean cosine to the mean vector of the photos."""

    encoder: Encoder

    @property
    def told(self) -> str:
        return f"an identity network of our own, AUC {self.encoder.auc:.3f} on drawn people it never saw"

    def of(self, images: Images, photos: Sequence[np.ndarray]) -> float:
        mean = self.encoder.vectors(np.stack(photos)).mean(axis=0)
        return float((self.encoder.vectors(images) @ (mean / np.linalg.norm(mean))).mean())


@dataclass(frozen=True)
class Photographed:
    """One less the mean distance to the nearest photo; an image without a face counts 0."""

    told: str = "dlib's face network, 1 less its distance"

    def of(self, images: Images, photos: Sequence[np.ndarray]) -> float:
        known = [vector for photo in photos if (vector := _vector(photo)) is not None]
        found = [_vector(image) for image in images]
        near = [0.0 if one is None else 1 - min(float(np.linalg.norm(one - own)) for own in known) for one in found]
        return sum(near) / len(near)


def needs_lessons(work: Path, scale: Scale, base_model: str, base_hash: str) -> bool:
    """Whether open_second() would first have to teach a network."""
    return not domain_of(base_model).faces and not encoder_path(work, _lessons(scale), base_hash).is_file()


def open_second(work: Path, scale: Scale, base_model: str, base_hash: str) -> SecondLikeness:
    """By whether faces are found in what the base model draws."""
    if domain_of(base_model).faces:
        return Photographed()
    return Drawn(open_encoder(work, _lessons(scale), base_model, base_hash))


def _lessons(scale: Scale) -> Lessons:
    return Lessons(scale.encoder_people, scale.encoder_steps, unseen=scale.encoder_people // 6)


def _vector(image: np.ndarray) -> np.ndarray | None:
    try:
        return second_encoder.embedded(image)
    except LookupError:
        return None
