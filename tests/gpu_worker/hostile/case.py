"""One file of the corpus: how it is made and what must come of it; and the picture that most of them show.

Nothing is read or judged here.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageOps
from pillow_heif import register_heif_opener

register_heif_opener()

Build = Callable[[], bytes]
Look = Callable[[], Image.Image]

# EXIF's orientation → how a camera held that way stores the scene.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@cache
def scene(width: int = 320, height: int = 240) -> Image.Image:
    """Red grows to the right, green downwards, blue fades to the right: every orientation and channel differs."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Image.fromarray(np.dstack([x, y, 255 - x / 2]).astype(np.uint8))


def grey_scene() -> Image.Image:
    """The scene in shades of grey, RGB."""
    return scene().convert("L").convert("RGB")


def other_scene() -> Image.Image:
    """What must not be seen where the scene comes first."""
    return ImageOps.invert(scene())


def stored(orientation: int) -> Image.Image:
    """The scene as a file with this EXIF orientation holds it."""
    turn = STORED[orientation]
    return scene() if turn is None else scene().transpose(turn)


@dataclass(frozen=True)
class Case:
    """A file named `file`; `look` is what an accepted one shows, None where any picture will do; `due` is a code that
    the judge of a photo must find in it, "" where any verdict will do.
    """

    name: str
    build: Build
    expected: str = "ok"
    look: Look | None = scene
    file: str = "photo.jpg"
    tolerance: int = 8  # levels of 255, of a thumbnail's worst pixel
    slow: bool = False
    due: str = ""


def refused(name: str, build: Build, code: str = "unreadable_photo") -> Case:
    return Case(name, build, code, None)


def unlooked(name: str, build: Build) -> Case:
    """Accepted, but what it shows depends on how a decoder mends it."""
    return Case(name, build, look=None)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """Saved from a copy: Pillow notes a save's options on the image, where another thread's save would find them."""
    buffer = io.BytesIO()
    image.copy().save(buffer, kind, **options)
    return buffer.getvalue()
