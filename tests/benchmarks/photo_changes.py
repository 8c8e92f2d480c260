"""What happens to a photo before the gate sees it: other views of a person, copies, and every fault that has a code.

Only pixels are changed here; nothing is judged.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from gpu_worker.faces import Face
from gpu_worker.gate.measures import FACE_HEIGHT

Pixels = np.ndarray  # RGB, uint8 (H, W, 3)
Copy = Callable[[Pixels], Pixels]
Damage = Callable[[Pixels, Face], Pixels]

SMALL_FACE = 45  # px
LENS = (22, 20, 20)


def view(image: Pixels, rng: np.random.Generator) -> Pixels:
    """As another photo of the same person: turned a little, cut, relit, tinted, softened, compressed."""
    height, width = image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-10, 10), rng.uniform(1, 1.1))
    seen = cv2.warpAffine(image, turn, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    top, left = (int(rng.uniform(0, 0.06) * side) for side in (height, width))
    seen = seen[top:, left:] / 255
    seen = seen ** np.exp(rng.uniform(-0.4, 0.4)) * rng.uniform(0.9, 1.1, 3)
    seen = cv2.GaussianBlur(_levels(seen * 255), (0, 0), rng.uniform(0.2, 1))
    return _compressed(seen, int(rng.integers(50, 92)))


COPIES: dict[str, Copy] = {
    "recompressed": lambda image: _compressed(image, 40),
    "resized": lambda image: cv2.resize(image, None, fx=0.7, fy=0.7, interpolation=cv2.INTER_AREA),
    "cropped": lambda image: image[image.shape[0] // 40 : -image.shape[0] // 50, image.shape[1] // 40 :],
    "darker": lambda image: _levels(image * 0.8),
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1]),
}


def _blurred(image: Pixels, face: Face) -> Pixels:
    return cv2.GaussianBlur(image, (0, 0), 3 * face.height / FACE_HEIGHT)


def _dark(image: Pixels, face: Face) -> Pixels:
    """Lit so that nothing on the face but a fiftieth is brighter than 40."""
    return _levels(image * (40 / np.percentile(_of_face(image, face).max(axis=2), 98)))


def _bright(image: Pixels, face: Face) -> Pixels:
    """Lit so that two fifths of the face are white."""
    return _levels(image * (256 / max(1, np.percentile(_of_face(image, face).min(axis=2), 60))))


def _washed_out(image: Pixels, face: Face) -> Pixels:
    """As through a dirty lens: the face spans 30 levels."""
    low, high = np.percentile(_of_face(image, face), (2, 98))
    return _levels((image.astype(float) - low) * (30 / (high - low)) + 160)


def _grey(image: Pixels, _: Face) -> Pixels:
    return np.dstack([cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)] * 3)


def _sepia(image: Pixels, face: Face) -> Pixels:
    return _levels(_grey(image, face) * np.array([1, 0.85, 0.6]))


def _far(image: Pixels, face: Face) -> Pixels:
    """The person far away in a photo of the same size."""
    scale = SMALL_FACE / face.height
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    below, beside = (whole - part for whole, part in zip(image.shape[:2], small.shape[:2], strict=True))
    return cv2.copyMakeBorder(small, below // 2, below - below // 2, beside, 0, cv2.BORDER_REPLICATE)


def _cut(image: Pixels, face: Face) -> Pixels:
    return np.ascontiguousarray(image[:, max(1, round(face.x + 0.3 * face.width)) :])


def _sideways(image: Pixels, _: Face) -> Pixels:
    return np.ascontiguousarray(np.rot90(image))


def _in_sunglasses(image: Pixels, face: Face) -> Pixels:
    covered = image.copy()
    eyes = [(round(x), round(y)) for x, y in face.landmarks[:2]]
    lens = round(0.42 * face.eyes_apart), round(0.33 * face.eyes_apart)
    for eye in eyes:
        cv2.ellipse(covered, eye, lens, face.tilt, 0, 360, LENS, -1)
    cv2.line(covered, eyes[0], eyes[1], LENS, max(1, round(face.eyes_apart / 16)))
    return covered


def _tilted(image: Pixels, face: Face) -> Pixels:
    turn = cv2.getRotationMatrix2D(face.centre, 40, 0.8)
    return cv2.warpAffine(image, turn, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


def _twice(image: Pixels, _: Face) -> Pixels:
    return np.hstack([image, image])


def _beside_another(image: Pixels, _: Face) -> Pixels:
    """A second face of a third of the area."""
    small = cv2.resize(image, None, fx=0.58, fy=0.58, interpolation=cv2.INTER_AREA)
    return np.hstack(
        [image, cv2.copyMakeBorder(small, 0, len(image) - len(small), 0, 0, cv2.BORDER_REPLICATE)],
    )


def _smoothed(image: Pixels, _: Face) -> Pixels:
    for _again in range(4):
        image = cv2.bilateralFilter(image, 9, 40, 9)
    return image


DAMAGES: dict[str, tuple[str, Damage]] = {  # name → the code that is due
    "blurred": ("blurry", _blurred),
    "dark": ("too_dark", _dark),
    "bright": ("too_bright", _bright),
    "washed out": ("low_contrast", _washed_out),
    "grey": ("greyscale", _grey),
    "sepia": ("greyscale", _sepia),
    "far away": ("face_too_small", _far),
    "cut through the face": ("face_cut_off", _cut),
    "sideways": ("sideways", _sideways),
    "painted sunglasses": ("eyes_covered", _in_sunglasses),
    "tilted by 40 degrees": ("extreme_pose", _tilted),
    "twice side by side": ("several_people", _twice),
    "beside a smaller one": ("others_in_photo", _beside_another),
    "smoothed": ("filtered", _smoothed),
}


def _of_face(image: Pixels, face: Face) -> Pixels:
    left, top = max(0, round(face.x)), max(0, round(face.y))
    return image[top : round(face.y + face.height), left : round(face.x + face.width)]


def _levels(values: np.ndarray) -> Pixels:
    return np.clip(values + 0.5, 0, 255).astype(np.uint8)


def _compressed(image: Pixels, quality: int) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))
