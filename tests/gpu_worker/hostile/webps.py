"""WebPs: lossy and not, turned, moving, transparent, with lying headers, and 50 Mpx in 30 bytes.

Only how the files are made and what must come of them.
"""

from __future__ import annotations

import struct
from functools import partial

from PIL import Image

from tests.gpu_worker.hostile import metadata, profiles
from tests.gpu_worker.hostile.case import Case, encoded, other_scene, refused, scene, stored

webp = partial(encoded, kind="WEBP", quality=90, method=0)


def flat(width: int, height: int, colour: tuple[int, int, int, int] = (10, 200, 100, 255)) -> bytes:
    """One colour in no bits per pixel: lossless WebP whose five codes have a single symbol each."""
    red, green, blue, alpha = colour
    fields = [(width - 1, 14), (height - 1, 14), (1, 1), (0, 3), (0, 3)]  # alpha is used; no transform, cache, groups
    for symbol in (green, red, blue, alpha, 0):
        fields += [(1, 1), (0, 1), (1, 1), (symbol, 8)]  # a simple code, one symbol, of eight bits
    bits, used = 0, 0
    for value, count in fields:
        bits, used = bits | value << used, used + count
    return riff(b"VP8L", b"\x2f" + bits.to_bytes(used // 8 + 2, "little"))


def riff(name: bytes, body: bytes) -> bytes:
    part = name + struct.pack("<L", len(body)) + body + bytes(len(body) % 2)
    return b"RIFF" + struct.pack("<L", len(part) + 4) + b"WEBP" + part


def _claiming(width: int, height: int) -> bytes:
    """A canvas of another size than the picture's."""
    content = bytearray(webp(scene(), exif=metadata.exif()))
    assert content[12:16] == b"VP8X"
    content[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(content)


def _moving(first: Image.Image) -> bytes:
    return webp(first, save_all=True, append_images=[other_scene().convert(first.mode)] * 3, duration=50)


def webps() -> list[Case]:
    return [*_turned(), *_coloured(), *_broken(), *_large()]


def _turned() -> list[Case]:
    whole = [Case(f"WebP, orientation {n}", partial(webp, stored(n), exif=metadata.exif(n))) for n in range(1, 9)]
    odd = ("orientation 9", "cut inside the header", "next directory is this one", "no TIFF", "overlapping values")
    return whole + [
        Case(f"WebP, EXIF: {name}", partial(webp, stored(metadata.ODD[name][1]), exif=metadata.ODD[name][0]))
        for name in odd
    ]


def _coloured() -> list[Case]:
    clear = scene().convert("RGBA")
    clear.putalpha(128)
    on_white = Image.blend(Image.new("RGB", (320, 240), "white"), scene(), 128 / 255)
    swapped = partial(webp, profiles.swap(scene()), icc_profile=profiles.swapped())
    return [
        Case("WebP, lossless", partial(webp, scene(), lossless=True)),
        Case("WebP, half transparent", partial(webp, clear), look=lambda: on_white),
        Case("WebP, animated", partial(_moving, scene())),
        Case("WebP, animated, transparent", partial(_moving, clear), look=lambda: on_white),
        Case("WebP, profile with channels swapped", swapped, tolerance=20),
        Case("WebP, profile of noise", partial(webp, scene(), icc_profile=profiles.noise())),
        Case("WebP, XMP", partial(webp, scene(), xmp=b"<x:xmpmeta>" + bytes(1000))),
        Case("WebP, one colour", partial(flat, 300, 300), look=partial(Image.new, "RGB", (300, 300), (10, 200, 100))),
        Case("WebP, bytes after the end", lambda: webp(scene()) + b"<script>" * 100),
    ]


def _broken() -> list[Case]:
    return [
        refused("WebP, canvas smaller than the picture", partial(_claiming, 210, 210)),
        refused("WebP, canvas larger than the picture", partial(_claiming, 9_000, 5_000)),
        refused("WebP, canvas of 16 million px a side", partial(_claiming, 2**24, 2**24), "photo_too_large"),
        refused("WebP, canvas of 12,500 px a side", partial(_claiming, 12_500, 12_500)),
        refused("WebP, RIFF of another kind", lambda: webp(scene()).replace(b"WEBP", b"WAVE", 1)),
        refused("WebP, unknown coding", lambda: webp(scene()).replace(b"VP8 ", b"VP9 ", 1)),
        refused("WebP, picture of noise", lambda: flat(300, 300)[:26] + profiles.noise(500)),
        refused("WebP, empty chunk", partial(riff, b"VP8 ", b"")),
        refused("WebP, tiny", partial(flat, 1, 1), "photo_too_small"),
    ]


def _large() -> list[Case]:
    clear = partial(flat, 12_000, 4_166, (10, 200, 100, 0))
    green = partial(Image.new, "RGB", (12_000, 4_166), (10, 200, 100))
    return [
        refused("WebP, 268 Mpx in 30 bytes", partial(flat, 16_383, 16_383), "photo_too_large"),
        refused("WebP, 12,001 px wide", partial(flat, 12_001, 300), "photo_too_large"),
        Case("WebP, 50 Mpx in 30 bytes", partial(flat, 12_000, 4_166), look=green, slow=True),
        Case("WebP, 50 Mpx, transparent", clear, look=partial(Image.new, "RGB", (12_000, 4_166), "white"), slow=True),
    ]
