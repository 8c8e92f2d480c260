"""ICC profiles made by hand: plain, with channels swapped, linear, for CMYK and grey, and no profiles at all.

Format: ICC.1:2010. Nothing is converted here.
"""

from __future__ import annotations

import itertools
import random
import struct

import numpy as np
from PIL import Image, ImageCms

# sRGB's primaries as XYZ under D50, and its curve as `parametricCurveType` 3.
PRIMARIES = {"R": (0.43607, 0.22249, 0.01392), "G": (0.38515, 0.71687, 0.09708), "B": (0.14307, 0.06061, 0.7141)}
CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
LINEAR = b"curv" + bytes(8)


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def lab() -> bytes:
    """A profile for pixels that no photo has."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()


def swapped() -> bytes:
    """The first channel is green, the second blue, the third red: see `swap`."""
    return _rgb("GBR", _curve())


def swap(image: Image.Image) -> Image.Image:
    red, green, blue = image.split()
    return Image.merge("RGB", (green, blue, red))


def linear() -> bytes:
    """sRGB's colours without its curve: see `linearised`."""
    return _rgb("RGB", LINEAR)


def linear_grey() -> bytes:
    return _profile(b"GRAY", b"XYZ ", {b"kTRC": LINEAR})


def linearised(image: Image.Image) -> Image.Image:
    """sRGB levels as light, IEC 61966-2-1."""
    value = np.asarray(image) / 255
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return Image.fromarray(np.round(light * 255).astype(np.uint8))


def cmyk() -> bytes:
    """A press whose first ink is yellow, the second cyan, the third magenta."""
    header = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    tables = bytes(range(256))
    return _profile(b"CMYK", b"Lab ", {b"A2B0": header + tables * 4 + _press() + tables * 3}, kind=b"prtr")


def padded(size: int) -> bytes:
    """sRGB with `size` bytes of a private tag."""
    return _rgb("RGB", _curve(), {b"pads": b"text" + bytes(size)})


def noise(size: int = 3000) -> bytes:
    return random.Random(3).randbytes(size)


def _press() -> bytes:
    """Lab, 8 bits each, of every way to print the four inks or not."""
    papers = [
        tuple(255 * (1 - ink) * (1 - black) for ink in (second, third, first))
        for first, second, third, black in itertools.product((0, 1), repeat=4)
    ]
    image = Image.fromarray(np.array([papers], np.uint8))
    target = ImageCms.createProfile("LAB")
    as_lab = ImageCms.profileToProfile(image, ImageCms.createProfile("sRGB"), target, outputMode="LAB")
    assert as_lab is not None
    return (np.asarray(as_lab) + np.array([0, 128, 128], np.uint8)).tobytes()  # Pillow's a and b are signed


def _rgb(order: str, curve: bytes, more: dict[bytes, bytes] | None = None) -> bytes:
    tags = {}
    for channel, colour in zip("rgb", order, strict=True):
        tags[f"{channel}XYZ".encode()] = b"XYZ " + bytes(4) + _fixed(*PRIMARIES[colour])
        tags[f"{channel}TRC".encode()] = curve
    return _profile(b"RGB ", b"XYZ ", tags | (more or {}))


def _curve() -> bytes:
    return b"para" + bytes(4) + struct.pack(">HH", 3, 0) + _fixed(*CURVE)


def _profile(space: bytes, connection: bytes, tags: dict[bytes, bytes], kind: bytes = b"mntr") -> bytes:
    table, body = struct.pack(">L", len(tags)), b""
    for name, value in tags.items():
        body += bytes(-len(body) % 4)
        table += name + struct.pack(">LL", 132 + 12 * len(tags) + len(body), len(value))
        body += value
    size = struct.pack(">L", 128 + len(table) + len(body))
    header = size + bytes(4) + struct.pack(">L", 0x04200000) + kind + space + connection + bytes(12) + b"acsp"
    header = header.ljust(68, b"\0") + _fixed(0.9642, 1, 0.8249)
    return header.ljust(128, b"\0") + table + body


def _fixed(*values: float) -> bytes:
    """s15Fixed16Number."""
    return b"".join(struct.pack(">l", round(value * 65536)) for value in values)
