"""Made photos from recipes: the framed subject in its light before its background.

Which recipes make a good set is `planning`'s business; the same recipe and sources draw the same pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from gpu_worker.few_photos.backgrounds import Background, paint
from gpu_worker.few_photos.framing import Frame
from gpu_worker.few_photos.light import Light, Picture, Plane, adapted, camera, exposed, relight
from gpu_worker.few_photos.planning import Recipe, plan
from gpu_worker.few_photos.source import Source

# Mattes leave a veil of the old background; what is nearly clear is clear, what is nearly solid is solid.
VEIL, SOLID = 0.04, 0.97


@dataclass(frozen=True)
class MadePhoto:
    """sRGB pixels, uint8 (S, S, 3), their alpha, uint8 (S, S), and the recipe that draws both again."""

    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8]
    recipe: Recipe


def make_photos(
    count: int, sources: Sequence[Source], seed: int, *, side: int | None = None, mirror: bool = False
) -> list[MadePhoto]:
    """Plan and draw a training set; arguments and errors are those of `planning.plan`."""
    return [draw(recipe, sources) for recipe in plan(count, sources, seed, side=side, mirror=mirror)]


def draw(recipe: Recipe, sources: Sequence[Source]) -> MadePhoto:
    """Draw one photo of `plan(..., sources, ...)`. Raises KeyError or IndexError for a recipe that is not one."""
    source, side = sources[recipe["source"]], recipe["side"]
    if recipe["kind"] == "original":
        return MadePhoto(_resized(source.image, side), _resized(_eight_bit(source.opacity), side), recipe)
    frame, light = Frame(**recipe["frame"]), Light(**recipe["light"])
    background = paint(Background(**recipe["background"]), source, frame, side)
    subject, opacity = _framed(source, frame, side)
    subject = adapted(subject, opacity, background, light.transfer)
    lit = exposed(subject, _relief(light, frame, source, side)[..., None] * camera(light))
    return MadePhoto(
        _eight_bit(_composite(lit, opacity, exposed(background, camera(light)))), _eight_bit(opacity), recipe
    )


def _framed(source: Source, frame: Frame, side: int) -> tuple[Picture, Plane]:
    """The subject's colours and opacity in the frame.

    Colours travel multiplied by the opacity: where nobody stands they mean nothing, and must not bleed in.
    """
    opacity = np.clip((source.opacity - VEIL) / (SOLID - VEIL), 0, 1)
    weighted = np.dstack([source.foreground.astype(np.float32) / 255 * opacity[..., None], opacity])
    warped = frame.warp(weighted, side)
    colours = warped[..., :3] / np.maximum(warped[..., 3:], 1 / 255)
    return np.clip(colours, 0, 1), np.ascontiguousarray(warped[..., 3])


def _relief(light: Light, frame: Frame, source: Source, side: int) -> Plane:
    x, y, width, height = source.face_inside
    ((face_x, face_y),) = frame.place(np.array([(x + width / 2, y + height / 2)]))
    return relight(light, side, (float(face_x), float(face_y)), height / frame.side)


def _composite(subject: Picture, opacity: Plane, background: Picture) -> Picture:
    """Blended in sRGB: matting solved photo = alpha * subject + (1 - alpha) * background for sRGB values.

    In linear light the same alpha would thin dark hair before a bright wall and leave a glow around it.
    """
    share = opacity[..., None]
    return np.asarray(subject * share + background * (1 - share), np.float32)


def _resized(pixels: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    if len(pixels) == side:
        return pixels.copy()
    way = cv2.INTER_AREA if side < len(pixels) else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, (side, side), interpolation=way), np.uint8)


def _eight_bit(shares: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(np.round(shares * 255), np.uint8)
