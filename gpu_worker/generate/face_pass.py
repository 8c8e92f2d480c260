"""The face pass: each small face of an image drawn again at the base model's own size, and blended back.

A base model has few latents for a face that fills a tenth of the image: that is why such faces melt. Whose face it is,
is not looked at: whoever calls says what guides each.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpu_worker.faces import Face, find_faces
from gpu_worker.generate.conditioning import Guides
from gpu_worker.generate.denoising import Drawing
from gpu_worker.generate.second_pass import draw_again
from gpu_worker.generate.start import Start

MOST_FACES = 8  # in one image, the largest
LEAST_FACE = 12  # px; below, there is nothing to hold on to, and what is drawn is somebody
LARGEST_FACE = 0.6  # of the base model's side; larger ones had latents enough
CONTEXT = 2.2  # the crop's side in faces: head, hair and some of the surroundings
# Half axes of the mask in those of the face's box: all is new up to INNER, nothing beyond OUTER.
INNER, OUTER = 1.1, 1.6

GuidesAt = Callable[[int], list[Guides]]  # of all images, at an inference step
GuidesOf = Callable[[int, Face, int], Guides]  # of the image with this number, one face, at an inference step


@dataclass(frozen=True)
class Place:
    """A face, and the square of its image that is drawn again, px."""

    image: int  # its number in the batch
    face: Face
    x: int
    y: int
    side: int

    def of(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """The square's pixels, (side, side, 3); writing to them changes the image."""
        return images[self.image, self.y : self.y + self.side, self.x : self.x + self.side]

    def mask(self) -> NDArray[np.float32]:
        """Float32 (side, side): 1 on the face, falling smoothly to 0 within the square."""
        outer = min(OUTER, self.side / _side(self.face))
        x, y = self.face.centre
        across = (np.arange(self.side) + 0.5 + self.x - x) / (self.face.width / 2)
        down = (np.arange(self.side) + 0.5 + self.y - y) / (self.face.height / 2)
        away = np.hypot(across[None, :], down[:, None])
        share = np.clip((outer - away) / (outer * (1 - INNER / OUTER)), 0, 1)
        return np.asarray(share * share * (3 - 2 * share), np.float32)


def redraw_faces(
    pipe: Any,
    images: NDArray[np.float32],
    seeds: Sequence[int],
    guides_at: GuidesAt,
    drawing: Drawing,
    strength: float,
    on_step: Callable[[int], None],
    guides_of: GuidesOf | None = None,
) -> tuple[NDArray[np.float32], list[int]]:
    """The images, float32 (N, H, W, 3) in [0, 1], with their faces drawn again, and how many faces in each.

    `guides_at`, `drawing` and `strength` as in denoise() and Start, `on_step` as in draw_again(). `guides_of(image,
    face, step)` says what guides one face of the image with that number; without it the image's own guides do. As many
    faces are drawn at once as there are images; face n of an image, from 0, largest first, has the image's seed + n.
    Pixels away from faces keep their very bits.

    Method: blended latents (Avrahami et al., 2023, see start) in crops at the base model's own size.
    """
    native = int(pipe.unet.config.sample_size) * int(pipe.vae_scale_factor)
    places = [place for number, image in enumerate(images) for place in face_places(image, native, number)]
    counts = [sum(place.image == number for place in places) for number in range(len(images))]
    result = images.copy()
    if places:
        numbered = [seed + face for seed, count in zip(seeds, counts, strict=True) for face in range(count)]
        guides = _guides(places, guides_at, guides_of)
        start = _start(images, places, native, strength)
        drawn = draw_again(pipe, start, numbered, guides, drawing, on_step, at_once=len(images))
        for place, face in zip(places, drawn, strict=True):
            _blend(place, face, result)
    return result, counts


def face_places(image: NDArray[np.float32], native: int, number: int = 0) -> list[Place]:
    """Where an image, float32 (H, W, 3) in [0, 1], has faces that gain from being drawn at `native` px."""
    faces = find_faces((image * 255).round().astype(np.uint8))
    gaining = [face for face in faces if gains(face, native)]
    return [_place(face, image.shape[:2], native, number) for face in gaining[:MOST_FACES]]


def gains(face: Face, native: int) -> bool:
    """Whether a face is worth drawing again at `native` px: neither a speck nor large already."""
    return LEAST_FACE <= _side(face) <= LARGEST_FACE * native


def _guides(places: Sequence[Place], guides_at: GuidesAt, guides_of: GuidesOf | None) -> GuidesAt:
    """What guides the faces at a step."""

    def at(step: int) -> list[Guides]:
        if guides_of:
            return [guides_of(place.image, place.face, step) for place in places]
        of_images = guides_at(step)
        return [of_images[place.image] for place in places]

    return at


def _place(face: Face, size: tuple[int, int], native: int, number: int) -> Place:
    """The square around the face, pushed inside the image, never larger than what is drawn in it."""
    side = int(min(CONTEXT * _side(face), native, *size))
    x, y = (round(centre - side / 2) for centre in face.centre)
    return Place(number, face, min(max(x, 0), size[1] - side), min(max(y, 0), size[0] - side), side)


def _side(face: Face) -> float:
    return max(face.width, face.height)


def _start(images: NDArray[np.float32], places: Sequence[Place], native: int, strength: float) -> Start:
    """The squares at the base model's size. Latents may change wherever a mask is not 0: only pixels fade."""
    import cv2

    size = (native, native)
    crops = [cv2.resize(place.of(images), size, interpolation=cv2.INTER_LANCZOS4) for place in places]
    masks = [cv2.resize((place.mask() > 0).astype(np.float32), size) for place in places]
    return Start(np.clip(np.stack(crops), 0, 1, dtype=np.float32), strength, np.stack(masks))


def _blend(place: Place, drawn: NDArray[np.float32], images: NDArray[np.float32]) -> None:
    """Put a face, (native, native, 3), back into its image."""
    import cv2

    small = cv2.resize(drawn, (place.side, place.side), interpolation=cv2.INTER_AREA)
    mask, crop = place.mask()[:, :, None], place.of(images)
    crop[:] = np.where(mask > 0, crop + mask * (small - crop), crop)
