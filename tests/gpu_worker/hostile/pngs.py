"""PNGs: every colour type and depth, transparent, animated, stuffed with text, broken and far too large.

Only how the files are made and what must come of them.
"""

from __future__ import annotations

import struct
import zlib
from functools import cache, partial

import numpy as np
from PIL import Image

from tests.gpu_worker.hostile import metadata, profiles
from tests.gpu_worker.hostile.case import Case, encoded, grey_scene, other_scene, refused, scene, stored, unlooked

MAGIC = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = CHANNELS


def chunk(name: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">L", len(body)) + name + body + struct.pack(">L", zlib.crc32(name + body))


def header(width: int, height: int, depth: int = 8, colour: int = RGB, interlaced: int = 0) -> bytes:
    return MAGIC + chunk(b"IHDR", struct.pack(">LLBBBBB", width, height, depth, colour, 0, 0, interlaced))


def png(pixels: np.ndarray, colour: int, *before: bytes, after: bytes = b"") -> bytes:
    """Rows of big-endian samples, uint8 or uint16 (H, W, channels), unfiltered; `before` goes in front of them."""
    rows = pixels.reshape(len(pixels), -1).astype(pixels.dtype.newbyteorder(">")).view(np.uint8)
    filtered = np.insert(rows, 0, 0, axis=1).tobytes()
    head = header(pixels.shape[1], pixels.shape[0], 8 * pixels.itemsize, colour)
    return head + b"".join(before) + chunk(b"IDAT", zlib.compress(filtered, 1)) + after + chunk(b"IEND")


def with_chunks(*chunks: bytes, image: Image.Image | None = None, **options: object) -> bytes:
    """The scene, or `image`, with `chunks` behind the header."""
    content = encoded(image or scene(), "PNG", compress_level=1, **options)
    return content[:33] + b"".join(chunks) + content[33:]


@cache
def packed(megabytes: int) -> bytes:
    """That many of zeros, in a hundredth of the space at most."""
    return zlib.compress(bytes(megabytes * 1_000_000), 1)


def pngs() -> list[Case]:
    return [*_turned(), *_deep(), *_transparent(), *_animated(), *_profiled()]


def _turned() -> list[Case]:
    tail = MAGIC + b"tail"
    return [
        *(
            Case(f"PNG, orientation {n}", partial(with_chunks, chunk(b"eXIf", metadata.exif(n)[6:]), image=stored(n)))
            for n in range(1, 9)
        ),
        *(
            Case(f"PNG, EXIF: {name}", partial(with_chunks, chunk(b"eXIf", body[6:]), image=stored(means)))
            for name, (body, means) in metadata.ODD.items()
            if name in ("orientation 9", "cut inside the header", "no TIFF", "empty", "overlapping values")
        ),
        Case("PNG, EXIF as hexadecimal text that is none", partial(with_chunks, _raw_exif(b"zz"))),
        Case(
            "PNG, EXIF as hexadecimal text",
            partial(with_chunks, _raw_exif(metadata.exif(6).hex().encode()), image=stored(6)),
        ),
        Case("PNG, bytes after the end", lambda: with_chunks() + tail),
    ]


def _raw_exif(digits: bytes) -> bytes:
    return chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n      10\n" + digits + b"\n"))


def _deep() -> list[Case]:
    rgb = np.asarray(scene()).astype(np.uint16) * 257
    grey = np.asarray(scene().convert("L")).astype(np.uint16)[:, :, None] * 257
    full = np.full_like(grey, 65535)
    palette = scene().quantize(256)
    return [
        Case("PNG", with_chunks),
        Case("PNG, 16-bit RGB", partial(png, rgb, RGB)),
        Case("PNG, 16-bit RGBA", partial(png, np.dstack([rgb, full]), RGBA)),
        Case("PNG, 16-bit grey", partial(png, grey, GREY), look=grey_scene),
        Case("PNG, 16-bit grey with alpha", partial(png, np.dstack([grey, full]), GREY_ALPHA), look=grey_scene),
        Case("PNG, grey", partial(with_chunks, image=scene().convert("L")), look=grey_scene),
        Case("PNG, palette", partial(with_chunks, image=palette), look=lambda: palette.convert("RGB")),
        Case("PNG, 1 bit", partial(with_chunks, image=scene().convert("1")), look=grey_scene, tolerance=60),
        Case(
            "PNG, 2-bit palette",
            partial(with_chunks, image=scene().quantize(4)),
            look=lambda: scene().quantize(4).convert("RGB"),
        ),
        Case("PNG, 4-bit grey", _four_bits, look=grey_scene, tolerance=20),
        Case("PNG, interlaced", _interlaced),
    ]


def _four_bits() -> bytes:
    grey = np.asarray(scene().convert("L")) >> 4
    rows = np.insert(grey[:, ::2] << 4 | grey[:, 1::2], 0, 0, axis=1)
    return header(320, 240, 4, GREY) + chunk(b"IDAT", zlib.compress(rows.tobytes())) + chunk(b"IEND")


def _interlaced() -> bytes:
    """Adam7: seven small pictures, each of every so many pixels."""
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    pixels, rows = np.asarray(scene()), b""
    for top, left, down, right in passes:
        part = pixels[top::down, left::right]
        rows += np.insert(part.reshape(len(part), -1), 0, 0, axis=1).tobytes()
    return header(320, 240, interlaced=1) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND")


def _half_clear(mode: str) -> Image.Image:
    image = scene().convert(mode)
    image.putalpha(128)
    return image


def _on_white(image: Image.Image) -> Image.Image:
    return Image.blend(Image.new("RGB", image.size, "white"), image, 128 / 255)


def _transparent() -> list[Case]:
    flat = Image.new("P", (320, 240), 7)
    flat.putpalette(bytes(range(30)))
    white = partial(Image.new, "RGB", (320, 240), "white")
    mixed = partial(Image.new, "RGB", (320, 240), (138, 138, 139))
    black = np.zeros((240, 320, 3), np.uint8)
    return [
        Case(
            "PNG, RGBA, half transparent",
            partial(with_chunks, image=_half_clear("RGB")),
            look=lambda: _on_white(scene()),
        ),
        Case(
            "PNG, LA, half transparent",
            partial(with_chunks, image=_half_clear("L")),
            look=lambda: _on_white(grey_scene()),
        ),
        Case("PNG, all transparent", partial(with_chunks, image=Image.new("RGBA", (320, 240))), look=white),
        Case("PNG, palette, one entry transparent", partial(with_chunks, image=flat, transparency=7), look=white),
        Case(
            "PNG, palette, alpha for each entry",
            partial(with_chunks, image=flat, transparency=b"\x80" * 10),
            look=mixed,
        ),
        unlooked(
            "PNG, palette, more alphas than entries", partial(with_chunks, image=flat, transparency=b"\x80" * 256)
        ),
        Case("PNG, RGB, one colour transparent", partial(png, black, RGB, chunk(b"tRNS", bytes(6))), look=white),
        Case(
            "PNG, grey, one level transparent",
            partial(png, black[:, :, :1], GREY, chunk(b"tRNS", bytes(2))),
            look=white,
        ),
        Case(
            "PNG, 1 bit, one level transparent",
            partial(with_chunks, chunk(b"tRNS", bytes(2)), image=Image.new("1", (320, 240))),
            look=white,
        ),
        unlooked(
            "PNG, 16-bit grey, one level transparent",
            partial(png, black[:, :, :1].astype(np.uint16), GREY, chunk(b"tRNS", bytes(2))),
        ),
        refused("PNG, tRNS too short", partial(png, black, RGB, chunk(b"tRNS", b"\0"))),
    ]


def _animated() -> list[Case]:
    moving = {"save_all": True, "append_images": [other_scene(), scene()], "duration": 100}
    aside = {"save_all": True, "append_images": [other_scene(), other_scene()], "default_image": True}
    return [
        Case("PNG, animated", partial(encoded, scene(), "PNG", **moving)),
        Case("PNG, animated, with a picture for those who stand still", partial(encoded, scene(), "PNG", **aside)),
        Case("PNG, animation control of noise", partial(with_chunks, chunk(b"acTL", b"\xff" * 8))),
        Case("PNG, 10,000 frames announced", partial(with_chunks, chunk(b"acTL", struct.pack(">LL", 10_000, 0)))),
    ]


def _profiled() -> list[Case]:
    swapped, profile = profiles.swap(scene()), profiles.swapped()
    clear = _half_clear("RGB")
    clear = Image.merge("RGBA", (*swapped.split(), clear.getchannel("A")))
    return [
        Case("PNG, profile with channels swapped", partial(with_chunks, image=swapped, icc_profile=profile)),
        Case(
            "PNG, RGBA, profile with channels swapped",
            partial(with_chunks, image=clear, icc_profile=profile),
            look=lambda: _on_white(scene()),
        ),
        Case(
            "PNG, palette, profile with channels swapped",
            partial(with_chunks, image=swapped.quantize(256), icc_profile=profile),
            tolerance=24,
        ),
        Case("PNG, profile of noise", partial(with_chunks, icc_profile=profiles.noise())),
        Case("PNG, profile not compressed", partial(with_chunks, chunk(b"iCCP", b"x\0\0" + profiles.srgb()))),
        refused("PNG, profile of 100 MB", lambda: with_chunks(chunk(b"iCCP", b"x\0\0" + packed(100)))),
    ]
