"""A face in every mode and at odd sizes, and strips with and without one: what the judge of a photo must live with.

Only how the files are made and what must come of them.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np
from matplotlib import cbook
from PIL import Image

from tests.gpu_worker.hostile.case import Case, encoded, scene
from tests.gpu_worker.hostile.pngs import GREY, GREY_ALPHA, RGB, png

SIZES = ((200, 200), (201, 317), (317, 201), (333, 999), (1023, 207))
STRIPS = ((12_000, 200), (200, 12_000), (6_000, 301), (4_000, 200), (200, 4_000), (1_601, 211), (640, 200), (200, 641))


@cache
def portrait(width: int = 241, height: int = 253) -> Image.Image:
    """Grace Hopper, head and shoulders, public domain."""
    with Image.open(str(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))) as photo:
        head = photo.convert("RGB").crop((70, 0, 470, 420))
    return head.resize((width, height), Image.Resampling.LANCZOS)


@cache
def strip(width: int, height: int, at: float) -> Image.Image:
    """The scene drawn out, with a face `at` that share of its length."""
    whole = scene(width, height).copy()
    left, top = round(at * (width - 200)), round(at * (height - 200))
    whole.paste(portrait(200, 200), (left, top))
    return whole


def portraits() -> list[Case]:
    return [*_modes(), *_sizes(), *_strips(), *_faces()]


def _saved(name: str, image: Image.Image, kind: str = "PNG", due: str = "", **options: object) -> Case:
    return Case(f"portrait, {name}", partial(encoded, image, kind, **options), look=None, due=due)


def _modes() -> list[Case]:
    face, grey = portrait(), portrait().convert("L")
    deep, deep_grey = np.asarray(face).astype(np.uint16) * 257, np.asarray(grey)[:, :, None].astype(np.uint16) * 257
    ramp = np.linspace(0, 65535, deep_grey.size).reshape(deep_grey.shape).astype(np.uint16)
    clear, thin = face.convert("RGBA"), grey.convert("LA")
    clear.putalpha(Image.linear_gradient("L").resize(face.size))
    thin.putalpha(120)
    return [
        _saved("grey JPEG", grey, "JPEG", "greyscale"),
        _saved("grey PNG with alpha", thin, due="greyscale"),
        _saved("grey HEIC", grey, "HEIF", "greyscale"),
        _saved("CMYK", face.convert("CMYK"), "JPEG"),
        _saved("1 bit", grey.convert("1")),
        _saved("palette of 2", face.quantize(2)),
        _saved("palette of 16", face.quantize(16)),
        _saved("fading away", clear),
        _saved("fading away, WebP", clear, "WEBP", lossless=True),
        _saved("fading away, HEIC", clear, "HEIF"),
        _saved("JPEG of quality 1", face, "JPEG", quality=1),
        Case("portrait, 16-bit", partial(png, deep, RGB), look=None),
        Case("portrait, 16-bit grey", partial(png, deep_grey, GREY), look=None, due="greyscale"),
        Case("portrait, 16-bit grey, fading", partial(png, np.dstack([deep_grey, ramp]), GREY_ALPHA), look=None),
    ]


def _sizes() -> list[Case]:
    return [
        Case(f"portrait of {w} x {h} px", partial(encoded, portrait(w, h), "PNG"), look=partial(portrait, w, h))
        for w, h in SIZES
    ]


def _strips() -> list[Case]:
    bare = [Case(f"strip of {w} x {h} px", partial(_strip, w, h), look=partial(scene, w, h)) for w, h in STRIPS]
    faced = [
        Case(f"strip of {w} x {h} px, a face at {at:.0%}", partial(_strip, w, h, at), look=partial(strip, w, h, at))
        for (w, h), at in zip(STRIPS, (0.5, 0.5, 0, 1, 0, 0.3, 1, 0.9), strict=True)
    ]
    return bare + faced


def _strip(width: int, height: int, at: float | None = None) -> bytes:
    return encoded(scene(width, height) if at is None else strip(width, height, at), "PNG", compress_level=1)


def _faces() -> list[Case]:
    face = portrait()
    crowd = Image.new("RGB", (6 * 241, 3 * 253))
    for place in range(18):
        crowd.paste(face, (place % 6 * 241, place // 6 * 253))
    halves = Image.new("RGB", (480, 253), (90, 100, 110))
    halves.paste(face.crop((0, 0, 120, 253)), (360, 0))
    halves.paste(face.crop((120, 0, 241, 253)), (0, 0))
    return [
        _saved("eighteen times", crowd, "JPEG", "several_people"),
        _saved("half at either edge", halves),
        _saved("nothing but the face", portrait(400, 420).crop((110, 90, 310, 300)), due="face_cut_off"),
        _saved("nearly black", face.point([value // 30 for value in range(256)] * 3)),
        _saved("nearly white", face.point([230 + value // 10 for value in range(256)] * 3)),
        _saved("upside down", face.transpose(Image.Transpose.ROTATE_180), due="sideways"),
    ]
