"""Who is who in small pictures, in the eyes of SFace: faces found, likeness to a person's photos, a threshold for it.

Nothing is drawn or decided here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpu_worker.base_models.pocket.drawings import shrink
from gpu_worker.faces import find_faces
from gpu_worker.identity import LENGTH, embed_face
from tests.benchmarks.people.faces import FALSE_ACCEPTS

EYES = 256  # px: smaller pictures are enlarged to this before a face is looked for; the detector misses small ones


def face_vector(picture: np.ndarray) -> np.ndarray | None:
    """The largest face's identity, float32 (128,) of length 1, in RGB, uint8 (S, S, 3); None where none is found."""
    import cv2

    if len(picture) < EYES:
        picture = np.asarray(cv2.resize(picture, (EYES, EYES), interpolation=cv2.INTER_CUBIC))
    found = find_faces(picture)
    return embed_face(picture, found[0]) if found else None


def vectors(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """One row for each picture, float32 (N, 128); NaN where no face is found."""
    none = np.full(LENGTH, np.nan, np.float32)
    return np.array([none if (one := face_vector(each)) is None else one for each in pictures]).reshape(-1, LENGTH)


def smaller(pictures: Sequence[np.ndarray], side: int) -> list[np.ndarray]:
    """Square RGB pictures at the size at which a base model draws."""
    return [shrink(each[None], side)[0].permute(1, 2, 0).numpy() for each in pictures]


def found(seen: np.ndarray) -> float:
    """The share of vectors() in which there is a face."""
    return float((~np.isnan(seen).any(axis=-1)).mean())


def likeness(seen: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """How much each of `seen` (N, 128) looks like the person in `gallery` (M, 128), float (N,): the mean cosine.

    -1 where there is no face. Raises ValueError for a gallery without any.
    """
    known = gallery[~np.isnan(gallery).any(axis=1)]
    if not len(known):
        raise ValueError("no face in any of the person's photos")
    with np.errstate(invalid="ignore"):
        return np.nan_to_num((seen @ known.T).mean(axis=1), nan=-1.0)


@dataclass(frozen=True)
class Crowd:
    """Vectors of several people's photos, float32 (people, photos, 128)."""

    seen: np.ndarray

    def threshold(self) -> float:
        """The likeness that FALSE_ACCEPTS of the photos have to another person's photos."""
        every = range(len(self.seen))
        strangers = [likeness(self.seen[a], self.seen[b]) for a in every for b in every if a != b]
        return float(np.quantile(np.concatenate(strangers), 1 - FALSE_ACCEPTS))

    def rate(self, shown: np.ndarray, threshold: float) -> float:
        """The share of `shown`, of the same shape, that are accepted as the person of their row.

        Each is compared with that person's other photos: its own, or what was made of it, would flatter it.
        """
        accepted = []
        for person, photos in zip(shown, self.seen, strict=True):
            for number, one in enumerate(person):
                others = np.delete(photos, number, axis=0)
                accepted.append(bool(likeness(one[None], others)[0] > threshold))
        return float(np.mean(accepted))


class LikenessRate:
    """A second likeness for the laboratory: the share of images that are accepted as the person in the photos.

    Photos are compared as they look at `side` px, at which the base model draws. `faces` is what share of the images
    that were asked about last show a face.
    """

    def __init__(self, side: int, threshold: float) -> None:
        self.side, self.threshold, self.faces = side, threshold, float("nan")

    @property
    def told(self) -> str:
        return f"SFace, accepted above {self.threshold:.3f}, which {FALSE_ACCEPTS:.0%} of strangers pass"

    def of(self, images: np.ndarray, photos: Sequence[np.ndarray]) -> float:
        seen = vectors(list(images))
        self.faces = round(found(seen), 4)
        return float((likeness(seen, vectors(smaller(photos, self.side))) > self.threshold).mean())
