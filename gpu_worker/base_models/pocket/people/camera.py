"""What a camera does to a picture: exposure, white balance, a soft focus, noise, JPEG's blocks.

No lens geometry (see lighting.py), and nothing that moves a pixel.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.base_models.pocket.people.mesh import Floats

RNG = np.random.Generator
GRAIN = 0.008  # of the whole range: no photo is without it


@dataclass(frozen=True)
class Camera:
    """`fov` degrees top to bottom; the faults' neutral values are the defaults."""

    fov: float = 20.0
    exposure: float = 0.0  # stops
    warmth: float = 0.0  # -1 cold to 1 warm
    blur: float = 0.0  # standard deviation in thousandths of the picture's side
    noise: float = GRAIN  # standard deviation, of the whole range
    quality: int = 100  # JPEG's; 100 leaves the pixels alone

    @classmethod
    def draw(cls, rng: RNG) -> "Camera":
        """A camera as people own them: most photos well made, each fault in about one photo of five."""
        faulty = rng.random(5) < 0.2
        return cls(
            fov=float(np.exp(rng.uniform(np.log(13), np.log(34)))),
            exposure=float(rng.uniform(-0.7, 0.45) if faulty[0] else rng.normal(0, 0.1)),
            warmth=float(rng.uniform(-0.8, 0.8) if faulty[1] else rng.normal(0, 0.12)),
            blur=float(rng.uniform(2.0, 5.0) if faulty[2] else 0.0),
            noise=float(rng.uniform(0.015, 0.04) if faulty[3] else rng.uniform(0.004, 0.01)),
            quality=int(rng.integers(35, 75)) if faulty[4] else 100,
        )


PLAIN = Camera()


def expose(picture: Floats, alpha: Floats, camera: Camera, rng: RNG) -> tuple[NDArray[np.uint8], Floats]:
    """The photo (H, W, 3) uint8 of `picture` (H, W, 3) in [0, 1], and `alpha` (H, W) as soft as its focus.

    NaN counts as black.
    """
    seen, covered = np.nan_to_num(picture), np.nan_to_num(alpha)
    if camera.blur:
        sigma = camera.blur * len(picture) / 1000
        seen, covered = (np.asarray(cv2.GaussianBlur(x, (0, 0), sigma), np.float32) for x in (seen, covered))
    balance = np.array([1 + 0.1 * camera.warmth, 1.0, 1 - 0.13 * camera.warmth]) * 2.0 ** (camera.exposure / 2.2)
    lit = _shoulder(seen * balance) + rng.normal(0, camera.noise, seen.shape)
    photo = (np.clip(lit, 0, 1) * 255 + 0.5).astype(np.uint8)
    return _jpeg(photo, camera.quality), covered


def _shoulder(picture: NDArray[np.float64]) -> NDArray[np.float64]:
    """Highlights above 0.9 roll off to 1 rather than clip."""
    over = np.maximum(picture - 0.9, 0)
    return np.asarray(np.minimum(picture, 0.9) + 0.1 * (1 - np.exp(-over / 0.1)), np.float64)


def _jpeg(photo: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    if quality >= 100:
        return photo
    _, file = cv2.imencode(".jpg", photo, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.uint8)
